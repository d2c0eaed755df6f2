import numpy as np
import pytest

from dmljax.runs.annotate import clusters


def people(rng, sizes=(9, 14, 6)):
    """Directions of three people, of unlike lengths, with a little noise."""
    centres = np.linalg.qr(rng.standard_normal((8, 8)))[0][: len(sizes)]
    rows = np.concatenate(
        [centre + 0.1 * rng.standard_normal((size, 8)) for centre, size in zip(centres, sizes)]
    )
    return rows * rng.uniform(0.5, 5, (len(rows), 1)), np.repeat(np.arange(len(sizes)), sizes)


def test_people_are_found_the_largest_first(rng):
    features, truth = people(rng)
    for how in ({"people": 3, "distance": 0.0}, {"people": 0, "distance": 0.5}):
        found, sure = clusters(features, **how)
        assert np.array_equal(found, np.array([1, 0, 2])[truth]) and np.bincount(found).tolist() == [14, 9, 6]
        assert sure.min() > 0.75 and sure.max() <= 1


def test_one_between_two_people_is_unsure(rng):
    features, truth = people(rng)
    between = features[truth == 0].mean(0) / np.linalg.norm(features[truth == 0].mean(0)) + features[
        truth == 1
    ].mean(0) / np.linalg.norm(features[truth == 1].mean(0))
    _, sure = clusters(np.concatenate([features, between[None]]), people=3, distance=0)
    assert sure.argmin() == len(features) and sure[-1] < 0.75


def test_one_cluster_says_nothing_about_how_sure_it_is(rng):
    found, sure = clusters(people(rng)[0], people=1, distance=0)
    assert not found.any() and (sure == 0.5).all()


@pytest.mark.parametrize("count", [1, 0])
def test_one_image_is_one_person(count):
    found, sure = clusters(np.ones((1, 4), np.float32), people=count, distance=0.3)
    assert found.tolist() == [0] and sure.tolist() == [0.5]
