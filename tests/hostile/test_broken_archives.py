"""An archive that lost or changed a byte: it is made again, or an error says so; never other values."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hostile.claims import check_line, quickly, refused
from standins import toyland as toy
from standins.runs import candidates
from standins.shell import Shell, screen

from cropland.config.groups import Paths
from cropland.errors import DataError
from cropland.observations import archive, archive_files, archive_writing
from cropland.observations.archive import Archive
from cropland.sources import opening

CHUNK = Path("B4", "0")


def flip(path: Path, at: int = -1) -> None:
    """Change one bit of a file."""
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def cut(path: Path, length: int) -> None:
    with path.open("r+b") as stream:
        stream.truncate(length)


def big_endian(path: Path) -> None:
    """Change two bytes of metadata, by which other values would be read."""
    text = path.read_text()
    assert '"<u2"' in text
    path.write_text(text.replace('"<u2"', '">u2"'))


def forge_codec(folder: Path) -> None:
    """Put a codec that runs code into the metadata, with checksums that are right."""
    for name in (".zmetadata", "B4/.zarray"):
        content = json.loads((folder / name).read_text())
        array = content["metadata"]["B4/.zarray"] if name == ".zmetadata" else content
        array.update(filters=[{"id": "pickle"}], dtype="|O")
        (folder / name).write_text(json.dumps(content))
    (folder / "checksums.json").unlink()
    archive_files.write_checksums(folder)


def link(path: Path) -> None:
    """Move a file away and put a link in its place."""
    path.replace(path.parents[3] / "elsewhere")
    path.symlink_to(path.parents[3] / "elsewhere")


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def lose_all(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def put_another(folder: Path) -> None:
    """Put an undamaged archive in its place, as who renames one does."""
    shutil.rmtree(folder)
    table = toy.points()
    toy.write_archive(folder, table, toy.observations(table).assign(B4=1))


SEEN_ON_OPENING: dict[str, tuple[Callable[[Path], object], str]] = {
    "lost chunk": (lambda folder: (folder / CHUNK).unlink(), "B4/0 is missing"),
    "cut chunk": (lambda folder: cut(folder / CHUNK, 100), "B4/0 has 100 bytes instead of"),
    "empty chunk": (lambda folder: cut(folder / CHUNK, 0), "B4/0 has 0 bytes instead of"),
    "link": (lambda folder: link(folder / CHUNK), "B4/0 is no plain file"),
    "pipe": (lambda folder: pipe(folder / CHUNK), "B4/0 is no plain file"),
    "lost column": (lambda folder: shutil.rmtree(folder / "SCL"), "SCL/.zarray is missing, and 2 "),
    "metadata": (lambda folder: big_endian(folder / ".zmetadata"), ".zmetadata is not as it was"),
    "fingerprint": (lambda folder: flip(folder / ".zattrs", -20), ".zattrs is not as it was"),
    "renamed": (put_another, "its fingerprint is another, f00"),
    "lost checksums": (
        lambda folder: (folder / "checksums.json").unlink(),
        "checksums.json is mis",
    ),
    "cut checksums": (lambda folder: cut(folder / "checksums.json", 300), "checksums.json is not"),
    "other checksums": (
        lambda folder: (folder / "checksums.json").write_text("[1]"),
        "checksums.json is not as it was written",
    ),
    "no checksums": (
        lambda folder: (folder / "checksums.json").write_text("{}"),
        "cannot be read",
    ),
    "codec": (forge_codec, "cannot be read as Zarr: B4"),
    "a file": (lambda folder: [shutil.rmtree(folder), folder.write_text("")], "Not a directory"),
    "pipe of checksums": (lambda folder: pipe(folder / "checksums.json"), "checksums.json is mis"),
    "link of checksums": (lambda folder: link(folder / "checksums.json"), "checksums.json is mis"),
    "escape sequences": (
        lambda folder: (folder / "damage.txt").write_text(f"{folder}: \x1b[31m\nred"),
        r"\x1b[31m red",
    ),
    "a name of escape sequences": (
        lambda folder: (folder / "checksums.json").write_text('{"\\u001b[31m": [1, 1]}'),
        r"\x1b[31m is missing",
    ),
    "damage that had no room": (lambda folder: (folder / "damage.txt").touch(), " is damaged"),
    "all lost": (lose_all, "checksums.json is missing"),
}
"""What is done to an archive, and what is said when it is opened."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Archive]:
    """A folder with exports and the archive that is made of them, and this archive, read."""
    folder = tmp_path_factory.mktemp("made")
    table = toy.points()
    toy.write_exports(folder / "exports", table, toy.observations(table))
    opened = open_anew(folder)
    return folder, Archive(opened.dataset.load())


@pytest.fixture
def work(tmp_path: Path, made: tuple[Path, Archive]) -> Path:
    """A copy of that folder."""
    shutil.copytree(made[0], tmp_path / "work")
    return tmp_path / "work"


def open_anew(folder: Path) -> Archive:
    """Open the archive of a folder as the next process does."""
    opening._OPEN.clear()
    paths = Paths(*(str(folder / name) for name in ("exports", "archive", "downloads")))
    try:
        return opening.archive_of(toy.SOURCE, paths, toy.TOYLAND)
    finally:
        opening._OPEN.clear()


def stored(work: Path) -> Path:
    """Return the one archive that is there, and nothing beside it."""
    (folder,) = (work / "archive" / "files").iterdir()
    return folder


def check_values(opened: Archive, expected: Archive) -> None:
    assert opened.dataset.load().identical(expected.dataset)


@pytest.mark.parametrize("kind", SEEN_ON_OPENING)
def test_what_is_broken_is_said_and_made_again(
    work: Path, made: tuple[Path, Archive], kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    break_it, message = SEEN_ON_OPENING[kind]
    path = stored(work)
    break_it(path)
    with quickly():
        if kind != "renamed":  # by another name it is as good
            assert message in refused(lambda: archive.open_archive(path))
        check_values(open_anew(work), made[1])
    said = capsys.readouterr().err.strip()
    assert said.startswith("warning ") and str(path) in said and message in said
    check_line(said)
    assert said.endswith("; it is made again") and stored(work) == path
    check_values(open_anew(work), made[1])
    assert not capsys.readouterr().err


@pytest.mark.parametrize("at", [-1, 20, 300])
def test_a_changed_byte_is_an_error_when_it_is_read_and_the_next_command_makes_it_again(
    work: Path, made: tuple[Path, Archive], at: int, capsys: pytest.CaptureFixture[str]
) -> None:
    path = stored(work)
    flip(path / CHUNK, at)
    opened = open_anew(work)
    np.testing.assert_array_equal(opened.values("B8"), made[1].values("B8"))
    for _ in range(2):
        line = refused(lambda: opened.values("B4"))
        assert "B4/0 is not as it was written; give the command again: the archive is" in line
    assert not capsys.readouterr().err
    check_values(open_anew(work), made[1])
    assert "B4/0 is not as it was written; it is made again" in capsys.readouterr().err
    check_values(open_anew(work), made[1])


def test_files_that_were_not_written_with_it_are_not_read(
    work: Path, made: tuple[Path, Archive], capsys: pytest.CaptureFixture[str]
) -> None:
    """File managers and network file systems leave some, and a copy by macOS has one beside each."""
    folder = stored(work)
    for name in (".DS_Store", "B4/.DS_Store", "B4/._0", "Thumbs.db", ".nfs0001", "B4/1"):
        (folder / name).write_text("another program's")
    check_values(open_anew(work), made[1])
    assert not capsys.readouterr().err


def test_metadata_of_a_column_are_not_read(work: Path, made: tuple[Path, Archive]) -> None:
    """Those of the group count, which hold all of them."""
    big_endian(stored(work) / "B4" / ".zarray")
    check_values(open_anew(work), made[1])


def test_moments_are_checked_too_though_opening_reads_them(
    work: Path, made: tuple[Path, Archive], capsys: pytest.CaptureFixture[str]
) -> None:
    flip(stored(work) / "time" / "0")
    check_values(open_anew(work), made[1])
    assert "time/0 is not as it was written; it is made again" in capsys.readouterr().err


def random_archive(path: Path, seed: int) -> Archive:
    """Write an archive whose chunks cannot be compressed: those of all bands have one size."""
    table = toy.points()
    rows = toy.observations(table)
    random = np.random.default_rng(seed)
    return toy.write_archive(
        path, table, rows.assign(**{b: random.integers(1, 32_000, len(rows)) for b in toy.BANDS})
    )


@pytest.mark.parametrize("other", ["one.zarr/B3", "two.zarr/B4"])
def test_a_chunk_of_the_same_size_that_belongs_elsewhere_is_never_read(
    tmp_path: Path, other: str
) -> None:
    one = random_archive(tmp_path / "one.zarr", 1)
    random_archive(tmp_path / "two.zarr", 2)
    chunks = [tmp_path / "one.zarr" / CHUNK, tmp_path / other / "0"]
    first, second = (path.read_bytes() for path in chunks)
    assert len(first) == len(second) and first != second
    chunks[0].write_bytes(second)
    chunks[1].write_bytes(first)
    opened = archive.open_archive(tmp_path / "one.zarr")
    np.testing.assert_array_equal(opened.values("B8"), one.values("B8"))
    assert "B4/0 is not as it was written" in refused(lambda: opened.part(3, 5).values("B4"))


def test_chunks_without_data_are_written_and_not_taken_from_nowhere(
    tmp_path: Path, toy_points: pd.DataFrame, toy_rows: pd.DataFrame
) -> None:
    toy.write_archive(tmp_path / "a.zarr", toy_points, toy_rows.assign(B4=0))
    assert np.isnan(archive.open_archive(tmp_path / "a.zarr").values("B4")).all()
    opened = archive.open_archive(tmp_path / "a.zarr")
    (tmp_path / "a.zarr" / CHUNK).unlink()
    assert "B4/0 is missing" in refused(lambda: opened.raw("B4"))


def test_what_is_made_meanwhile_stays(
    work: Path, made: tuple[Path, Archive], monkeypatch: pytest.MonkeyPatch
) -> None:
    (stored(work) / CHUNK).unlink()
    fill = opening._FILLERS["files"].fill
    other: list[int] = []

    def slow(*arguments: object) -> object:
        """Fill it while another process fills it too, and is faster."""
        monkeypatch.setattr(opening._FILLERS["files"], "fill", fill)
        check_values(open_anew(work), made[1])
        other.append(stored(work).stat().st_ino)
        return fill(*arguments)

    monkeypatch.setattr(opening._FILLERS["files"], "fill", slow)
    check_values(open_anew(work), made[1])
    assert [stored(work).stat().st_ino] == other


def test_a_damaged_archive_stays_where_the_new_one_cannot_be_written(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = stored(work)
    (path / CHUNK).unlink()
    with monkeypatch.context() as patched:
        patched.setattr(os, "access", lambda *_: False)
        line = refused(lambda: open_anew(work))
    assert "B4/0 is missing, and you may not write to" in line and "set paths.archive" in line

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archive_writing, "store", full)
    assert "cannot write the archive" in refused(lambda: open_anew(work))
    assert stored(work) == path


def test_damage_that_cannot_be_written_down_is_said_with_another_remedy(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flip(stored(work) / CHUNK)
    opened = open_anew(work)

    def read_only(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "open", read_only)
    with pytest.raises(DataError, match="not as it was written; delete it, or set paths.archive"):
        opened.raw("B4")


def test_a_sweep_fails_in_one_line_and_the_next_has_the_scores_of_before(
    swept: Shell, tmp_path: Path
) -> None:
    shell = swept.copy(tmp_path / "work")
    (path,) = shell.folder.glob("data/archive/files/*.zarr")
    flip(path / CHUNK)
    words = (*shell.here, "n_jobs=1", "validation.folds=3", "bands=ndvi", "model=knn", "span=24")
    assert "B4/0 is not as it was written; give the command again" in screen(
        shell.run(*words, "force=true"), code=1
    )
    assert "B4/0 is not as it was written; it is made again" in screen(
        shell.run(*words, "force=true")
    )
    runs = candidates(shell.database, status="FINISHED")
    before, after = (run.data.metrics for run in runs if run.data.params["span"] == "24")
    assert before["accuracy"] == after["accuracy"]
