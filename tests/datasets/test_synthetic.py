import numpy as np
import pytest

from dmljax.datasets import synthetic
from dmljax.types import UserError


def test_labels_are_independent_by_construction():
    samples = synthetic.samples(identities=3, images=2)
    cells = np.stack([samples.expression, samples.pose, samples.identity])
    unique, counts = np.unique(cells, axis=1, return_counts=True)
    assert unique.shape[1] == 7 * 5 * 3 and set(counts) == {2}


def test_a_drawing_depends_on_its_reference_and_the_seed_alone():
    fields = {"size": 32, "noise": 4.0, "difficulty": 0.5}
    one = synthetic.draw(1, 2, 3, 0, seed=0, **fields)
    assert one.shape == (32, 32, 3) and one.dtype == np.uint8
    assert np.array_equal(one, synthetic.draw(1, 2, 3, 0, seed=0, **fields))
    assert not np.array_equal(one, synthetic.draw(1, 2, 3, 0, seed=1, **fields))


def test_the_nose_points_to_the_right_of_the_image_at_positive_yaw():
    """Without noise, hue of the background aside, eyes (the brightest spots of the face) lie on the side of the nose."""
    def eye_column(where):
        columns = []
        for who in range(12):
            image = synthetic.draw(who, 6, where, 0, size=64, noise=0.0, difficulty=0.0, seed=0).astype(float)
            white = (image.min(2) > 170) & (np.ptp(image, axis=2) < 25)
            columns += list(np.nonzero(white[10:40])[1])
        return np.mean(columns)

    assert eye_column(1) < eye_column(2) - 3 and eye_column(3) > eye_column(2) + 3


@pytest.mark.parametrize(("field", "value"), [("identities", 0), ("size", 8), ("noise", -1.0), ("difficulty", 1.5), ("images", 0)])
def test_fields_out_of_range(field, value):
    with pytest.raises(UserError, match=f"synthetic: {field} must be from"):
        synthetic.samples(**{field: value})
