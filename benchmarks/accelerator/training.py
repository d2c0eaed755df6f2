"""A real training: faces rendered, read, trained on by `dmljax.train` and evaluated on people never seen."""

from __future__ import annotations

import json
import time
from pathlib import Path

from accelerator import faces
from accelerator.gate import Gate
from accelerator.plan import PAPER

DTYPES = {"bf16": "bfloat16", "f32": "float32"}
ALONE = 100  # batches that a feed makes without a training


class Training:
    """One run; its set is ict3dfe where its face model is given, else the embedded one. `open` first."""

    def __init__(self, *, gate: Gate, pictures):
        self._gate, self._pictures = gate, pictures

    def open(
        self, *, folder: str, data: str, identities: int, steps: int, batch: int, image: int, dtype: str,
        memory: str, feed: str = "resident", net: dict = PAPER,
    ) -> None:  # fmt: skip
        """Makes the pictures that are missing, and reads them; for tf.data, from the files of a prepared set.

        Args:
          folder: for the run, and the prepared set.
          identities, steps, batch, image: people, steps, images in a step, pixels.
        """
        from dmljax.preparation.opening import open_samples
        from dmljax.preparation.prepare import prepare
        from dmljax.runs import sets

        self._folder, self._batch, self._feed_name = Path(folder), batch, feed
        changes = _changes(steps) | {
            "data.memory": memory,
            "data.feed": feed,
            "model.dtype": DTYPES[dtype],
        }
        make = lambda **more: faces.config(
            data, identities=identities, batch=batch, image=image, net=net, changes=changes | more
        )
        began = time.perf_counter()
        self._config = make()
        with self._pictures:  # a lock: one makes them, and the others find them
            samples = open_samples(self._config, progress=False)
            samples.prepare(samples.references, progress=False)
        if feed == "tfdata":
            prepared = prepare(
                self._config, str(self._folder / "set"), formats=("array_record",), progress=False
            )
            self._config = make(**{"dataset.root": str(prepared.folder)})
        self._people = sets.open_set(self._config, progress=False)
        self._opening_s = time.perf_counter() - began

    def train(self, *, evaluate: bool) -> dict:
        """Seconds of every part, images a second once it runs, the feed's share of that time, and the scores.

        Scores are those of the moving averages on rendered faces of people that were not trained on, after
        few steps: far from what a whole training reaches.
        """
        import dmljax

        run, people = self._folder / "run", self._people
        watch = _Watch(type(people.feed))
        waiting = _AtTheGate(self._gate, watch)
        began = time.perf_counter()
        dmljax.train(self._config, run, hooks=[waiting], progress=False, say=lambda line: None)
        train_s = time.perf_counter() - began - waiting.seconds
        feed_s_a_step = watch.seconds / max(1, watch.batches)
        lines = [json.loads(line) for line in (run / "train.jsonl").read_text().splitlines()]
        lines = [line for line in lines if "steps_per_second" in line]
        return {
            "set": people.samples.name,
            "images": len(people.samples),
            "training_images": len(people.split.train),
            "render_and_read_s": round(self._opening_s, 1),
            "train_s": round(train_s, 1),
            **_steady(lines, self._batch, waiting.seconds),
            "feed_s_a_step": round(feed_s_a_step, 5),
            "loss_first": lines[0]["loss/total"],
            "loss_last": lines[-1]["loss/total"],
            **({"feed_alone_images_per_s": self._feed_alone()} if not people.feed.table else {}),
            **(_scores(run, people.samples) if evaluate else {}),
        }

    def _feed_alone(self) -> float:
        """Images a second that the feed brings to the device while nothing else is done."""
        import jax
        import numpy as np

        train = self._people.split.train
        order = np.resize(np.random.default_rng(0).permutation(train), (ALONE + 1, self._batch))
        batches = self._people.feed.batches(order.astype(np.int32))
        jax.block_until_ready(jax.device_put(next(batches)))
        began = time.perf_counter()
        for batch in batches:
            jax.block_until_ready(jax.device_put(batch))
        return round(ALONE * self._batch / (time.perf_counter() - began), 1)


class _Watch:
    """The time that making batches takes a feed on the host; it is put in the place of the feed's own."""

    def __init__(self, kind: type):
        self._make, self.seconds, self.batches = kind.batches, 0.0, 0
        kind.batches = lambda feed, order: self._timed(feed, order)

    def forget(self) -> None:
        """What was seen so far does not count."""
        self.seconds, self.batches = 0.0, 0

    def _timed(self, feed, order):
        made = iter(self._make(feed, order))
        while True:
            began = time.perf_counter()
            batch = next(made, None)
            self.seconds += time.perf_counter() - began
            if batch is None:
                return
            self.batches += 1
            yield batch


class _AtTheGate:
    """A hook: after the first line of the log, when all is compiled, it waits until others are, too."""

    def __init__(self, gate, watch: _Watch):
        self._gate, self._watch, self.seconds = gate, watch, 0.0

    def on_step(self, step: int, scalars) -> None:
        if self._gate.reached.is_set():
            return
        self._gate.reached.set()
        began = time.perf_counter()
        self._gate.opened.wait()
        self.seconds = time.perf_counter() - began
        self._watch.forget()


def _changes(steps: int) -> dict:
    """A short run; checkpoints are written at the end and when the loss has halved."""
    return {
        "train.duration": f"{steps} steps",
        "train.log_every": f"{max(1, steps // 40)} steps",
        "train.save_every": f"{steps} steps",
        "train.least_fall": 0.5,
    }


def _steady(lines: list[dict], batch: int, waited: float) -> dict:
    """When the first line was logged, and the rate from the first quarter of the lines to the last."""
    at = [line["step"] / line["steps_per_second"] for line in lines]  # seconds since the first step was begun
    start = len(lines) // 4
    steps, seconds = lines[-1]["step"] - lines[start]["step"], at[-1] - at[start]
    return {
        "first_line_s": round(at[0] - waited, 1),
        "steady_steps": steps,
        "steady_step_s": round(seconds / steps, 5),
        "images_per_s": round(batch * steps / seconds, 1),
    }


def _scores(run: Path, samples) -> dict:
    """How a run does on people that it has not seen, what guessing would give, and the seconds of it."""
    import dmljax

    began = time.perf_counter()
    scores = dmljax.evaluate(run, progress=False)
    return {
        "evaluate_s": round(time.perf_counter() - began, 1),
        "test_people": scores.score["people"],
        "test": {name: round(value, 4) for name, value in scores.items() if isinstance(value, float)},
        "chance": {
            "expression": round(1 / len(samples.expression_names), 4),
            "pose": round(1 / len(samples.pose_names), 4),
        },
    }
