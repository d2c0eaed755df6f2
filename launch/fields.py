"""`dmljax fields`: flags, and the declarations of `configs.base` as text."""

from absl import flags
from dmljax.launch import _define, cli

SUMMARY = "Lists the fields of a configuration: default, what each may be, and what it means."
USAGE = """\
    dmljax fields                # all
    dmljax fields optimizer      # those whose names begin so
    dmljax fields --markdown     # as a table

A field is changed with --config.FIELD=VALUE; options of plug-ins are named with the file they belong to.
"""


def define(values):
    flags.DEFINE_string(
        "prefix", "", "beginning of the fields' names; or the first argument", flag_values=values
    )
    _define.positional(values, "prefix")
    flags.DEFINE_bool("markdown", False, "write a Markdown table", flag_values=values)


def main(values):
    from dmljax.configs import base

    from dmljax import fields

    declared = base.declarations()
    if values.markdown:
        print(fields.markdown(declared, values.prefix))
        return
    lines = []
    for row in fields.rows(declared, values.prefix):
        unit = f" [{row.unit}]" if row.unit else ""
        lines += [f"{row.name} = {row.default}{unit}: {row.range}", f"    {row.meaning}"]
    print("\n".join(lines))


if __name__ == "__main__":
    cli.run("fields", SUMMARY, USAGE, define, main)
