"""Where gradients cancel or vanish: weights are bounded, steady, those that are stated, and told."""

import numpy as np
import pytest
from scipy.optimize import least_squares

from tests.weightings.solving import at_once, told, weights

CANCELLING = {
    "two opposite": [[1, 0, 0, 0], [-1, 0, 0, 0]],
    "two opposite of unlike lengths": [[1, 0, 0, 0], [-3e-4, 0, 0, 0]],
    "two opposite and one aside": [[1, 2, 0, 0], [-2, -4, 0, 0], [0, 0, 1, 0]],
    "three in a plane": [[1, 0, 0, 0], [-0.5, 0.9, 0, 0], [-0.7, -0.8, 0, 0]],
    "three in a plane and two aside": [
        [1, 0, 0, 0],
        [-0.5, 0.9, 0, 0],
        [-0.7, -0.8, 0, 0],
        [0.3, 0.1, 1, 0],
        [0.1, 0.2, 0.5, 2],
    ],
    "six in a space": [
        [1, 0, 0.2, 0],
        [-0.9, 0.3, 0, 0],
        [0.1, -1, 0, 0],
        [0, 1, 2, 0],
        [1, 0, -1, 0],
        [0, 0, -1, 0],
    ],
    "eight, each and its opposite": [[1, 0, 0, 0], [0, 2, 0, 0], [0, 0, 0.1, 0], [0, 0, 0, 1]],
}
CANCELLING["eight, each and its opposite"] += [
    [-x for x in row] for row in CANCELLING["eight, each and its opposite"]
]


@pytest.mark.parametrize("name", ["nash_mtl", "fairgrad", "imtl_g", "aligned_mtl", "config_mtl", "cagrad"])
@pytest.mark.parametrize("rows", CANCELLING.values(), ids=CANCELLING)
def test_gradients_that_cancel_have_weights_for_heads(name, rows):
    """Heads get these weights as they are: about 200 at most for gradients of one length, and more only as
    far as a gradient is shorter.
    """
    rows = np.array(rows, float)
    lengths = np.linalg.norm(rows, axis=1)
    found = weights(name, rows)
    assert np.isfinite(found).all()
    shorter = np.maximum(np.sqrt((lengths**2).mean()) / lengths, 1)
    assert (np.abs(found) <= 300 * shorter ** (4 / 3)).all()


def fair_weights(rows, alpha, near):
    """(weights in float64 of the equation that `balanced` states, c): its only root, sought from `near`."""
    gram = rows @ rows.T
    gram = gram / np.diag(gram).mean()
    most = 100 * np.diag(gram) ** (-alpha / (alpha + 1))

    def short(logs):
        w, left = np.exp(logs), np.zeros(len(rows))
        for k in range(len(rows)):
            for other in range(len(rows)):
                left[k] += gram[k, other] * w[other]
            left[k] += (most[k] / 100) ** (-1 / alpha) * max(w[k] / most[k] - 1, 0) ** 3
        return left * w ** (1 / alpha) - 1

    found = least_squares(short, np.log(near), xtol=1e-15, ftol=1e-15, gtol=1e-15)
    assert abs(found.fun).max() < 1e-6
    return np.exp(found.x), most


@pytest.mark.parametrize(("name", "alpha"), [("nash_mtl", 1.0), ("fairgrad", 2.0)])
@pytest.mark.parametrize("rows", CANCELLING.values(), ids=CANCELLING)
def test_gradients_that_cancel_have_the_weights_that_are_stated(name, alpha, rows):
    rows = np.array(rows, float)
    found = weights(name, rows)
    expected, most = fair_weights(rows, alpha, found)
    assert (expected > most).any()
    # float32 knows a sum that cancels to a hundred-thousandth of what is summed
    np.testing.assert_allclose(found, expected, rtol=2e-2)
    assert told(name, rows)


@pytest.mark.parametrize("name", ["nash_mtl", "fairgrad"])
def test_fair_weights_grow_steadily_to_where_there_are_none(name):
    """Two gradients that open to a line: no weight jumps, and where the rule has no answer is told."""
    angles = np.linspace(np.radians(165), np.radians(180), 400)
    found, instead = at_once(
        name, [np.array([[1.0, 0.0], [2 * np.cos(angle), 2 * np.sin(angle)]]) for angle in angles]
    )
    assert (np.abs(np.diff(np.log(found), axis=0)) < 0.1).all()
    assert not instead[0] and instead[-1] and (np.diff(instead.astype(int)) >= 0).all()


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("imtl_g", [[1.0, 0.5], [-2.0, -1.0]]),
        ("cagrad", CANCELLING["three in a plane and two aside"]),
    ],
)
def test_it_is_told_where_a_rule_has_no_answer(name, rows):
    assert told(name, np.array(rows))
    assert not told(name, np.array([[1.0, 0.5], [-1.0, 0.7]]))


# Exact solvers on gradients of every kind: lengths up to 100,000 apart, gradients that depend on one another,
# gradients that are opposite, and as many that lie in half as many dimensions.


@pytest.mark.parametrize("alpha", [0.5, 0.7, 1.0, 2.0, 5.0, 10.0])
@pytest.mark.parametrize("ratio", [1.0, 1e3, 1e5])
def test_fair_weights_for_every_alpha(alpha, ratio, rng):
    """(G w)_k w_k^(1/alpha) is the same, also far from where the search begins; 300 sets."""
    given = []
    for _ in range(300):
        rows = rng.standard_normal((4, 12))
        lengths = rng.permutation(ratio ** -np.linspace(0, 1, 4))
        given.append(rows * (lengths / np.linalg.norm(rows, axis=1))[:, None])
    found, instead = at_once("fairgrad", given, alpha=alpha)
    assert not instead.all()
    for rows, w, replaced in zip(given, found, instead):
        product = (rows @ rows.T @ w) * w ** (1 / alpha)
        if not replaced:
            np.testing.assert_allclose(product, product.mean(), rtol=1e-2)


def step_beside(name, gradient, length):
    """The step of two given tasks and a third, whose gradient has this length."""
    rows = np.array([[1.0, 0.2, 0.0, 0.0], [-0.3, 0.8, 0.5, 0.0], gradient])
    rows[2] *= length / np.linalg.norm(rows[2])
    return weights(name, rows) @ rows


@pytest.mark.parametrize(
    ("name", "nears"),
    [
        *((name, "the step without it") for name in ("upgrad", "dualproj")),
        *((name, "zero") for name in ("mgda", "imtl_g", "aligned_mtl")),
        *((name, "where it points") for name in ("cagrad", "nash_mtl", "fairgrad", "config_mtl")),
    ],
)
def test_the_step_where_a_gradient_vanishes(name, nears):
    """Below a millionth of the longest a task is left out; what the step nears from above."""
    one, other = [-0.9, -0.1, 0.1, 0.4], [0.1, -0.9, -0.4, 0.2]
    without = step_beside(name, one, 5e-7)
    assert np.linalg.norm(without) > 0.1
    np.testing.assert_allclose(step_beside(name, other, 5e-7), without, atol=1e-5)
    short, turned = step_beside(name, one, 2e-6), step_beside(name, other, 2e-6)
    if nears == "the step without it":
        np.testing.assert_allclose([short, turned], [without, without], atol=1e-4)
    elif nears == "zero":
        assert max(np.linalg.norm(short), np.linalg.norm(turned)) < 1e-4
    else:
        assert np.linalg.norm(short - turned) > 0.1
