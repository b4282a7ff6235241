"""The command that downloads, on a service that sees every place on two days of a month."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from numpy.typing import NDArray

from cropland.commands import download
from cropland.config.commands.download import Download
from cropland.config.countries import Box, Country, Reference
from cropland.config.groups import Paths
from cropland.config.schema import filled
from cropland.config.sources import EarthEngine, Simulated
from cropland.errors import ConfigError, DataError
from cropland.sources.download import source as fetched
from cropland.sources.retries import Attempts
from cropland.sources.service import Seen

ROOT = Path(__file__).parents[2]
TOYLAND = Country(
    "toyland", "Toyland", Box(10.0, 10.4, 20.0, 20.4), Reference("2020-01-01", "2020-12-31")
)
ELSEWHERE = Country(
    "elsewhere", "Elsewhere", Box(30.0, 30.4, 20.0, 20.4), Reference("2020-01-01", "2020-12-31")
)


class Monthly:
    """Sees each place in the middle of each month, but nothing south of 10.1 degrees."""

    client = "monthly 1"

    def __init__(self) -> None:
        self.asked: list[tuple[int, date, date]] = []

    def points(
        self, lonlat: NDArray[np.float64], first: date, last: date, bands: Sequence[str]
    ) -> Seen:
        self.asked.append((len(lonlat), first, last))
        days = np.arange(first, last, dtype="M8[D]")
        days = days[(days - days.astype("M8[M]")).astype(int) == 14]
        north = np.flatnonzero(lonlat[:, 1] >= 10.1)
        place = np.repeat(north, len(days)).astype(np.int32)
        time = np.tile(days.astype("M8[s]"), len(north))
        values = {b: np.full(len(place), 7, np.uint8 if b == "SCL" else np.uint16) for b in bands}
        unseen = {
            int(each): "no image in these dates" for each in np.flatnonzero(lonlat[:, 1] < 10.1)
        }
        return Seen(place, time, time.astype(str), values, unseen, ("a granule lacks B8",))


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Monthly:
    made = Monthly()

    def connect(source: Any, attempts: Attempts) -> Monthly:
        return made

    monkeypatch.setattr(fetched, "connect", connect)
    return made


def command(folder: Path, exports: Path, **changes: Any) -> Download:
    values = yaml.safe_load((ROOT / "conf/source/earthengine.yaml").read_text())
    own = {key: changes.pop(key) for key in list(changes) if key in values}
    source = filled(EarthEngine, values | {"margin_days": 0} | own)
    paths = Paths(str(exports), str(folder / "archive"), "runs", str(folder / "down"))
    plain = {"source": source, "paths": paths, "points": None, "dry_run": False, "doctor": False}
    return Download(**plain | changes)


def test_it_plans_fetches_and_tells(
    tmp_path: Path, exports: Path, service: Monthly, capsys: pytest.CaptureFixture[str]
) -> None:
    download.run(command(tmp_path, exports), [TOYLAND], ["paths.data=x", "source=earthengine"])
    out, err = capsys.readouterr()
    assert re.search(r"toyland +80 +2020-01-01 … 2020-12-31 +4 +4 +5 s\n", err)
    assert "estimated with 5 s a request" in err
    assert err.count("a granule lacks B8") == 1
    assert sum(count for count, *_ in service.asked) == 80
    south = (
        pd.concat([pd.read_csv(exports / f"{n}.csv") for n in ("Train", "Test")])["Lat"] < 10.1
    ).sum()
    row = next(line for line in out.splitlines() if "toyland" in line)
    assert re.findall(r"\d+", row) == ["80", str(12 * (80 - south)), "0", "12", "12", str(south)]
    assert f"{south} points without any observation (no image in these dates): " in out
    assert "next: cropland train country=toyland source=earthengine paths.data=x" in out


def test_a_second_call_makes_no_request(
    tmp_path: Path,
    exports: Path,
    service: Monthly,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    download.run(command(tmp_path, exports), [TOYLAND], [])
    capsys.readouterr()

    def never(*_: Any) -> None:
        pytest.fail("connected")

    monkeypatch.setattr(fetched, "connect", never)
    download.run(command(tmp_path, exports), [TOYLAND], [])
    out, err = capsys.readouterr()
    assert "all there, nothing to fetch" in err
    assert "without any observation (no image in these dates)" in out


def test_more_points_and_a_longer_range_fetch_what_is_missing_only(
    tmp_path: Path, exports: Path, service: Monthly
) -> None:
    table = pd.read_csv(exports / "Test.csv")
    table[:-2].to_csv(exports / "Test.csv", index=False)
    download.run(command(tmp_path, exports), [TOYLAND], [])
    service.asked.clear()
    table.to_csv(exports / "Test.csv", index=False)
    download.run(command(tmp_path, exports), [TOYLAND], [])
    assert service.asked == [(2, date(2020, 1, 1), date(2020, 12, 31))]
    service.asked.clear()
    download.run(command(tmp_path, exports, margin_days=10), [TOYLAND], [])
    assert {(first, last) for _, first, last in service.asked} == {
        (date(2019, 12, 22), date(2019, 12, 31)),
        (date(2021, 1, 1), date(2021, 1, 10)),
    }
    assert sum(count for count, *_ in service.asked) == 2 * 80


def test_a_damaged_part_is_fetched_again(
    tmp_path: Path, exports: Path, service: Monthly, capsys: pytest.CaptureFixture[str]
) -> None:
    download.run(command(tmp_path, exports), [TOYLAND], [])
    service.asked.clear()
    part = sorted((tmp_path / "down").rglob("*.parquet"))[0]
    part.write_bytes(part.read_bytes()[:100])
    download.run(command(tmp_path, exports), [TOYLAND], [])
    assert len(service.asked) == 1
    assert "1 damaged part in" in capsys.readouterr().err


def test_a_dry_run_counts_a_damaged_part_as_missing_and_leaves_it(
    tmp_path: Path, exports: Path, service: Monthly, capsys: pytest.CaptureFixture[str]
) -> None:
    download.run(command(tmp_path, exports), [TOYLAND], [])
    part = sorted((tmp_path / "down").rglob("*.parquet"))[0]
    part.write_bytes(part.read_bytes()[:-1] + b"x")
    capsys.readouterr()
    download.run(command(tmp_path, exports, dry_run=True), [TOYLAND], [])
    assert re.search(r"2020-12-31 +1 +1 +5 s", capsys.readouterr().err)
    assert part.exists()


def test_a_season_that_goes_on_is_fetched_as_far_as_it_is_published(
    tmp_path: Path, exports: Path, service: Monthly, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = command(tmp_path, exports).source
    monkeypatch.setattr(fetched, "today", lambda: date(2020, 5, 6))
    download.run(command(tmp_path, exports), [TOYLAND], [])
    assert {last for *_, last in service.asked} == {date(2020, 5, 1)}
    table, _ = fetched.points_of(source, command(tmp_path, exports).paths, TOYLAND)  # type: ignore[arg-type]
    made = fetched.observations_of(source, command(tmp_path, exports).paths, TOYLAND, table)  # type: ignore[arg-type]
    assert made.attrs["time_coverage_end"] == "2020-05-01"
    service.asked.clear()
    monkeypatch.setattr(fetched, "today", lambda: date(2020, 9, 9))
    download.run(command(tmp_path, exports), [TOYLAND], [])
    assert {(first, last) for _, first, last in service.asked} == {
        (date(2020, 5, 2), date(2020, 9, 4))
    }


def test_a_season_that_is_still_to_come_cannot_be_fetched(
    tmp_path: Path, exports: Path, service: Monthly, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetched, "today", lambda: date(2019, 12, 1))
    with pytest.raises(
        DataError, match=r"the newest are of 2019-11-26; wait, or change the reference"
    ):
        download.run(command(tmp_path, exports), [TOYLAND], [])


def test_the_table_counts_the_days_that_are_wanted_only(
    tmp_path: Path, exports: Path, service: Monthly, capsys: pytest.CaptureFixture[str]
) -> None:
    download.run(command(tmp_path, exports, margin_days=100), [TOYLAND], [])
    capsys.readouterr()
    download.run(command(tmp_path, exports), [TOYLAND], [])
    row = next(line for line in capsys.readouterr().out.splitlines() if "toyland" in line)
    assert re.findall(r"\d+", row)[4] == "12"


def test_images_that_came_by_are_the_reason_that_is_told(
    tmp_path: Path, exports: Path, service: Monthly, capsys: pytest.CaptureFixture[str]
) -> None:
    first = service.points

    def outside_at_first(*asked: Any) -> Seen:
        seen = first(*asked)
        if asked[1] == date(2020, 1, 1):
            seen = replace(seen, unseen=dict.fromkeys(seen.unseen, "outside the swath"))
        return seen

    service.points = outside_at_first  # type: ignore[method-assign]
    download.run(command(tmp_path, exports, margin_days=0), [TOYLAND], [])
    longer = command(tmp_path, exports, margin_days=30)
    download.run(longer, [TOYLAND], [])
    assert "without any observation (outside the swath)" in capsys.readouterr().out


def test_a_band_that_is_none_is_answered_before_any_work(
    tmp_path: Path, exports: Path, service: Monthly
) -> None:
    with pytest.raises(ConfigError, match=r"source.bands has 'B99', which is not a band .* 'B9'"):
        download.run(command(tmp_path, exports, bands=["B99", "SCL"]), [TOYLAND], [])


def test_a_dry_run_leaves_nothing_behind(
    tmp_path: Path, exports: Path, service: Monthly, capsys: pytest.CaptureFixture[str]
) -> None:
    download.run(command(tmp_path, exports, dry_run=True), [TOYLAND], [])
    assert re.search(r"2020-12-31 +4 +4 ", capsys.readouterr().err)
    assert service.asked == []
    assert not (tmp_path / "down").exists()


def test_points_of_a_file_are_fetched(
    tmp_path: Path, exports: Path, service: Monthly, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.csv").write_text("ID,Lat,Lon\na,10.2,20.3\nb,50,20.3\n")
    mine = command(tmp_path, exports, points=str(tmp_path / "mine.csv"))
    download.run(mine, [TOYLAND], [])
    assert [count for count, *_ in service.asked] == [1]
    out, err = capsys.readouterr()
    assert "1 of 2 points lie outside the box of toyland: b" in err
    assert f"next: cropland predict country=toyland points={tmp_path}/mine.csv " in out


def test_points_with_exchanged_coordinates_are_one_line_before_any_request(
    tmp_path: Path, exports: Path, service: Monthly
) -> None:
    (tmp_path / "mine.csv").write_text("ID,Lat,Lon\na,20.3,10.2\nb,10.2,20.3\nc,20.3,10.3\n")
    mine = command(tmp_path, exports, points=str(tmp_path / "mine.csv"))
    with pytest.raises(
        DataError,
        match=r"mine.csv seems to have Lat and Lon swapped: of its 3 points 1 lie in the box of elsewhere, "
        r"toyland as they are, 2 with the two exchanged, such as a \(Lat 20.3, Lon 10.2\)",
    ):
        download.run(mine, [ELSEWHERE, TOYLAND], [])
    assert service.asked == []


def test_countries_without_points_are_named(
    tmp_path: Path, exports: Path, service: Monthly, capsys: pytest.CaptureFixture[str]
) -> None:
    download.run(command(tmp_path, exports), [ELSEWHERE, TOYLAND], [])
    assert "no points of elsewhere in" in capsys.readouterr().err
    with pytest.raises(DataError, match=r"no point of .* lies in the box of a country"):
        download.run(command(tmp_path, exports), [ELSEWHERE], [])


def test_a_simulation_has_nothing_to_download(tmp_path: Path, exports: Path) -> None:
    values = yaml.safe_load((ROOT / "conf/source/simulated.yaml").read_text())
    simulated = command(tmp_path, exports, source=filled(Simulated, values))
    with pytest.raises(ConfigError, match=r"source=simulated has nothing to download; use source="):
        download.run(simulated, [TOYLAND], [])


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("COLUMNS", "200")
    yield
