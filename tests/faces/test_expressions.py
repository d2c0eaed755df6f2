import numpy as np
import pytest

from dmljax.faces.expressions import EXPRESSIONS, PROTOTYPES, UNITS, draw_action, draw_manner

# Action units by expression, as the facial-expression literature lists them; 25 comes with parted lips.
EXPECTED = {
    "anger": {4, 5, 7, 23},
    "disgust": {9, 15, 16},
    "fear": {1, 2, 4, 5, 20, 26},
    "happiness": {6, 12},
    "neutral": set(),
    "sadness": {1, 4, 15},
    "surprise": {1, 2, 5, 26},
}


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_at_difficulty_zero_everybody_shows_the_prototype(expression, rng):
    manner = draw_manner(rng, 0.0)
    action = draw_action(rng, expression, manner, level=0.5, difficulty=0.0)
    assert {unit for unit, strength in zip(UNITS, action[0]) if strength > 0} - {25} == EXPECTED[expression]
    np.testing.assert_allclose(
        action, 0.5 * np.tile([PROTOTYPES[expression].get(u, 0.0) for u in UNITS], (2, 1))
    )


def test_a_manner_shows_in_every_picture_and_sides_differ():
    rng = np.random.default_rng(3)
    manner = draw_manner(rng, 1.0)
    neutral = np.stack([draw_action(rng, "neutral", manner, level=1, difficulty=1.0) for _ in range(40)])
    resting = manner.resting > 0.05
    assert resting.any() and (neutral.mean((0, 1))[resting] > neutral.mean((0, 1))[~resting].max()).all()
    assert (
        (np.abs(neutral[:, 0] - neutral[:, 1])[:, resting] > 0).any()
        and neutral.min() >= 0
        and neutral.max() <= 1.5
    )


def test_parts_go_missing_more_often_with_difficulty():
    def missing(difficulty):
        rng = np.random.default_rng(0)
        plain = draw_manner(rng, 0.0)
        drawn = np.stack(
            [draw_action(rng, "fear", plain, level=1, difficulty=difficulty) for _ in range(300)]
        )
        return (drawn[:, :, UNITS.index(20)].max(1) == 0).mean()

    # 0.8: no stray movement replaced it
    assert missing(0.0) == 0 and missing(1.0) == pytest.approx(0.30 * 0.8, abs=0.06)
