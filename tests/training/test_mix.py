"""Mix-up and cut-mix: what is mixed, what its labels are, and that mining never sees it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dmljax.losses.classification import cross_entropy
from dmljax.training import mix
from dmljax.training.objective import Options, task_losses, terms
from dmljax.training.tasks import told
from dmljax.types import Outputs, UserError
from tests.training.results import shares, valid

pytestmark = pytest.mark.usefixtures("standard_promotion")
N, SIDE = 40, 6


def batch(seed=0):
    rng = np.random.default_rng(seed)
    images = jnp.float32(rng.integers(0, 256, (N, SIDE, SIDE, 3)))
    names = {"expression": 4, "pose": 3, "identity": 5}
    return images, {name: jnp.int32(rng.integers(0, count, N)) for name, count in names.items()}


def call(images, labels, rows=None, seed=0, together=5, **options):
    rows = jnp.arange(len(images)) if rows is None else rows
    run = jax.jit(
        lambda *given: mix.mix(jax.random.key(seed), *given, mix.Options(**options), together=together)
    )
    return jax.device_get(run(images, labels, rows))


def rows_of(labels):
    return labels[mix.MIXED].first >= 0


def test_nothing_asked_nothing_changed():
    images, labels = batch()
    found = mix.mix(jax.random.key(0), images, labels, jnp.arange(N), mix.Options())
    assert found[0] is images and found[1] is labels


@pytest.mark.parametrize("together", [5, 1])
@pytest.mark.parametrize("kind", ["mixup", "cutmix"])
def test_an_image_is_made_of_two_by_the_share_that_its_labels_have(kind, together):
    images, labels = batch()
    found, marked = call(images, labels, together=together, **{kind: 0.5, f"{kind}_alpha": 1.0})
    mixed, before = rows_of(marked), {k: np.asarray(v) for k, v in labels.items()}
    assert 5 <= mixed.sum() <= 35
    if together == 5:
        assert (mixed.reshape(-1, 5) == mixed.reshape(-1, 5)[:, :1]).all()
    np.testing.assert_array_equal(found[~mixed], np.asarray(images)[~mixed])
    for name, values in before.items():
        np.testing.assert_array_equal(marked[name], np.where(mixed, -1, values))
    expected = np.asarray(images, float)
    for row in np.flatnonzero(mixed):
        share = marked[mix.MIXED].share[row]
        others = range(row // 5 * 5, row // 5 * 5 + 5) if together == 5 else range(N)
        fits = []
        for other in others:
            of_other = share * expected[row] + (1 - share) * expected[other]
            if kind == "cutmix":
                taken = (found[row] == expected[other]).all(-1) & (found[row] != expected[row]).any(-1)
                of_other = np.where(taken[..., None], expected[other], expected[row])
                if taken.mean() != pytest.approx(1 - share, abs=1e-6):
                    continue
            if other != row and np.allclose(found[row], of_other, atol=1e-3):
                fits.append(before["expression"][other])
        assert marked[mix.MIXED].first[row] == before["expression"][row]
        assert marked[mix.MIXED].second[row] in fits or (kind == "cutmix" and share == 1)


def test_draws_depend_on_key_and_row_and_not_on_the_batch():
    images, labels = batch()
    whole, marked = call(images, labels, mixup=0.3, cutmix=0.3)
    part = {name: values[15:30] for name, values in labels.items()}
    found, again = call(images[15:30], part, jnp.arange(15, 30), mixup=0.3, cutmix=0.3)
    np.testing.assert_allclose(found, whole[15:30], atol=1e-4)
    np.testing.assert_array_equal(rows_of(again), rows_of(marked)[15:30])
    other, _ = call(images, labels, seed=1, mixup=0.3, cutmix=0.3)
    assert np.abs(other - whole).max() > 1


def test_losses_of_mixed_images_and_of_those_that_are_mined(rng):
    """Mixed: the two expressions' losses by their shares. Mining: what it gives for the others alone."""
    _, labels = batch()
    _, marked = call(*batch(), mixup=0.5)
    mixed = rows_of(marked)
    embedding, logits, poses = (jnp.float32(rng.normal(size=(N, k))) for k in (6, 4, 3))
    found = task_losses(
        Outputs(embedding, logits, poses, None), marked, terms(options := Options(anchors="all"))
    )
    assert valid(found).all()
    of = lambda label: np.asarray(cross_entropy(logits, jnp.asarray(label))[0], float)
    share = marked[mix.MIXED].share
    second = marked[mix.MIXED].second
    blended = share * of(labels["expression"]) + (1 - share) * of(np.where(mixed, second, 0))
    expected = np.where(mixed, blended, of(labels["expression"])).mean()
    left = np.flatnonzero(~mixed)
    rest = task_losses(
        Outputs(embedding[left], logits[left], poses[left], None),
        {name: values[left] for name, values in labels.items()},
        terms(options),
    )
    np.testing.assert_allclose(shares(found), [expected, *shares(rest)[1:]], rtol=1e-5)
    hits = told(found.sums)["accuracy/expression"], told(rest.sums)["accuracy/expression"]
    assert float(hits[0]) == pytest.approx(float(hits[1]))


@pytest.mark.parametrize(
    ("tasks", "options", "said"),
    [
        (
            ("expression", "pose", "triplet"),
            (0.5, 0.5),
            "below 1, which leaves unmixed images to: pose, triplet; got 1",
        ),
        (("expression",), (0.7, 0.7), "together must be at most 1; got 1.4"),
        (("expression",), (-0.1, 0.0), "mix.mixup must be a number from 0 to 1"),
    ],
)
def test_shares_that_leave_nothing_are_told(tasks, options, said):
    with pytest.raises(UserError, match=said):
        mix.check(mix.Options(*options), tasks)
    assert mix.check(mix.Options(0.5, 0.5), ("expression",)).mixup == 0.5
