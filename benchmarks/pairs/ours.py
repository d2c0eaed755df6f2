"""Our step, epoch or evaluation, for each line on standard input: the answer is the seconds that it took."""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from dmljax import pages

pages.keep()  # before a library's threads allocate

import jax  # noqa: E402
import numpy as np  # noqa: E402

import dmljax  # noqa: E402
from dmljax.costs import timed  # noqa: E402

EACH = 35  # images of a rendered person
FOREVER = "1000000 epochs"


def answer(turn: Callable[[int], None]) -> None:
    """A turn for each line."""
    print("ready", flush=True)
    for k, _ in enumerate(sys.stdin):
        before = time.perf_counter()
        turn(k)
        print(time.perf_counter() - before, flush=True)


def steps(stages: str, **options) -> None:
    ready = timed.prepare(device="cpu", dtype="f32", stages=stages.split(","), **options)
    answer(lambda k: jax.block_until_ready(ready.run(k)))


class Lines:
    """An epoch of a training for each line; `warmup` before the first."""

    def __init__(self, warmup: int):
        self._before, self._begun = warmup, 0.0

    def on_epoch(self, epoch: int, scores) -> None:
        if epoch > self._before:
            print(time.perf_counter() - self._begun, flush=True)
        elif epoch == self._before:
            print("ready", flush=True)
        if epoch >= self._before:
            if not sys.stdin.readline():
                raise SystemExit
            self._begun = time.perf_counter()


def configured(image: int, batch: int, width: int, stages: str, people: int, duration: str):
    """The paper's network, all images once in an epoch, and a checkpoint when the loss has fallen."""
    return dmljax.get_config(
        "base",
        {
            "dataset.synthetic.identities": people + 1,
            "dataset.synthetic.size": image,
            "split.kind": "fraction",
            "split.test": 1 / (people + 1),
            "sampler.name": "uniform",
            "data.image_size": image,
            "data.batch_size": batch,
            "backbone.resnet.width": width,
            "backbone.resnet.stages": tuple(int(n) for n in stages.split(",")),
            "losses.anchors": "all",
            "phases.first": "0 steps",
            "train.duration": duration,
            "train.save_every": FOREVER,
        },
    )


def epochs(warmup: int, images: int, **size) -> None:
    config = configured(**size, people=images // EACH, duration=FOREVER)
    with tempfile.TemporaryDirectory() as folder:
        dmljax.train(config, folder, hooks=[Lines(warmup)], progress=False, say=lambda line: None)


def evaluations(warmup: int, images: int, **size) -> None:
    """Predictions of an array, by a network that has made one step."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        config = configured(**size, people=2, duration="1 steps")
        dmljax.train(config, run, progress=False, say=lambda line: None)
        model = dmljax.load(run)
        pixels = (images, config.data.image_size, config.data.image_size, 3)
        faces = np.random.default_rng(1).integers(0, 256, pixels, np.uint8)
        for _ in range(warmup):
            model.predict(faces)
        answer(lambda _: model.predict(faces))


def main() -> None:
    options = json.loads(sys.argv[1])
    other = {"epoch": epochs, "evaluate": evaluations}
    if options["mode"] in other:
        other[options.pop("mode")](**options)
    else:
        steps(**options)


if __name__ == "__main__":
    main()
