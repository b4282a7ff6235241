"""The toy country: 80 points and their observations of 2019 and 2020, small and of known content."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from cropland.config.countries import Box, Country, Reference
from cropland.config.sources import Files
from cropland.observations import archive, ragged_array

TOYLAND = Country(
    "toyland", "Toyland", Box(10.0, 10.4, 20.0, 20.4), Reference("2020-01-01", "2020-12-31")
)
"""A country whose reference season is the year 2020."""
BANDS = ("B2", "B3", "B4", "B8")
SOURCE = Files("files", "COPERNICUS_S2_SR_HARMONIZED", "Train.csv", "Test.csv")
"""What reads its exports."""


def points() -> pd.DataFrame:
    """Return 60 labelled points, every other one cropland, and 20 unlabelled ones."""
    random = np.random.default_rng(7)
    targets = np.array([0, 1] * 30 + [-1] * 20, dtype=np.int8)
    return pd.DataFrame(
        {
            "ID": [f"P{number:03d}" for number in range(80)],
            "Lat": random.uniform(10.0, 10.4, 80).round(5),
            "Lon": random.uniform(20.0, 20.4, 80).round(5),
            "Target": targets,
        }
    )


def observations(table: pd.DataFrame) -> pd.DataFrame:
    """Return 30 to 60 observations of each point: cropland greens in July, other land never does."""
    random = np.random.default_rng(11)
    tables = []
    for number, point in table.iterrows():
        count = int(random.integers(30, 60))
        seconds = np.sort(random.integers(0, 731 * 86400, count))
        times = np.datetime64("2019-01-01") + seconds.astype("timedelta64[s]")
        season = np.exp(-(((seconds / 86400 % 365) - 200) ** 2) / 1500)
        green = season * (point["Target"] == 1 or (point["Target"] < 0 and number % 2))
        noise = random.normal(0, 120, (count, 4))
        values = np.stack(
            [900 - 200 * green, 1100 - 100 * green, 1500 - 700 * green, 2000 + 2500 * green]
        )
        rows = pd.DataFrame(np.round(values.T + noise).astype(int), columns=list(BANDS))
        rows["SCL"] = random.choice([4, 5, 9], count, p=[0.4, 0.5, 0.1])
        rows.insert(0, "ID", point["ID"])
        rows["time"] = times
        tables.append(rows)
    return pd.concat(tables, ignore_index=True)


def write_archive(path: Path, table: pd.DataFrame, rows: pd.DataFrame) -> archive.Archive:
    """Write points and observations as an archive, and open it."""
    dataset = ragged_array.from_table(table, rows).assign_attrs(
        time_coverage_start="2019-01-01", time_coverage_end="2020-12-31"
    )
    archive.write(dataset, path, {"source": "files", "country": "toyland", "fingerprint": "f00"})
    return archive.open_archive(path)


def write_exports(folder: Path, table: pd.DataFrame, rows: pd.DataFrame) -> Path:
    """Write points and observations as exports with their points files into a new folder."""
    folder.mkdir()
    labelled = table["Target"] >= 0
    table[labelled].to_csv(folder / "Train.csv", index=False)
    table[~labelled].drop(columns="Target").to_csv(folder / "Test.csv", index=False)
    placed = rows.merge(table[["ID", "Lat", "Lon"]], on="ID").rename(columns={"time": "Timestamp"})
    placed.to_csv(folder / f"{SOURCE.prefix}_Toyland_2019-01-01_2020-12-31.csv", index=False)
    return folder


def write_country(country: Country, conf: Path) -> None:
    """Write a country's file into a folder of configuration."""
    box, season = country.box, country.reference
    (conf / "country").mkdir(parents=True, exist_ok=True)
    (conf / "country" / f"{country.name}.yaml").write_text(
        f"name: {country.name}\ntitle: {country.title}\n"
        f"box: {{south: {box.south}, north: {box.north}, west: {box.west}, east: {box.east}}}\n"
        f"reference: {{start: {season.start}, end: {season.end}}}\n"
    )
