"""Times train and inference steps on random images and prints one JSON line each; needs no TensorFlow and no
data.

    dmljax benchmark --mode=train --image=224 --batch=120 --dtype=bf16
    dmljax benchmark --mode=infer --image=64 --batch=15 --width=16 --stages=2,2,2,2

The images lie on the device before the clock starts; standardisation, mining, dynamic weights, Adam and the
moving average are inside the step.
"""

from absl import flags
from dmljax.launch import cli


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

    print(
        speed.measure(
            **{
                name: values[name].value
                for name in (
                    "mode",
                    "device",
                    "image",
                    "batch",
                    "width",
                    "stages",
                    "dtype",
                    "steps",
                    "warmup",
                    "trace",
                )
            }
        )
    )


if __name__ == "__main__":
    cli.run(__file__, define, main)
