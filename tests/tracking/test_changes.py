"""What the project's own files differ by from their commit."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from cropland.tracking import provenance


def git(folder: Path, *words: str) -> None:
    who = ("-c", "user.name=ada", "-c", "user.email=ada@example.org")
    subprocess.run(["git", "-C", str(folder), *who, *words], check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A commit of one file."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "code.py").write_text("x = 1\n")
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "first")
    monkeypatch.setattr(provenance, "_CHECKOUT", folder)
    return folder


def test_changes_are_the_differences_and_the_names_of_new_files(checkout: Path) -> None:
    assert provenance.changes() == {}
    (checkout / "code.py").write_text("x = 2\n")
    (checkout / "new.py").touch()
    text = provenance.changes()["changes.diff"]
    assert text.startswith("new file: new.py\ndiff --git")
    assert "-x = 1\n+x = 2\n" in text


def test_changes_are_the_project_s_own_and_bounded(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "beside.py").touch()
    assert provenance.changes() == {}
    (checkout / "code.py").write_text("x = 3\n" * 200_000)
    text = provenance.changes()["changes.diff"]
    assert len(text) < 501_000
    assert text.endswith(" characters, cut here\n")
    monkeypatch.setattr(provenance, "_CHECKOUT", tmp_path / "installed")
    assert provenance.changes() == {}
