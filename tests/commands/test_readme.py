"""The README is short, and shows commands that other documents explain and tests run."""

from __future__ import annotations

import shlex
import subprocess

import pytest
from standins.documents import ROOT, commands, text

README = text("README.md")
COMMANDS = commands(README)


def without_names(command: str) -> set[str]:
    """Return the words of a command without those that say where its data are."""
    return {word for word in shlex.split(command) if not word.startswith(("source=", "country="))}


def test_the_readme_has_at_most_110_lines() -> None:
    assert len(README.splitlines()) <= 110


@pytest.mark.parametrize("command", [c for c in COMMANDS if not c.startswith("make")])
def test_a_command_is_one_of_the_documents_that_are_run(command: str) -> None:
    pages = ("docs/tutorial.md", "docs/own_country.md", "docs/maps.md")
    run = [without_names(each) for page in pages for each in commands(text(page))]
    assert without_names(command) in run


@pytest.mark.processes
@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("make ")])
def test_a_make_command_is_a_target(command: str) -> None:
    _, target, *variables = shlex.split(command)
    planned = subprocess.run(
        ["make", "--dry-run", target, *variables],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert planned.returncode == 0, planned.stderr
    assert f"\n{target}:" in text("Makefile")


def test_the_make_sweep_is_the_one_of_the_tutorial() -> None:
    sweep = "train -m country=all 'span=range(24,97,24)'"
    assert f"cropland {sweep}" in commands(text("docs/tutorial.md"))
    assert sweep.replace("train", "scripts/train.py", 1) in text("Makefile")
