from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from cropland.config.countries import Country
from cropland.config.groups import Paths
from cropland.config.sources import Files
from cropland.errors import DataError
from cropland.observations.archive import Archive
from cropland.sources import opening
from cropland.sources.exports import source as files

SOURCE = Files("files", "COPERNICUS_S2_SR_HARMONIZED", "Train.csv", "Test.csv")
NAME = "COPERNICUS_S2_SR_HARMONIZED_Toyland_2019-01-01_2020-12-31.csv"


def paths(folder: Path) -> Paths:
    return Paths(str(folder), str(folder.parent / "archive"), "runs")


@pytest.fixture
def export(exports: Path) -> pd.DataFrame:
    return pd.read_csv(exports / NAME)


def test_exports_become_the_archive_that_the_rows_make(
    exports: Path, toyland: Country, toy_rows: pd.DataFrame
) -> None:
    opened = opening.archive_of(SOURCE, paths(exports), toyland)
    assert opened.stored == ("B2", "B3", "B4", "B8", "SCL")
    assert opened.dataset.sizes == {"point": 80, "observation": len(toy_rows)}
    assert (opened.first.isoformat(), opened.last.isoformat()) == ("2019-01-01", "2020-12-31")
    first = toy_rows[toy_rows["ID"] == "P000"]
    np.testing.assert_array_equal(opened.values("B8")[: len(first)], first["B8"])


def test_nothing_is_written_beside_the_exports(exports: Path, toyland: Country) -> None:
    before = sorted(exports.iterdir())
    opening.archive_of(SOURCE, paths(exports), toyland)
    assert sorted(exports.iterdir()) == before


@pytest.mark.parametrize("form", ["shuffled", "gzip", "parquet", "dates", "zulu", "two files"])
def test_the_same_rows_in_another_form_make_the_same_archive(
    exports: Path, export: pd.DataFrame, toyland: Country, form: str
) -> None:
    expected = files.fill(SOURCE, paths(exports), toyland)
    (exports / NAME).unlink()
    if form == "shuffled":
        # Columns in any order, rows of the points in any order.
        export[list(export.columns[::-1])].iloc[::-1].to_csv(exports / NAME, index=False)
    elif form == "gzip":
        export.to_csv(exports / f"{NAME}.gz", index=False)
    elif form == "parquet":
        export["Timestamp"] = pd.to_datetime(export["Timestamp"])
        export.to_parquet(exports / NAME.replace(".csv", ".parquet"))
    elif form == "zulu":
        export["Timestamp"] = export["Timestamp"].str.replace(" ", "T") + "Z"
        export.to_csv(exports / NAME, index=False)
    elif form == "dates":
        export["Timestamp"] = export["Timestamp"].str[:10]
        export.to_csv(exports / NAME, index=False)
        expected["time"] = expected["time"].astype("datetime64[D]").astype("datetime64[s]")
    else:
        early = export["Timestamp"] < "2020-01-01"
        export[early].to_csv(exports / NAME.replace("2020-12-31", "2019-12-31"), index=False)
        export[~early].to_csv(exports / NAME.replace("2019-01-01", "2020-01-01"), index=False)
    found = files.fill(SOURCE, paths(exports), toyland)
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name], err_msg=str(name))
    assert found.attrs["time_coverage_start"] == "2019-01-01"
    assert found.attrs["time_coverage_end"] == "2020-12-31"


def test_extra_columns_are_kept_and_a_given_index_is_used(
    exports: Path, export: pd.DataFrame, toyland: Country
) -> None:
    ndvi = (export["B8"] - export["B4"]) / (export["B8"] + export["B4"]) + 0.02
    more = export.assign(NDVI=ndvi, cloudiness=7, granule="T39SUR")
    more.to_csv(exports / NAME, index=False)
    opened = opening.archive_of(SOURCE, paths(exports), toyland)
    assert {"NDVI", "cloudiness"} <= set(opened.stored)
    without = Archive(opened.dataset.drop_vars("NDVI"))
    np.testing.assert_allclose(opened.values("NDVI"), without.values("NDVI") + 0.02, atol=1e-6)
    assert (opened.dataset["granule"] == "T39SUR").all()


def test_points_outside_the_box_are_not_the_countrys(exports: Path, toyland: Country) -> None:
    table = pd.read_csv(exports / "Train.csv")
    table.loc[0, "Lat"] = -30.0
    table.to_csv(exports / "Train.csv", index=False)
    dataset = files.fill(SOURCE, paths(exports), toyland)
    assert dataset.sizes["point"] == 79
    assert table["ID"][0] not in dataset["ID"].to_numpy()


def test_a_changed_export_is_read_again_and_an_unchanged_one_is_not(
    exports: Path, export: pd.DataFrame, toyland: Country, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "_OPEN", {})
    first = opening.archive_of(SOURCE, paths(exports), toyland)
    monkeypatch.setattr(opening, "_OPEN", {})
    (exports / NAME).touch()
    assert opening.archive_of(SOURCE, paths(exports), toyland).fingerprint == first.fingerprint
    monkeypatch.setattr(opening, "_OPEN", {})
    export["B8"] += 1
    export.to_csv(exports / NAME, index=False)
    again = opening.archive_of(SOURCE, paths(exports), toyland)
    assert again.fingerprint != first.fingerprint
    np.testing.assert_array_equal(again.values("B8"), first.values("B8") + 1)


def test_changed_labels_points_and_boxes_make_another_archive(
    exports: Path, toyland: Country, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened(country: Country) -> Archive:
        monkeypatch.setattr(opening, "_OPEN", {})
        return opening.archive_of(SOURCE, paths(exports), country)

    archives = [opened(toyland)]
    labelled, unlabelled = (pd.read_csv(exports / name) for name in ("Train.csv", "Test.csv"))
    labelled.assign(Target=1 - labelled["Target"]).to_csv(exports / "Train.csv", index=False)
    archives.append(opened(toyland))
    unlabelled.iloc[:5].to_csv(exports / "Test.csv", index=False)
    archives.append(opened(toyland))
    archives.append(opened(replace(toyland, box=replace(toyland.box, north=10.2))))
    assert len({each.fingerprint for each in archives}) == 4
    targets = [each.points["Target"].to_numpy() for each in archives]
    assert targets[1][:4].tolist() == (1 - targets[0][:4]).tolist() == [1, 0, 1, 0]
    assert [len(each) for each in targets[:3]] == [80, 80, 65]
    north = (labelled["Lat"] <= 10.2).sum() + (unlabelled["Lat"][:5] <= 10.2).sum()
    assert 0 < len(targets[3]) == north < 65


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("Timestamp", "soon", "unreadable dates: Timestamp 'soon' in line 5;"),
        ("Timestamp", "1571234567", "unreadable dates"),
        ("Timestamp", "1900-01-01", "1 rows outside the dates of its name, the first 1900-01-01"),
        ("Timestamp", "2100-01-01 00:00:00", "outside the dates of its name"),
        ("B4", "cloudy", "'cloudy' for B4 in line 5; expected a number or nothing"),
        ("B4", "inf", "'inf' for B4"),
    ],
)
def test_a_bad_cell_is_answered_with_its_line(
    exports: Path, export: pd.DataFrame, toyland: Country, column: str, value: str, message: str
) -> None:
    export[column] = export[column].astype(object)
    export.loc[3, column] = value
    export.to_csv(exports / NAME, index=False)
    with pytest.raises(DataError, match=message):
        files.fill(SOURCE, paths(exports), toyland)


def test_an_export_without_its_columns_is_answered(
    exports: Path, export: pd.DataFrame, toyland: Country
) -> None:
    export.drop(columns=["ID"]).to_csv(exports / NAME, index=False)
    with pytest.raises(DataError, match="needs the columns ID, Timestamp and bands.* add ID"):
        files.fill(SOURCE, paths(exports), toyland)


@pytest.mark.parametrize("content", [b"", b"\x1f\x8bnot gzip", b"ID,Timestamp\n\xff\xfe,\x00\n"])
def test_an_export_that_is_no_table_is_answered(
    exports: Path, toyland: Country, content: bytes
) -> None:
    (exports / NAME).write_bytes(content)
    with pytest.raises(DataError):
        files.fill(SOURCE, paths(exports), toyland)


def test_no_export_says_how_to_get_on(exports: Path, toyland: Country) -> None:
    (exports / NAME).unlink()
    with pytest.raises(
        DataError, match="found none; .* cropland download source=stac country=toyland$"
    ):
        files.fill(SOURCE, paths(exports), toyland)


def test_an_export_in_two_formats_is_refused(
    exports: Path, export: pd.DataFrame, toyland: Country
) -> None:
    export.to_csv(exports / f"{NAME}.gz", index=False)
    with pytest.raises(DataError, match="has both .* keep one"):
        files.fill(SOURCE, paths(exports), toyland)


def test_a_column_that_one_export_lacks_is_named_before_any_work(
    exports: Path, export: pd.DataFrame, toyland: Country
) -> None:
    early = export["Timestamp"] < "2020-01-01"
    late = NAME.replace("2019-01-01", "2020-01-01")
    export[early].to_csv(exports / NAME.replace("2020-12-31", "2019-12-31"), index=False)
    export[~early].drop(columns=["B8", "SCL"]).to_csv(exports / late, index=False)
    (exports / NAME).unlink()
    opened = opening.archive_of(SOURCE, paths(exports), toyland)
    opened.require(["B2", "B3", "B4"])
    for name, remedy in (("B8", "choose other bands"), ("SCL", "use series=raw and bands without")):
        with pytest.raises(DataError, match=f"{late} has no {name}, .* with {name}, or {remedy}"):
            opened.require([name])
    missing = np.isnan(opened.values("SCL"))
    assert missing.sum() == opened.counts["n_rows_without_scl"] == (~early).sum()
    assert opened.notes == tuple(
        f"{late}: no {name}, which other exports have" for name in ("B8", "SCL")
    )


@pytest.mark.parametrize("key", [{"scale": 2.0}, {"remove_offset": True}])
def test_settings_that_change_numbers_make_another_archive(
    exports: Path, toyland: Country, key: dict[str, float]
) -> None:
    first = opening.archive_of(SOURCE, paths(exports), toyland)
    other = opening.archive_of(replace(SOURCE, **key), paths(exports), toyland)
    assert other.fingerprint != first.fingerprint


def test_notes_on_numbers_are_shown_in_one_line_each(toy_archive: Archive) -> None:
    noted = Archive(toy_archive.dataset.assign_attrs(notes=["a[1].csv: 7 values", "3 rows"]))
    console = Console(file=io.StringIO(), width=40, soft_wrap=True, highlight=False)
    opening.print_notes(noted, console)
    assert console.file.getvalue() == ("note toyland: a[1].csv: 7 values\nnote toyland: 3 rows\n")


def test_points_to_predict_and_an_archive_see_the_same_offset(
    tmp_path: Path, toyland: Country
) -> None:
    """A point whose bands did not change by 1000, among others that show the offset."""
    days = ["2021-12-20", "2022-01-10", "2022-02-10", "2022-03-10"]
    ids = [f"P{number:02d}" for number in range(20)]
    table = pd.DataFrame({"ID": np.repeat(ids, 4), "Timestamp": days * 20})
    table["B2"] = [900, 900, 1200, 1200, *[500, 500, 1500, 1500] * 19]
    table["B4"] = [2000, 2000, 1900, 1900, *[900, 900, 1900, 1900] * 19]
    table.to_csv(tmp_path / NAME.replace("2019-01-01_2020", "2021-01-01_2022"), index=False)
    one = pd.DataFrame({"ID": ids[:1], "Lat": [10.1], "Lon": [20.1], "Target": [-1]})
    source = replace(SOURCE, remove_offset=True)
    dataset = files.observations_of(source, paths(tmp_path), toyland, one)
    assert dataset["B4"].to_numpy().tolist() == [2000, 2000, 900, 900]


@pytest.mark.parametrize("name", [NAME.replace(".csv", " (1).csv"), NAME.replace("_2020", "-2020")])
def test_a_name_that_is_nearly_that_of_an_export_is_not_passed_over(
    exports: Path, toyland: Country, name: str
) -> None:
    (exports / name).write_bytes((exports / NAME).read_bytes())
    with pytest.raises(DataError, match="looks like an export of toyland, but its name does not"):
        opening.archive_of(SOURCE, paths(exports), toyland)
    (exports / name).rename(exports / name.replace("Toyland", "Toyland_South"))
    opening.archive_of(SOURCE, paths(exports), toyland)
