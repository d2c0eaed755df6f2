"""The pages on weightings know every strategy and wrapper, once, with its needs and its fields."""

import collections
import inspect
import re
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

import dmljax.weightings.strategies
from dmljax import plugins, weightings
from dmljax.weightings import wrappers

PAGES = Path(__file__).parents[1] / "docs" / "weightings"
FAMILIES = ("loss_based", "gram_based", "gradient_based")
NAMES = sorted(
    path.stem
    for path in Path(dmljax.weightings.strategies.__path__[0]).glob("*.py")
    if path.stem != "__init__"
)
WRAPPERS = sorted(name for name, thing in vars(wrappers).items() if inspect.isfunction(thing))


def sections(page: str) -> dict[str, str]:
    """Heading of the second level -> the text below it."""
    parts = re.split(r"^## (.+)$", (PAGES / f"{page}.md").read_text(encoding="utf-8"), flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def rows() -> dict[str, list[str]]:
    """Strategy -> the cells of its row in the table of all strategies."""
    table = sections("index")["All strategies"]
    lines = [line.split("|")[1:-1] for line in table.splitlines() if line.startswith("| [")]
    return {re.match(r" \[`(\w+)`\]", line[0])[1]: [cell.strip() for cell in line] for line in lines}


def strategy_of(name: str):
    """The strategy with its default fields, and what it needs for its state."""
    built = plugins.load("weightings", name).build()
    return built, [jnp.zeros(3)] * ("jacobian" in built.needs)


def page_of(name: str) -> str:
    (page,) = (page for page in FAMILIES if name in sections(page))
    return page


def test_every_strategy_has_one_section_on_one_page_and_no_section_is_left_over():
    found = collections.Counter(heading for page in FAMILIES for heading in sections(page))
    assert found == dict.fromkeys(NAMES, 1)


def test_the_table_has_one_row_for_every_strategy():
    table = sections("index")["All strategies"]
    assert sorted(re.findall(r"^\| \[`(\w+)`\]", table, re.M)) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_what_the_table_says_of_a_strategy_holds(name):
    row, (strategy, shared) = rows()[name], strategy_of(name)
    assert f"]({page_of(name)}.md#{name})" in row[0]
    assert set(re.findall(r"`(\w+)`", row[2])) == strategy.needs
    state = strategy.init(("depth", "normals"), *shared)
    assert (row[4] == "none") == (not jax.tree.leaves(state))


@pytest.mark.parametrize("name", NAMES)
def test_a_section_has_equation_origin_needs_and_every_field(name):
    text = sections(page_of(name))[name]
    assert f"{{py:func}}`dmljax.weightings.{name}`" in text
    assert text.count("$$") >= 2
    for part in ("From", "Needs", "Cost", "Fields", "Fails when"):
        assert f"**{part}**" in text, f"{name} says nothing under {part}"
    fields = inspect.signature(plugins.load("weightings", name).build).parameters
    listed = text.partition("**Fields**")[2].partition("**Fails when**")[0]
    assert {field for field in fields if f"`{field}`" not in listed} == set()


def test_every_wrapper_has_a_section():
    assert set(sections("wrappers")) == set(WRAPPERS)


@pytest.mark.parametrize("name", [*NAMES, *WRAPPERS])
def test_a_docstring_names_every_argument(name):
    function = getattr(weightings, name)
    arguments = inspect.getdoc(function).partition("\nArgs:\n")[2].partition("\n\n")[0]
    assert re.findall(r"^  (\w+):", arguments, re.M) == list(inspect.signature(function).parameters)
