"""Files and folders are there whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from cropland.errors import DataError
from cropland.support.writing import whole, write_whole


def test_a_file_replaces_the_one_before(tmp_path: Path) -> None:
    for text in ("one", "two"):
        write_whole(tmp_path / "new" / "file.txt", text)
        assert (tmp_path / "new" / "file.txt").read_text() == text
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["file.txt"]


def test_what_fails_leaves_the_file_before_and_nothing_else(tmp_path: Path) -> None:
    write_whole(tmp_path / "file", b"before")
    with pytest.raises(KeyError), whole(tmp_path / "file") as partial:
        partial.write_bytes(b"half")
        raise KeyError
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"file": b"before"}


def test_a_folder_that_is_there_stays(tmp_path: Path) -> None:
    for text in ("first", "second"):
        with whole(tmp_path / "folder") as partial:
            partial.mkdir()
            (partial / "file").write_text(text)
    assert (tmp_path / "folder" / "file").read_text() == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_folder_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyError), whole(tmp_path / "folder") as partial:
        (partial / "deep").mkdir(parents=True)
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot write .*/file/below.*set output to where"):
        write_whole(tmp_path / "file" / "below", "text")
