import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dmljax.losses.triplet import LINKS, batch_hard

LINK = {"hinge": lambda x: max(0.0, x), "softplus": lambda x: np.log1p(np.exp(x)), "none": lambda x: x}


def loop(d, positive, negative, margin, link):
    losses, valid = [], []
    for row, pos, neg in zip(d, positive, negative):
        ok = pos.any() and neg.any()
        valid.append(ok)
        losses.append(LINK[link](margin + max(row[pos]) - min(row[neg])) if ok else 0.0)
    return np.array(losses), np.array(valid)


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("seed", range(5))
def test_against_an_explicit_loop(seed, link):
    rng = np.random.default_rng(seed)
    d = rng.uniform(0, 3, (11, 8)).astype(np.float32)
    positive = rng.random((11, 8)) < 0.15
    negative = ~positive & (rng.random((11, 8)) < 0.25)
    loss, valid = batch_hard(
        jnp.asarray(d), jnp.asarray(positive), jnp.asarray(negative), margin=0.3, link=link
    )
    expected, ok = loop(d, positive, negative, 0.3, link)
    assert np.array_equal(valid, ok) and ok.any()
    np.testing.assert_allclose(loss, expected, rtol=1e-6, atol=1e-6)


def test_the_gradient_is_one_at_the_hardest_pair_only():
    d = jnp.array([[1.0, 2.0, 2.0, 0.5, 0.5]])
    positive, negative = jnp.array([[1, 1, 1, 0, 0]], bool), jnp.array([[0, 0, 0, 1, 1]], bool)
    gradient = jax.grad(lambda x: batch_hard(x, positive, negative, margin=1.0)[0].sum())(d)
    assert gradient.tolist() == [[0, 1, 0, -1, 0]]  # of equal distances the first


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("which", ["positive", "negative", "both"])
def test_without_a_partner_loss_and_gradient_are_zero(link, which):
    d = jnp.array([[1.0, 2.0], [3.0, 4.0]])
    none = jnp.zeros((2, 2), bool)
    positive = none if which != "negative" else ~none
    negative = none if which != "positive" else ~none
    (loss, valid), gradient = (
        batch_hard(d, positive, negative, margin=0.2, link=link),
        jax.grad(lambda x: batch_hard(x, positive, negative, margin=0.2, link=link)[0].sum())(d),
    )
    assert not valid.any() and not loss.any() and not gradient.any()


def test_a_line_of_points():
    """0..5 on a line; classes a a b b a b. Anchor 0: farthest a at 16, nearest b at 4. And so on, by hand."""
    x = np.arange(6.0)
    label = np.array([0, 0, 1, 1, 0, 1])
    d = jnp.float32((x[:, None] - x[None]) ** 2)
    same = jnp.asarray(label[:, None] == label[None])
    loss, valid = batch_hard(d, same & ~jnp.eye(6, dtype=bool), ~same, margin=1.0, link="none")
    assert valid.all() and loss.tolist() == [
        1 + 16 - 4,
        1 + 9 - 1,
        1 + 9 - 1,
        1 + 4 - 1,
        1 + 16 - 1,
        1 + 9 - 1,
    ]


def test_collapse_costs_the_margin_and_has_no_gradient():
    """With all embeddings equal the loss is the margin, and squared distances have a zero gradient: a
    stationary point.
    """
    from dmljax.losses.distances import squared_distances

    same = jnp.asarray(np.array([[1, 1, 0], [1, 1, 0], [0, 0, 1]], bool)) & ~jnp.eye(3, dtype=bool)
    other = ~same & ~jnp.eye(3, dtype=bool)

    def total(e):
        return batch_hard(squared_distances(e, e), same, other, margin=0.7)[0].sum()

    value, gradient = jax.value_and_grad(total)(jnp.ones((3, 4)))
    assert value == pytest.approx(2 * 0.7) and not np.asarray(gradient).any()


def test_an_unknown_link():
    with pytest.raises(ValueError, match="hinge, softplus, none"):
        batch_hard(jnp.ones((1, 1)), jnp.ones((1, 1), bool), jnp.ones((1, 1), bool), margin=0.1, link="relu")


def test_a_margin_below_zero_is_refused():
    mask = jnp.ones((2, 2), bool)
    with pytest.raises(ValueError, match="margin must be at least 0, got -0.2"):
        batch_hard(jnp.ones((2, 2)), mask, mask, margin=-0.2)
