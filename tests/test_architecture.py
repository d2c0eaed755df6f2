"""Who may import what."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "dmljax"
FILES = sorted(PACKAGE.rglob("*.py"))
# words and helpers that everyone shares
EVERYONE = {
    "types",
    "tables",
    "extras",
    "cache",
    "pages",
    "run_folder",
    "workers",
    "writing",
    "signals",
    "bars",
    "boxes",
}

# Each part, and the parts that it may import. A part knows only those above it.
MAY_IMPORT = {
    "types": set(),
    "tables": {"types"},
    "extras": {"types"},
    "cache": {"types"},
    "pages": set(),
    "run_folder": {"types"},
    "writing": {"tables", "types"},
    "signals": set(),
    "bars": set(),
    "boxes": set(),
    "plugins": {"types"},
    "workers": {"types", "plugins", "bars"},
    "durations": {"types"},
    "fields": {"types", "durations"},
    "losses": set(),
    "weightings": {"types", "plugins"},
    "backbones": EVERYONE,
    "optimizers": EVERYONE,
    "augmentations": EVERYONE,
    "models": {"types", "extras"},
    "faces": EVERYONE,
    "datasets": EVERYONE | {"faces"},
    "detectors": EVERYONE,
    "descriptors": EVERYONE,
    "data": EVERYONE,
    "samplers": EVERYONE | {"data"},
    "metrics": EVERYONE,
    "trackers": EVERYONE,
    "training": EVERYONE | {"fields", "losses", "weightings", "models", "trackers"},
    "changes": {"types", "fields"},
    "config_file": {"types"},
    "config_sources": {"types", "fields", "plugins", "changes", "config_file", "configs"},
    "config": EVERYONE | {"plugins", "changes", "configs", "fields", "config_file", "config_sources"},
    "config_differences": {"config", "configs", "fields", "run_folder"},
    "config_unread": {"types", "config", "configs", "plugins"},
    # a declaration takes its choices from where they are known
    "configs": EVERYONE
    | {"config", "data", "durations", "fields", "losses", "models", "plugins", "preparation", "training"}
    | {"weightings"},
    "preparation": EVERYONE | {"plugins", "config", "data"},
    "report": EVERYONE | {"plugins", "metrics"},
    "runs": EVERYONE
    | {
        "config",
        "config_differences",
        "config_unread",
        "backbones",
        "data",
        "durations",
        "fields",
        "losses",
        "metrics",
        "models",
        "plugins",
        "preparation",
        "report",
        "trackers",
        "training",
        "weightings",
    },
    "costs": EVERYONE | {"backbones", "losses", "models", "training", "weightings"},
    "inference": EVERYONE | {"config", "data", "plugins", "preparation", "report", "runs", "training"},
    "exports": EVERYONE
    | {"config_differences", "data", "inference", "models", "plugins", "preparation", "report", "runs"}
    | {"training"},
    "demo": EVERYONE | {"data", "inference", "plugins", "preparation", "report", "runs"},
    "studies": EVERYONE | {"plugins", "config", "config_differences", "fields", "metrics", "report", "runs"},
    "experiments": EVERYONE | {"plugins", "report", "studies"},
    "contracts": EVERYONE
    | {"config", "configs", "data", "datasets", "fields", "metrics"}
    | {"plugins", "report", "studies", "training", "weightings"},
}

# Other people's packages that a part does without.
NEVER = {
    "types": {"jax", "tensorflow"},
    **dict.fromkeys(
        [
            "datasets",
            "detectors",
            "descriptors",
            "data",
            "samplers",
            "faces",
            "preparation",
            "report",
            "experiments",
        ],
        {"jax", "flax", "optax", "orbax"},
    ),
    **dict.fromkeys(
        ["losses", "weightings", "metrics"], {"flax", "optax", "orbax", "absl", "ml_collections"}
    ),
    **dict.fromkeys(
        ["augmentations", "backbones", "models", "optimizers", "training"], {"absl", "ml_collections"}
    ),
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
    wrong = {p: own_parts(p) - MAY_IMPORT[part] - {part} for p in files}
    assert {path: parts for path, parts in wrong.items() if parts} == {}


def test_no_arrow_runs_back():
    """No part knows a part that knows it; config and configs are one thing in two places."""
    order = [part for part in MAY_IMPORT if part not in ("config", "configs")]
    for k, part in enumerate(order):
        later = set(order[k + 1 :])
        assert MAY_IMPORT[part] & later == set(), part


@pytest.mark.parametrize("part", NEVER)
def test_what_a_part_does_without(part):
    wrong = {p: uses(p, *NEVER[part]) for p in FILES if part_of(p) == part and uses(p, *NEVER[part])}
    assert wrong == {}


def test_tensorflow_is_imported_in_the_pipeline_and_for_its_formats_alone():
    allowed = {PACKAGE / "data" / "pipeline.py", PACKAGE / "preparation" / "shard_files.py"}
    of_exports = ("formats/_tensorflow", "formats/savedmodel", "formats/tflite", "graph/tf_target")
    allowed |= {PACKAGE / "exports" / f"{name}.py" for name in of_exports}
    assert [p for p in FILES if uses(p, "tensorflow", "tensorflow_datasets") and p not in allowed] == []


def test_every_file_says_in_its_first_line_what_it_is_for():
    for path in [*FILES, *(ROOT / "configs").glob("*.py"), *(ROOT / "launch").glob("*.py")]:
        text = ast.get_docstring(ast.parse(path.read_text()))
        assert text and text.splitlines()[0].endswith((".", ":")), path


# Command lines of other programs, and of a study's members.
OTHER_PROGRAMS = {
    "training/devices.py": "xla_",
    "contracts/check.py": "rootdir",
    "studies/engines.py": "",
    "exports/npm.py": ("loglevel", "ignore", "prefer"),
}


def test_the_library_knows_no_flags_and_no_launch_programs():
    """A message names the parameter (`UserError`); what a shell's user has to type is the command line's."""
    for path in FILES:
        beside = OTHER_PROGRAMS.get(path.relative_to(PACKAGE).as_posix())
        for node in ast.walk(ast.parse(path.read_text())):
            text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
            dashes = re.findall(r"--([a-zA-Z]\w*)", text)
            assert not [word for word in dashes if beside is None or not word.startswith(beside)], path
            assert "dmljax.launch" not in text or beside == "", path


SHOWS_DOCSTRINGS = (
    "plugins/meanings.py"  # as documentation, to whoever lists options; nothing follows from it
)


def test_only_programs_read_the_command_line_and_no_docstring_is_data():
    """What a library function needs is in its arguments; python -OO drops the docstrings."""
    for path in [*FILES, *(ROOT / "configs").glob("*.py")]:
        nodes = list(ast.walk(ast.parse(path.read_text())))
        assert "sys.argv" not in imports(path), path
        for node in nodes:
            assert not (isinstance(node, ast.Attribute) and node.attr in ("argv", "__doc__")), path
            shows = path.as_posix().endswith(SHOWS_DOCSTRINGS)
            assert shows or not (isinstance(node, ast.Attribute) and node.attr == "getdoc"), path
            assert not (isinstance(node, ast.Name) and node.id == "__doc__"), path


def test_the_library_does_not_start_its_own_command_line():
    """An arrow that runs back to launch may hide in a string, as in what a child process is to run."""
    for path in [*FILES, *(ROOT / "configs").glob("*.py")]:
        texts = [n.value for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Constant)]
        assert path.name == "__main__.py" or not [t for t in texts if "dmljax.launch" in str(t)], path


def without_encoding(path):
    """Lines that read or write text in whatever encoding the machine has."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        owner = getattr(getattr(node.func, "value", None), "id", "")
        given = {word.arg for word in node.keywords}
        mode = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        binary = any("b" in text and len(text) <= 3 for text in mode)
        is_text = name in ("read_text", "write_text") or (name == "open" and not owner[:1].isupper())
        if (
            is_text
            and owner not in ("av", "os", "tarfile", "zipfile")
            and not binary
            and "encoding" not in given
        ):
            yield f"{path.name}:{node.lineno}"


def test_text_is_read_and_written_in_a_named_encoding():
    """In the machine's own, names of people and folders break where it is Latin-1."""
    files = [*FILES, *(ROOT / "launch").glob("*.py"), *(ROOT / "configs").glob("*.py")]
    assert [line for path in files for line in without_encoding(path)] == []
