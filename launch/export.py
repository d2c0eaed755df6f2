"""`dmljax export`: flags, one call of `exports.export`, and what came of it in words."""

from absl import flags
from dmljax.launch import _define, cli

SUMMARY = "Writes a run's network as a file for other programs, and tries it there."
USAGE = """\
    dmljax export --run=runs/quick                              # StableHLO, for CPU, CUDA and TPU
    dmljax export --run=runs/quick --out=quick.onnx
    dmljax export --run=runs/quick --format=tflite --licence=CC-BY-4.0

All from the normalisation to calibrated probabilities is inside. What was written is run by its own runtime
on the run's test images and refused where it differs. A card in Markdown is written beside it.
"""


def define(values):
    from dmljax.exports.export import LIMIT, UNSTATED, names

    flags.DEFINE_string("run", "runs/quick", "folder of the run", flag_values=values)
    _define.positional(values, "run")
    flags.DEFINE_enum(
        "format",
        None,
        names(),
        "of what is written; default: by the ending of --out, or stablehlo",
        flag_values=values,
    )
    flags.DEFINE_string(
        "out",
        "",
        "file, or folder of a savedmodel or web; default: RUN/exports/RUN.FORMAT",
        flag_values=values,
    )
    _define.model(values)
    flags.DEFINE_float(
        "limit",
        LIMIT,
        "largest difference of a probability or a number of the embedding that is accepted",
        lower_bound=0.0,
        flag_values=values,
    )
    flags.DEFINE_string("licence", UNSTATED, "of the network, for its card", flag_values=values)
    flags.DEFINE_multi_string(
        "photographs",
        [],
        "images or folders to try the file on; default: test images of the run, or rendered faces where its"
        " set is not there",
        flag_values=values,
    )
    _define.root(values)
    flags.DEFINE_bool("overwrite", False, "replace what is there", flag_values=values)


def main(values):
    from dmljax.exports.export import export

    chosen = "checkpoint flip calibrated limit licence photographs root overwrite".split()
    options = {name: values[name].value for name in chosen}
    made = export(values.run, values.out, format=values.format or "", **options)
    apart = ", ".join(f"{name} {value:.1e}" for name, value in made.differences.items())
    print(f"largest differences: {apart}")
    print(f"{made.path}: {made.size:,} bytes\n{made.card}")


if __name__ == "__main__":
    cli.run("export", SUMMARY, USAGE, define, main)
