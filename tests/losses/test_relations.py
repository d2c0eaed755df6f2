import jax.numpy as jnp
import numpy as np
import pytest

from dmljax.losses.relations import class_relation, identity_relation, pose_relation


@pytest.mark.parametrize("relation", [pose_relation, identity_relation])
def test_against_the_definition(rng, relation):
    e, f, re, rf = (rng.integers(-1, 3, n) for n in (9, 9, 14, 14))
    positive, negative = relation(*(jnp.int32(x) for x in (e, f, re, rf)))
    for a in range(9):
        for r in range(14):
            known = min(e[a], f[a], re[r], rf[r]) >= 0
            assert positive[a, r] == (known and e[a] == re[r] and f[a] != rf[r])
            assert negative[a, r] == (known and e[a] != re[r] and f[a] == rf[r])


def test_a_class_alone_against_the_definition(rng):
    label, reference, first = rng.integers(-1, 3, 9), rng.integers(-1, 3, 14), 4
    reference[first : first + 9] = label  # the anchors are rows 4 to 12
    positive, negative = class_relation(jnp.int32(label), jnp.int32(reference), first=first)
    for a in range(9):
        for r in range(14):
            known = min(label[a], reference[r]) >= 0
            assert positive[a, r] == (known and label[a] == reference[r] and r != first + a)
            assert negative[a, r] == (known and label[a] != reference[r])


def test_a_class_alone_among_other_images():
    """No row of a gallery is the anchor itself, whatever its number."""
    label, gallery = jnp.array([0, 1, -1]), jnp.array([0, 1, 2, 0, -1])
    positive, negative = class_relation(label, gallery)
    assert positive.astype(int).tolist() == [[1, 0, 0, 1, 0], [0, 1, 0, 0, 0], [0] * 5]
    assert negative.astype(int).tolist() == [[0, 1, 1, 0, 0], [1, 0, 1, 1, 0], [0] * 5]


def test_an_image_is_neither_positive_nor_negative_of_itself(rng):
    e, f = jnp.int32(rng.integers(0, 2, 10)), jnp.int32(rng.integers(0, 2, 10))
    positive, negative = pose_relation(e, f)
    assert not np.diag(positive).any() and not np.diag(negative).any() and not (positive & negative).any()


def test_half_given_references_are_refused():
    with pytest.raises(ValueError, match="both"):
        pose_relation(jnp.zeros(2, int), jnp.zeros(2, int), jnp.zeros(2, int))
