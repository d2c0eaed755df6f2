"""Weighting strategies on a problem of several tasks: scores on test examples, over seeds.

    python examples/multitask/compare.py --problem=yeast
    python examples/multitask/compare.py --problem=digits --names equal upgrad famo --out=digits.jsonl

All strategies get the same steps, learning rate and order of examples; nothing is tuned. Differences are
paired by seed, with 95 % intervals of Student's t over seeds: other test examples are not in them. What a
step costs is in benchmarks/weightings.py.
"""

import argparse
import json
from datetime import date
from functools import partial
from importlib.metadata import version
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
from problems import PROBLEMS, Problem, initial
from scipy import stats

from dmljax import weightings

STRATEGIES = {
    name: getattr(weightings, name)
    for name in (
        "equal",
        "rlw",
        "dwa",
        "uncertainty",
        "famo",
        "gls",
        "db_mtl",
        "pcgrad",
        "mgda",
        "cagrad",
        "imtl_g",
        "nash_mtl",
        "aligned_mtl",
        "fairgrad",
        "upgrad",
    )
}
ALONE = "alone"  # a network a task
RATE = 1e-3  # of Adam


def trainer(problem: Problem, strategy):
    """(params, order int [steps, batch], seed) -> params after training; can be mapped over seeds."""
    inputs, labels = (jnp.asarray(array) for array in problem.train)

    def losses_fn(params, rows):
        return problem.losses(problem.net.apply({"params": params}, inputs[rows]), labels[rows])

    value_and_grad = weightings.value_and_grad(losses_fn, strategy, shared="trunk")
    optimizer = optax.adam(RATE)

    def step(seed, carry, now):
        number, rows = now
        params, weighting, moments = carry
        rng = jax.random.fold_in(jax.random.key(seed), number)
        _, gradients, weighting = value_and_grad(params, weighting, rows, step=number, rng=rng)
        updates, moments = optimizer.update(gradients, moments, params)
        params = optax.apply_updates(params, updates)
        return (params, value_and_grad.post(params, weighting, rows), moments), None

    def train(params, order, seed):
        state = strategy.init(problem.tasks, value_and_grad.shared(params)), optimizer.init(params)
        (params, *_), _ = jax.lax.scan(partial(step, seed), (params, *state), (jnp.arange(len(order)), order))
        return params

    return train


def orders(problem: Problem, epochs: int, seeds) -> np.ndarray:
    """Rows of every step, int32 [seeds, steps, batch]: each epoch in another order, without its last part."""
    count = len(problem.train[0])
    whole = count // problem.batch * problem.batch
    drawn = [
        [np.random.default_rng([seed, epoch]).permutation(count)[:whole] for epoch in range(epochs)]
        for seed in seeds
    ]
    return np.array(drawn, np.int32).reshape(len(drawn), -1, problem.batch)


def scores_of(problem: Problem, strategy, epochs: int, seeds) -> np.ndarray:
    """Scores on the test examples [seeds, tasks]."""
    params = [initial(problem, seed) for seed in seeds]
    order, train = orders(problem, epochs, seeds), jax.jit(trainer(problem, strategy))
    # inputs are an argument: XLA would work out in advance what depends on a constant alone
    predict = jax.jit(lambda params, inputs: problem.net.apply({"params": params}, inputs))
    trained = [train(params[k], order[k], seed) for k, seed in enumerate(seeds)]
    return np.array(
        [problem.scores(np.asarray(predict(one, problem.test[0])), problem.test[1]) for one in trained]
    )


def alone(problem: Problem, epochs: int, seeds) -> np.ndarray:
    """Scores of networks that learn one task each [seeds, tasks]."""
    each = [scores_of(problem, weightings.single(task=task), epochs, seeds) for task in problem.tasks]
    return np.stack([found[:, k] for k, found in enumerate(each)], 1)


def interval(values: np.ndarray) -> float:
    """Half of the 95 % interval of a mean over seeds."""
    return float(stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5)


def made() -> dict[str, str]:
    """What a result was made by, and when."""
    return {name: version(name) for name in ("dmljax", "jax")} | {"on": date.today().isoformat()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problem", choices=list(PROBLEMS), default="yeast")
    parser.add_argument("--names", nargs="*", choices=list(STRATEGIES), default=list(STRATEGIES))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=0, help="0: the problem's")
    parser.add_argument("--out", type=Path, help="file for a JSON line a strategy and seed")
    given = parser.parse_args()
    if given.seeds < 2:
        parser.error(f"--seeds must be at least 2, for an interval; got {given.seeds}")
    problem, seeds, lines = PROBLEMS[given.problem](), tuple(range(given.seeds)), []
    epochs = given.epochs or problem.epochs
    print(
        f"{given.problem}: {problem.measure} in %, mean of {len(problem.tasks)} tasks and {len(seeds)} seeds"
    )
    print(f"{'strategy':12} {'mean':>6} {'worst task':>11}  {'more than equal':>16}")
    base, names = None, ["equal", ALONE, *(name for name in given.names if name != "equal")]
    for name in names:
        if name == ALONE:
            found = alone(problem, epochs, seeds)
        else:
            found = scores_of(problem, STRATEGIES[name](), epochs, seeds)
        means = 100 * found.mean(1)
        base = means if base is None else base
        gain = means - base
        told = "" if name == "equal" else f"{gain.mean():+.2f} ± {interval(gain):.2f}"
        worst = 100 * found.mean(0).min()
        print(f"{name:12} {means.mean():6.2f} {worst:11.2f}  {told:>16}", flush=True)
        for seed, each in zip(seeds, found):
            scores = dict(zip(problem.tasks, map(float, each)))
            lines.append(
                {"problem": given.problem, "strategy": name, "seed": seed} | scores | {"made": made()}
            )
    if given.out:
        given.out.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    main()
