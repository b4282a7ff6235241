"""Archives of what was fetched: whole, each observation once, and of one source."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from cropland.config.countries import Box, Country, Reference
from cropland.config.groups import Paths
from cropland.config.schema import filled
from cropland.config.sources import EarthEngine, Files, Stac
from cropland.errors import DataError
from cropland.sources import opening
from cropland.sources.download import source as fetched
from cropland.sources.download.chunks import Chunk, pack, places_of
from cropland.sources.download.plan import plan_of
from cropland.sources.service import Gaps, Seen

ROOT = Path(__file__).parents[3]
TOYLAND = Country(
    "toyland", "Toyland", Box(10.0, 10.4, 20.0, 20.4), Reference("2020-01-01", "2020-12-31")
)
BANDS = ("B2", "B3", "B4", "B8", "SCL")


def earthengine(**changes: Any) -> EarthEngine:
    values = yaml.safe_load((ROOT / "conf/source/earthengine.yaml").read_text())
    made: EarthEngine = filled(EarthEngine, values | {"bands": BANDS, "margin_days": 0} | changes)
    return made


def stac(**changes: Any) -> Stac:
    values = yaml.safe_load((ROOT / "conf/source/stac.yaml").read_text())
    made: Stac = filled(Stac, values | {"bands": BANDS, "margin_days": 0} | changes)
    return made


@pytest.fixture
def paths(tmp_path: Path, exports: Path) -> Paths:
    opening._OPEN.clear()
    return Paths(str(exports), str(tmp_path / "archive"), "runs", str(tmp_path / "downloads"))


@pytest.fixture
def rows(toy_rows: pd.DataFrame) -> pd.DataFrame:
    """What the toy points show in 2020, with a granule a day."""
    of_2020 = toy_rows[toy_rows["time"].dt.year == 2020]
    return of_2020.assign(granule=of_2020["time"].dt.strftime("%Y%m%dT%H%M%S"))


def keep(
    rows: pd.DataFrame,
    points: pd.DataFrame,
    paths: Paths,
    first: date = TOYLAND.reference.first,
    last: date = TOYLAND.reference.last,
    source: Any = None,
    gaps: Gaps | None = None,
    notes: tuple[str, ...] = (),
) -> None:
    """Write a part of some points and days, as a download would."""
    places = np.unique(places_of(points))
    own = rows[rows["ID"].isin(points["ID"]) & rows["time"].dt.date.between(first, last)]
    own = own.merge(points[["ID", "Lon", "Lat"]], on="ID")
    seen = Seen(
        place=np.searchsorted(places, places_of(own)).astype(np.int32),
        time=own["time"].to_numpy().astype("M8[s]"),
        granule=own["granule"].to_numpy().astype(str),
        values={
            band: own[band].to_numpy().astype("u1" if band == "SCL" else "u2") for band in BANDS
        },
        gaps=gaps or Gaps(),
        notes=notes,
    )
    parts = fetched.parts_of(source or earthengine(), paths, TOYLAND)
    parts.keep(Chunk(places, first, last), seen, "client 1")


def test_an_archive_of_parts_is_that_of_the_same_observations_in_files(
    paths: Paths, toy_points: pd.DataFrame, rows: pd.DataFrame
) -> None:
    keep(rows, toy_points[:50], paths, last=date(2020, 5, 20))
    keep(rows, toy_points[:50], paths, first=date(2020, 5, 21))
    keep(rows, toy_points[50:], paths)
    ours = opening.archive_of(earthengine(), paths, TOYLAND)
    files = Files("files", "COPERNICUS_S2_SR_HARMONIZED", "Train.csv", "Test.csv")
    theirs = opening.archive_of(files, paths, TOYLAND)
    of_2020 = theirs.times >= np.datetime64("2020-01-01")
    for name in ("ID", "Lat", "Lon", "Target"):
        np.testing.assert_array_equal(ours.points[name], theirs.points[name])
    np.testing.assert_array_equal(ours.times, theirs.times[of_2020])
    for band in BANDS:
        np.testing.assert_array_equal(ours.values(band), theirs.values(band)[of_2020])
    assert ours.source == "earthengine"
    assert (ours.first, ours.last) == (date(2020, 1, 1), date(2020, 12, 31))
    assert set(ours.stored) == set(BANDS)


def test_an_archive_says_where_it_comes_from_and_names_its_granules(
    paths: Paths, toy_points: pd.DataFrame, rows: pd.DataFrame
) -> None:
    keep(rows, toy_points, paths)
    archive = opening.archive_of(earthengine(), paths, TOYLAND)
    attributes = archive.dataset.attrs
    assert attributes["collection"] == "COPERNICUS/S2_SR_HARMONIZED"
    assert attributes["harmonisation"] == "of the collection"
    assert attributes["client"] == ["client 1"]
    names = archive.dataset["granule_id"].to_numpy()[archive.raw("granule")]
    assert list(names) == [str(t)[:19].replace("-", "").replace(":", "") for t in archive.times]


def test_an_observation_that_was_fetched_twice_counts_once(
    paths: Paths, toy_points: pd.DataFrame, rows: pd.DataFrame
) -> None:
    keep(rows, toy_points, paths)
    once = opening.archive_of(earthengine(), paths, TOYLAND)
    keep(rows, toy_points[:5], paths, first=date(2020, 3, 1), last=date(2020, 6, 30))
    opening._OPEN.clear()
    twice = opening.archive_of(earthengine(), paths, TOYLAND)
    assert twice.fingerprint != once.fingerprint
    np.testing.assert_array_equal(twice.times, once.times)


def test_granules_of_one_moment_are_two_observations(
    paths: Paths, toy_points: pd.DataFrame, rows: pd.DataFrame
) -> None:
    again = rows[rows["ID"] == toy_points["ID"][0]].assign(granule="reprocessed")
    keep(pd.concat([rows, again]), toy_points, paths)
    archive = opening.archive_of(earthengine(), paths, TOYLAND)
    assert len(archive.times) == len(rows) + len(again)


def test_points_at_one_place_share_what_was_fetched(
    paths: Paths, toy_points: pd.DataFrame, rows: pd.DataFrame
) -> None:
    keep(rows, toy_points, paths)
    twins = pd.concat([toy_points[:1], toy_points[:1].assign(ID="twin")], ignore_index=True)
    archive = opening.archive_of_points(earthengine(), paths, TOYLAND, twins)
    sizes = archive.dataset["row_size"].to_numpy()
    assert sizes[0] == sizes[1] == (rows["ID"] == toy_points["ID"][0]).sum()


def test_a_download_that_is_not_complete_is_no_archive(
    paths: Paths, toy_points: pd.DataFrame, rows: pd.DataFrame
) -> None:
    keep(rows, toy_points[3:], paths)
    keep(rows, toy_points[:3], paths, first=date(2020, 2, 1))
    said = (
        r"the download of toyland is not complete: 3 of 80 places lack days within 2020-01-01 … "
        r"2020-01-31, "
        r"where source.margin_days=0 wants 2020-01-01 … 2020-12-31; fetch the rest: "
        r"cropland download "
        r"source=earthengine country=toyland source.project=NAME paths.data=.* source.margin_days=0 .with"
    )
    with pytest.raises(DataError, match=said):
        opening.archive_of(earthengine(), paths, TOYLAND)


def test_without_any_download_the_command_is_told(paths: Paths) -> None:
    said = "cropland download source=stac country=toyland source.catalog=earth_search"
    with pytest.raises(DataError, match=said):
        opening.archive_of(stac(), paths, TOYLAND)


def test_sources_and_settings_that_differ_do_not_mix(
    paths: Paths, toy_points: pd.DataFrame, rows: pd.DataFrame
) -> None:
    keep(rows, toy_points, paths)
    others = (
        stac(),
        stac(catalog="planetary_computer"),
        earthengine(collection="projects/mine/assets/sentinel2"),
        earthengine(bands=("B2", "SCL")),
    )
    folders = {fetched.parts_of(each, paths, TOYLAND).folder for each in others}
    assert len(folders) == len(others)
    for other in others:
        with pytest.raises(DataError, match="nothing was downloaded"):
            opening.archive_of(other, paths, TOYLAND)


def test_folders_that_differ_are_not_taken_for_each_other(
    paths: Paths, toy_points: pd.DataFrame, rows: pd.DataFrame
) -> None:
    keep(rows, toy_points, paths)
    opening.archive_of(earthengine(), paths, TOYLAND)
    with pytest.raises(DataError, match="nothing was downloaded"):
        opening.archive_of(earthengine(), replace(paths, downloads="elsewhere"), TOYLAND)


def test_a_folder_is_one_catalogue_however_it_is_written(
    paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folders = {
        fetched.parts_of(stac(catalog=catalog), paths, TOYLAND).folder
        for catalog in ("items", "./items", "items/", str(tmp_path / "items"))
    }
    assert len(folders) == 1


def test_how_it_is_fetched_does_not_matter(paths: Paths) -> None:
    plain = fetched.parts_of(earthengine(), paths, TOYLAND).folder
    hurried = earthengine(workers=40, project="p", timeout_seconds=5, endpoint="http://127.0.0.1:1")
    assert fetched.parts_of(hurried, paths, TOYLAND).folder == plain


def test_what_other_points_need_does_not_change_an_archive(
    paths: Paths, toy_points: pd.DataFrame, rows: pd.DataFrame
) -> None:
    keep(rows, toy_points, paths)
    before = fetched.inputs(earthengine(), paths, TOYLAND)
    elsewhere = toy_points[:2].assign(Lon=20.39, Lat=[10.391, 10.392])
    keep(rows, elsewhere, paths)
    assert fetched.inputs(earthengine(), paths, TOYLAND) == before
    assert (
        fetched.inputs(earthengine(margin_days=0), paths, replace(TOYLAND, chosen=None)) == before
    )


def test_days_outside_what_is_wanted_are_left_out(
    paths: Paths, toy_points: pd.DataFrame, toy_rows: pd.DataFrame
) -> None:
    named = toy_rows.assign(granule=toy_rows["time"].dt.strftime("%Y%m%dT%H%M%S"))
    keep(named, toy_points, paths, first=date(2019, 7, 1))
    archive = opening.archive_of(earthengine(), paths, TOYLAND)
    assert archive.times.min() >= np.datetime64("2020-01-01")
    longer = opening.archive_of(
        earthengine(margin_days=0),
        paths,
        replace(TOYLAND, reference=Reference("2019-07-01", "2020-12-31")),
    )
    assert len(longer.times) > len(archive.times)
    assert longer.first + timedelta(days=366 + 183) == date(2020, 12, 31)


def test_the_points_of_a_country_are_those_in_its_box(
    paths: Paths, toy_points: pd.DataFrame
) -> None:
    small = replace(TOYLAND, box=Box(10.0, 10.2, 20.0, 20.4))
    table, _ = fetched.points_of(earthengine(), paths, small)
    assert set(table["ID"]) == set(toy_points.loc[toy_points["Lat"] <= 10.2, "ID"])
    assert len(np.unique(pack(table["Lon"].to_numpy(), table["Lat"].to_numpy()))) == len(table)


def test_what_images_lack_is_counted_in_the_archive(
    paths: Paths, toy_points: pd.DataFrame, rows: pd.DataFrame
) -> None:
    half = date(2020, 7, 1)
    first = Gaps(missing={"B4": {"A", "B"}}, fills=Counter(B8=5))
    keep(rows, toy_points, paths, last=half - timedelta(days=1), gaps=first)
    few = tuple(f"image {number} is excluded" for number in range(7))
    keep(rows, toy_points, paths, first=half, gaps=Gaps({"B4": {"B", "C"}}), notes=few)
    archive = opening.archive_of(earthengine(), paths, TOYLAND)
    assert archive.counts == {"n_fill_values": 5, "n_missing_bands": 3}
    assert archive.notes == (
        "3 images have no B4: no data there",
        "5 values of B8 below 0 or above 32,766: no data there",
        *few[:5],
        "2 more notes of downloads",
    )


def test_a_plan_says_what_images_of_its_own_points_lack(
    paths: Paths, toy_points: pd.DataFrame, rows: pd.DataFrame
) -> None:
    keep(rows, toy_points[:50], paths, gaps=Gaps({"B4": {"A", "B"}}))
    keep(rows, toy_points[50:], paths, gaps=Gaps({"B8": {"A"}}))
    source = earthengine()
    parts = fetched.parts_of(source, paths, TOYLAND)
    plan = plan_of(source, TOYLAND, toy_points[:50], parts, [])
    assert plan.gaps.missing == {"B4": {"A", "B"}}
    assert plan.chunks == []


def test_parts_from_before_there_was_a_range_are_read_by_it(
    paths: Paths, toy_points: pd.DataFrame, rows: pd.DataFrame
) -> None:
    bright = rows.copy()
    bright.loc[bright.index[:7], "B4"] = 40_000
    keep(bright, toy_points, paths)
    archive = opening.archive_of(earthengine(), paths, TOYLAND)
    assert archive.counts == {"n_fill_values": 7}
    assert (archive.raw("B4") == 0).sum() == 7
    assert archive.raw("B4").max() < 32_768
