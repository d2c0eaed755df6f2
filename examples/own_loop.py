# %% [markdown]
"""
# Weightings in your own JAX loop

Nothing here knows about faces. A shared layer feeds two regressions, "depth" and "normals", whose losses
differ a hundredfold in size. With equal weights the large one rules.
"""

# %% problem
import jax
import jax.numpy as jnp
import optax

from dmljax import weightings

key = jax.random.key(0)
inputs = jax.random.normal(key, (256, 8))
mix = jax.random.normal(jax.random.fold_in(key, 1), (8, 6))
hidden = jnp.tanh(inputs @ mix)
batch = {
    "x": inputs,
    "depth": 10.0 * hidden[:, :3].sum(1, keepdims=True),
    "normals": jnp.stack([hidden[:, 3] - hidden[:, 0], hidden[:, 4] * hidden[:, 5]], 1),
}


def initial(key):
    layer = lambda k, m, n: jax.random.normal(jax.random.fold_in(key, k), (m, n)) / m**0.5
    return {"trunk": layer(0, 8, 4), "depth": layer(1, 4, 1), "normals": layer(2, 4, 2)}


# %% [markdown]
# ## The losses
#
# A function of the parameters and the batch that returns a dict of scalars, one a task.


# %% losses
def losses_fn(params, batch):
    features = jnp.tanh(batch["x"] @ params["trunk"])
    miss = lambda task: jnp.mean(jnp.square(features @ params[task] - batch[task]))
    return {"depth": miss("depth"), "normals": miss("normals")}


# %% [markdown]
# ## The loop
#
# `value_and_grad` does what the strategy asks for: nothing more than one backward pass for `dwa`, gradients
# of each task on the shared part for `upgrad`, losses after the step for `famo`. This loop serves all but
# `sdmgrad`, which also wants an even number of micro-batches; each ignores what it does not need. A loss that
# is not finite makes gradients that are not, while the weights of many strategies stay finite: look at the
# losses, as in any other loop.


# %% loop
def train(strategy, steps=300):
    value_and_grad = weightings.value_and_grad(losses_fn, strategy, shared="trunk")
    optimizer = optax.adam(1e-2)
    params = initial(jax.random.key(1))
    state = strategy.init(("depth", "normals"), value_and_grad.shared(params)), optimizer.init(params)

    @jax.jit
    def step(params, state, number):
        weighting, moments = state
        (losses, weights, aux), gradients, weighting = value_and_grad(
            params, weighting, batch, step=number, rng=jax.random.fold_in(key, number)
        )
        updates, moments = optimizer.update(gradients, moments, params)
        params = optax.apply_updates(params, updates)
        weighting = value_and_grad.post(params, weighting, batch)
        return params, (weighting, moments), losses, weights

    for number in range(steps):
        params, state, losses, weights = step(params, state, number)
    return losses, weights


# %% [markdown]
# ## Four strategies side by side
#
# Wrappers change any of them: the last one sees logarithms of the losses.

# %% comparison
strategies = {
    "equal": weightings.equal(),
    "upgrad": weightings.upgrad(),
    "famo": weightings.famo(),
    "equal weights of log losses": weightings.log_losses(weightings.equal()),
}
normals = {}
for name, strategy in strategies.items():
    losses, weights = train(strategy)
    normals[name] = float(losses["normals"])
    shown = ", ".join(f"{task} {losses[task]:.3f} (weight {weights[task]:.2f})" for task in losses)
    print(f"{name}: {shown}")
assert normals["equal weights of log losses"] < normals["equal"]
