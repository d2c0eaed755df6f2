"""The metric losses beside the triplets, against explicit loops in float64, with their gradients, on one
device and on four.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dmljax.training import rivals as others
from dmljax.training.objective import Options, task_losses, terms
from dmljax.training.tasks import told
from dmljax.types import LABELS, Outputs
from tests.training.results import shares
from tests.training.results import valid as valid_of

N, E, CLASSES = 20, 6, 4
CONSTANTS = {
    "contrastive": {"margin": 1.3},
    "island": {"between": 0.4},
    "tuplet": {"threshold": 0.9, "margin": 0.6},
}


def batch(seed):
    rng = np.random.default_rng(seed)
    labels = {
        "expression": rng.integers(0, CLASSES, N),
        "pose": rng.integers(0, 3, N),
        "identity": rng.integers(0, 5, N),
    }
    labels["expression"][3] = labels["identity"][7] = -1
    return rng.normal(size=(N, E)), rng.normal(size=(CLASSES, E)), labels


def unit(x):
    return x / np.linalg.norm(x)


def loop_contrastive(e, labels, centres, normalised, *, margin):
    del centres
    loss = 0.0
    for label, part in (("expression", slice(0, E // 2)), ("identity", slice(E // 2, E))):
        y, kinds = labels[label], ([], [])
        for i in range(N):
            for j in range(N):
                if i != j and y[i] >= 0 and y[j] >= 0:
                    a, b = (unit(e[k, part]) if normalised else e[k, part] for k in (i, j))
                    d = np.sqrt(((a - b) ** 2).sum())
                    kinds[int(y[i] != y[j])].append(d**2 if y[i] == y[j] else max(0, margin - d) ** 2)
        loss += 0.5 * np.mean(kinds[0]) + 0.5 * np.mean(kinds[1])
    return loss


def loop_island(e, labels, centres, normalised, *, between):
    y = labels["expression"]
    within = np.mean(
        [(((unit(e[i]) if normalised else e[i]) - centres[y[i]]) ** 2).sum() for i in range(N) if y[i] >= 0]
    )
    cosines = [
        unit(centres[j]) @ unit(centres[k]) + 1 for j in range(CLASSES) for k in range(CLASSES) if j != k
    ]
    return 0.5 * within + between * sum(cosines)


def loop_tuplet(e, labels, centres, normalised, *, threshold, margin):
    del centres
    y, who, losses = labels["expression"], labels["identity"], []
    e = np.stack([unit(row) for row in e]) if normalised else e
    for a in range(N):
        known = [r for r in range(N) if min(y[a], who[a], y[r], who[r]) >= 0]
        positive = [r for r in known if y[r] == y[a] and who[r] != who[a]]
        negative = [r for r in known if y[r] != y[a] and who[r] == who[a]]
        if positive and negative:
            members = [*positive, a]
            c = e[members].mean(0)
            near = np.mean([max(0, ((e[i] - c) ** 2).sum() - threshold + margin / 2) for i in members])
            far = np.mean([max(0, threshold + margin / 2 - ((e[j] - c) ** 2).sum()) for j in negative])
            losses.append(near + far)
    return np.mean(losses)


LOOPS = {"contrastive": loop_contrastive, "island": loop_island, "tuplet": loop_tuplet}


def test_every_loss_has_a_reference():
    assert set(LOOPS) == set(others.NAMES)


def ours(name, normalised, labels, axis_name=None):
    options = Options(
        tasks=("expression", "triplet"),
        triplets=(),
        others=((name, tuple(CONSTANTS[name].items())),),
        normalise=normalised,
    )

    def loss(e, c, labels=labels):
        result = task_losses(
            Outputs(e, jnp.zeros((len(e), CLASSES)), None, None, c),
            labels,
            terms(options),
            axis_name=axis_name,
        )
        return shares(result)[1], result

    return loss


@pytest.mark.parametrize("name", others.NAMES)
@pytest.mark.parametrize("normalised", [True, False])
@pytest.mark.parametrize("seed", range(2))
def test_value_and_gradient(name, normalised, seed):
    e, c, labels = batch(seed)
    loop = partial(LOOPS[name], labels=labels, normalised=normalised, **CONSTANTS[name])
    loss = ours(name, normalised, {k: jnp.int32(v) for k, v in labels.items()})
    (value, result), (of_e, of_c) = jax.value_and_grad(loss, argnums=(0, 1), has_aux=True)(
        jnp.float32(e), jnp.float32(c)
    )
    assert float(value) == pytest.approx(loop(e, centres=c), rel=2e-5)
    assert float(told(result.sums)[f"metric/{name}"]) == pytest.approx(float(value), rel=1e-6) and bool(
        valid_of(result)[1]
    )
    rng = np.random.default_rng(9)
    for _ in range(3):
        step_e, step_c = 1e-6 * rng.normal(size=e.shape), 1e-6 * rng.normal(size=c.shape)
        slope = (loop(e + step_e, centres=c + step_c) - loop(e - step_e, centres=c - step_c)) / 2
        assert float(np.vdot(of_e, step_e) + np.vdot(of_c, step_c)) == pytest.approx(
            slope, rel=2e-3, abs=1e-9
        )


@pytest.mark.parametrize("name", others.NAMES)
def test_four_devices_give_what_one_gives(name):
    e, c, labels = batch(5)
    labels = {k: np.int32(labels[k]) for k in LABELS}
    expected = jax.grad(lambda e, c: ours(name, True, labels)(e, c)[0], argnums=(0, 1))(
        jnp.float32(e), jnp.float32(c)
    )

    def local(e, c, labels):
        loss = lambda e, c: ours(name, True, labels, "devices")(e, c)[0]
        value, (of_e, of_c) = jax.value_and_grad(loss, argnums=(0, 1))(e, c)
        return jax.lax.pmean(value, "devices"), of_e / 4, jax.lax.pmean(of_c, "devices")

    cut = lambda x: np.reshape(x, (4, N // 4, *np.shape(x)[1:]))
    spread = jax.pmap(local, axis_name="devices", in_axes=(0, None, 0), devices=jax.devices()[:4])
    value, of_e, of_c = spread(np.float32(cut(e)), np.float32(c), {k: cut(v) for k, v in labels.items()})
    assert float(value[0]) == pytest.approx(
        float(ours(name, True, labels)(jnp.float32(e), jnp.float32(c))[0]), rel=1e-5
    )
    np.testing.assert_allclose(np.reshape(of_e, (N, E)), expected[0], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(of_c[0], expected[1], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", others.NAMES)
def test_nothing_to_compare_and_points_in_one_place_give_no_loss_and_finite_gradients(name):
    nobody = {k: jnp.full(N, -1) for k in LABELS}
    alike = {k: jnp.int32(v) for k, v in batch(1)[2].items()}
    for labels, valid in ((nobody, False), (alike, True)):
        loss = ours(name, True, labels)
        (value, result), gradient = jax.value_and_grad(loss, argnums=(0, 1), has_aux=True)(
            jnp.ones((N, E)), jnp.ones((CLASSES, E))
        )
        assert bool(valid_of(result)[1]) is valid and np.isfinite(float(value))
        assert all(np.isfinite(g).all() for g in gradient)
        assert valid or (float(value) == 0 and all((np.asarray(g) == 0).all() for g in gradient))


def test_they_add_to_the_triplets():
    e, c, labels = batch(2)
    labels = {k: jnp.int32(v) for k, v in labels.items()}
    outputs = Outputs(jnp.float32(e), jnp.zeros((N, CLASSES)), None, None, jnp.float32(c))
    share = lambda **o: float(
        shares(task_losses(outputs, labels, terms(Options(tasks=("expression", "triplet"), **o))))[1]
    )
    both = share(others=(("island", (("between", 0.4),)), ("tuplet", (("threshold", 0.9), ("margin", 0.6)))))
    alone = [
        share(),
        share(triplets=(), others=(("island", (("between", 0.4),)),)),
        share(triplets=(), others=(("tuplet", (("threshold", 0.9), ("margin", 0.6))),)),
    ]
    assert both == pytest.approx(sum(alone), rel=1e-6) and min(alone) > 0
