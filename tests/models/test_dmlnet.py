from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dmljax.backbones import resnet
from dmljax.models.dmlnet import DMLNet
from dmljax.models.regions import cut, normalise, standardise
from dmljax.types import IMAGENET

BACKBONE = partial(resnet.build, depth=18, width=4, stages=(1, 1))


def build(**fields):
    return DMLNet(BACKBONE, 7, fields.pop("poses", 5), fused=12, embedding=6, hidden=8, **fields)


def create(net, key):
    return net.init(key, jnp.zeros((1, 24, 24, 3)), train=False)


@cache
def initial(net):
    return jax.jit(partial(create, net))(jax.random.key(0))


def shapes(net):
    return jax.eval_shape(partial(create, net), jax.random.key(0))


def test_standardise_against_the_definition(rng):
    images = rng.integers(0, 256, (3, 5, 4, 3)).astype(np.uint8)
    images[1] = 77
    found = standardise(jnp.asarray(images))
    for image, one in zip(images.astype(float), found):
        np.testing.assert_allclose(one, (image - image.mean()) / max(image.std(), 1 / 60**0.5), atol=2e-4)


def test_regions_are_the_outer_thirds():
    images = jnp.arange(2 * 7 * 4 * 1, dtype=jnp.float32).reshape(2, 7, 4, 1)
    assert np.array_equal(cut(images, "eyes"), images[:, :2]) and np.array_equal(
        cut(images, "mouth"), images[:, 5:]
    )
    assert cut(images, "mouth", stretch=True).shape == images.shape and cut(images, "face") is images
    with pytest.raises(ValueError, match="face, eyes, mouth"):
        cut(images, "nose")


def test_fusion_and_embedding_by_hand(rng):
    """Algorithm 2 from the captured features of the branches."""
    net = build()
    images = rng.integers(0, 256, (3, 24, 24, 3)).astype(np.uint8)
    variables = initial(net)
    capture = {"train": False, "capture_intermediates": True, "mutable": ["intermediates"]}
    out, seen = jax.jit(partial(net.apply, **capture))(variables, jnp.asarray(images))
    v1, v2, v3 = (
        np.asarray(seen["intermediates"]["trunk"][r]["__call__"][0], np.float64)
        for r in ("face", "eyes", "mouth")
    )
    p = jax.tree.map(lambda x: np.asarray(x, np.float64), variables["params"])
    relu = lambda x: np.maximum(x, 0)
    dense = lambda x, q: x @ q["kernel"] + q["bias"]
    f1 = relu(dense(np.concatenate([v2, v3], 1), p["trunk"]["fusion"]["local"]))
    f2 = relu(dense(np.concatenate([v1, f1], 1), p["trunk"]["fusion"]["whole"]))
    e = dense(f2, p["trunk"]["embedding"])
    np.testing.assert_allclose(out.fused, f2, atol=1e-5)
    np.testing.assert_allclose(out.embedding, e, atol=1e-5)
    head = p["expression_head"]
    np.testing.assert_allclose(
        out.expression_logits, dense(relu(dense(e, head["Dense_0"])), head["Dense_1"]), atol=1e-6
    )


def test_initial_deviations_of_table_1():
    net = DMLNet(BACKBONE, 300, 300, fused=256, embedding=128, hidden=128)
    p = initial(net)["params"]
    for kernel in (
        p["trunk"]["fusion"]["local"],
        p["trunk"]["embedding"],
        p["expression_head"]["Dense_0"],
        p["pose_head"]["Dense_0"],
    ):
        assert np.std(kernel["kernel"]) == pytest.approx(0.04, rel=0.1) and not kernel["bias"].any()
    for head in ("expression_head", "pose_head"):
        assert np.std(p[head]["Dense_1"]["kernel"]) == pytest.approx(1 / 512, rel=0.1)


@pytest.mark.parametrize("branches", [("face",), ("face", "eyes", "mouth"), ("mouth",), ("face", "mouth")])
def test_branches_can_be_taken_away(branches):
    net = build(branches=branches)
    params = shapes(net)["params"]["trunk"]
    assert {r for r in ("face", "eyes", "mouth") if r in params} == set(branches)
    assert ("local" in params["fusion"]) == (branches != ("face",))


def test_without_a_pose_head():
    net = build(poses=0)
    variables = shapes(net)
    assert "pose_head" not in variables["params"]
    apply = partial(net.apply, train=False)
    assert jax.eval_shape(apply, variables, jnp.zeros((2, 24, 24, 3))).pose_logits is None


def test_batch_norm_spreads_the_embedding(rng):
    images = jnp.asarray(rng.integers(0, 256, (8, 24, 24, 3)), jnp.uint8)
    net = build(batch_norm=True)
    variables = initial(net)
    out, new = jax.jit(partial(net.apply, train=True, mutable=["batch_stats"]))(variables, images)
    np.testing.assert_allclose(np.mean(out.embedding, 0), 0, atol=1e-4)
    assert {"embedding_norm", "fusion"} <= new["batch_stats"]["trunk"].keys()


def test_brightness_and_contrast_do_not_matter(rng):
    images = jnp.float32(rng.uniform(0, 255, (2, 24, 24, 3)))
    net = build()
    variables = initial(net)
    apply = jax.jit(partial(net.apply, train=False))
    a, b = (apply(variables, x).embedding for x in (images, 0.4 * images + 30))
    np.testing.assert_allclose(a, b, atol=1e-4)


def test_normalisation_by_given_numbers(rng):
    images = rng.integers(0, 256, (2, 24, 24, 3)).astype(np.uint8)
    mean, deviation = (np.array(values) for values in IMAGENET)
    np.testing.assert_allclose(
        normalise(jnp.asarray(images), *IMAGENET), (images / 255 - mean) / deviation, atol=1e-5
    )
    plain, given = build(), build(pixels=IMAGENET)
    outputs = [jax.jit(partial(net.apply, train=False))(initial(plain), images) for net in (plain, given)]
    assert np.abs(outputs[0].embedding - outputs[1].embedding).max() > 1e-3


@pytest.mark.parametrize("seen", [("fused", "embedding"), ("embedding", "fused"), ("fused", "fused")])
def test_each_head_sees_what_its_field_says(seen, rng):
    net = build(expression_input=seen[0], pose_input=seen[1])
    images = rng.integers(0, 256, (3, 24, 24, 3)).astype(np.uint8)
    out = jax.jit(partial(net.apply, train=False))(variables := initial(net), images)
    features = {"embedding": np.asarray(out.embedding), "fused": np.asarray(out.fused)}
    heads = ("expression_head", "pose_head")
    for head, logits, which in zip(heads, (out.expression_logits, out.pose_logits), seen):
        layers = jax.tree.map(np.asarray, variables["params"][head])
        hidden = features[which] @ layers["Dense_0"]["kernel"] + layers["Dense_0"]["bias"]
        expected = np.maximum(hidden, 0) @ layers["Dense_1"]["kernel"] + layers["Dense_1"]["bias"]
        np.testing.assert_allclose(logits, expected, atol=1e-5)


def test_dropout_works_in_training_alone(rng):
    net, plain = build(dropout=0.5), build()
    images = rng.integers(0, 256, (3, 24, 24, 3)).astype(np.uint8)
    variables = initial(plain)
    assert jax.tree.structure(variables) == jax.tree.structure(shapes(net))
    for train in (False, True):
        found = [
            jax.jit(partial(one.apply, train=train, mutable=["batch_stats"]))(
                variables, images, rngs={"dropout": jax.random.key(key)}
            )[0]
            for one, key in ((net, 0), (net, 1), (plain, 0))
        ]
        logits = [np.asarray(outputs.expression_logits) for outputs in found]
        assert np.array_equal(found[0].embedding, found[2].embedding)
        same = [np.array_equal(a, b) for a, b in ((logits[0], logits[1]), (logits[0], logits[2]))]
        assert same == [not train, not train]
