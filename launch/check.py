"""`dmljax check`: flags, one call of `contracts.check`, and each check in words."""

from collections import Counter

from absl import flags
from dmljax.launch import _define, cli

SUMMARY = "Checks a plug-in of one's own by the contract tests of its family."
USAGE = """\
    dmljax check plugins/weightings/record.py
    dmljax check record.py --family=weightings

The family is that of the folder, or it is told by what the file has. Prints every check and, where one fails,
what was expected and which line of the file was reached. Exit code 0: all checks pass; 1: some do not.
"""


def define(values):
    flags.DEFINE_string("file", "", "the plug-in's file; or the first argument", flag_values=values)
    flags.DEFINE_string("family", "", "its family; empty: told by folder or contents", flag_values=values)
    _define.positional(values, "file")


def main(values):
    from dmljax.types import UserError

    if not values.file:
        raise UserError("give the file: dmljax check plugins/weightings/record.py")
    from dmljax.contracts import check

    family = check.family_of(values.file, values.family)
    print(f"{values.file}: the contract of {family}")
    checks = check.check(values.file, family, report=lambda each: print(_in_words(each), flush=True))
    count = Counter(each.outcome for each in checks)
    print(f"{count['passed']} passed, {count['failed']} failed, {count['skipped']} do not apply")
    return int(count["failed"] > 0 or not count["passed"])


def _in_words(check) -> str:
    if check.outcome == "failed":
        return "\n".join([f"  FAILED  {check.name}", *(f"            {line}" for line in check.lines)])
    return (
        f"  ok      {check.name}"
        if check.outcome == "passed"
        else f"  -       {check.name}: {check.lines[0]}"
    )


if __name__ == "__main__":
    cli.run("check", SUMMARY, USAGE, define, main)
