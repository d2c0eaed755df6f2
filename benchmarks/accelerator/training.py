"""A real training: faces rendered, read, trained on by `dmljax.train` and evaluated on people never seen."""

from __future__ import annotations

import json
import time
from pathlib import Path

from accelerator.plan import PAPER

DTYPES = {"bf16": "bfloat16", "f32": "float32"}


class Training:
    """One run; its set is ict3dfe where its face model is given, else the embedded one."""

    def measure(
        self, *, folder: str, data: str, identities: int, steps: int, batch: int, image: int, dtype: str,
        memory: str, net: dict = PAPER,
    ) -> dict:  # fmt: skip
        """Seconds of every part, images a second once it runs, the feed's share of that time, and the scores.

        Scores are those of the moving averages on rendered faces of people that were not trained on, after
        `steps` steps: far from what a whole training reaches.
        """
        import dmljax
        from dmljax.data.resident import ResidentFeed
        from dmljax.runs import sets

        config = dmljax.get_config("ict3dfe", _changes(data, identities, steps, batch, image, net))
        with config.unlocked():
            config.data.memory, config.model.dtype = memory, DTYPES[dtype]
        began = time.perf_counter()
        people = sets.open_set(config, progress=False)
        opened = time.perf_counter()
        feed = _Watch(ResidentFeed.batches)
        ResidentFeed.batches = lambda self, order: feed(self, order)
        dmljax.train(config, folder, progress=False, say=print)
        trained = time.perf_counter()
        scores = dmljax.evaluate(folder, progress=False)
        evaluated = time.perf_counter()
        lines = [json.loads(line) for line in (Path(folder) / "train.jsonl").read_text().splitlines()]
        lines = [line for line in lines if "steps_per_second" in line]
        return {
            "set": people.samples.name,
            "images": len(people.samples),
            "training_images": len(people.split.train),
            "render_and_read_s": round(opened - began, 1),
            "train_s": round(trained - opened, 1),
            "evaluate_s": round(evaluated - trained, 1),
            **_steady(lines, batch),
            "feed_s_a_step": round(feed.seconds / max(1, feed.batches), 5),
            "loss_first": lines[0]["loss/total"],
            "loss_last": lines[-1]["loss/total"],
            "test_people": scores.score["people"],
            "test": {name: round(value, 4) for name, value in scores.items() if isinstance(value, float)},
            "chance": {
                "expression": round(1 / len(people.samples.expression_names), 4),
                "pose": round(1 / len(people.samples.pose_names), 4),
            },
        }


class _Watch:
    """A feed's batches, with the time that making them takes on the host."""

    def __init__(self, batches):
        self._make, self.seconds, self.batches = batches, 0.0, 0

    def __call__(self, feed, order):
        made = iter(self._make(feed, order))
        while True:
            began = time.perf_counter()
            batch = next(made, None)
            self.seconds += time.perf_counter() - began
            if batch is None:
                return
            self.batches += 1
            yield batch


def _changes(data: str, identities: int, steps: int, batch: int, image: int, net: dict) -> dict:
    """The ict3dfe configuration, shorter; checkpoints are written at the end and when the loss has halved."""
    name = "ict3dfe" if data else "synthetic"
    return {
        "dataset.name": name,
        "dataset.root": data,
        f"dataset.{name}.identities": identities,
        f"dataset.{name}.size": image,
        "split.kind": "given" if data else "folds",
        "data.image_size": image,
        "data.tuples_per_step": batch // 5,
        "backbone.resnet.width": net["width"],
        "backbone.resnet.stages": tuple(int(s) for s in net["stages"].split(",")),
        "optimizer.warmup": "10%",
        "ema.decay": 0.99,
        "train.duration": f"{steps} steps",
        "train.log_every": f"{max(1, steps // 40)} steps",
        "train.save_every": f"{steps} steps",
        "train.least_fall": 0.5,
    }


def _steady(lines: list[dict], batch: int) -> dict:
    """When the first line was logged, and the rate from the first quarter of the lines to the last."""
    at = [line["step"] / line["steps_per_second"] for line in lines]  # seconds since the first step was begun
    start = len(lines) // 4
    steps, seconds = lines[-1]["step"] - lines[start]["step"], at[-1] - at[start]
    return {
        "first_line_s": round(at[0], 1),
        "steady_steps": steps,
        "steady_step_s": round(seconds / steps, 5),
        "images_per_s": round(batch * steps / seconds, 1),
    }
