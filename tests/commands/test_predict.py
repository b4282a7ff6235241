"""Predictions of countries: how they are put together and written, by champions."""

from __future__ import annotations

import io
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas
import mlflow
import numpy as np
import pandas as pd
import pyogrio
import pytest
from standins import pages
from standins.toy_models import NAME, TITLE, ToyModels
from standins.toyland import BANDS, write_exports

from cropland.commands import predict
from cropland.commands.predict import Predicted
from cropland.config.commands.predict import Predict
from cropland.config.groups import Paths, Tracking
from cropland.config.sources import Simulated
from cropland.errors import ConfigError, CroplandError, DataError
from cropland.models import model_files
from cropland.observations import points
from cropland.support.fingerprint import fingerprint
from cropland.tracking.mlflow_session import mlflow_at
from cropland.tracking.records import CHECKSUM

EVIDENCE = "n_observations,inside_applicability,cannot_tell,reason"
COLUMNS = f"ID,Target,Lat,Lon,probability,{EVIDENCE}"
LAT, LON = 10.1234567, 20.5
SIMULATED = Simulated("simulated", 30, 100, {})


def command(output: str = "p.csv") -> Predict:
    return Predict(
        source=SIMULATED,
        tracking=Tracking("local", "sqlite:///mlflow.db", "artifacts"),
        paths=Paths("data", "archive", "runs"),
        output=output,
        page=None,
        points=None,
        columns="all",
        missing="empty",
        reference_end=None,
        alias="champion",
        force=False,
    )


def predicted(rows: dict[str, float | None]) -> Predicted:
    """Predictions by ID: a probability, or None where the point was not observed."""
    table = pd.DataFrame(
        {"ID": list(rows), "probability": pd.array(list(rows.values()), "Float64")}
    )
    table["label"] = (table["probability"] > 0.5).astype("Int64")
    table["probability"] = table["probability"].astype("float64")
    table["n_observations"] = 9 * table["label"].notna().astype("int64")
    table["inside_applicability"] = pd.array([pd.NA] * len(table), "boolean")
    table["cannot_tell"] = table["inside_applicability"]
    table["reason"] = (
        table["label"].isna().map({True: "not observed in all bands in the window", False: ""})
    )
    table["Target"] = table["label"]
    table["Lat"], table["Lon"] = LAT, LON
    return Predicted(table, "f00")


def asked(*ids: str) -> pd.DataFrame:
    return pd.DataFrame({"ID": list(ids), "Lat": LAT, "Lon": LON})


def test_countries_are_put_in_the_order_of_the_file() -> None:
    found = {"a": predicted({"x": 0.9, "y": 0.1}), "b": predicted({"z": 0.7})}
    table = predict._together(found, asked("z", "y", "q", "x"), every=True)
    assert table["ID"].tolist() == ["z", "y", "q", "x"]
    assert table["Target"].tolist() == [1, 0, pd.NA, 1]
    few = predict._together(found, asked("z", "y", "q", "x"), every=False)
    assert few["ID"].tolist() == ["z", "y", "x"]


def test_where_boxes_overlap_the_country_that_has_seen_the_point_is_believed() -> None:
    found = {"a": predicted({"x": None, "y": 0.2}), "b": predicted({"x": 0.8, "y": 0.9})}
    table = predict._together(found, None, every=True)
    assert dict(zip(table["ID"], table["probability"], strict=True)) == {"x": 0.8, "y": 0.2}


def test_points_in_two_boxes_are_counted_with_whose_model_predicted_them() -> None:
    found = {
        "a": predicted({"x": None, "y": 0.2, "z": 0.9, "u": 0.1}),
        "b": predicted({"x": 0.8, "y": 0.9, "z": 0.9, "v": 0.1}),
    }
    table = predict._together(found, asked("far", "v", "z", "x", "y", "u"), every=True)
    assert predict._shared(found, table) == [
        "3 points lie in the boxes of a and b: predicted 2 by the model of a, 1 by the model of b"
    ]
    nowhere = {"a": predicted({"x": None}), "b": predicted({"x": None}), "c": predicted({"y": 0.1})}
    assert predict._shared(nowhere, predict._together(nowhere, None, every=True)) == [
        "1 point lies in the boxes of a and b: predicted by none"
    ]
    assert not predict._shared({"a": found["a"]}, predict._together(found, None, every=True))


def test_no_point_at_all_is_an_empty_file() -> None:
    empty = Predicted(pd.DataFrame(columns=["ID", *predict._PREDICTED, "Target"]), "")
    table = predict._together({"a": empty}, asked(), every=True)
    assert predict._content(table, command()).decode() == f"{COLUMNS}\n"
    read = geopandas.read_file(io.BytesIO(predict._content(table, command("p.gpkg"))))
    assert read.empty and list(read) == [*COLUMNS.split(","), "geometry"]


@pytest.mark.parametrize("name", ["../../x", 'a,"b"', "NA", "line\nbreak", " blank ", "ünï", "007"])
@pytest.mark.parametrize("ending", [".csv", ".geojson", ".gpkg", ".parquet"])
def test_ids_survive_the_file(name: str, ending: str, tmp_path: Path) -> None:
    table = predict._together({"a": predicted({name: 0.7})}, asked(name), every=True)
    path = tmp_path / f"p{ending}"
    path.write_bytes(predict._content(table, command(str(path))))
    if ending == ".csv":
        read = pd.read_csv(path, dtype={"ID": str}, keep_default_na=False)
    else:
        read = geopandas.read_parquet(path) if ending == ".parquet" else geopandas.read_file(path)
    assert read["ID"].tolist() == [name]
    assert list(read)[:9] == COLUMNS.split(",")


def test_missing_values_are_empty_cells() -> None:
    table = predict._together({"a": predicted({"x": None, "y": 0.25})}, None, every=True)
    assert predict._content(table, command()).decode().splitlines() == [
        COLUMNS,
        f"x,,{LAT},{LON},,0,,,not observed in all bands in the window",
        f"y,0,{LAT},{LON},0.25,9,,,",
    ]
    submission = replace(command(), columns="submission")
    assert predict._content(table, submission) == b"ID,Target\nx,\ny,0\n"


@pytest.mark.parametrize("ending", [".geojson", ".GPKG", ".parquet"])
def test_a_file_for_a_gis_has_points_with_all_columns_and_nulls(
    ending: str, tmp_path: Path
) -> None:
    table = predict._together({"a": predicted({"x": None, "y": 0.25})}, None, every=True)
    path = tmp_path / f"p{ending}"
    path.write_bytes(predict._content(table, command(str(path))))
    read = geopandas.read_parquet(path) if ending == ".parquet" else geopandas.read_file(path)
    assert list(read) == [*COLUMNS.split(","), "geometry"]
    assert read.crs.to_epsg() == 4326
    assert [(point.x, point.y) for point in read.geometry] == [(LON, LAT)] * 2
    assert read["Target"].isna().tolist() == [True, False]
    assert read["probability"].isna().tolist() == [True, False]
    assert read["cannot_tell"].isna().all()
    if ending != ".parquet":
        facts = pyogrio.read_info(path)
        types = dict(zip(facts["fields"], facts["ogr_types"], strict=True))
        assert (facts["geometry_type"], facts["features"]) == ("Point", 2)
        assert types["Target"] == ("OFTInteger" if ending == ".geojson" else "OFTInteger64")
    again = points.read(path, labelled=False)  # our own reader takes it
    assert again["Lat"].tolist() == pytest.approx([LAT] * 2, abs=1e-7)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            {"output": "p.shp"},
            "p.shp ends in .shp, which is not a format for points: expected .csv, .geojson, .gpkg",
        ),
        (
            {"output": "p"},
            "p has no ending: expected .csv, .geojson, .gpkg, .parquet, as in output=",
        ),
        (
            {"output": "p.gpkg", "columns": "submission"},
            "columns=submission is ID,Target as CSV, and",
        ),
        ({"page": "p.txt"}, "page is an HTML file, got p.txt; end its name in .html"),
    ],
)
def test_an_output_that_is_no_format_is_refused(words: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        replace(command(), **words)


def test_what_a_model_of_before_cannot_tell_is_not_counted_as_none() -> None:
    table = predict._together({"a": predicted({"x": None, "y": 0.25})}, None, every=True)
    assert "n_cannot_tell" not in predict._metrics(table)
    known = table.assign(cannot_tell=pd.array([pd.NA, False], "boolean"))
    assert predict._metrics(known)["n_cannot_tell"] == 0


@pytest.mark.parametrize("name", ["Train.csv", "Test.csv", "asked.csv", "link.csv"])
def test_an_output_that_is_an_input_is_refused_before_any_work(
    promoted: ToyModels, tmp_path: Path, name: str
) -> None:
    exports = shutil.copytree(promoted.exports, tmp_path / "exports")
    shutil.copy(exports / "Test.csv", exports / "asked.csv")
    (exports / "link.csv").symlink_to(exports / "asked.csv")
    before = (exports / name).read_bytes()
    with pytest.raises(DataError, match=f"{name} is the file .*, which this command reads"):
        promoted.predict(
            tmp_path / "exports" / ".." / "exports" / name,
            paths=replace(promoted.paths, data=str(exports)),
            points=str(exports / "asked.csv"),
        )
    assert (exports / name).read_bytes() == before
    assert not promoted.runs("prediction")


def test_a_file_that_is_there_is_replaced_by_force_only(
    promoted: ToyModels, tmp_path: Path
) -> None:
    out, page = tmp_path / "p.csv", tmp_path / "p.html"
    promoted.predict(out, force=False)
    before = out.read_bytes()
    message = f"output {out} already exists; set output to another name, or add force=true"
    with pytest.raises(DataError, match=re.escape(message)):
        promoted.predict(out, force=False, columns="submission")
    page.write_text("")
    with pytest.raises(DataError, match="page .* already exists"):
        promoted.predict(tmp_path / "other.csv", force=False, page=str(page))
    assert out.read_bytes() == before and not (tmp_path / "other.csv").exists()
    assert len(promoted.runs("prediction")) == 1
    promoted.predict(out, force=True, columns="submission")
    assert out.read_text().startswith("ID,Target\n")


def table(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype={"ID": str}, keep_default_na=False)


def test_predictions_are_those_of_the_fitted_model(promoted: ToyModels, tmp_path: Path) -> None:
    out = tmp_path / "own.csv"
    promoted.predict(out)
    found = pd.read_csv(out)
    asked = pd.read_csv(promoted.exports / "Test.csv")
    assert found["ID"].tolist() == asked["ID"].tolist()
    assert found["Target"].tolist() == [0, 1] * 10
    with mlflow_at(promoted.tracking.uri):
        loaded = mlflow.pyfunc.load_model(f"models:/{NAME}@champion")
    own = loaded.unwrap_python_model().fitted.predict_archive(promoted.archive).set_index("ID")
    expected = own.loc[asked["ID"], "probability"].to_numpy()
    np.testing.assert_allclose(found["probability"], expected, atol=5e-7)
    (run,) = promoted.runs("prediction")
    assert run.data.params["model.toyland"] == f"{NAME}/1"
    assert run.data.params["archive.toyland"] == promoted.archive.fingerprint
    assert run.data.metrics["n_points"] == 20
    assert (promoted.artifacts(run.info.run_id) / "own.csv").read_text() == out.read_text()


def test_a_page_has_the_predicted_points_and_the_labels_to_look_at(
    promoted: ToyModels, tmp_path: Path
) -> None:
    (version,) = promoted.versions
    listed = "ID,Lat,Lon,Target,probability\nP001,10.1,20.1,1,0.04\n"
    (promoted.artifacts(version.run_id) / "labels_to_look_at.csv").write_text(listed)
    client, name = promoted.client, CHECKSUM + "labels_to_look_at.csv"
    client.set_tag(version.run_id, name, fingerprint(listed.encode()))
    client.log_metric(version.run_id, "n_labels_to_look_at", 1)
    page = tmp_path / "points.html"
    said = promoted.predict(tmp_path / "p.csv", page=str(page))
    assert f"{page}: the points on a map" in said.replace("\n", "")
    rows = [
        row
        for each in pages.sources(page.read_text())
        for row in zip(each["ID"], each["label"], strict=True)
    ]
    unlabelled = pd.read_csv(promoted.exports / "Test.csv")["ID"]
    assert sorted(rows) == sorted([("P001", "cropland"), *((point, "–") for point in unlabelled)])
    (run,) = promoted.runs("prediction")
    assert (promoted.artifacts(run.info.run_id) / "points.html").read_text() == page.read_text()

    client.set_tag(version.run_id, name, "0" * 16)
    said = promoted.predict(tmp_path / "p.csv", page=str(page))
    assert "labels to look at of toyland are not on the page" in said
    assert "P001" not in page.read_text()


def test_points_of_a_file_come_back_in_its_order(
    promoted: ToyModels, toy_points: pd.DataFrame, tmp_path: Path
) -> None:
    known = toy_points.set_index("ID")[["Lat", "Lon"]]
    asked = pd.DataFrame(
        {
            "ID": ["P061", 'a,"b"', "../../x", "P000", "NA", "P060"],
            "Lat": [known.Lat["P061"], 10.2, 10.2, known.Lat["P000"], 50.0, known.Lat["P060"]],
            "Lon": [known.Lon["P061"], 20.2, 20.2, known.Lon["P000"], 20.2, known.Lon["P060"]],
            "Target": ["x", "", "", 1, "", ""],
        }
    )
    asked.to_csv(tmp_path / "points.csv", index=False)
    out = tmp_path / "out.csv"
    said = promoted.predict(out, points=str(tmp_path / "points.csv"), missing="empty")
    found = table(out)
    assert found["ID"].tolist() == asked["ID"].tolist()
    assert found["Target"].tolist() == ["1", "", "", "0", "", "0"]
    assert 'note 2 points without observations in the window got an empty Target: a,"b"' in said
    assert "note 1 point outside the box of every country asked for got an empty Target: NA" in said
    other = "points have no observation, and the exports have other IDs: 'P001', 'P002', 'P003', …"
    assert f"note toyland: {other}" in said
    said = promoted.predict(out, points=str(tmp_path / "points.csv"), missing="majority")
    assert table(out)["Target"].tolist() == ["1", "1", "1", "0", "", "0"]
    assert "got the majority class" in said


def test_a_point_observed_once_has_a_reason_in_place_of_a_label(
    promoted: ToyModels, tmp_path: Path, toy_points: pd.DataFrame, toy_rows: pd.DataFrame
) -> None:
    own = toy_rows["ID"] == "P060"
    once = toy_rows[own & (toy_rows["time"] < "2020-12-31")].iloc[-1:]
    none = toy_rows["ID"] == "P061"
    rows = pd.concat([toy_rows[~own & ~none], once])
    exports = write_exports(tmp_path / "thin", toy_points, rows)
    thin, out = replace(promoted, exports=exports, folder=tmp_path), tmp_path / "out.csv"
    said = thin.predict(out)
    first, second, third, *_ = table(out).to_dict("records")
    assert (first["ID"], first["Target"], first["probability"]) == ("P060", "", "")
    assert first["n_observations"] == 1
    assert first["inside_applicability"] == first["cannot_tell"] == ""
    assert re.fullmatch(r"1 of at least \d observations in the window", first["reason"])
    assert second["reason"] == "not observed in all bands in the window"
    assert (third["Target"], third["reason"], third["inside_applicability"]) == ("0", "", "True")
    assert (
        "1 point with too few observations in the window, or none for too long, got an empty Target: P060"
        in said
    )
    assert "1 point without observations in the window got an empty Target: P061" in said
    (run,) = promoted.runs("prediction")
    assert run.data.metrics["n_missing"] == 2
    assert run.data.metrics["n_outside_applicability"] < 10
    unsure = table(out)["cannot_tell"].astype(str).tolist().count("True")
    assert run.data.metrics["n_cannot_tell"] == unsure
    assert (f"{unsure} of them may be of either class" in said) is (unsure > 0)
    assert "warning" not in said
    said = thin.predict(out, missing="majority")
    assert table(out)["Target"][0] in (0, 1) and table(out)["reason"][0].startswith("1 of at least")
    assert "or none for too long, got the majority class: P060" in said


def test_predictions_mostly_outside_the_area_of_applicability_end_with_a_warning(
    promoted: ToyModels, tmp_path: Path, toy_points: pd.DataFrame, toy_rows: pd.DataFrame
) -> None:
    # Land as bright as snow: like no training point.
    rows = toy_rows.copy()
    rows.loc[rows["ID"] >= "P066", list(BANDS)] = [9000, 9000, 9000, 500]
    exports = write_exports(tmp_path / "snow", toy_points, rows)
    strange = replace(promoted, exports=exports, folder=tmp_path)
    said = strange.predict(tmp_path / "out.csv")
    inside = table(tmp_path / "out.csv")["inside_applicability"].astype(str).tolist()
    n_outside = inside.count("False")
    assert inside[6:] == ["False"] * 14 and n_outside < 20
    assert f"outside the area of applicability: {n_outside} points" in said
    warning = (
        f"{n_outside / 20:.0%} of the points with a label are outside the area of applicability"
    )
    assert f"warning {warning}" in " ".join(said.splitlines()[-3:])
    (run,) = promoted.runs("prediction")
    assert run.data.metrics["n_outside_applicability"] == n_outside
    title, note, *_ = run.data.tags["mlflow.note.content"].split("\n\n")
    assert title.startswith(f"**Predictions: {TITLE}**: 20 points, ") and note.startswith(warning)


def test_what_was_found_in_the_observations_is_kept_in_the_run(
    promoted: ToyModels, tmp_path: Path, toy_points: pd.DataFrame, toy_rows: pd.DataFrame
) -> None:
    rows = toy_rows.copy()
    rows.loc[rows.index[0], BANDS[0]] = -9999
    exports = write_exports(tmp_path / "filled", toy_points, rows)
    filled = replace(promoted, exports=exports, folder=tmp_path)
    filled.predict(tmp_path / "out.csv")
    (run,) = promoted.runs("prediction")
    note = run.data.tags["mlflow.note.content"].partition("\n\n")[2]
    assert re.fullmatch(r"toyland: .*: 1 values below 0 or above 32,766 are read as no data", note)


def test_points_of_no_country_are_all_named(promoted: ToyModels, tmp_path: Path) -> None:
    (tmp_path / "points.csv").write_text("ID,Lat,Lon\nfar,50,8\n")
    out = tmp_path / "out.csv"
    said = promoted.predict(out, points=str(tmp_path / "points.csv"))
    row = ["far", "", 50.0, 8.0, "", "", "", "", "outside the box of every country asked for"]
    assert table(out).to_numpy().tolist() == [row]
    assert "warning 100% of the points have no label: the column reason says why" in said
    assert "outside the box of every country asked for got an empty Target: far" in said


def test_points_outside_the_box_of_the_country_are_counted(
    promoted: ToyModels, tmp_path: Path, toy_points: pd.DataFrame, toy_rows: pd.DataFrame
) -> None:
    far = pd.DataFrame({"ID": ["F1", "F2"], "Lat": 50.0, "Lon": 8.0, "Target": -1})
    exports = write_exports(tmp_path / "more", pd.concat([toy_points, far]), toy_rows)
    more = replace(promoted, exports=exports, folder=tmp_path)
    note = (
        "2 of 22 points lie outside the box of toyland (conf/country/toyland.yaml) and are left out: "
        "widen the box, or predict several countries by country=all"
    )
    assert f"note {note}" in more.predict(tmp_path / "planned.csv", dry_run="true")
    assert f"note {note}" in more.predict(tmp_path / "out.csv")
    assert len(table(tmp_path / "out.csv")) == 20


def test_points_with_exchanged_coordinates_are_one_line(
    promoted: ToyModels, tmp_path: Path
) -> None:
    (tmp_path / "points.csv").write_text("ID;Lat;Lon\na;20,2;10,2\n")
    with pytest.raises(CroplandError, match="seems to have Lat and Lon swapped: of its 1 points 0"):
        promoted.predict(tmp_path / "out.csv", points=str(tmp_path / "points.csv"))


def test_another_season_is_looked_at_where_it_was_observed(
    promoted: ToyModels, tmp_path: Path
) -> None:
    promoted.predict(tmp_path / "a.csv", reference_end="2019-12-31")
    table = pd.read_csv(tmp_path / "a.csv", index_col="ID")
    gap = "a day of the window is 112 days from the nearest observation (at most 76)"
    assert table["reason"].dropna().to_dict() == {"P070": gap}
    expected = pd.Series([0, 1] * 10, table.index).drop("P070")
    assert table["Target"].drop("P070").eq(expected).all() and pd.isna(table["Target"]["P070"])
    with pytest.raises(CroplandError, match=r"reference_end=2018-12-31.*choose another"):
        promoted.predict(tmp_path / "b.csv", reference_end="2018-12-31")
    with pytest.raises(CroplandError, match="leaves the calendar"):
        promoted.predict(tmp_path / "b.csv", reference_end="0001-01-01")
    assert not (tmp_path / "b.csv").exists()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"points": "nowhere.csv"},
            "expected a points file at nowhere.csv, there is none; set points",
        ),
        ({"output": "."}, ". has no ending: expected .csv, .geojson"),
        ({"page": "."}, "page is an HTML file, got .; end its name in .html"),
        ({"output": "x.csv", "page": "./x.csv"}, "output and page are one file, ./x.csv; set page"),
        (
            {"paths": Paths("here", "here", "here")},
            "expected a points file at here/Test.csv, there is none; give the points to predict",
        ),
        ({"output": "/proc/none/p.csv"}, "cannot write /proc/none/p.csv"),
        ({"alias": "best"}, "no version .* 'best' .*; alias=champion is the one in use"),
    ],
)
def test_what_cannot_be_predicted_is_one_line(
    promoted: ToyModels, tmp_path: Path, changes: dict[str, Any], expected: str
) -> None:
    with pytest.raises(CroplandError, match=expected):
        promoted.predict(tmp_path / "p.csv", **changes)


def test_without_a_champion_the_command_that_makes_one_is_named(
    toy: ToyModels, tmp_path: Path
) -> None:
    with pytest.raises(CroplandError, match="make one: cropland promote source=files"):
        toy.predict(tmp_path / "p.csv")


def test_a_champion_that_is_gone_or_of_other_code_is_told_of(
    promoted: ToyModels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(model_files, "code_hash", lambda: "other")
        assert "warning the model of toyland was made by other code" in promoted.predict(
            tmp_path / "p.csv"
        )
    _, _, made = promoted.versions[0].source.rpartition("/")
    assert made.startswith("m-")
    shutil.rmtree(promoted.client.get_logged_model(made).artifact_location.removeprefix("file://"))
    with pytest.raises(CroplandError, match="version 1 of cropland-toyland cannot be loaded"):
        promoted.predict(tmp_path / "q.csv")


def test_a_disk_that_is_full_loses_no_prediction(
    promoted: ToyModels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "p.csv").write_text("ID,Target\n")

    def full(*_: Any, **__: Any) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(CroplandError, match=r"cannot write .*No space left"):
        promoted.predict(tmp_path / "p.csv")
    assert (tmp_path / "p.csv").read_text() == "ID,Target\n"
    assert not list(tmp_path.glob(".p.csv*"))
    (run,) = promoted.runs("prediction")
    assert (
        (promoted.artifacts(run.info.run_id) / "p.csv").read_text().startswith(f"{COLUMNS}\nP060")
    )
