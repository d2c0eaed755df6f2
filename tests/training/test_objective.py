import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dmljax.training.heads import HeadLoss
from dmljax.training.objective import Options, task_losses, terms
from dmljax.training.tasks import told
from dmljax.types import Outputs
from tests.losses.test_classification import loop
from tests.training.results import shares, valid

N, E, P = 15, 4, 3


def batch(rng, missing=True):
    embedding = rng.normal(size=(N, 6))
    logits = rng.normal(size=(N, E)), rng.normal(size=(N, P))
    labels = {
        "expression": rng.integers(0, E, N),
        "pose": rng.integers(0, P, N),
        "identity": rng.integers(0, 4, N),
    }
    if missing:
        labels["pose"][3] = labels["identity"][7] = labels["expression"][11] = -1
    return embedding, logits, labels


def loop_entropy(logits, labels):
    return np.mean([np.log(np.exp(row).sum()) - row[k] for row, k in zip(logits, labels) if k >= 0])


def loop_triplet(e, labels, options):
    """Eq. 1-6 in float64 with explicit loops."""
    if options.normalise:
        e = e / np.linalg.norm(e, axis=1, keepdims=True)
    total = 0.0
    for factor in options.triplets:
        y, f, margin = labels["expression"], labels[factor], dict(options.margins)[factor]
        losses = []
        for a in range(0, N, 5 if options.anchors == "tuple" else 1):
            known = [r for r in range(N) if min(y[a], f[a], y[r], f[r]) >= 0]
            alone = factor == "expression"  # another image of the class, and whatever is of another
            far = [
                ((e[a] - e[r]) ** 2).sum()
                for r in known
                if y[a] == y[r] and (a != r if alone else f[a] != f[r])
            ]
            near = [((e[a] - e[r]) ** 2).sum() for r in known if y[a] != y[r] and (alone or f[a] == f[r])]
            if far and near:
                gap = margin + max(far) - min(near)
                losses.append(
                    {"hinge": max(0, gap), "softplus": np.log1p(np.exp(gap)), "none": gap}[options.link]
                )
        if losses:
            total += (
                np.sum(losses) if options.reduction == "sum" else np.mean(losses) * options.reference_anchors
            )
    return total


CASES = [
    Options(),
    Options(anchors="all"),
    Options(anchors="all", link="none", normalise=False, reduction="sum"),
    Options(anchors="all", link="softplus", triplets=("pose",)),
    Options(triplets=("identity",), margins=(("identity", 0.7),)),
    Options(triplets=("expression",), margins=(("expression", 0.4),), anchors="all"),
    Options(triplets=("expression", "pose"), link="softplus"),
]


@pytest.mark.parametrize("options", CASES)
@pytest.mark.parametrize("seed", range(3))
def test_values_against_a_float64_loop(seed, options):
    embedding, logits, labels = batch(np.random.default_rng(seed))
    outputs = Outputs(jnp.float32(embedding), jnp.float32(logits[0]), jnp.float32(logits[1]), None)
    found = task_losses(outputs, {k: jnp.int32(v) for k, v in labels.items()}, terms(options))
    expected = [
        loop_entropy(logits[0], labels["expression"]),
        loop_entropy(logits[1], labels["pose"]),
        loop_triplet(embedding, labels, options),
    ]
    np.testing.assert_allclose(shares(found), expected, rtol=2e-5, atol=1e-5)
    hits = [logits[1][k].argmax() == labels["pose"][k] for k in range(N) if labels["pose"][k] >= 0]
    assert float(told(found.sums)["accuracy/pose"]) == pytest.approx(np.mean(hits))


@pytest.mark.parametrize("options", CASES)
def test_gradients_against_finite_differences_of_the_loop(options):
    embedding, logits, labels = batch(np.random.default_rng(5))
    jlabels = {k: jnp.int32(v) for k, v in labels.items()}

    def triplet(e):
        return shares(
            task_losses(
                Outputs(e, jnp.float32(logits[0]), jnp.float32(logits[1]), None), jlabels, terms(options)
            )
        )[2]

    gradient = np.asarray(jax.grad(triplet)(jnp.float32(embedding)))
    for n, d in [(0, 0), (5, 3), (7, 1), (10, 5), (12, 2), (3, 4)]:
        step = np.zeros_like(embedding)
        step[n, d] = 1e-6
        slope = (
            loop_triplet(embedding + step, labels, options) - loop_triplet(embedding - step, labels, options)
        ) / 2e-6
        assert gradient[n, d] == pytest.approx(slope, rel=2e-3, abs=2e-4)


def test_tasks_without_any_label_are_not_valid_and_pull_nothing():
    rng = np.random.default_rng(0)
    embedding, logits, labels = batch(rng)
    labels["pose"][:] = labels["identity"][:] = -1
    jlabels = {k: jnp.int32(v) for k, v in labels.items()}

    def losses_of(e, pose_logits):
        return task_losses(Outputs(e, jnp.float32(logits[0]), pose_logits, None), jlabels, terms(Options()))

    found = losses_of(jnp.float32(embedding), jnp.float32(logits[1]))
    assert valid(found).tolist() == [True, False, False] and shares(found)[1:].tolist() == [0, 0]
    for gradient in jax.grad(lambda *x: shares(losses_of(*x))[1:].sum(), (0, 1))(
        jnp.float32(embedding), jnp.float32(logits[1])
    ):
        assert not np.asarray(gradient).any()


def test_an_embedding_of_nearly_equal_points_shows_in_the_spread(rng):
    _, logits, labels = batch(rng)
    outputs = Outputs(
        jnp.ones((N, 6)) + 1e-4 * jnp.float32(rng.normal(size=(N, 6))),
        jnp.float32(logits[0]),
        jnp.float32(logits[1]),
        None,
    )
    stats = told(task_losses(outputs, {k: jnp.int32(v) for k, v in labels.items()}, terms(Options())).sums)
    assert 0 < stats["embedding/spread"] < 1e-6 and stats["embedding/norm"] == pytest.approx(6**0.5, rel=1e-3)


def test_a_head_s_loss_is_taken_as_its_options_say(rng):
    embedding, logits, labels = batch(rng)
    how = HeadLoss(smoothing=0.1, gamma=2.0, weights=(0.5, 1.0, 2.0, 4.0))
    options = Options(tasks=("expression", "pose"), heads=(("expression", how),))
    outputs = Outputs(jnp.float32(embedding), jnp.float32(logits[0]), jnp.float32(logits[1]), None)
    found = task_losses(outputs, {k: jnp.int32(v) for k, v in labels.items()}, terms(options))
    of_all = loop(logits[0], labels["expression"], 0.1, 2.0, how.weights)
    expected = [of_all[labels["expression"] >= 0].mean(), loop_entropy(logits[1], labels["pose"])]
    np.testing.assert_allclose(shares(found), expected, rtol=2e-5)


def test_mining_by_class_on_four_devices_is_that_on_one():
    embedding, _, labels = batch(np.random.default_rng(4))
    embedding = jnp.float32(np.concatenate([embedding, embedding[:5] + 0.1]))
    labels = {k: jnp.int32(np.concatenate([v, v[5:10]])) for k, v in labels.items()}
    options = Options(tasks=("triplet",), triplets=("expression",), anchors="all", link="softplus")

    def share(embedding, labels, axis_name=None):
        outputs = Outputs(embedding, None, None, None)
        return shares(task_losses(outputs, labels, terms(options), axis_name=axis_name))[0]

    expected = share(embedding, labels)
    cut = lambda x: x.reshape(4, 5, *x.shape[1:])
    spread = jax.pmap(
        lambda e, y: jax.lax.pmean(share(e, y, "devices"), "devices"),
        axis_name="devices",
        devices=jax.devices()[:4],
    )
    found = spread(cut(embedding), {k: cut(v) for k, v in labels.items()})
    np.testing.assert_allclose(found, np.full(4, expected), rtol=1e-5)
