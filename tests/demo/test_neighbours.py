"""The nearest people against loops over all images, and which training images are among them."""

import numpy as np
import pytest
from PIL import Image

from dmljax.data import images
from dmljax.demo import training_side
from dmljax.demo.neighbours import nearest
from dmljax.runs import sides
from dmljax.runs.trained import open_run
from dmljax.types import UserError

pytestmark = pytest.mark.usefixtures("standard_promotion")


def by_loops(embedding, others, people, count):
    best = {}
    for k, other in enumerate(others):
        distance = sum((float(a) - float(b)) ** 2 for a, b in zip(embedding, other)) ** 0.5
        who = f"image {k}" if people[k] < 0 else int(people[k])
        if who not in best or distance < best[who][0]:
            best[who] = (distance, k)
    found = sorted(best.values())[:count]
    return [k for _, k in found], [distance for distance, _ in found]


@pytest.mark.parametrize("count", [1, 5, 40])
@pytest.mark.parametrize("known", [0.0, 0.7, 1.0])
def test_the_nearest_people(rng, count, known):
    others = rng.normal(size=(60, 7)).astype(np.float32) * rng.uniform(0.2, 2, (1, 7)).astype(np.float32)
    people = np.where(rng.random(60) < known, rng.integers(0, 9, 60), -1)
    embedding = rng.normal(0.3, 1, 7).astype(np.float32)
    numbers, distances = nearest(embedding, others, people, count)
    expected_numbers, expected_distances = by_loops(embedding, others, people, count)
    assert numbers.tolist() == expected_numbers
    np.testing.assert_allclose(distances, expected_distances, rtol=1e-5)


def test_of_equal_distances_the_first_image_counts():
    others = np.array([[2.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 0.0]], np.float32)
    numbers, distances = nearest(np.zeros(2, np.float32), others, np.array([0, 1, 1, 2]), 5)
    assert numbers.tolist() == [1, 3, 0] and distances.tolist() == [1.0, 1.0, 2.0]


@pytest.fixture(scope="module")
def opened(run):
    return open_run(run, progress=False)


def test_training_images_and_no_others(run, model, opened):
    side = training_side.read(model, run, most=1000, progress=False)
    train, samples = opened.train, opened.samples
    assert side.origin == f"{len(train)} training images of 2 people of folder"
    assert side.people.tolist() == samples.identity[train].tolist()
    assert not set(side.people) & set(samples.identity[[*opened.test, *opened.validation]])
    assert side.names == [samples.identity_names[k] for k in samples.identity[train]]
    assert side.expressions == [samples.expression_names[k] for k in samples.expression[train]]
    pixels = np.stack([images.load(samples, int(k), model.image_size) for k in train])
    np.testing.assert_allclose(side.embedding, model.of_pixels(pixels).embedding, rtol=1e-5, atol=1e-6)
    assert all(text.startswith("data:image/jpeg;base64,") for text in side.shown)
    # a training image is its own neighbour
    numbers, distances = nearest(side.embedding[5], side.embedding, side.people, 5)
    assert numbers[0] == 5 and distances[0] == 0 and len(numbers) == 2


def test_of_many_images_some_are_taken_the_same_ones_each_time(run, model):
    side, again = (training_side.read(model, run, most=7, progress=False) for _ in range(2))
    assert (
        side.origin.endswith("7 training images of 2 people of folder (a random choice of 18)")
        and side.shown == again.shown
    )
    every = training_side.read(model, run, most=18, progress=False)
    places = [every.shown.index(text) for text in side.shown]
    np.testing.assert_allclose(side.embedding, every.embedding[places], rtol=1e-5, atol=1e-6)


def test_who_is_also_tested_is_left_out():
    class Samples:
        identity = np.array([0, 0, 1, 1, 2, -1, -1])

    train, test = np.array([0, 2, 4, 5]), np.array([1, 6])
    assert training_side.apart(Samples, train, test).tolist() == [2, 4, 5]


def test_images_that_cannot_be_read_are_left_out(run, model, opened, monkeypatch):
    lost = opened.samples.references[opened.train[3]]
    real = sides.Sides.boxed

    def one_broken(self, chosen, **how):
        samples = real(self, chosen, **how)
        return samples.replace(read=lambda name: b"" if name == lost else samples.read(name))

    monkeypatch.setattr(sides.Sides, "boxed", one_broken)
    side = training_side.read(model, run, most=1000, progress=False)
    assert (
        side.origin.startswith("17 training images of 2 people of folder")
        and len(side.embedding) == len(side.names) == 17
    )


def test_a_set_that_is_another_one_is_told(run, model, tmp_path):
    Image.new("RGB", (30, 30), (99, 120, 140)).save(tmp_path / "a.png")
    (tmp_path / "manifest.csv").write_text("path,expression,pose,identity\na.png,joy,0,p\n")
    with pytest.raises(UserError, match="root: none of the run's training images is in folder"):
        training_side.read(model, run, most=10, root=str(tmp_path), progress=False)
    with pytest.raises(UserError, match="root: give the place where the set lies now"):
        training_side.read(model, run, most=10, root=str(tmp_path / "nowhere"), progress=False)
