"""`dmljax benchmark`: flags, and one call of `runs.speed`, printed as JSON."""

import json

from absl import flags
from dmljax.launch import cli

SUMMARY = "Times train and inference steps on random images; one JSON line each."
USAGE = """\
    dmljax benchmark --mode=train --image=224 --batch=120 --dtype=bf16
    dmljax benchmark --mode=infer --image=64 --batch=15 --width=16 --stages=2,2,2,2

Needs no TensorFlow and no data. The images lie on the device before the clock starts; standardisation,
mining, dynamic weights, Adam and the moving average are inside the step.
"""


def define(values):
    flags.DEFINE_enum("mode", "train", ["train", "infer"], "what to time", flag_values=values)
    flags.DEFINE_enum(
        "device", None, ["cpu", "gpu", "cuda", "tpu"], "where; default: the best there is", flag_values=values
    )
    flags.DEFINE_integer("image", 224, "side of the images in pixels", lower_bound=12, flag_values=values)
    flags.DEFINE_integer("batch", 15, "images in a step over all devices", lower_bound=1, flag_values=values)
    flags.DEFINE_integer("width", 64, "filters of the first stage", lower_bound=1, flag_values=values)
    flags.DEFINE_list("stages", ["3", "4", "6", "3"], "bottleneck blocks per stage", flag_values=values)
    flags.DEFINE_enum("dtype", "f32", ["f32", "bf16"], "of the activations", flag_values=values)
    flags.DEFINE_integer("steps", 20, "steps timed", lower_bound=1, flag_values=values)
    flags.DEFINE_integer("warmup", 5, "steps before", lower_bound=1, flag_values=values)
    flags.DEFINE_string("trace", "", "folder for a profile of the timed steps", flag_values=values)


def main(values):
    from dmljax.runs import speed

    chosen = "mode device image batch width stages dtype steps warmup trace".split()
    print(json.dumps(speed.measure(**{name: values[name].value for name in chosen})))


if __name__ == "__main__":
    cli.run("benchmark", SUMMARY, USAGE, define, main)
