"""How predictions of countries are put together and written."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
import pytest

from cropland.commands import predict
from cropland.commands.predict import Predicted
from cropland.config.commands.predict import Predict
from cropland.config.groups import Paths, Tracking
from cropland.config.sources import Simulated
from cropland.errors import DataError

SIMULATED = Simulated("simulated", 30, 100, {})


def command(output: str = "p.csv", *, probabilities: bool = False) -> Predict:
    return Predict(
        source=SIMULATED,
        tracking=Tracking("local", "sqlite:///mlflow.db", "artifacts"),
        paths=Paths("data", "archive", "runs"),
        output=output,
        points=None,
        probabilities=probabilities,
        missing="empty",
        reference_end=None,
        alias="champion",
    )


def predicted(rows: dict[str, float | None]) -> Predicted:
    """Predictions by ID: a probability, or None where the point was not observed."""
    table = pd.DataFrame(
        {"ID": list(rows), "probability": pd.array(list(rows.values()), "Float64")}
    )
    table["label"] = (table["probability"] > 0.5).astype("Int64")
    table["probability"] = table["probability"].astype("float64")
    table["n_observations"] = table["label"].notna().astype("int64")
    table["Target"] = table["label"]
    return Predicted(table, "f00")


def asked(*ids: str) -> pd.DataFrame:
    return pd.DataFrame({"ID": list(ids)})


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


def test_no_point_at_all_is_an_empty_file() -> None:
    empty = Predicted(
        pd.DataFrame(columns=["ID", "probability", "label", "n_observations", "Target"]), ""
    )
    table = predict._together({"a": empty}, asked(), every=True)
    assert predict._csv(table, command()) == "ID,Target\n"


@pytest.mark.parametrize("name", ["../../x", 'a,"b"', "NA", "line\nbreak", " blank ", "ünï"])
def test_ids_survive_the_file(name: str) -> None:
    table = predict._together({"a": predicted({name: 0.7})}, asked(name), every=True)
    text = predict._csv(table, command(probabilities=True))
    read = pd.read_csv(io.StringIO(text), dtype={"ID": str}, keep_default_na=False)
    assert read["ID"].tolist() == [name]
    assert text.endswith(",1,0.700000\n")


def test_missing_values_are_empty_cells() -> None:
    table = predict._together({"a": predicted({"x": None, "y": 0.25})}, None, every=True)
    text = predict._csv(table, command(probabilities=True))
    assert text == "ID,Target,probability\nx,,\ny,0,0.250000\n"


def test_an_output_that_cannot_be_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    predict._check_output(tmp_path / "new" / "deep" / "p.csv")
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]
    with pytest.raises(DataError, match="is a folder"):
        predict._check_output(tmp_path)
    with pytest.raises(DataError, match="file is no folder"):
        predict._check_output(tmp_path / "file" / "p.csv")
