"""What is kept while the rest learns stays bit for bit, and has no gradient."""

from functools import cache, partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict

from dmljax import plugins
from dmljax.backbones import densenet, efficientnet_lite, resnet
from dmljax.models.dmlnet import DMLNet
from dmljax.training import finetune, optimizer
from dmljax.types import UserError

pytestmark = pytest.mark.usefixtures("standard_promotion")


class Block(nn.Module):
    """A layer and its BatchNorm."""

    @nn.compact
    def __call__(self, x, *, train):
        return nn.BatchNorm(use_running_average=not train, name="norm")(nn.Dense(3, name="dense")(x))


class Branch(nn.Module):
    """Three of them on the mean pixel, quick to compile."""

    @nn.compact
    def __call__(self, images, *, train):
        x = images.mean((1, 2))
        for name in ("stem", "stage1_block1", "stage2_block1"):
            x = Block(name=name)(x, train=train)
        return x


STAGES = {"stem": ("stem",), "stage1": ("stage1_block1",), "stage2": ("stage2_block1",)}
STEM = {("trunk", "face", "stem", "dense", "kernel"), ("trunk", "face", "stem", "norm", "scale")}


@cache
def network():
    """A network of one branch with BatchNorm in fusion too, and its first variables."""
    net = DMLNet(Branch, 3, 0, branches=("face",), fused=4, embedding=4, hidden=4, batch_norm=True)
    images = jnp.float32(np.random.default_rng(0).normal(size=(6, 16, 16, 3)))
    with jax.numpy_dtype_promotion("standard"):
        return net, jax.jit(partial(net.init, train=False))(jax.random.key(0), images), images


@cache
def step_of(held):
    """A compiled optimizer step on a loss of the outputs: (params, stats, state, step) -> the next ones, and
    the gradient.
    """
    net, _, images = network()
    made = optimizer.build(learning_rate=0.05, weight_decay=0.1, held=held)

    def loss(params, stats, step):
        params = finetune.without_gradient(params, held, step)
        with finetune.normalising(held, step):
            out, new = net.apply(
                {"params": params, "batch_stats": stats}, images, train=True, mutable=["batch_stats"]
            )
        moved = finetune.statistics(new["batch_stats"], stats, held, step)
        return (out.embedding**2).sum() + (out.expression_logits**2).sum() + out.fused.sum(), moved

    def step(params, stats, state, number):
        gradient, stats = jax.grad(loss, has_aux=True)(params, stats, number)
        on = {group: jnp.bool_(True) for group in params}
        params, state, norm = made.update(gradient, state, params, number, on)
        return (params, stats, state), gradient, norm

    return made, jax.jit(step)


def trained(held, steps):
    """(params and statistics by path after each step, the last gradient by path, the state)."""
    _, variables, _ = network()
    made, step = step_of(held)
    carried = variables["params"], variables["batch_stats"], jax.jit(made.init)(variables["params"])
    found = [flatten_dict({"params": carried[0], "batch_stats": carried[1]})]
    for number in range(steps):
        carried, gradient, _ = step(*carried, jnp.int32(number))
        found.append(flatten_dict({"params": carried[0], "batch_stats": carried[1]}))
    return found, flatten_dict(gradient), carried[2]


def changed(before, after):
    return {path for path in before if not np.array_equal(before[path], after[path])}


def held_of(**options):
    return finetune.kept(network()[1], STAGES, **options)


def belongs(path, *modules):
    return path[1:3] == ("trunk", "face") and path[3] in modules


def test_nothing_is_kept_without_being_asked_for():
    assert not held_of()
    assert finetune.factors(STAGES, ("face",), 1.0) == {}


def test_frozen_stages_stay_bit_for_bit_and_have_no_gradient():
    held = held_of(frozen=("stem", "stage1"))
    (before, _, after), gradient, _ = trained(held, 2)
    kept = {path for path in before if belongs(path, "stem", "stage1_block1")}
    assert len(kept) == 12 and STEM <= held.always
    assert changed(before, after) == before.keys() - kept
    for path, array in gradient.items():
        assert bool(np.any(array)) == (path not in held.always), path


def test_all_branches():
    (before, after), _, _ = trained(held_of(frozen=("branches",)), 1)
    assert all(path[2] != "face" for path in changed(before, after))
    assert {path[1] for path in changed(before, after)} == {"trunk", "expression_head"}


@pytest.mark.parametrize("name", plugins.names("optimizers"))
def test_frozen_parameters_stay_with_every_optimizer(rng, name):
    """Whatever it adds to a gradient: momentum, a weight decay of its own, orthogonalisation."""
    plugin = plugins.load("optimizers", name)
    given = {"b1": 0.9, "b2": 0.999, "epsilon": 1e-8, "decayed": optimizer.decayed}
    taken = plugins.takes("optimizers", plugin)
    direction = plugin.build(**{key: value for key, value in given.items() if key in taken})
    modules = ("conv_stem", "stage1_block1", "stage2_block1")
    params = {"trunk": {"face": {m: {"kernel": jnp.float32(rng.normal(size=(4, 4)))} for m in modules}}}
    kernel = lambda tree, module: tree["trunk"]["face"][module]["kernel"]
    never, later, always = (("trunk", "face", module, "kernel") for module in modules)
    held = finetune.Kept(always=frozenset([never]), first=frozenset([later]), until=2)
    made = optimizer.build(direction, learning_rate=0.1, weight_decay=0.1, held=held)
    on, state, before = {"trunk": jnp.bool_(True)}, jax.jit(made.init)(params), params
    update, begun = jax.jit(made.update), state
    for step in range(3):
        new, state, _ = update(params, state, params, jnp.int32(step), on)
        moved = [not np.array_equal(kernel(params, m), kernel(new, m)) for m in modules]
        assert moved == [False, step == 2, True], step
        params = new
    first, _, _ = update(before, begun, before, jnp.int32(2), on)
    np.testing.assert_allclose(  # what waited moves as it would have in its first step
        kernel(params, "stage1_block1"), kernel(first, "stage1_block1"), rtol=1e-6
    )


@pytest.mark.parametrize("batch_norm", ["statistics", "all"])
def test_batch_norm_of_the_branches_is_kept(batch_norm):
    (before, _, after), _, _ = trained(held_of(batch_norm=batch_norm), 2)
    moved = changed(before, after)
    for path in before:
        if path[2] == "face":
            norm = "norm" in path
            kept = norm and (path[0] == "batch_stats" or batch_norm == "all")
            assert (path in moved) == (not kept), path
    assert any(path[0] == "batch_stats" for path in moved)  # those of fusion and embedding, which are new


def test_kept_batch_norm_normalises_as_in_evaluation():
    """With all of a branch kept, its features in training are those of an evaluation, recomputed or not."""
    small = {"depth": 18, "width": 4, "stages": (1,)}
    # by 'matmul' a stem that trains is summed up in another order
    branch = resnet.build(**small, convolution="xla", remat=True, zero_init_residual=False)
    images = jnp.float32(np.random.default_rng(0).normal(size=(4, 8, 8, 3)))
    parts = jax.jit(partial(branch.init, train=False))(jax.random.key(0), images)
    parts = {**parts, "batch_stats": jax.tree.map(lambda x: x + 0.3, parts["batch_stats"])}
    inside = finetune.Kept(norms=frozenset(path[:-1] for path in flatten_dict(parts["batch_stats"])))

    @partial(jax.jit, static_argnums=0)
    def features(train):
        with finetune.normalising(inside, jnp.int32(0)):
            return branch.apply(parts, images, train=train, mutable=["batch_stats"])[0]

    np.testing.assert_array_equal(features(True), features(False))


def test_frozen_stages_thaw_in_their_step():
    """Until then they are kept, statistics and the optimizer's count too; from then on they are as new."""
    held = held_of(frozen=("stem",), until=2)
    found, gradient, state = trained(held, 3)
    still = lambda path: belongs(path, "stem")
    for before, after in zip(found[:2], found[1:3]):
        assert not any(still(path) for path in changed(before, after))
    assert all(path in changed(found[2], found[3]) for path in found[0] if still(path))
    assert all(np.any(gradient[path]) for path in STEM)
    inner = state["trunk"].inner_states
    assert int(inner[finetune.WAITS].inner_state.count) == 1
    assert int(inner[finetune.TRAINS].inner_state.count) == 3


def test_frozen_until_a_step_is_frozen_before_it():
    """The same bits as if it were for ever."""
    one, _, _ = trained(held_of(frozen=("stem",), until=2), 2)
    other, _, _ = trained(held_of(frozen=("stem",)), 2)
    for path, array in one[-1].items():
        np.testing.assert_allclose(array, other[-1][path], rtol=2e-5, atol=2e-6, err_msg=str(path))


def test_earlier_stages_learn_more_slowly():
    stages = resnet.stages(resnet.build(depth=18, stages=(1, 1)))
    factors = finetune.factors(stages, ("face", "eyes"), 0.5)
    assert factors[("trunk", "eyes", "stage2_block1")] == 1
    assert factors[("trunk", "face", "stage1_block1")] == 0.5
    assert factors[("trunk", "face", "conv_stem")] == 0.25
    params = {
        "trunk": {"face": {name: {"kernel": jnp.ones((2, 2))} for name in ("conv_stem", "stage2_block1")}}
    }
    made = optimizer.build(learning_rate=0.1, rates={"branches": 0.5}, layers=factors)
    on = {"trunk": jnp.bool_(True)}
    new, _, _ = jax.jit(made.update)(params, made.init(params), params, jnp.int32(0), on)
    moved = {name: float(1 - new["trunk"]["face"][name]["kernel"][0, 0]) for name in params["trunk"]["face"]}
    assert moved == pytest.approx({"conv_stem": 0.1 * 0.5 * 0.25, "stage2_block1": 0.1 * 0.5}, rel=1e-4)


@pytest.mark.parametrize("module", [resnet, densenet, efficientnet_lite])
def test_the_stages_of_a_backbone_are_all_its_modules_once(module):
    for options in module.SMALL:
        net = module.build(**options)
        variables = jax.eval_shape(
            lambda key, net=net: net.init(key, jnp.zeros((1, 32, 32, 3)), train=False), jax.random.key(0)
        )
        named = [name for modules in module.stages(net).values() for name in modules]
        assert sorted(named) == sorted(variables["params"])


def test_a_stage_that_is_not_there():
    with pytest.raises(
        UserError, match="finetune.frozen: there is no stage 'stage9' in the backbone resnet; "
    ):
        finetune.check(("stem", "stage9"), STAGES, "resnet")
