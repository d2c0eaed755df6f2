"""Who may import what; and that nothing needs TensorFlow that should not."""
import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "dmljax"
FILES = sorted(PACKAGE.rglob("*.py"))


def imports(path):
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return found


def uses(path, *modules):
    return sorted(name for name in imports(path) if any(name == m or name.startswith(m + ".") for m in modules))


def files(*parts):
    return [p for p in FILES if any(p.relative_to(PACKAGE).as_posix().startswith(part) for part in parts)]


RULES = [
    (("types.py",), ("dmljax", "jax", "tensorflow")),
    (("datasets/", "data/", "detectors/", "descriptors/"), ("jax", "flax", "optax", "dmljax.train", "dmljax.models", "dmljax.losses")),
    (("datasets/", "detectors/", "descriptors/"), ("dmljax.data",)),
    (("losses/", "weightings/"), ("flax", "optax", "dmljax.train", "dmljax.models", "dmljax.data", "dmljax.config", "ml_collections")),
    (("losses/",), ("dmljax.weightings",)),
    (("weightings/",), ("dmljax.losses",)),
    (("evaluate/metrics.py",), ("flax", "optax", "dmljax.train", "dmljax.models")),
    (("backbones/", "models/"), ("dmljax.losses", "dmljax.weightings", "dmljax.data", "dmljax.train", "dmljax.config", "ml_collections")),
    (("train/step.py",), ("dmljax.plugins", "dmljax.data", "dmljax.config", "dmljax.weightings", "dmljax.backbones", "orbax", "logging",
                          "ml_collections")),
    (("faces/", "compare/"), ("jax", "flax", "dmljax.train", "dmljax.models", "dmljax.evaluate", "dmljax.data", "dmljax.report")),
    (("experiments/",), ("jax", "flax", "dmljax.train", "dmljax.models", "dmljax.evaluate", "dmljax.data")),
    (("report/",), ("jax", "flax", "dmljax.train", "dmljax.models", "dmljax.evaluate", "dmljax.data")),
]


@pytest.mark.parametrize(("where", "forbidden"), RULES)
def test_layers(where, forbidden):
    checked = files(*where)
    assert checked, f"no file below {where}"
    assert {p.name: uses(p, *forbidden) for p in checked if uses(p, *forbidden)} == {}


def test_tensorflow_is_imported_in_the_pipeline_alone():
    allowed = {PACKAGE / "data" / "pipeline.py", PACKAGE / "data" / "prepared.py"}
    assert [p for p in FILES if uses(p, "tensorflow", "tensorflow_datasets") and p not in allowed] == []


def test_every_file_says_in_its_first_line_what_it_is_for():
    for path in [*FILES, *(ROOT / "configs").glob("*.py"), *(ROOT / "launch").glob("*.py")]:
        assert path.read_text().startswith('"""'), path


BLOCKED = """
import sys
for name in ("tensorflow", "tensorflow_datasets"):
    sys.modules[name] = None
import dmljax
from dmljax.configs import quick
from dmljax.train.loop import train_folds
from dmljax.evaluate.run import evaluate
from dmljax.evaluate.speed import measure
config = quick.get_config()
config.dataset.synthetic.identities = 5
config.data.image_size = 24
config.backbone.resnet.width = 4
config.backbone.resnet.stages = (1,)
config.train.duration = "2 steps"
assert train_folds(config, sys.argv[1], progress=False) == 0
print(evaluate(sys.argv[1], progress=False))
print(measure(mode="train", device="cpu", image=24, batch=10, width=4, stages=["1"], dtype="f32", steps=1, warmup=1))
"""


def test_training_evaluation_and_benchmark_run_without_tensorflow(tmp_path):
    done = subprocess.run([sys.executable, "-c", BLOCKED, str(tmp_path / "run")], capture_output=True, text=True, cwd=ROOT,
                          env=os.environ | {"XLA_FLAGS": ""})
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / "run" / "evaluation" / "metrics.json").exists() and '"mode": "train"' in done.stdout
