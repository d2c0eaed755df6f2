"""The examples in the docstrings of whatever is public are run, and every public function has one."""

import doctest
import importlib
import inspect

import pytest

import dmljax
from dmljax import losses, weightings

LONG = {
    "train",
    "evaluate",
    "load",
    "Model",
    "compare",
    "reproduce",
}  # their examples are the documentation's tutorials, which are run, too
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
    if name.removeprefix("dmljax.") in LONG:
        return
    assert ">>>" in text, f"{name}: no example"
    home = importlib.import_module(inspect.unwrap(thing).__module__)
    names = dict(vars(home))
    found = doctest.DocTestFinder(recurse=False).find(thing, name, module=False, globs=names)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE, verbose=False)
    for one in found:
        runner.run(one)
    assert runner.summarize(verbose=False).failed == 0 and runner.tries > 0
