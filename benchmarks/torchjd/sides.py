"""Both sides of the comparison with TorchJD: a training here, and the process of theirs.py."""

import contextlib
import json
import subprocess
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax

from dmljax import weightings
from dmljax.types import UserError

HERE = Path(__file__).parent


class Theirs:
    """The process of theirs.py: a question is a line of JSON, and so is its answer."""

    def __init__(self, python: str, folder: Path):
        try:
            self._process = subprocess.Popen(
                [python, HERE / "theirs.py", folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        except OSError as error:
            raise UserError(f"'{python}' cannot be run ({error.strerror})", parameter="torch") from None
        self.versions = self._answer()

    def ask(self, **question) -> dict:
        with contextlib.suppress(BrokenPipeError):  # of a program that has ended, which its answer says
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict:
        line = self._process.stdout.readline()
        if not line:
            raise UserError("its program has ended, see above; it needs torch and torchjd", parameter="torch")
        return json.loads(line)

    def close(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()


class Ours:
    """A network, its optimizer and its strategy: step(number, state) -> state."""

    def __init__(self, problem, strategy, rate: float, heads: str):
        inputs, labels = (jnp.asarray(array) for array in problem.train)

        def losses_fn(params, rows):
            return problem.losses(problem.net.apply({"params": params}, inputs[rows]), labels[rows])

        self.value_and_grad = weightings.value_and_grad(losses_fn, strategy, shared="trunk", heads=heads)
        self.optimizer, self.strategy, self.problem = optax.adam(rate), strategy, problem
        self.step = jax.jit(self._step)
        self.predict = jax.jit(lambda params, inputs: problem.net.apply({"params": params}, inputs))

    def begin(self, params):
        state = self.strategy.init(self.problem.tasks, self.value_and_grad.shared(params))
        return params, state, self.optimizer.init(params)

    def _step(self, number, rows, held):
        params, weighting, moments = held
        rng = jax.random.fold_in(jax.random.key(0), number)
        _, gradients, weighting = self.value_and_grad(params, weighting, rows, step=number, rng=rng)
        updates, moments = self.optimizer.update(gradients, moments, params)
        params = optax.apply_updates(params, updates)
        return params, self.value_and_grad.post(params, weighting, rows), moments

    def trained(self, params, order: np.ndarray) -> np.ndarray:
        """Outputs on the test examples after a step for each row of `order`."""
        held = self.begin(params)
        for number, rows in enumerate(order):
            held = self.step(number, rows, held)
        return np.asarray(self.predict(held[0], self.problem.test[0]))

    def timed(self, params, order: np.ndarray, steps: int) -> float:
        """Seconds a step."""
        held = self.begin(params)
        start = time.perf_counter()
        for number in range(steps):
            held = self.step(number, order[number % len(order)], held)
        jax.block_until_ready(held)
        return (time.perf_counter() - start) / steps
