"""Labels of a sample: those of its units, at their places."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from standins import maps

from cropland.errors import DataError
from cropland.maps.assessment import labels, sample


@pytest.fixture
def design(tmp_path: Path) -> sample.Design:
    made = maps.write(tmp_path, maps.HALF)
    strata = sample.count_strata(made, [(1,), (0,)])
    return sample.draw(made, strata, np.array([10, 10]), seed=1, allocation="equal")


def table(design: sample.Design) -> pd.DataFrame:
    """The sample as it was drawn, with a label for each unit."""
    places = {"ID": list(design.units), "Lon": design.lon, "Lat": design.lat}
    return pd.DataFrame(places).assign(Target=[1, 0] * 10)


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows,
        lambda rows: rows.round({"Lon": 2, "Lat": 2}),  # 500 m
        lambda rows: rows.round({"Lon": 4, "Lat": 4}),
        lambda rows: rows.assign(Lon=rows["Lon"] + 0.00009),  # 9 m
        lambda rows: rows.sample(frac=1, random_state=1),
        lambda rows: rows.drop(columns=["Lon", "Lat"]),
        lambda rows: rows.assign(Lon="", Lat=""),
    ],
)
def test_places_may_be_rounded_or_left_out(
    tmp_path: Path, design: sample.Design, change: Callable[[pd.DataFrame], pd.DataFrame]
) -> None:
    change(table(design)).to_csv(tmp_path / "labels.csv", index=False)
    read = labels.read(tmp_path / "labels.csv", design)
    assert list(read.values()) == [1, 0] * 10


def test_decimal_commas_are_places_too(tmp_path: Path, design: sample.Design) -> None:
    table(design).to_csv(tmp_path / "labels.csv", index=False, sep=";", decimal=",")
    assert list(labels.read(tmp_path / "labels.csv", design).values()) == [1, 0] * 10


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows.assign(Lon=rows["Lon"].to_numpy()[::-1]), r"has \d+ of 20 units at"),
        (
            lambda rows: rows.assign(Lat=rows["Lat"].where(rows.index > 0, 32.3001)),
            r"has 1 of 20 units at other places than the sample S.{6}, such as S.{6}-01 at Lon 48\.\d+, "
            r"Lat 32\.3001 in place of Lon 48\.\d+, Lat 32\.2\d+: its cells may have been exchanged; put",
        ),
        (lambda rows: rows.rename(columns={"Lon": "lat", "Lat": "lon"}), "has 20 of 20 units"),
        (lambda rows: rows.assign(Lon="east"), "has 20 of 20 units"),
        (lambda rows: rows.assign(Lon=rows["Lon"] + 0.0003), "has 20 of 20 units"),  # 28 m
    ],
)
def test_units_at_other_places_are_one_line(
    tmp_path: Path,
    design: sample.Design,
    change: Callable[[pd.DataFrame], pd.DataFrame],
    message: str,
) -> None:
    change(table(design)).astype(str).to_csv(tmp_path / "labels.csv", index=False)
    with pytest.raises(DataError, match=message):
        labels.read(tmp_path / "labels.csv", design)
