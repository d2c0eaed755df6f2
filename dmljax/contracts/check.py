"""The contract tests on one file: every check, and what failed."""

from __future__ import annotations

import ast
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from dmljax import extras, plugins
from dmljax.plugins import modules
from dmljax.training import devices
from dmljax.types import UserError, nearest
from dmljax.weightings.interface import Weighting

extras.require("test", "pytest", purpose="checks")
import pytest  # noqa: E402

WIDTH = 300  # characters of a line about a failure
LINES = 8  # about a failure, at most
PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"


class Check(NamedTuple):
    """What came of one check.

    Attributes:
      name: what is checked, in words.
      outcome: 'passed', 'failed', or 'skipped' where it does not apply.
      lines: why it failed or does not apply.
    """

    name: str
    outcome: str
    lines: tuple[str, ...] = ()


def check(
    path: str | os.PathLike, family: str = "", *, report: Callable[[Check], None] = lambda each: None
) -> list[Check]:
    """Runs the contract of a family on a plug-in's file. It is kept if no check failed and one passed.

    Args:
      path: the file.
      family: empty, that of its folder or of its contents (`family_of`).
      report: is given each check as soon as it is done.

    Returns:
      all checks, in the order in which they were done.

    Raises:
      UserError: no such file or family, or the file cannot be imported or lacks an agreed name.
    """
    family = family_of(path, family)
    plugin = plugins.load_file(path, family)
    plugins.defaults_of(family, plugin)
    devices.set_up_process()
    tests = Path(__file__).with_name(f"{family}.py")
    run = _Run(plugin, report)
    # no settings of the folder that it is started in, and no report of pytest's own
    alone = ["-c", os.devnull, f"--rootdir={tests.parent}", "-pno:terminal", "-pno:cacheprovider"]
    pytest.main([str(tests), *alone], plugins=[run])
    return run.checks


def family_of(path: str | os.PathLike, family: str = "") -> str:
    """The family that was given, or that of the file's folder, or else by what the file has and what its
    `build` returns.

    Raises:
      UserError: an unknown family, none that can be told, or the file cannot be imported.
    """
    if family and family not in plugins.FAMILIES:
        raise UserError(
            f"must be one of {', '.join(plugins.FAMILIES)}; got"
            f" '{family}'.{nearest(family, plugins.FAMILIES)}",
            parameter="family",
        )
    return family or _told_by(Path(path))


def _told_by(path: Path) -> str:
    folder = path.resolve().parent.name
    folders = {package.rpartition(".")[2]: family for family, package in plugins.PACKAGES.items()}
    if folder in plugins.FAMILIES or folder in folders:
        return folders.get(folder, folder)
    _check_defines(path)
    module = modules.import_file(path, "checked")
    for family, agreed in plugins.FAMILIES.items():
        if agreed != ("build",) and all(hasattr(module, name) for name in agreed):
            return family
    try:
        built = module.build()
    except Exception:  # whatever is wrong with it: the checks will tell
        built = None
    if isinstance(built, Weighting):
        return "weightings"
    if hasattr(built, "init") and hasattr(built, "apply"):
        return "backbones"
    if hasattr(built, "init") and hasattr(built, "update"):
        return "optimizers"
    raise UserError(
        f"that of '{path}' cannot be told; give one of {', '.join(plugins.FAMILIES)}, or put the file into a"
        " folder of that name",
        parameter="family",
    )


def _check_defines(path: Path) -> None:
    """Raises UserError for a file that defines nothing that a plug-in has; it is not run for that."""
    try:
        bound = set(_bound(ast.parse(path.read_bytes()).body))
    except (OSError, SyntaxError, ValueError):
        return  # importing it says so
    agreed = {name for names in plugins.FAMILIES.values() for name in names}
    if not bound & {*agreed, "*", "__getattr__"}:
        raise UserError(f"'{path}' is no plug-in: it has none of {', '.join(sorted(agreed))}")


def _bound(body: list[ast.stmt]) -> Iterator[str]:
    """Names that statements bind in a module, also within its ifs and tries; '*' for an import of all."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
            continue
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case):
                yield from _bound([child])
            elif isinstance(child, ast.alias):
                yield child.asname or child.name
            else:
                yield from (
                    name.id
                    for name in ast.walk(child)
                    if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)
                )


class _Run:
    """What pytest asks and reports: the plug-in as a fixture, and the outcome of each test."""

    def __init__(self, plugin: ModuleType, report: Callable[[Check], None]):
        self.module, self.report = plugin, report
        self.checks: list[Check] = []
        self.reached = ""

    @pytest.fixture(scope="session")
    def plugin(self) -> ModuleType:
        return self.module

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, call) -> None:
        """Where in the plug-in's own file a failure came from, before it is reported."""
        entries = call.excinfo.traceback if call.excinfo else ()
        lines = [entry.lineno + 1 for entry in entries if str(entry.path) == self.module.__file__]
        self.reached = f"at line {lines[-1]} of {self.module.__file__}" if lines else ""

    def pytest_collectreport(self, report) -> None:
        """Tests that cannot be imported, where something that they need is not installed."""
        if report.failed:
            self._fails("the contract's tests can be imported", report.longrepr)

    def pytest_runtest_logreport(self, report) -> None:
        if report.passed and report.when != "call":
            return
        name, bracket, case = report.location[2].removeprefix("test_").partition("[")
        name = f"{name.replace('_', ' ')}{' ' + bracket + case if bracket else ''}"
        if report.passed:
            self._add(Check(name, PASSED))
        elif report.skipped:
            self._add(Check(name, SKIPPED, (report.longrepr[2].removeprefix("Skipped: "),)))
        else:
            self._fails(name, report.longrepr)

    def _fails(self, name: str, failure) -> None:
        self._add(Check(name, FAILED, (*_lines(failure), *filter(None, [self.reached]))))

    def _add(self, check: Check) -> None:
        self.checks.append(check)
        self.report(check)


def _lines(failure) -> list[str]:
    """What pytest says about a failure: the assertion's own words, or else the first lines."""
    crash = getattr(failure, "reprcrash", None)
    lines = [line for line in (crash.message if crash else str(failure)).splitlines() if line.strip()]
    lines = [line[1:].strip() for line in lines if line.startswith("E  ")] or lines  # of a failed import
    own = lines[0].removeprefix("AssertionError: ")
    ends = [k for k, line in enumerate(lines) if line.startswith("assert ")]
    if own != lines[0] and ends and own:
        lines = [own, *lines[1 : ends[0]]]
    return [line[:WIDTH] for line in lines[:LINES]]
