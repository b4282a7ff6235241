"""Parts: what was written is read, what was harmed is noticed."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cropland.errors import DataError
from cropland.sources.download.chunks import Chunk, pack
from cropland.sources.download.parts import Parts
from cropland.sources.service import Gaps, Seen

PLACES = pack(np.array([48.1, 48.2, 48.3]), np.array([32.1, 32.2, 32.3]))
CHUNK = Chunk(PLACES, date(2020, 1, 1), date(2020, 12, 31))
SEEN = Seen(
    place=np.array([0, 2, 2], np.int32),
    time=np.array(["2020-01-03T07:10:11", "2020-02-01", "2020-03-01"], "M8[s]"),
    granule=np.array(["b", "a", "b"]),
    values={"B4": np.array([1, 2, 60_000], "u2"), "SCL": np.array([4, 5, 9], "u1")},
    unseen={1: "no image in these dates"},
)


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    return Parts(tmp_path / "iran")


def test_what_was_kept_is_read(parts: Parts) -> None:
    part = parts.keep(CHUNK, SEEN, "client 1")
    rows = parts.rows(part)
    np.testing.assert_array_equal(rows.places, PLACES[SEEN.place])
    np.testing.assert_array_equal(rows.time, SEEN.time)
    np.testing.assert_array_equal(rows.granules[rows.granule], SEEN.granule)
    for band, values in SEEN.values.items():
        assert rows.values[band].dtype == values.dtype
        np.testing.assert_array_equal(rows.values[band], values)


def test_a_part_answers_for_its_places_also_where_nothing_was_seen(parts: Parts) -> None:
    parts.keep(CHUNK, SEEN, "client 1")
    (part,) = Parts(parts.folder)
    np.testing.assert_array_equal(part.places, PLACES)
    assert part.days == (CHUNK.first, CHUNK.last)
    assert part.counts.tolist() == [1, 0, 2]
    assert part.unseen == {1: "no image in these dates"}
    assert part.client == "client 1"


def test_a_part_knows_what_its_images_lack(parts: Parts) -> None:
    gaps = Gaps(missing={"SCL": {"A"}}, fills=Counter(B4=2, B8=0))
    seen = replace(SEEN, gaps=gaps, notes=("an image is excluded",))
    kept = parts.keep(CHUNK, seen, "client 1")
    (part,) = Parts(parts.folder)
    assert part.notes == ("an image is excluded",)
    assert list(part.gaps.sentences()) == [
        "1 image has no SCL: no data there",
        "2 values of B4 below 0 or above 32,766: no data there",
    ]
    kept.path.unlink()
    assert not parts.keep(CHUNK, SEEN, "client 1").gaps


def test_other_tools_read_a_part(parts: Parts) -> None:
    table = pd.read_parquet(parts.keep(CHUNK, SEEN, "client 1").path)
    assert list(table.columns) == ["Lon", "Lat", "time", "granule", "B4", "SCL"]
    assert table["Lon"].tolist() == [48.1, 48.3, 48.3]


@pytest.mark.parametrize(
    "harm", [lambda b: b[:-7], lambda b: b[:60] + bytes([b[60] ^ 1]) + b[61:], lambda b: b""]
)
def test_harm_is_noticed_and_the_part_is_no_more(parts: Parts, harm: object) -> None:
    other = parts.keep(Chunk(PLACES, date(2021, 1, 1), date(2021, 1, 31)), SEEN, "c")
    path = parts.keep(CHUNK, SEEN, "c").path
    path.write_bytes(harm(path.read_bytes()))  # type: ignore[operator]
    again = Parts(parts.folder)
    assert again.damaged() == [path]
    again.discard([path])
    assert [part.path for part in again] == [other.path]


def test_a_part_that_was_harmed_after_it_was_found_is_not_read(parts: Parts) -> None:
    part = parts.keep(CHUNK, SEEN, "c")
    part.path.write_bytes(part.path.read_bytes()[:-1] + b"x")
    with pytest.raises(DataError, match=r"is damaged; give the command download again"):
        parts.rows(part)


def test_what_a_kill_left_unfinished_is_removed(parts: Parts) -> None:
    name = parts.keep(CHUNK, SEEN, "c").path.name
    half = parts.folder / f".{name}.0123"
    half.write_bytes(b"half")
    assert len(list(parts)) == 1
    parts.discard(parts.damaged())
    assert not half.exists() and len(list(parts)) == 1


@pytest.mark.processes
def test_a_second_download_is_told_who_is_at_work(parts: Parts) -> None:
    code = (
        "import sys; from pathlib import Path; from cropland.sources.download.parts import Parts\n"
        "with Parts(Path(sys.argv[1])).locked(): print('in', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(parts.folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None and other.stdout.readline() == "in\n"
        said = rf"is being downloaded to by process {other.pid} on .*; wait for it, or stop it"
        with pytest.raises(DataError, match=said), parts.locked():
            pytest.fail("two downloads at once")
        other.kill()
    with parts.locked():
        pass  # the lock of a process that was killed is free


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(
        DataError, match=r"cannot write to .*; set paths.downloads to a folder that you may"
    ):
        Parts(tmp_path / "file" / "iran").keep(CHUNK, SEEN, "c")


def test_an_error_of_the_work_under_a_lock_stays_what_it_is(parts: Parts) -> None:
    with pytest.raises(BrokenPipeError), parts.locked():
        raise BrokenPipeError
    with parts.locked():
        pass


@pytest.mark.parametrize(
    ("days", "counts"),
    [
        ((date(2020, 1, 1), date(2020, 12, 31)), {0: 1, 1: 0, 2: 2}),
        ((date(2020, 1, 3), date(2020, 2, 1)), {0: 1, 2: 1}),
        ((date(2020, 2, 2), date(2021, 2, 2)), {2: 1}),
    ],
)
def test_observations_are_counted_within_days(
    parts: Parts, days: tuple[date, date], counts: dict[int, int]
) -> None:
    places, sizes = parts.counted(parts.keep(CHUNK, SEEN, "c"), days)
    expected = {int(PLACES[place]): count for place, count in counts.items()}
    assert dict(zip(places.tolist(), sizes.tolist(), strict=True)) == expected
