"""The tutorial and the page on one's own country, run from the first command to the last."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
import yaml
from pyproj import CRS, Transformer
from standins import cube_files
from standins.documents import commands, parsed, text
from standins.shell import Shell, screen

SMALL = "box=[48.300,32.200,48.304,32.2037]"
QUICK_PROMOTION = (
    *("promotion.bootstraps=100", "promotion.figures=false"),
    *("promotion.finalists=2", "promotion.repeats=1"),
)
FEW_POINTS = ("source.points=30",)
TUTORIAL = {
    "span=range(24,97,24)": ("model.n_estimators=2", "validation.folds=2"),
    "bands=ndvi,visible_nir_ndvi": ("model.n_estimators=2", "validation.folds=2"),
    "study=time_range": ("span=24", "period=0", "model.n_estimators=2"),
    "study=models": ("model=forest,knn", "validation.folds=2"),
    "promote": ("validation.folds=2", *QUICK_PROMOTION),
}
"""What makes a command of the tutorial quick: by one of its words, or by its name."""
OWN = {
    "study=families": ("bands=ndvi", "features=flat", "model=forest,knn"),
    "promote": QUICK_PROMOTION,
    "-m": ("span=12", "bands=ndvi", "model=forest_2,knn", "features=flat"),
}
DATES = {
    "2023-07-01/2024-06-30": "2019-07-01/2020-06-30",
    "2025-06-30": "2020-12-31",
}
"""Dates of the page, and those of the toy country that stand for them."""


def more(words: list[str], script: str, quick: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Return the words that make a command quick."""
    return next((quick[word] for word in (*words, script) if word in quick), ())


def test_the_tutorial_leads_from_a_sweep_to_next_year(shell: Shell) -> None:
    done = []
    for command in commands(text("docs/tutorial.md")):
        if command.startswith("make ") or command == "cropland ui":
            continue
        script, words = parsed(command)
        words = [SMALL if word.startswith("box=") else word for word in words]
        words += more(words, script, TUTORIAL)
        if script in ("train", "promote", "predict"):
            words += FEW_POINTS
        if "next=50" in words:
            words.append("min_distance=10")
        done.append(screen(shell.run(*words, script=script)))
    assert "4 of 4 candidates" not in done[1]
    assert any("Which window" in said for said in done)
    for name in ("predictions.csv", "predictions_2021.csv"):
        assert len(pd.read_csv(shell.folder / name)) == 30
    season, later = (
        (shell.folder / folder / "iran" / "map.json").read_text()
        for folder in ("maps", "maps_2021")
    )
    assert "2020-06-30" in season and "2021-06-30" in later
    assert any(re.search(r"cropland: [\d.,]+ ± [\d.,]+ ha", said) for said in done)


def write_own_data(shell: Shell) -> None:
    """Write points, exports and a cube of the toy country as a user's, of a country named Kenya."""
    folder = shell.folder / "data"
    folder.mkdir()
    for path in shell.exports.glob("*.csv"):
        shutil.copy(path, folder / path.name.replace("Toyland", "Kenya"))
    points = pd.read_csv(folder / "Train.csv")
    rows = pd.concat(pd.read_csv(path) for path in folder.glob("COPERNICUS*"))
    rows["month"] = pd.to_datetime(rows["Timestamp"]).dt.to_period("M").dt.start_time
    means = (
        points[["ID", "Target"]].merge(rows).groupby(["Target", "month"]).mean(numeric_only=True)
    )
    zone = CRS.from_epsg(32634)
    east, north = Transformer.from_crs(4326, zone, always_xy=True).transform(20.2, 10.2)
    steps, times = np.arange(40) * 10.0, means.loc[1].index.to_numpy()
    is_cropland = np.add.outer(np.arange(40), np.arange(40)) % 20 < 10
    layers = {}
    for band in ("B2", "B3", "B4", "B8"):
        crop, other = (means.loc[target, band].reindex(times).to_numpy() for target in (1, 0))
        values = np.where(is_cropland, crop[:, None, None], other[:, None, None])
        layers[band] = (("time", "y", "x"), values.round().astype("uint16"))
    cube = xr.Dataset(layers, {"time": times, "y": north - steps, "x": east + steps})
    cube["spatial_ref"] = ((), 0, zone.to_cf())
    cube_files.netcdf(cube, shell.folder / "cube.nc")


def write_labels(sample: Path) -> None:
    """Fill in a sample, every second unit as cropland."""
    table = pd.read_csv(sample)
    table.assign(Target=np.arange(len(table)) % 2).to_csv(sample, index=False)


def test_a_country_of_ones_own_leads_from_points_to_hectares(shell: Shell) -> None:
    page = text("docs/own_country.md")
    write_own_data(shell)
    settings = re.search(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert settings is not None
    values = yaml.safe_load(settings[1]) | {"source": "files", "n_jobs": 1}
    done = []
    for command in commands(page):
        script, words = parsed(command)
        if script in ("download", "ui") or any(word.startswith("box=") for word in words):
            continue  # services have tests of their own
        words = ["=".join(DATES.get(part, part) for part in word.split("=", 1)) for word in words]
        # A later word replaces one before it, but Hydra takes each key once.
        quick = more(words, script, OWN)
        replaced = tuple(f"{word.partition('=')[0]}=" for word in quick)
        words = [word for word in words if not word.startswith(replaced)] if quick else words
        if any(word.startswith("labels=") for word in words):
            write_labels(shell.folder / "maps" / "kenya" / "sample.csv")
        done.append(screen(shell.run(*words, *quick, script=script)))
        if script == "new_country":
            (shell.folder / "conf" / "local.yaml").write_text(yaml.safe_dump(values))
    assert "conf/country/kenya.yaml: Kenya" in done[0]
    assert "away from the labelled points: " in done[1]
    assert re.search("next, register .*promote.* validation=blocks", done[2])
    assert (shell.folder / "predictions.gpkg").is_file()
    assert (shell.folder / "maps_2025" / "kenya" / "class.tif").is_file()
    assert any(re.search(r"cropland: [\d.,]+ ± [\d.,]+ ha", said) for said in done)
