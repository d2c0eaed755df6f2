"""Steps of several seeds in one program, mapped by jax.vmap, beside one after another."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial


class Seeds:
    """Both ways on the devices that are there, from the same batches; `prepare` first."""

    def prepare(self, *, seeds: int, **size) -> None:
        """Compiles both ways, and compares what they give.

        Args:
          seeds: in a program.
          size: the fields of `costs.sized.Size`; stages may be text with commas.
        """
        import jax
        import numpy as np

        from dmljax.costs import sized
        from dmljax.training.devices import replicate, set_up_process
        from dmljax.types import AXIS

        set_up_process(training=True)
        chosen = sized.size_of(mode=sized.TRAIN, **size | {"stages": size["stages"].split(",")})
        devices = jax.local_device_count()
        sized.check(chosen, devices)
        net = sized.network(chosen)
        step = sized.step(net, chosen)
        start = step.begin(jax.jit(partial(sized.initial, net, chosen))())
        one = replicate(start)
        every = replicate(jax.tree.map(lambda x: np.stack([np.asarray(x)] * seeds), start))
        place = jax.pmap(lambda x: x, axis_name=AXIS)
        batches = [sized.batch(seed, chosen, devices) for seed in range(seeds)]
        stacked = place({key: np.stack([batch[key] for batch in batches], 1) for key in batches[0]})
        batches = [place(batch) for batch in batches]
        alone = jax.pmap(step.function, axis_name=AXIS)
        together = jax.pmap(jax.vmap(step.function), axis_name=AXIS)
        self._ways = lambda: [alone(one, batch) for batch in batches], lambda: together(every, stacked)
        apart, joined = (jax.device_get(way()) for way in self._ways)
        self._largest = max(
            float(np.max(np.abs(joined[1][key][:, seed] - logs[key]) / np.maximum(np.abs(logs[key]), 1e-3)))
            for seed, (_, logs) in enumerate(apart)
            for key in logs
        )

    def measure(self, *, turns: int) -> dict:
        """Seconds of a step of every seed, in turns, and how far the numbers of the two ways are apart."""
        import jax
        import numpy as np

        times = np.array([[_clock(way) for way in self._ways] for _ in range(turns)])
        return {
            "device": jax.devices()[0].device_kind,
            "jax": jax.__version__,
            "apart_s": float(np.median(times[:, 0])),
            "together_s": float(np.median(times[:, 1])),
            "ratio": float(np.median(times[:, 1] / times[:, 0])),
            "largest_difference": self._largest,
        }


def _clock(way: Callable) -> float:
    import jax

    before = time.perf_counter()
    jax.block_until_ready(way())
    return time.perf_counter() - before
