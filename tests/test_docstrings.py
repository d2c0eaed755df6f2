"""The examples in the docstrings of whatever is public are run, and every public function has one."""

import doctest
import importlib
import inspect

import jax
import pytest

import dmljax
from dmljax import losses, weightings

RUNS = (
    "train",
    "evaluate",
    "load",
    "export",
    "Model",
    "compare",
    "sweep",
    "reproduce",
)  # each needs what those before it made
SMALL = {
    "dataset.synthetic.identities": 6,
    "data.image_size": 24,
    "data.tuples_per_step": jax.local_device_count(),
    "backbone.resnet": {"width": 4, "stages": (1,)},
    "model": {"fused": 8, "embedding": 8, "hidden": 8},
    "train.duration": "2 steps",
}
PUBLIC = [
    *((f"dmljax.{name}", getattr(dmljax, name)) for name in dmljax.__all__),
    *((f"losses.{name}", getattr(losses, name)) for name in losses.__all__),
    *((f"weightings.{name}", getattr(weightings, name)) for name in weightings.__all__),
]
DOCUMENTED = [(name, thing) for name, thing in PUBLIC if not inspect.ismodule(thing)]


@pytest.mark.parametrize(("name", "thing"), DOCUMENTED, ids=[name for name, _ in DOCUMENTED])
def test_what_is_public_is_documented_and_its_example_holds(name, thing, standard_promotion):
    text = inspect.getdoc(thing)
    assert text and text.splitlines()[0].endswith("."), f"{name}: no line of purpose"
    assert ">>>" in text, f"{name}: no example"
    if name.removeprefix("dmljax.") not in RUNS:
        run_example(name, thing)


def run_example(name, thing):
    home = importlib.import_module(inspect.unwrap(thing).__module__)
    names = dict(vars(home))
    found = doctest.DocTestFinder(recurse=False).find(thing, name, module=False, globs=names)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE, verbose=False)
    for one in found:
        runner.run(one)
    assert runner.summarize(verbose=False).failed == 0 and runner.tries > 0


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_examples_of_runs_and_studies_hold(tmp_path, monkeypatch, standard_promotion):
    """On a small network, which they do not show."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XLA_FLAGS", "")  # of the members' processes: one device
    get_config = dmljax.get_config
    small = lambda name, changes=None: get_config(name, {**(changes or {}), **SMALL})
    monkeypatch.setattr(dmljax, "get_config", small)
    for name in RUNS:
        run_example(name, getattr(dmljax, name))
