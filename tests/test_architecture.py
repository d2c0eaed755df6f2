"""Who may import what."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "dmljax"
FILES = sorted(PACKAGE.rglob("*.py"))
EVERYONE = {"types", "tables", "extras", "plugins", "workers"}  # words and helpers that everyone shares

# Each part, and the parts that it may import. A part knows only those above it.
MAY_IMPORT = {
    "types": set(),
    "tables": {"types"},
    "extras": {"types"},
    "plugins": {"types"},
    "workers": {"types", "plugins"},
    "durations": {"types"},
    "fields": EVERYONE | {"durations"},
    "losses": set(),
    "weightings": {"types"},
    "backbones": EVERYONE,
    "models": {"types"},
    "faces": EVERYONE,
    "datasets": EVERYONE | {"faces"},
    "detectors": EVERYONE,
    "descriptors": EVERYONE,
    "data": EVERYONE,
    "metrics": EVERYONE,
    "training": EVERYONE | {"fields", "losses", "weightings", "models"},
    "changes": {"types", "plugins", "fields"},
    "config": EVERYONE | {"changes", "configs", "fields"},
    # a declaration takes its choices from where they are known
    "configs": EVERYONE
    | {"config", "data", "durations", "fields", "losses", "models", "preparation", "training", "weightings"},
    "preparation": EVERYONE | {"config", "data"},
    "report": EVERYONE,
    "runs": EVERYONE
    | {
        "config",
        "backbones",
        "data",
        "durations",
        "losses",
        "metrics",
        "models",
        "preparation",
        "report",
        "training",
        "weightings",
    },
    "studies": EVERYONE | {"config", "report", "runs"},
    "experiments": EVERYONE | {"report", "studies"},
    "contracts": EVERYONE
    | {"config", "configs", "data", "datasets", "fields", "metrics"}
    | {"report", "studies", "training", "weightings"},
}

# Other people's packages that a part does without.
NEVER = {
    "types": {"jax", "tensorflow"},
    **dict.fromkeys(
        ["datasets", "detectors", "descriptors", "data", "faces", "preparation", "report", "experiments"],
        {"jax", "flax", "optax", "orbax"},
    ),
    **dict.fromkeys(
        ["losses", "weightings", "metrics"], {"flax", "optax", "orbax", "absl", "ml_collections"}
    ),
    **dict.fromkeys(["backbones", "models", "training"], {"absl", "ml_collections"}),
}


def imports(path):
    """Full names of all that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return found


def uses(path, *modules):
    return sorted(
        name for name in imports(path) if any(name == m or name.startswith(m + ".") for m in modules)
    )


def part_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def own_parts(path):
    """The parts of the package that a file imports; of `from dmljax import name`, the name."""
    return {name.split(".")[1] for name in imports(path) if name.startswith("dmljax.")}


PUBLIC = {"__init__", "__main__"}


def test_every_part_has_its_rule():
    assert {part_of(path) for path in FILES} - PUBLIC == MAY_IMPORT.keys() - {"configs"}


@pytest.mark.parametrize("part", MAY_IMPORT)
def test_a_part_imports_only_what_it_may(part):
    files = (ROOT / "configs").glob("*.py") if part == "configs" else [p for p in FILES if part_of(p) == part]
    wrong = {p.name: own_parts(p) - MAY_IMPORT[part] - {part} for p in files}
    assert {name: parts for name, parts in wrong.items() if parts} == {}


def test_no_arrow_runs_back():
    """No part knows a part that knows it; config and configs are one thing in two places."""
    order = [part for part in MAY_IMPORT if part not in ("config", "configs")]
    for k, part in enumerate(order):
        later = set(order[k + 1 :])
        assert MAY_IMPORT[part] & later == set(), part


@pytest.mark.parametrize("part", NEVER)
def test_what_a_part_does_without(part):
    wrong = {p.name: uses(p, *NEVER[part]) for p in FILES if part_of(p) == part and uses(p, *NEVER[part])}
    assert wrong == {}


def test_tensorflow_is_imported_in_the_pipeline_alone():
    allowed = {PACKAGE / "data" / "pipeline.py", PACKAGE / "preparation" / "prepared.py"}
    assert [p for p in FILES if uses(p, "tensorflow", "tensorflow_datasets") and p not in allowed] == []


def test_every_file_says_in_its_first_line_what_it_is_for():
    for path in [*FILES, *(ROOT / "configs").glob("*.py"), *(ROOT / "launch").glob("*.py")]:
        text = ast.get_docstring(ast.parse(path.read_text()))
        assert text and text.splitlines()[0].endswith((".", ":")), path


def test_only_programs_read_the_command_line_and_no_docstring_is_data():
    """What a library function needs is in its arguments; python -OO drops the docstrings."""
    for path in [*FILES, *(ROOT / "configs").glob("*.py")]:
        nodes = list(ast.walk(ast.parse(path.read_text())))
        assert "sys.argv" not in imports(path), path
        for node in nodes:
            assert not (isinstance(node, ast.Attribute) and node.attr in ("argv", "__doc__")), path
            assert not (isinstance(node, ast.Name) and node.id == "__doc__"), path
