"""Two losses over a plane, from five starts: where each weighting strategy ends, and what it goes past.

    python examples/multitask/landscape.py --out=runs/landscape

The losses are those of CAGrad's illustration (Liu, Liu, Jin, Stone & Liu, arXiv:2110.14048, appendix), the
first of them at a tenth of its size as in Nash-MTL (Navon et al., arXiv:2202.01017). A valley in which the
gradients conflict lies between some starts and the Pareto set. Writes paths.png, front.png and ends.csv.
"""

import argparse
import csv
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax

from dmljax import weightings

TASKS = ("first", "second")
SIZES = (0.1, 1.0)
STARTS = ((-8.5, 7.5), (0.0, 0.0), (9.0, 9.0), (-7.5, -0.5), (9.0, -1.0))
STRATEGIES = {
    "equal": weightings.equal,
    "dwa": weightings.dwa,
    "uncertainty": weightings.uncertainty,
    "famo": weightings.famo,
    "pcgrad": weightings.pcgrad,
    "mgda": weightings.mgda,
    "cagrad": weightings.cagrad,
    "imtl_g": weightings.imtl_g,
    "nash_mtl": weightings.nash_mtl,
    "aligned_mtl": weightings.aligned_mtl,
    "fairgrad": weightings.fairgrad,
    "upgrad": weightings.upgrad,
}
KEPT = 500  # places of a path that are drawn
SIDE = 12.0  # of the plane that is drawn and searched for the Pareto set: -SIDE to SIDE


def losses_at(place):
    """The two losses at a place [2]."""
    x, y = place
    upper = jnp.maximum(jnp.tanh(0.5 * y), 0.0)
    lower = jnp.maximum(jnp.tanh(-0.5 * y), 0.0)
    valley = lambda shift, lift: (
        jnp.log(jnp.maximum(jnp.abs(0.5 * (shift - x) + jnp.tanh(y) + lift), 5e-6)) + 6
    )
    bowl = lambda shift: (jnp.square(shift - x) + 0.1 * jnp.square(y + 8)) / 10 - 20
    first = upper * valley(-7.0, 0.0) + lower * bowl(7.0)
    second = upper * valley(3.0, 2.0) + lower * bowl(-7.0)
    return SIZES[0] * first, SIZES[1] * second


def losses_fn(params):
    return dict(zip(TASKS, losses_at(params["trunk"])))


@partial(jax.jit, static_argnums=(0, 2, 3))
def paths(strategy, starts, steps, kept):
    """Places [starts, kept, 2] on the way of Adam, from each start and at equal intervals."""
    value_and_grad = weightings.value_and_grad(losses_fn, strategy, shared="trunk")
    optimizer = optax.adam(1e-3)

    def descend(start):
        params = {"trunk": start}
        state = strategy.init(TASKS, value_and_grad.shared(params)), optimizer.init(params)

        def step(carry, number):
            params, (weighting, moments) = carry
            rng = jax.random.fold_in(jax.random.key(0), number)
            _, gradients, weighting = value_and_grad(params, weighting, step=number, rng=rng)
            updates, moments = optimizer.update(gradients, moments, params)
            params = optax.apply_updates(params, updates)
            return (params, (value_and_grad.post(params, weighting), moments)), None

        def stretch(carry, first):
            carry, _ = jax.lax.scan(step, carry, first + jnp.arange(steps // kept))
            return carry, carry[0]["trunk"]

        _, places = jax.lax.scan(stretch, (params, state), jnp.arange(kept) * (steps // kept))
        return jnp.concatenate([start[None], places])

    return jax.vmap(descend)(starts)


def pareto(count=601):
    """(places [P, 2], losses [P, 2]) of a grid that no other place of it betters in both losses."""
    axis = np.linspace(-SIDE, SIDE, count)
    places = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    values = np.stack(jax.jit(jax.vmap(losses_at))(jnp.asarray(places, jnp.float32)), 1)
    order = np.lexsort((values[:, 1], values[:, 0]))
    best = np.minimum.accumulate(values[order, 1])
    first = order[np.concatenate([[True], best[1:] < best[:-1]])]
    return places[first], values[first]


def apart(values, front):
    """How much [N] each of both losses would have to fall at most, so that no loss of the front is better."""
    return np.max(values[:, None] - front[None], 2).min(1).clip(0)


def draw_paths(found, front, path):
    import matplotlib.pyplot as plt

    axis = np.linspace(-SIDE, SIDE, 121)
    grid = jnp.asarray(np.stack(np.meshgrid(axis, axis), -1), jnp.float32)
    height = sum(jax.vmap(jax.vmap(losses_at))(grid))
    rows = -(-len(found) // 4)
    figure, axes = plt.subplots(rows, 4, figsize=(13, 3.4 * rows), sharex=True, sharey=True, squeeze=False)
    for axes_of_one, (name, places) in zip(axes.flat, found.items()):
        axes_of_one.contourf(axis, axis, height, 24, cmap="Greys", alpha=0.6)
        axes_of_one.plot(*front.T, ".", color="#15803d", markersize=3)
        for k, way in enumerate(places):
            axes_of_one.plot(*way.T, linewidth=1.6, color=f"C{k}")
            axes_of_one.plot(*way[0], "o", color=f"C{k}", markersize=4)
            axes_of_one.plot(*way[-1], "*", color=f"C{k}", markersize=11, markeredgecolor="black")
        axes_of_one.set_title(name)
        axes_of_one.set(xlim=(-SIDE, SIDE), ylim=(-SIDE, SIDE))
    for unused in axes.flat[len(found) :]:
        unused.set_axis_off()
    figure.suptitle("From five starts (dots) to the ends (stars); grey: sum of the losses, green: Pareto set")
    figure.tight_layout()
    figure.savefig(path, dpi=90)
    plt.close(figure)


def draw_front(ends, front, path):
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7.5, 5.5))
    axes.plot(*front.T, color="#15803d", linewidth=2, label="Pareto front")
    for k, (name, values) in enumerate(ends.items()):
        mark = "os^Dv<>PX*hp"[k % 12]
        axes.scatter(
            *values.T, marker=mark, s=45, color=f"C{k % 10}", edgecolor="black", linewidth=0.4, label=name
        )
    axes.set(xlabel="first loss", ylabel="second loss", title="Losses at the ends, five starts each")
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    figure.tight_layout()
    figure.savefig(path, dpi=90)
    plt.close(figure)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("landscape"), help="folder for what is written")
    parser.add_argument("--steps", type=int, default=50_000, help="of Adam, at 0.001")
    parser.add_argument("--names", nargs="*", default=list(STRATEGIES), choices=list(STRATEGIES))
    given = parser.parse_args()
    if given.steps < 1 or given.steps % min(KEPT, given.steps):
        parser.error(f"--steps must be a multiple of {KEPT}, or less than that; got {given.steps}")
    given.out.mkdir(parents=True, exist_ok=True)
    places, front = pareto()
    starts, found, ends = jnp.array(STARTS), {}, {}
    rows = [("strategy", *(f"start {start}" for start in STARTS), "at the front, of 5")]
    for name in given.names:
        found[name] = np.asarray(paths(STRATEGIES[name](), starts, given.steps, min(KEPT, given.steps)))
        ends[name] = np.stack(jax.vmap(losses_at)(jnp.asarray(found[name][:, -1])), 1)
        gaps = apart(ends[name], front)
        rows.append((name, *(f"{gap:.3f}" for gap in gaps), int((gaps < 0.01).sum())))
        print(
            f"{name:12} gap to the front {' '.join(rows[-1][1:-1])}; reached from {rows[-1][-1]} of 5 starts"
        )
    with (given.out / "ends.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    draw_paths(found, places, given.out / "paths.png")
    draw_front(ends, front, given.out / "front.png")


if __name__ == "__main__":
    main()
