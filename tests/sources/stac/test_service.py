"""Every row and pixel of a STAC catalogue is compared with the granules that its stand-in serves."""

from __future__ import annotations

import warnings
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rasterio
from odc.geo.geobox import GeoBox
from rasterio.errors import NotGeoreferencedWarning
from standins.granules import Granules
from standins.stac import Catalogue, Fault, StacStandin
from standins.stac_calls import (
    AREA,
    BANDS,
    FIRST,
    INNER,
    LAST,
    assert_rows,
    clear,
    patient,
    seen_of,
    service_of,
    source_of,
)

from cropland.errors import ConfigError, DataError
from cropland.sources.grid import grid_of, lonlat
from cropland.sources.retries import GivenUp
from cropland.sources.stac import ranges
from cropland.sources.stac.service import StacService
from cropland.sources.stac.signing import Signer

OUTSIDE = (24.12, 10.05)


def test_rows_are_those_of_the_granules(
    standin: StacStandin, granules: Granules, table: pd.DataFrame, truth: pd.DataFrame
) -> None:
    assert set(granules.zones) == {32634, 32635}
    baselines = {item["properties"]["s2:processing_baseline"] for item in standin.items}
    assert baselines == {"02.14", "05.09"}
    standin.page_items = 5
    seen = seen_of(service_of(standin.url), table)
    assert_rows(seen, table, truth)
    assert (seen.unseen, seen.notes) == ({}, ())
    assert len(standin.asked("/search")) == -(-len(granules.granules) // 5)


def test_days_are_included_to_their_last_second(
    standin: StacStandin, table: pd.DataFrame, truth: pd.DataFrame
) -> None:
    day = truth["time"].iloc[0].date()
    seen = seen_of(service_of(standin.url), table, day, day)
    assert_rows(seen, table, truth[truth["time"].dt.date == day])


@pytest.mark.parametrize("catalogue", [True, False])
def test_a_folder_gives_the_same_rows(
    granules: Granules,
    cogs: Path,
    tmp_path: Path,
    table: pd.DataFrame,
    truth: pd.DataFrame,
    catalogue: bool,
) -> None:
    made = Catalogue(granules, AREA, cogs, BANDS, projection="proj:epsg")
    folder = made.write_folder(tmp_path / "catalogue")
    if not catalogue:
        (folder / "catalog.json").unlink()
    seen = seen_of(service_of(str(folder)), table)
    assert_rows(seen, table, truth)


def test_a_busy_search_is_left_alone_and_asked_again(
    standin: StacStandin, table: pd.DataFrame, truth: pd.DataFrame
) -> None:
    standin.page_items = 5
    standin.faults += [
        Fault("/search", 429, times=2, retry_after=0.3),
        Fault("/search", 503, skip=1),
        Fault("/search", "truncate", skip=2),
        Fault("/search", "reset", skip=3),
    ]
    service = service_of(standin.url)
    assert_rows(seen_of(service, table), table, truth)
    first, again = (request.at for request in standin.asked("/search")[:2])
    assert again - first >= 0.3


@pytest.mark.parametrize("kind", [429, 503, 500, "truncate", "reset", "hang", "drip"])
@pytest.mark.parametrize("skip", [0, 1, 2])
def test_a_failing_cog_never_gives_wrong_rows(
    standin: StacStandin,
    table: pd.DataFrame,
    truth: pd.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
    kind: Any,
    skip: int,
) -> None:
    # So that even files as small as these take several requests, each of which may fail.
    monkeypatch.setattr(ranges, "LEAST_BYTES", 500)
    granule = clear(truth)
    day = truth[truth["granule"] == granule]["time"].iloc[0].date()
    standin.faults += [
        Fault(f"{granule}/B4", kind, times=2, skip=skip),
        Fault(f"{granule}/SCL", kind, skip=min(skip, 1)),
    ]
    attempts = patient()
    seconds = 0.5 if kind in ("hang", "drip") else 5.0
    service = StacService.connect(source_of(standin.url, timeout_seconds=seconds), attempts)
    seen = seen_of(service, table, day, day)
    assert_rows(seen, table, truth[truth["time"].dt.date == day])
    assert not seen.notes
    assert [fault.times for fault in standin.faults] == [0, 0]
    assert attempts.retries == 3


@pytest.mark.parametrize("kind", [503, "truncate"])
def test_a_cog_that_always_fails_is_named(
    standin: StacStandin, table: pd.DataFrame, truth: pd.DataFrame, kind: Any
) -> None:
    granule = clear(truth)
    standin.faults.append(Fault(f"{granule}/B4", kind, times=None))
    day = truth[truth["granule"] == granule]["time"].iloc[0].date()
    with pytest.raises(GivenUp, match=rf"cogs/{granule}/B4\.tif failed 4 times"):
        seen_of(service_of(standin.url), table, day, day)


def test_a_refusal_is_not_asked_again(standin: StacStandin, table: pd.DataFrame) -> None:
    standin.faults.append(Fault("/SCL.tif", 403, times=None))
    with pytest.raises(GivenUp, match=r"is refused \(HTTP 403\).*source\.sign=true"):
        seen_of(service_of(standin.url), table)
    assert len({request.path for request in standin.asked(".tif")}) == 1


@pytest.mark.parametrize("way", ["no asset", "not found"])
def test_a_missing_band_is_no_data_with_a_note(
    granules: Granules, cogs: Path, table: pd.DataFrame, truth: pd.DataFrame, way: str
) -> None:
    granule = clear(truth)
    lacking = {granule: ["B4"]} if way == "no asset" else {}
    with StacStandin(granules, AREA, cogs, BANDS, lacking=lacking) as standin:
        if way == "not found":
            standin.faults.append(Fault(f"{granule}/B4", 404, times=None))
        seen = seen_of(service_of(standin.url), table)
    assert_rows(seen, table, truth.assign(B4=truth["B4"].where(truth["granule"] != granule, 0)))
    assert list(seen.gaps.sentences()) == ["1 image has no B4: no data there"]


def test_without_scene_classes_any_band_tells_that_a_place_was_seen(
    granules: Granules, cogs: Path, table: pd.DataFrame, truth: pd.DataFrame
) -> None:
    granule = clear(truth)
    with StacStandin(granules, AREA, cogs, BANDS, lacking={granule: ["SCL"]}) as standin:
        seen = seen_of(service_of(standin.url), table)
    assert_rows(seen, table, truth.assign(SCL=truth["SCL"].where(truth["granule"] != granule, 255)))
    assert list(seen.gaps.sentences()) == ["1 image has no SCL: no data there"]


def test_what_many_images_lack_is_one_note(
    granules: Granules, cogs: Path, table: pd.DataFrame, truth: pd.DataFrame
) -> None:
    lacking = {name: ["B4"] for name in sorted(set(truth["granule"]))[:3]}
    with StacStandin(granules, AREA, cogs, BANDS, lacking=lacking) as standin:
        seen = seen_of(service_of(standin.url), table)
    assert list(seen.gaps.sentences()) == ["3 images have no B4: no data there"]


@pytest.mark.parametrize("option", ["applied", "mistagged"])
def test_an_offset_that_was_subtracted_is_not_subtracted_again(
    granules: Granules, tmp_path: Path, table: pd.DataFrame, truth: pd.DataFrame, option: str
) -> None:
    granule = clear(truth)
    rows = truth[truth["granule"] == granule]
    day = rows["time"].iloc[0].date()
    changes: dict[str, Any] = {option: [granule]}
    with StacStandin(granules, AREA, tmp_path, BANDS, **changes) as standin:
        # One place, and a band that tells nothing: the decision is the tile's.
        seen = seen_of(service_of(standin.url), table, day, day)
        alone = service_of(standin.url).points(
            table[["Lon", "Lat"]].to_numpy()[:1], day, day, ["B8A", "SCL"]
        )
    assert_rows(seen, table, truth[truth["time"].dt.date == day])
    mine = rows[rows["ID"] == "P0"]["B8A"].to_numpy()
    np.testing.assert_array_equal(alone.values["B8A"][alone.granule == granule], mine)


def test_nothing_is_read_to_harmonise_what_claims_no_offset(
    standin: StacStandin, table: pd.DataFrame
) -> None:
    service = service_of(standin.url)
    lonlat = table[["Lon", "Lat"]].to_numpy()
    service.points(lonlat, date(2022, 1, 6), date(2022, 1, 20), ["B8A", "SCL"])
    assert standin.asked("/SCL.tif")
    assert not standin.asked("/B4.tif")
    service.points(lonlat, date(2022, 1, 26), date(2022, 2, 5), ["B8A", "SCL"])
    assert standin.asked("/B4.tif")


AGAIN = "some images were processed again since: the newer product counts where both saw a place"


def test_of_an_image_that_was_processed_twice_the_newer_counts(
    granules: Granules, cogs: Path, table: pd.DataFrame, truth: pd.DataFrame
) -> None:
    granule = clear(truth)
    newer = truth.assign(granule=truth["granule"].replace(granule, f"{granule}_1"))
    with StacStandin(granules, AREA, cogs, BANDS, reprocessed=[granule]) as standin:
        service = service_of(standin.url)
        seen = seen_of(service, table)
        day = truth[truth["granule"] == granule]["time"].iloc[0].date()
        cube = service.cube(grid_of(INNER), day, day, BANDS).compute()
    assert_rows(seen, table, newer)
    assert seen.notes == (AGAIN,)
    for name, seen_there in ((granule, False), (f"{granule}_1", True)):
        image = cube.isel(time=(cube["granule"] == name).to_numpy())
        assert [bool(image[band].any()) for band in BANDS] == [seen_there] * len(BANDS)


def test_what_only_the_older_of_two_products_shows_is_kept(
    granules: Granules, tmp_path: Path, table: pd.DataFrame, truth: pd.DataFrame
) -> None:
    # As of what two stations received: the newer product lacks the western half.
    granule = clear(truth)
    day = truth[truth["granule"] == granule]["time"].iloc[0].date()
    middle = 24.105
    with StacStandin(granules, AREA, tmp_path, BANDS, reprocessed=[granule]) as standin:
        for band in BANDS:
            path = standin.cog(f"{granule}_1", band)
            with rasterio.open(path) as source:
                grid = GeoBox.from_rio(source)
            rows, columns = np.indices(grid.shape)
            west = lonlat(grid, rows + 0.5, columns + 0.5)[0] < middle
            rewrite(standin, f"{granule}_1", band, change=lambda each, west=west: each * ~west)
        seen = seen_of(service_of(standin.url), table, day, day)
        cube = service_of(standin.url).cube(grid_of(INNER), day, day, BANDS).compute()
    east = table.set_index("ID")["Lon"] >= middle
    expected = truth[truth["time"].dt.date == day].copy()
    again = (expected["granule"] == granule) & expected["ID"].map(east)
    assert again.any() and not again.all()
    expected.loc[again, "granule"] = f"{granule}_1"
    assert_rows(seen, table, expected)
    images = cube.isel(time=cube["granule"].str.startswith(granule).to_numpy())
    assert images.sizes["time"] == 2
    assert ((images["SCL"] > 0).sum("time") == 1).all()


def test_a_place_without_rows_is_told_why(
    standin: StacStandin, table: pd.DataFrame, truth: pd.DataFrame
) -> None:
    service = service_of(standin.url)
    none = seen_of(service, table, date(2021, 5, 1), date(2021, 5, 31))
    assert len(none) == 0
    assert set(none.values) == set(BANDS)
    assert none.unseen == dict.fromkeys(range(9), "no image in these dates")
    lonlat = np.array([OUTSIDE, table.loc[0, ["Lon", "Lat"]]], float)
    some = service.points(lonlat, FIRST, LAST, BANDS)
    assert set(some.place) == {1}
    mine = truth[truth["ID"] == "P0"]
    for band in BANDS:
        np.testing.assert_array_equal(some.values[band], mine[band])
    assert some.unseen == {0: f"outside the swath of all {len(standin.items)} images"}


def test_links_are_signed_before_each_use_and_never_shown(
    standin: StacStandin, table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed: list[str] = []

    def sign(_: Signer, href: str) -> str:
        signed.append(href)
        return f"{href}?sig=secret{len(signed)}"

    monkeypatch.setattr(Signer, "sign", sign)
    standin.faults.append(Fault("/SCL.tif", 503, times=None))
    with pytest.raises(DataError) as caught:
        seen_of(service_of(standin.url, sign=True), table)
    assert "/SCL.tif failed" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert len(signed) >= 4


@pytest.mark.parametrize("fault", [403, 400, "garbage", "no baseline"])
def test_an_image_that_cannot_be_read_stops_only_its_chunk_and_may_be_passed_over(
    standin: StacStandin, table: pd.DataFrame, truth: pd.DataFrame, fault: Any
) -> None:
    granule = clear(truth)
    day = truth[truth["granule"] == granule]["time"].iloc[0].date()
    if fault == "no baseline":
        item = next(each for each in standin.items if each["id"] == granule)
        del item["properties"]["s2:processing_baseline"]
    else:
        standin.faults.append(Fault(f"{granule}/B4", fault, times=None))
    message = rf"image {granule}: .*source\.leave_out=\[{granule}\]"
    with pytest.raises(GivenUp, match=message):
        seen_of(service_of(standin.url), table, day, day)
    with pytest.raises(GivenUp, match=message):
        service_of(standin.url).cube(grid_of(INNER), day, day, BANDS).compute()
    service = service_of(standin.url, leave_out=(granule,))
    others = truth[(truth["granule"] != granule) & (truth["time"].dt.date == day)]
    seen = seen_of(service, table, day, day)
    assert_rows(seen, table, others)
    assert seen.notes == (f"{granule} is excluded (source.leave_out)",)
    if len(others):
        assert granule not in service.cube(grid_of(INNER), day, day, BANDS)["granule"]


def rewrite(standin: StacStandin, granule: str, band: str, **changes: Any) -> None:
    """Write a COG of the stand-in again: with other options, or with other numbers by `change`."""
    path = standin.cog(granule, band)
    with rasterio.open(path) as source:
        values, options = source.read(), source.profile
    values = changes.pop("change", lambda numbers: numbers)(values)
    options |= {"dtype": values.dtype, "count": len(values), "nodata": None} | changes
    for key in ("tiled", "blockxsize", "blockysize", "interleave"):
        options.pop(key, None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "w", **options | {"driver": "GTiff"}) as made:
            made.write(values)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"crs": None}, "B4.tif has no CRS"),
        ({"change": lambda numbers: np.repeat(numbers, 3, 0)}, "B4.tif has 3 bands"),
        (
            {"change": lambda numbers: (numbers / 10_000).astype(np.float32)},
            "B4.tif has reflectance for B4, values from 0.* multiply by 10000",
        ),
        (
            {"transform": rasterio.Affine(60, 0, 290_000, 0, -60, 1_120_000)},
            r"B4.tif has pixels of 60 m; expected 10 m for B4",
        ),
        (
            {"transform": rasterio.Affine(10, 0, 600_000, 0, -10, 1_500_000)},
            r"B4.tif lies in lat 13.\d+…13.\d+, lon .*; the rest of the image lies elsewhere",
        ),
    ],
    ids=["no CRS", "three bands", "reflectance", "coarse", "elsewhere"],
)
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_file_that_is_no_image_of_a_band_stops_only_its_own_image(
    granules: Granules,
    table: pd.DataFrame,
    truth: pd.DataFrame,
    tmp_path: Path,
    changes: dict[str, Any],
    said: str,
) -> None:
    granule = clear(truth)
    day = truth[truth["granule"] == granule]["time"].iloc[0].date()
    with StacStandin(granules, AREA, tmp_path, BANDS, applied=[granule]) as standin:
        rewrite(standin, granule, "B4", **changes)
        message = rf"image {granule}: .*{said}.*source\.leave_out=\[{granule}\]"
        with pytest.raises(GivenUp, match=message):
            seen_of(service_of(standin.url), table, day, day)
        with pytest.raises(GivenUp, match=message):
            service_of(standin.url).cube(grid_of(INNER), day, day, BANDS).compute()
        examined = StacService(source_of(standin.url), patient()).examine(24.105, 10.05, day, day)
        *_, last = examined
        assert (last.step, last.ok) == ("observations", False)
        seen = seen_of(service_of(standin.url, leave_out=(granule,)), table, day, day)
    others = truth[(truth["granule"] != granule) & (truth["time"].dt.date == day)]
    assert_rows(seen, table, others)


def test_whatever_goes_wrong_with_an_image_stops_only_its_own_work(
    standin: StacStandin,
    table: pd.DataFrame,
    truth: pd.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    granule = clear(truth)
    day = truth[truth["granule"] == granule]["time"].iloc[0].date()

    def fails(*_: Any) -> None:
        raise ZeroDivisionError("a fault of a library")

    monkeypatch.setattr("cropland.sources.stac.cogs.read_pixels", fails)
    message = r"image .*: ZeroDivisionError: a fault of a library; or exclude it"
    with pytest.raises(GivenUp, match=message):
        seen_of(service_of(standin.url), table, day, day)


def test_numbers_out_of_range_are_no_data_and_counted(
    granules: Granules, table: pd.DataFrame, truth: pd.DataFrame, tmp_path: Path
) -> None:
    granule = clear(truth)
    day = truth[truth["granule"] == granule]["time"].iloc[0].date()
    expected = truth[truth["time"].dt.date == day].copy()
    rows = expected["granule"] == granule
    with StacStandin(granules, AREA, tmp_path, BANDS, applied=[granule]) as standin:
        rewrite(standin, granule, "B2", change=lambda numbers: np.full_like(numbers, 64_900))
        fill = np.int16(-9999)
        rewrite(standin, granule, "B4", change=lambda numbers: np.full_like(numbers, fill, "i2"))
        service = service_of(standin.url)
        seen = seen_of(service, table, day, day)
        cube = service.cube(grid_of(INNER), day, day, BANDS)
        image = cube.isel(time=(cube["granule"] == granule).to_numpy()).compute()
    expected.loc[rows, ["B2", "B4"]] = 0
    assert_rows(seen, table, expected)
    assert list(seen.gaps.sentences()) == [
        f"{rows.sum()} values of {band} below 0 or above 32,766: no data there"
        for band in ("B2", "B4")
    ]
    assert not image["B2"].any()
    assert not image["B4"].any()
    assert (image["B8A"] > 0).any()


def test_scene_classes_that_there_are_not_are_an_error(
    granules: Granules, table: pd.DataFrame, truth: pd.DataFrame, tmp_path: Path
) -> None:
    granule = clear(truth)
    day = truth[truth["granule"] == granule]["time"].iloc[0].date()
    with StacStandin(granules, AREA, tmp_path, BANDS) as standin:
        rewrite(standin, granule, "SCL", change=lambda numbers: np.full_like(numbers, 12))
        message = rf"image {granule}: .*SCL.tif has values from 12 to 12 for SCL; .* 0 to 11"
        with pytest.raises(GivenUp, match=message):
            seen_of(service_of(standin.url), table, day, day)
        with pytest.raises(GivenUp, match=message):
            service_of(standin.url).cube(grid_of(INNER), day, day, BANDS).compute()


def test_an_image_none_of_whose_files_is_there_is_named_and_not_kept_as_empty(
    standin: StacStandin, table: pd.DataFrame, truth: pd.DataFrame
) -> None:
    granule = clear(truth)
    day = truth[truth["granule"] == granule]["time"].iloc[0].date()
    standin.faults.append(Fault(f"/{granule}/", 404, times=None))
    message = rf"image {granule}: none of its files is there, such as .*{granule}/.*leave_out=\[{granule}\]"
    with pytest.raises(GivenUp, match=message):
        seen_of(service_of(standin.url), table, day, day)
    with pytest.raises(GivenUp, match=message):
        service_of(standin.url).cube(grid_of(INNER), day, day, BANDS).compute()


@pytest.mark.parametrize(
    ("properties", "said"),
    [
        ({"s2:product_type": "S2MSI1C"}, "it is L1C, .*expected L2A"),
        ({"processing:level": "L1C"}, "it is L1C, .*expected L2A"),
    ],
)
def test_another_product_is_refused_before_its_files_are_read(
    standin: StacStandin, table: pd.DataFrame, properties: dict[str, Any], said: str
) -> None:
    for item in standin.items:
        item["properties"] |= properties
    with pytest.raises(GivenUp, match=said):
        seen_of(service_of(standin.url), table)
    with pytest.raises(GivenUp, match=said):
        service_of(standin.url).cube(grid_of(INNER), FIRST, LAST, BANDS)
    service = StacService(source_of(standin.url), patient())
    *_, last = service.examine(24.105, 10.05, FIRST, LAST)
    assert (last.step, last.ok) == ("bands", False)
    assert not standin.asked(".tif")


def test_scene_classes_that_no_image_has_are_one_line(
    granules: Granules, table: pd.DataFrame, cogs: Path
) -> None:
    lacking = {granule.name: ("SCL",) for granule in granules.granules}
    with StacStandin(granules, AREA, cogs, BANDS, lacking=lacking) as served:
        message = r"none of \d+ images of .* has SCL; use another source.catalog"
        with pytest.raises(ConfigError, match=message):
            seen_of(service_of(served.url), table)


def test_places_whose_images_are_all_passed_over_are_told_so(
    standin: StacStandin, table: pd.DataFrame
) -> None:
    names = tuple(item["id"] for item in standin.items)
    seen = seen_of(service_of(standin.url, leave_out=names), table)
    assert set(seen.unseen.values()) == {f"all {len(names)} images are excluded (source.leave_out)"}


def test_an_examination_goes_step_by_step(standin: StacStandin) -> None:
    service = StacService(source_of(standin.url), patient())
    findings = list(service.examine(24.105, 10.05, date(2022, 1, 26), LAST))
    steps = ["catalogue", "collection", "images", "bands", "numbers", "observations"]
    assert [finding.step for finding in findings] == steps
    assert all(finding.ok for finding in findings)
    assert "STAC API 1.0.0" in findings[0].text
    assert "minus 1000" in findings[4].text
    standin.faults.append(Fault("/search", 403, times=None))
    *_, last = service.examine(24.105, 10.05, FIRST, LAST)
    assert (last.step, last.ok) == ("images", False)


def test_a_band_that_no_image_has_is_refused(
    granules: Granules, table: pd.DataFrame, cogs: Path
) -> None:
    lacking = {granule.name: ("B4",) for granule in granules.granules}
    with StacStandin(granules, AREA, cogs, BANDS, lacking=lacking) as served:
        service = StacService(source_of(served.url), patient())
        lonlat = table[["Lon", "Lat"]].to_numpy()
        with pytest.raises(ConfigError, match=r"none of \d+ images of .* has B4; leave it out of"):
            service.points(lonlat, FIRST, LAST, BANDS)
