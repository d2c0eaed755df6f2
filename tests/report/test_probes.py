import numpy as np
import pytest

from dmljax.report import probes


@pytest.fixture
def made(rng):
    """20 people x 3 expressions x 4 images: three axes tell the expression, the others the person."""
    people, expression = (
        part.ravel() for part in np.meshgrid(np.arange(20), np.repeat(np.arange(3), 4), indexing="ij")
    )
    features = rng.standard_normal((240, 24)) * 0.3
    features[:, :3] += 3 * np.eye(3)[expression]
    features[:, 3:] += 2 * rng.standard_normal((20, 21))[people]
    return features.astype(np.float32), expression, people


def loops(features, labels):
    """Definitions of the retrieval measures, query by query."""
    totals = np.zeros(3)
    queries = 0
    for q in range(len(labels)):
        others = sorted(
            (k for k in range(len(labels)) if k != q),
            key=lambda k: ((features[q].astype(float) - features[k]) ** 2).sum(),
        )
        count = sum(labels[k] == labels[q] for k in others)
        if count == 0:
            continue
        hits = [labels[k] == labels[q] for k in others[:count]]
        totals += [
            hits[0],
            sum(hits) / count,
            sum(sum(hits[: i + 1]) / (i + 1) for i in range(count) if hits[i]) / count,
        ]
        queries += 1
    return totals / queries


def test_retrieval_against_loops(rng):
    features, labels = rng.standard_normal((40, 5)).astype(np.float32), rng.integers(0, 6, 40)
    labels[0] = 9  # alone in its class: no query
    found = probes.retrieval(features, labels)
    np.testing.assert_allclose(
        [found["P@1"], found["R-precision"], found["MAP@R"]], loops(features, labels), rtol=1e-6
    )


def test_perfect_and_hopeless_neighbours():
    labels = np.repeat([0, 1], 5)
    assert probes.retrieval(
        np.where(labels == 0, 0.0, 9.0)[:, None] + np.arange(10)[:, None] * 1e-3, labels
    ) == {"P@1": 1.0, "R-precision": 1.0, "MAP@R": 1.0}
    interleaved = np.array([0.0, 100, 200, 1, 101, 201])  # each one's nearest is of the other class
    assert probes.retrieval(interleaved[:, None], np.array([0, 0, 0, 1, 1, 1]))["P@1"] == 0.0


@pytest.mark.parametrize("kind", ["linear", "neighbours"])
def test_probes_find_what_is_there(made, kind):
    features, expression, people = made
    assert probes.probe(features, expression, people, kind=kind).mean() > 0.97
    assert probes.probe(features, people, None, kind=kind).mean() > 0.9
    shuffled = np.random.default_rng(3).permutation(features)
    assert probes.probe(shuffled, expression, people, kind=kind).mean() < 0.5
    assert probes.probe(shuffled, people, None, kind=kind).mean() < 0.2


def test_people_are_not_on_both_sides(rng):
    """A label that is the person in disguise cannot be read off people who were never seen."""
    people = np.repeat(np.arange(30), 8)
    label = (people * 7 % 3).astype(int)
    features = np.eye(30, dtype=np.float32)[people] + 0.01 * rng.standard_normal((240, 30)).astype(np.float32)
    assert probes.probe(features, label, people, kind="neighbours").mean() < 0.6
    assert probes.probe(features, label, None, kind="neighbours").mean() == 1.0


def test_the_audit_has_a_row_for_each_space_and_known_label(made):
    features, expression, people = made
    labels = {"expression": expression, "pose": np.full(240, -1), "identity": people}
    rows = probes.audit({"f2": features, "embedding": features[:, :3]}, labels)
    assert [(row["space"], row["label"]) for row in rows] == [
        ("f2", "expression"),
        ("f2", "identity"),
        ("embedding", "expression"),
        ("embedding", "identity"),
    ]
    assert rows[0]["chance"] == pytest.approx(1 / 3) and rows[1]["chance"] == pytest.approx(1 / 20)
    assert rows[3]["linear"] < 0.3 < 0.9 < rows[1]["linear"]  # the first axes alone hide the person
    for row in rows:
        assert row["linear_low"] <= row["linear"] <= row["linear_high"] and -1 <= row["silhouette"] <= 1


@pytest.mark.parametrize(
    ("people", "each"), [(1, 6), (2, 1), (2, 3), (3, 2), (3, 5), (6, 1), (6, 2), (15, 1)]
)
@pytest.mark.filterwarnings("error")
def test_small_sets_are_probed_as_far_as_they_go(people, each, rng):
    """Fewer images than neighbours, one image a person: rows that would need more are left out."""
    who = np.repeat(np.arange(people), each)
    labels = {"expression": np.arange(len(who)) % 3, "pose": np.zeros(len(who), int), "identity": who}
    rows = probes.audit({"f2": rng.standard_normal((len(who), 4))}, labels)
    expected = {
        (3, 5): ["expression", "identity"],
        (6, 2): ["expression", "identity"],
        (15, 1): ["expression"],
    }
    assert [row["label"] for row in rows] == expected.get((people, each), [])
    for row in rows:
        assert np.isfinite([row[key] for key in ("linear", "neighbours", "MAP@R", "silhouette")]).all()


def test_retrieval_far_from_the_origin(made):
    """The same points, moved away together, have the same neighbours."""
    features, expression, _ = made
    moved = (features + np.float32(3000)).astype(np.float32)
    exact = loops(moved.astype(np.float64), expression)
    found = probes.retrieval(moved, expression)
    np.testing.assert_allclose(list(found.values()), exact, atol=1e-12)
