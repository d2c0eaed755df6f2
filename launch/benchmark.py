"""`dmljax benchmark`: flags, and one call of `costs`, printed as JSON."""

import json

from absl import flags
from dmljax.launch import cli

from dmljax.types import UserError

SUMMARY = "Times train and inference steps, or compiles them for chips that are not here."
USAGE = """\
    dmljax benchmark --mode=train --image=224 --batch=120 --dtype=bf16
    dmljax benchmark --mode=infer --image=64 --batch=15 --width=16 --stages=2,2,2,2
    dmljax benchmark --compile_for=v5e:2x2 --mode=train --image=224 --batch=120 --dtype=bf16
    dmljax benchmark --compile_for=h100:8 --mode=train --image=224 --batch=240 --dtype=bf16

Prints one JSON line. Needs no TensorFlow and no data. The images lie on the device before the clock starts;
standardisation, mining, dynamic weights, Adam and the moving average are inside the step.

--compile_for wants dmljax[tpu] and no TPU, or dmljax[cuda] and no GPU: it tells one chip's operations, bytes
and memory, what chips tell each other, and estimates of the time by the rates that are published. A step of
the paper's size is compiled for some fifteen minutes for TPUs, and for a few for GPUs.
"""
SIZE = ("mode", "image", "batch", "width", "stages", "dtype", "convolution", "remat", "batch_norm_group")
CLOCK = ("device", "steps", "warmup", "trace")


def define(values):
    flags.DEFINE_enum("mode", "train", ["train", "infer"], "which step", flag_values=values)
    flags.DEFINE_enum(
        "device", None, ["cpu", "gpu", "cuda", "tpu"], "where; default: the best there is", flag_values=values
    )
    flags.DEFINE_integer("image", 224, "side of the images in pixels", lower_bound=12, flag_values=values)
    flags.DEFINE_integer("batch", 15, "images in a step over all devices", lower_bound=1, flag_values=values)
    flags.DEFINE_integer("width", 64, "filters of the first stage", lower_bound=1, flag_values=values)
    flags.DEFINE_list("stages", ["3", "4", "6", "3"], "bottleneck blocks per stage", flag_values=values)
    flags.DEFINE_enum("dtype", "f32", ["f32", "bf16"], "of the activations", flag_values=values)
    flags.DEFINE_enum(
        "convolution", "auto", ["auto", "xla", "matmul"], "how convolutions are computed", flag_values=values
    )
    flags.DEFINE_bool("remat", False, "recompute blocks in the backward pass", flag_values=values)
    flags.DEFINE_integer(
        "batch_norm_group",
        0,
        "devices that share BatchNorm's statistics; 0: all",
        lower_bound=0,
        flag_values=values,
    )
    flags.DEFINE_string(
        "compile_for",
        "",
        "chips to compile for, such as v5e:4x4 or h100:8; nothing is timed",
        flag_values=values,
    )
    flags.DEFINE_integer("steps", 20, "steps timed", lower_bound=1, flag_values=values)
    flags.DEFINE_integer("warmup", 5, "steps before", lower_bound=1, flag_values=values)
    flags.DEFINE_string("trace", "", "folder for a profile of the timed steps", flag_values=values)


def main(values):
    size = {name: values[name].value for name in SIZE}
    if not values.compile_for:
        from dmljax.costs import timed

        print(json.dumps(timed.measure(**size, **{name: values[name].value for name in CLOCK})))
        return
    if given := [name for name in CLOCK if values[name].present]:
        raise UserError("has no effect where nothing is timed; leave it out", parameter=given[0])
    from dmljax.costs import compiled

    print(json.dumps(compiled.compile_for(values.compile_for, **size)))


if __name__ == "__main__":
    cli.run("benchmark", SUMMARY, USAGE, define, main)
