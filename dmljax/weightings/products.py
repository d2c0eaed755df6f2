"""Inner products of the tasks' gradients, on one device and over many."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp


def mean(tree, axis_name: str | None):
    """Mean over the devices. A local share is differentiated and then averaged, never the other way round."""
    return tree if axis_name is None else jax.lax.pmean(varying(tree, axis_name), axis_name)


def varying(tree, axis_name: str | None):
    """The tree as this device's own copy.

    `shard_map` tracks which values are equal on all devices, and would sum the gradients of such ones itself.
    """
    if axis_name is None:
        return tree

    def own(x):
        return x if axis_name in _axes(jax.typeof(x)) else jax.lax.pcast(x, axis_name, to="varying")

    return jax.tree.map(own, tree)


def varying_as(tree, shapes):
    """The tree as copies of the devices wherever these shapes are, as a loop's carry has to begin."""

    def own(x, shape):
        missing = tuple(sorted(_axes(shape) - _axes(jax.typeof(x))))
        return jax.lax.pcast(x, missing, to="varying") if missing else x

    return jax.tree.map(own, tree, shapes)


def _axes(kind) -> frozenset:
    """The axes along which `shard_map` takes devices' values for different ones; JAX before 0.10.2: vma."""
    found = getattr(kind, "vma", None) or getattr(getattr(kind, "manual_axis_type", None), "varying", None)
    return frozenset(found or ())


def anywhere(valid, axis_name: str | None):
    """Whether it holds on any device."""
    if axis_name is None:
        return valid
    return jax.lax.psum(varying(valid.astype(jnp.int32), axis_name), axis_name) > 0


def gram(left, right=None) -> jax.Array:
    """Inner products <g_i, h_j> of the tasks' gradients, float32 [K, K], of float64 leaves float64.

    They are summed over all leaves.

    Args:
      left: a pytree with leaves [K, ...], a row a task (no dict by task), already averaged over the devices.
      right: the same of other gradients; `left` itself if left out.

    Example:
      >>> import jax.numpy as jnp
      >>> gram({"a": jnp.array([[1.0, 2.0], [0.0, 1.0]]), "b": jnp.array([[1.0], [2.0]])}).tolist()
      [[6.0, 4.0], [4.0, 5.0]]
    """
    flat = lambda tree: [leaf.reshape(leaf.shape[0], -1) for leaf in jax.tree.leaves(tree)]
    pairs = zip(flat(left), flat(left if right is None else right))
    products = [
        jnp.matmul(a, b.T, precision=jax.lax.Precision.HIGHEST, preferred_element_type=wide(a.dtype))
        for a, b in pairs
    ]
    return functools.reduce(jnp.add, products[1:], products[0])


def wide(dtype):
    """float64 stays; whatever is narrower is summed in float32, which half precision could not hold."""
    return dtype if dtype == jnp.float64 else jnp.float32


def representation_gram(rows: jax.Array, axis_name: str | None) -> jax.Array:
    """Inner products of gradients on a representation, float32 [K, K].

    Each device holds other rows of the batch, so the devices' inner products add up.

    Args:
      rows: [K, N, ...], this device's gradients of its own losses; the global losses are the devices' means.
    """
    own = gram(rows / (1 if axis_name is None else jax.lax.axis_size(axis_name)))
    return own if axis_name is None else jax.lax.psum(own, axis_name)


def cosines(matrix: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Norms [K] of the gradients and cosines [K, K] between them, from their Gram matrix.

    A gradient that vanishes has cosine 0 with every other.

    Raises:
      ValueError: the matrix is not square.

    Example:
      >>> import jax.numpy as jnp
      >>> norms, cosine = cosines(jnp.array([[4.0, -3.0], [-3.0, 9.0]]))
      >>> norms.tolist(), cosine.tolist()
      ([2.0, 3.0], [[1.0, -0.5], [-0.5, 1.0]])
    """
    if jnp.ndim(matrix) != 2 or len(set(jnp.shape(matrix))) > 1:
        raise ValueError(f"must be a Gram matrix [K, K]; got the shape {list(jnp.shape(matrix))}")
    norms = jnp.sqrt(jnp.maximum(jnp.diag(matrix), 0.0))
    product = norms[:, None] * norms[None]
    return norms, jnp.where(product > 0, matrix / jnp.where(product > 0, product, 1.0), 0.0)
