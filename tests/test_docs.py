"""What the documentation names exists: files, headings, fields, commands, flags, public names."""

import importlib
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from absl import flags
from dmljax.configs import base
from dmljax.launch import cli

import dmljax
from dmljax import fields, losses, weightings

ROOT = Path(__file__).parent.parent
LISTED = subprocess.run(
    ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
    cwd=ROOT,
    capture_output=True,
    text=True,
)
PAGES = [ROOT / name for name in LISTED.stdout.splitlines()] or [
    ROOT / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
KNOWN = set(fields.flatten(base.declarations()))
OWN = ("weighting.record", "weighting.laggard")  # strategies that a page tells how to write


def anchors(page):
    """The anchors of a page's headings and targets."""
    text = page.read_text()
    titles = re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", text, flags=re.S), re.M)
    slug = lambda title: re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
    return {slug(title) for title in titles} | set(re.findall(r"^\(([\w-]+)\)=$", text, re.M))


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files_and_headings(page):
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(), flags=re.S)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, place = link.partition("#")
        target = (page.parent / path) if path else page
        assert target.exists(), f"{page}: {link}"
        assert not place or place in anchors(target), f"{page}: {link}"


def commands():
    """(page, words) of every command line of dmljax in the pages."""
    for page in PAGES:
        for block in re.findall(r"^```(?:sh|bash)?\n(.*?)^```", page.read_text(), re.S | re.M):
            for line in block.replace("\\\n", " ").splitlines():
                if line.startswith("dmljax "):
                    yield page, shlex.split(line, comments=True)[1:]


def flags_of(command):
    program, values = importlib.import_module(f"dmljax.launch.{command}"), flags.FlagValues()
    program.define(values)
    return {*values, "plugins", "help"}


def test_commands_flags_and_fields_exist(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["dmljax"])
    known = {name: flags_of(name) for name in cli.commands()}
    lines = list(commands())
    assert len(lines) > 30
    for page, (command, *words) in lines:
        if command == "COMMAND" or command.startswith("-"):
            continue
        assert command in known, f"{page}: dmljax {command}"
        for word in words:
            name = word.partition("=")[0].removeprefix("--")
            if word.startswith("--config."):
                field = name.removeprefix("config.")
                assert field in KNOWN or field.startswith(OWN), f"{page}: {field}"
            elif word.startswith("--"):
                assert name in known[command] or name.removeprefix("no") in known[command], f"{page}: {word}"


def test_fields_named_in_the_text_exist():
    sections = {name.partition(".")[0] for name in KNOWN if "." in name}
    for page in PAGES:
        for name in re.findall(r"`([a-z]+\.[a-z_0-9.]+)(?:=[^`]*)?`", page.read_text()):
            section = name.partition(".")[0]
            if (
                section in sections
                and not name.startswith(OWN)
                and not name.endswith((".py", ".json", ".jsonl"))
            ):
                inside = any(field == name or field.startswith(f"{name}.") for field in KNOWN)
                assert inside, f"{page}: {name}"


def test_the_reference_has_every_public_name():
    text = "".join(page.read_text() for page in (ROOT / "docs" / "reference").glob("*.md"))
    strategies = set(weightings.names())
    public = [
        *(f"dmljax.{name}" for name in dmljax.__all__ if name not in ("losses", "plugins", "weightings")),
        *(f"dmljax.losses.{name}" for name in losses.__all__),
        *(f"dmljax.weightings.{name}" for name in weightings.__all__ if name not in strategies),
    ]
    missing = [name for name in public if not re.search(rf":: {re.escape(name)}$", text, re.M)]
    assert not missing
