"""What is said where a package of an extra is missing."""

import sys

import pytest

from dmljax import extras
from dmljax.types import UserError


def test_a_missing_package_is_told_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(UserError) as told:
        extras.require("report", "json", "matplotlib", purpose="reports")
    assert str(told.value) == "matplotlib, needed for reports, is not installed; install dmljax[report]"


def test_what_can_be_done_without_it_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(UserError, match=r"install dmljax\[tensorflow\], or use arrays$"):
        extras.require("tensorflow", "tensorflow", purpose="records", instead="use arrays")


def test_a_package_that_a_package_needs_is_named(monkeypatch, tmp_path):
    (tmp_path / "outer_package.py").write_text("import inner_package\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError, match="^inner_package, needed for boxes"):
        extras.require("detect", "outer_package", purpose="boxes")


def test_what_is_installed_is_not_mentioned():
    assert extras.require("cli", "absl", "json", purpose="anything") is None


def test_a_package_that_cannot_be_loaded_is_told(monkeypatch, tmp_path):
    said = "libGL.so.1: cannot open shared object file"
    (tmp_path / "needs_a_library.py").write_text(f"raise ImportError({said!r})\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError, match=f"needs_a_library, needed for faces, is installed .*: {said}"):
        extras.require("detect", "needs_a_library", purpose="faces")
