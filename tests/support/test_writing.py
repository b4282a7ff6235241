"""Files and folders are there whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

from cropland.errors import DataError
from cropland.support.writing import check_new, check_output, temporary_folder, whole, write_whole


def test_a_file_replaces_the_one_before(tmp_path: Path) -> None:
    for text in ("one", "two"):
        write_whole(tmp_path / "new" / "file.txt", text)
        assert (tmp_path / "new" / "file.txt").read_text() == text
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["file.txt"]


def test_what_gets_its_name_is_on_the_disk_before_and_its_name_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[tuple[str, Path]] = []

    def fsync(descriptor: int) -> None:
        steps.append(("fsync", Path(f"/proc/self/fd/{descriptor}").readlink()))

    replace = Path.replace

    def recorded(path: Path, target: Path) -> Path:
        steps.append(("rename", path))
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", recorded)
    with whole(tmp_path / "folder") as partial:
        (partial / "deep").mkdir(parents=True)
        (partial / "deep" / "file").write_text("")
        (partial / "other").write_text("")
    inside = {partial / "deep", partial / "deep" / "file", partial / "other"}
    assert set(steps[:3]) == {("fsync", path) for path in inside}
    assert steps[3:] == [("fsync", partial), ("rename", partial), ("fsync", tmp_path)]
    steps.clear()
    write_whole(tmp_path / "file", "text")
    (_, written), *rest = steps
    assert written.name.startswith(".file.") and rest == [("rename", written), ("fsync", tmp_path)]


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS])
def test_a_file_system_that_cannot_flush_is_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Some network file systems cannot, of folders or at all; what is broken is an error."""

    def fsync(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fsync)
    write_whole(tmp_path / "file", "text")
    assert (tmp_path / "file").read_text() == "text"
    number = errno.EIO
    with pytest.raises(DataError, match="Input/output error"):
        write_whole(tmp_path / "other", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_only_errors_of_temporary_files_are_taken_for_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    with pytest.raises(DataError, match="cannot write temporary files"), temporary_folder():
        raise OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(FileNotFoundError), temporary_folder():
        (tmp_path / "lost").read_text()
    with pytest.raises(FileNotFoundError), temporary_folder() as folder:
        (folder / "a").write_text("")
        shutil.copy(folder / "a", tmp_path / "lost" / "a")
    with pytest.raises(ConnectionError), temporary_folder():
        raise ConnectionError("the server is away")
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_folder_that_is_not_to_be_kept_is_replaced(tmp_path: Path) -> None:
    for text in ("first", "second"):
        with whole(tmp_path / "folder", keeps=lambda path: (path / "good").exists()) as partial:
            partial.mkdir()
            (partial / "file").write_text(text)
    assert (tmp_path / "folder" / "file").read_text() == "second"
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


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


TABLE = ["ID", "Target", "reason"]


def test_an_output_that_cannot_be_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    check_output(tmp_path / "new" / "deep" / "p.csv", [], TABLE)
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]
    with pytest.raises(DataError, match="is a folder"):
        check_output(tmp_path, [], TABLE)
    with pytest.raises(DataError, match="file is not a folder"):
        check_output(tmp_path / "file" / "p.csv", [], TABLE)


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"ID,Target\n1,0\n", b"ID,Target,reason\r\n", b"\xef\xbb\xbfID,Target\n"),
        b"ID,Target",
    ],
)
def test_a_table_replaces_its_like(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "p.csv").write_bytes(content)
    check_output(tmp_path / "p.csv", [tmp_path / "other.csv"], TABLE)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"ID,Target,Lat\n", "first line is 'ID,Target,Lat'; set output to another name, or move"),
        (b"ID\n1\n", "first line is 'ID'"),
        (b"ID;Target\n", "first line is 'ID;Target'"),
        (b"\nnotes\n", "first line is ''"),
        (b"II*\x00\x08\x00", "it is not a CSV file"),
        (b"\x89HDF\r\n\x1a\n", "it is not a CSV file"),
    ],
)
def test_a_table_replaces_nothing_else(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "p.csv").write_bytes(content)
    with pytest.raises(DataError, match=message):
        check_output(tmp_path / "p.csv", [], TABLE)


def test_a_table_is_not_written_where_an_input_is_or_will_be(tmp_path: Path) -> None:
    (tmp_path / "linked").symlink_to(tmp_path)
    with pytest.raises(DataError, match="which this command reads; set output to another"):
        check_output(tmp_path / "linked" / "Test.csv", [tmp_path / "Test.csv"], TABLE)


def test_a_file_that_is_there_is_not_replaced_without_force(tmp_path: Path) -> None:
    path, given = tmp_path / "p.gpkg", [tmp_path / "Test.csv"]
    check_new(path, given, "output", "p.csv", force=False)
    path.write_bytes(b"")
    with pytest.raises(DataError, match=r"output .*p.gpkg already exists; .* force=true"):
        check_new(path, given, "output", "p.csv", force=False)
    check_new(path, given, "output", "p.csv", force=True)
    (tmp_path / "pipe").symlink_to("/dev/null")
    with pytest.raises(DataError, match="exists and is not a file"):
        check_new(tmp_path / "pipe", given, "output", "p.csv", force=True)
    with pytest.raises(DataError, match="which this command reads"):
        check_new(given[0], given, "output", "p.csv", force=True)
