from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cropland.support.fingerprint import PACKAGE, fingerprint, fingerprint_of

ROOMS = ("features", "training/candidate_data.py")


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The package, copied."""
    return shutil.copytree(PACKAGE, tmp_path / "cropland", ignore=shutil.ignore_patterns("*.pyc"))


def hashed(package: Path, *names: str) -> str:
    """The hash as a new process finds it."""
    fingerprint_of.cache_clear()
    return fingerprint_of(*(names or ROOMS), package=package)


def test_a_file_counts_by_its_content_and_a_value_by_its_words(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text("same"), second.write_text("same")
    assert fingerprint(first, 1) == fingerprint(second, 1)
    assert fingerprint(first, 1) != fingerprint(first, 2)
    assert fingerprint("ab", "c") != fingerprint("a", "bc")


def test_a_copy_of_the_code_has_its_hash_in_any_order_of_names(copied: Path) -> None:
    assert hashed(copied) == hashed(PACKAGE) == hashed(copied, *reversed(ROOMS))


@pytest.mark.parametrize("module", ["features/new.py", "features/below/new.py"])
def test_a_new_module_of_a_room_changes_its_hash(copied: Path, module: str) -> None:
    before = hashed(copied)
    (copied / module).parent.mkdir(exist_ok=True)
    (copied / module).write_text("")
    assert hashed(copied) != before


@pytest.mark.parametrize("module", ["features/window.py", "training/candidate_data.py"])
def test_a_changed_module_changes_it(copied: Path, module: str) -> None:
    before, path = hashed(copied), copied / module
    path.write_text(path.read_text() + "\n# changed\n")
    assert hashed(copied) != before


def test_a_renamed_module_changes_it(copied: Path) -> None:
    before = hashed(copied)
    (copied / "features/window.py").rename(copied / "features/windows.py")
    assert hashed(copied) != before


def test_a_module_outside_does_not_change_it(copied: Path) -> None:
    before = hashed(copied)
    (copied / "training/candidate.py").write_text("# changed\n")
    (copied / "maps/new.py").write_text("")
    (copied / "features/notes.txt").write_text("no code")
    assert hashed(copied) == before


@pytest.mark.parametrize("name", ["feature", "features/gone.py", "features/window"])
def test_code_that_is_not_there_is_an_error(copied: Path, name: str) -> None:
    with pytest.raises(FileNotFoundError, match="expected source code in"):
        hashed(copied, name)
