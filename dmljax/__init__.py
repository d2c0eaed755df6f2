"""DML-Net in JAX: facial expression recognition across poses and people, and loss weightings for any task.

What is public is resolved when it is used: importing this package imports neither JAX nor TensorFlow.

    import dmljax

    strategy = dmljax.weightings.upgrad()                    # losses of any kind, in your own training loop
    loss, valid = dmljax.losses.batch_hard(distances, positive, negative, margin=0.2)
    tuples = dmljax.five_tuples(expression, pose, identity, seed=0, epoch=3)
    config = dmljax.get_config("quick", {"train.duration": "3 epochs"})
    dmljax.train(config, "runs/a")
    scores = dmljax.evaluate("runs/a")
    predictions = dmljax.load("runs/a").predict(images)
    dmljax.export("runs/a", "network.onnx")
    swept = dmljax.sweep(config, ["losses.margin_pose=0.1..0.5"], dmljax.StudyOptions("runs/sweep"))
    outcome = dmljax.compare(config, ["dwa", "famo"], dmljax.StudyOptions("runs/many", seeds=(0, 1, 2)))
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dmljax import losses as losses
    from dmljax import plugins as plugins
    from dmljax import weightings as weightings
    from dmljax.config import get_config as get_config
    from dmljax.data.tuples import five_tuples as five_tuples
    from dmljax.exports.export import export as export
    from dmljax.inference.load import load as load
    from dmljax.inference.model import Model as Model
    from dmljax.runs.evaluate import evaluate as evaluate
    from dmljax.runs.loop import train as train
    from dmljax.studies.compare import compare as compare
    from dmljax.studies.reproduce import reproduce as reproduce
    from dmljax.studies.study import StudyOptions as StudyOptions
    from dmljax.studies.sweep import sweep as sweep
    from dmljax.studies.tuning import Tuning as Tuning

__version__ = "0.1.0"

# Name -> the module that has it; of a part of the package, its own name.
_HOMES = {
    "Model": "inference.model",
    "StudyOptions": "studies.study",
    "Tuning": "studies.tuning",
    "compare": "studies.compare",
    "evaluate": "runs.evaluate",
    "export": "exports.export",
    "five_tuples": "data.tuples",
    "get_config": "config",
    "load": "inference.load",
    "losses": "losses",
    "plugins": "plugins",
    "reproduce": "studies.reproduce",
    "sweep": "studies.sweep",
    "train": "runs.loop",
    "weightings": "weightings",
}
__all__ = [
    "Model",
    "StudyOptions",
    "Tuning",
    "compare",
    "evaluate",
    "export",
    "five_tuples",
    "get_config",
    "load",
    "losses",
    "plugins",
    "reproduce",
    "sweep",
    "train",
    "weightings",
]


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")
    module = importlib.import_module(f"{__name__}.{_HOMES[name]}")
    return module if _HOMES[name] == name else getattr(module, name)


def __dir__() -> list[str]:
    return sorted({*__all__, "__version__"})
