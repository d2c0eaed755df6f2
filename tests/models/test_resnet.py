from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dmljax.backbones import _parts, resnet
from dmljax.types import UserError


def shapes(model, size=32):
    return jax.eval_shape(
        lambda k: model.init(k, jnp.zeros((1, size, size, 3)), train=False), jax.random.key(0)
    )


def initial(model, images):
    return jax.jit(partial(model.init, train=False))(jax.random.key(0), images)


def loss_and_gradient(model, variables, images):
    """Of the sum of the features' squares, in training."""

    def loss(params):
        apply = partial(model.apply, train=True, mutable=["batch_stats"])
        return (apply({**variables, "params": params}, images)[0] ** 2).sum()

    return jax.jit(jax.value_and_grad(loss))(variables["params"])


# Published counts without the 1000-class layer: 11,689,512 - 513,000 and so on.
@pytest.mark.parametrize(
    ("depth", "count", "features"),
    [(18, 11_176_512, 512), (34, 21_284_672, 512), (50, 23_508_032, 2048), (101, 42_500_160, 2048)],
)
def test_published_parameter_counts(depth, count, features):
    model = resnet.build(depth=depth)
    variables = shapes(model)
    assert sum(x.size for x in jax.tree.leaves(variables["params"])) == count
    out = jax.eval_shape(lambda v: model.apply(v, jnp.zeros((2, 64, 32, 3)), train=False), variables)
    assert out.shape == (2, features) and out.dtype == jnp.float32


def test_the_stride_of_a_bottleneck_is_in_its_3x3(rng):
    """Version 1.5. With the shortcut and all but one path silenced, the block sees every row of its input."""
    model = resnet.build(depth=50, width=4, stages=(1, 1), convolution="xla")
    variables = shapes(model)
    kernels = variables["params"]["stage2_block1"]
    assert kernels["conv1"]["kernel"].shape == (1, 1, 16, 8) and kernels["conv2"]["kernel"].shape == (
        3,
        3,
        8,
        8,
    )
    seen = []
    jaxpr = jax.make_jaxpr(lambda v: model.apply(v, jnp.zeros((1, 32, 32, 3)), train=False))(variables)
    for equation in jaxpr.jaxpr.eqns:
        if equation.primitive.name == "conv_general_dilated":
            seen.append(
                (
                    equation.invars[1].aval.shape[0],
                    equation.params["window_strides"],
                    equation.params["padding"],
                )
            )
    assert (3, (2, 2), ((1, 1), (1, 1))) in seen and (7, (2, 2), ((3, 3), (3, 3))) in seen
    # the shortcut alone
    assert [s for s in seen if s[0] == 1 and s[1] == (2, 2)] == [(1, (2, 2), ((0, 0), (0, 0)))]


@pytest.mark.parametrize(("depth", "stem"), [(18, "small"), (50, "small"), (18, "standard")])
def test_convolutions_as_matrix_products_are_convolutions(rng, depth, stem):
    images = jnp.float32(rng.normal(size=(2, 31, 24, 3)))
    xla, matmul = (
        resnet.build(depth=depth, width=4, stages=(1, 2), stem=stem, convolution=c) for c in ("xla", "matmul")
    )
    variables = initial(xla, images)
    a, b = (loss_and_gradient(model, variables, images) for model in (xla, matmul))
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-3, atol=1e-4), a, b)


def test_the_platform_decides_how_a_convolution_is_computed(rng):
    """By 'auto' a CPU gets the very program of 'matmul', and others that of 'xla', wherever it is traced."""
    images = jnp.float32(rng.normal(size=(2, 16, 16, 3)))
    auto, matmul, xla = (
        resnet.build(depth=18, width=4, stages=(1,), convolution=c) for c in ("auto", "matmul", "xla")
    )
    variables = initial(auto, images)

    def convolutions(model, platform):
        loss = jax.grad(lambda x: model.apply(variables, x, train=False).sum())
        return (
            jax.jit(loss)
            .trace(images)
            .lower(lowering_platforms=(platform,))
            .as_text()
            .count("stablehlo.convolution")
        )

    for platform, like, count in (("cpu", matmul, 2), ("cuda", xla, 6), ("tpu", xla, 6)):
        assert convolutions(auto, platform) == convolutions(like, platform) == count, platform
    a, b = (loss_and_gradient(model, variables, images) for model in (auto, matmul))
    jax.tree.map(np.testing.assert_array_equal, a, b)


def test_a_stem_that_trains_is_one_product(rng):
    """Of shifted views, with a convolution's gradients; one that does not train stays a convolution."""
    images = jnp.float32(rng.normal(size=(3, 17, 14, 3)))
    matmul, xla = (resnet.build(depth=18, width=4, stages=(1,), convolution=c) for c in ("matmul", "xla"))
    variables = initial(matmul, images)

    def gradient(model, train):
        def loss(params):
            found, _ = model.apply(variables | {"params": params}, images, train=train, mutable="batch_stats")
            return jnp.sin(found).sum()

        return jax.jit(jax.grad(loss))

    lowered = lambda train: gradient(matmul, train).lower(variables["params"]).as_text()
    assert [lowered(train).count("stablehlo.convolution") for train in (True, False)] == [0, 2]
    a, b = (gradient(model, True)(variables["params"]) for model in (matmul, xla))
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-3, atol=1e-4), a, b)


@pytest.mark.parametrize("method", _parts.CONVOLUTIONS)
@pytest.mark.parametrize(
    ("height", "width", "before"), [(7, 4, 1), (6, 5, 1), (1, 2, 1), (7, 4, 0), (6, 5, 0)]
)
def test_the_stems_maximum_and_its_gradient_are_those_of_a_loop(rng, method, height, width, before):
    x, weights = (
        rng.normal(size=(2, height, width, 3)),
        rng.normal(size=(2, (height + before) // 2, (width + before) // 2, 3)),
    )
    largest, gradient = np.empty_like(weights), np.zeros_like(x)
    for at in np.ndindex(*weights.shape):
        n, row, column, c = at
        rows, columns = (
            range(max(0, 2 * k - before), min(size, 2 * k - before + 3))
            for k, size in ((row, height), (column, width))
        )
        best = max(((r, s) for r in rows for s in columns), key=lambda p: x[n, p[0], p[1], c])
        largest[at] = x[n, best[0], best[1], c]
        gradient[n, best[0], best[1], c] += weights[at]
    found, pull = jax.vjp(lambda x: _parts.maximum_of_3x3(x, method, before=before), jnp.float32(x))
    np.testing.assert_allclose(found, largest, rtol=1e-6)
    np.testing.assert_allclose(pull(jnp.float32(weights))[0], gradient, rtol=1e-5, atol=1e-6)


def test_rematerialisation_changes_nothing(rng):
    images = jnp.float32(rng.normal(size=(2, 24, 24, 3)))
    plain, saving = (resnet.build(depth=18, width=4, stages=(1, 1), remat=r) for r in (False, True))
    variables = initial(plain, images)
    a, b = (loss_and_gradient(model, variables, images) for model in (plain, saving))
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-5), a, b)


def test_bfloat16_activations_keep_float32_parameters_and_features(rng):
    model = resnet.build(depth=18, width=4, stages=(1,), dtype=jnp.bfloat16)
    train = {"train": True, "mutable": ["batch_stats"]}
    images = jnp.float32(rng.normal(size=(2, 24, 24, 3)))
    with jax.numpy_dtype_promotion("standard"):
        variables = initial(model, images)
    assert all(x.dtype == jnp.float32 for x in jax.tree.leaves(variables))
    with jax.numpy_dtype_promotion("standard"):  # BatchNorm normalises bfloat16 by float32 statistics
        out, _ = jax.jit(partial(model.apply, **train))(variables, images)
    whole = resnet.build(depth=18, width=4, stages=(1,))
    full, _ = jax.jit(partial(whole.apply, **train))(variables, images)
    assert out.dtype == jnp.float32
    np.testing.assert_allclose(out, full, rtol=0.05, atol=0.05)


@pytest.mark.parametrize("bad", [{"depth": 19}, {"width": 0}, {"stages": (1, 0)}, {"stem": "tiny"}])
def test_bad_fields(bad):
    with pytest.raises(UserError, match="backbone.resnet"):
        resnet.build(**bad)


def test_all_scales_are_the_pooled_stages_side_by_side(rng):
    images = jnp.float32(rng.normal(size=(2, 24, 24, 3)))
    last, every = (
        resnet.build(depth=18, width=4, stages=(1, 1, 1), stem="small", scales=s) for s in ("last", "all")
    )
    variables = initial(last, images)
    apply = lambda model, held: jax.jit(partial(model.apply, train=False))(held, images)
    found = apply(every, variables)
    first = resnet.build(depth=18, width=4, stages=(1,), stem="small")
    kept = {c: {k: v for k, v in variables[c].items() if "stem" in k or "stage1" in k} for c in variables}
    assert found.shape == (2, 4 + 8 + 16)
    np.testing.assert_allclose(found[:, -16:], apply(last, variables), rtol=1e-6)
    np.testing.assert_allclose(found[:, :4], apply(first, kept), rtol=1e-6)


def test_stochastic_depth_drops_the_residual_of_whole_images():
    """Of an image whose residuals are all dropped the shortcut alone is left; in evaluation nothing is."""
    images = jnp.float32(np.random.default_rng(0).normal(size=(16, 16, 16, 3)))
    plain, deep = (
        resnet.build(depth=18, width=4, stages=(1,), zero_init_residual=False, stochastic_depth=rate)
        for rate in (0.0, 0.5)
    )
    variables = jax.jit(partial(plain.init, train=False))(jax.random.key(0), images)
    run = jax.jit(
        lambda net, train, key: net.apply(
            variables, images, train=train, mutable=["batch_stats"], rngs={"dropout": key}
        )[0],
        static_argnums=(0, 1),
    )
    key = jax.random.key(3)
    assert np.array_equal(run(plain, False, key), run(deep, False, key))
    whole, found = run(plain, True, key), run(deep, True, key)
    changed = [not np.allclose(a, b) for a, b in zip(whole, found)]
    assert all(changed)  # what is kept is doubled, so that the mean stays
    dropped = [np.allclose(a, b) for a, b in zip(found, run(deep, True, jax.random.key(4)))]
    assert 0 < sum(dropped) < 16  # other images' are dropped by another key
    with pytest.raises(UserError, match="backbone.resnet.stochastic_depth must be at least 0 and below 1"):
        resnet.build(stochastic_depth=1.0)
