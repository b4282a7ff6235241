"""Finished maps, small and of known content, in the folder that scripts/map.py would leave."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from odc.geo.geobox import GeoBox
from scipy.ndimage import gaussian_filter

from cropland.config.commands.assess import Assess, UsersAccuracy
from cropland.config.countries import Box, Country, Reference
from cropland.config.groups import Tracking
from cropland.config.schema import filled
from cropland.config.sources import Simulated
from cropland.maps import geotiff
from cropland.maps import layers as rasters
from cropland.maps.extent import Extent, degrees, hectares
from cropland.maps.finished_map import FinishedMap
from cropland.sources.simulation import source as simulated

IRAN = Country(
    name="iran",
    title="Iran",
    box=Box(south=32.0, north=32.5, west=48.1, east=48.6),
    reference=Reference(start="2019-07-01", end="2020-06-30"),
)
_CONF = Path(__file__).parents[2] / "conf" / "source" / "simulated.yaml"
LANDSCAPE: Simulated = filled(Simulated, yaml.safe_load(_CONF.read_text()))
GRID = Extent.of_box((48.30, 32.20, 48.33, 32.22), 10).grid[:200, :200]
KEY = "a1b2c3d4e5f60718"

ASSESS: dict[str, Any] = {
    "source": Simulated("simulated", 30, 100, {}),
    "tracking": Tracking("local", "sqlite:///mlflow.db", "artifacts"),
    "map": "maps/iran",
    "labels": None,
    "design": None,
    "next": None,
    "sample_size": None,
    "users_accuracy": UsersAccuracy(0.85, 0.95),
    "standard_error": 0.01,
    "allocation": "proportional",
    "minimum": 50,
    "candidates": 20_000,
    "min_distance": 200,
    "seed": 2023,
    "force": False,
}


def assess_command(**changes: Any) -> Assess:
    """The checked settings of scripts/assess.py, those of conf/ but for changes."""
    return Assess(**{**ASSESS, **changes})


HALF = np.tile(np.arange(40) < 20, (40, 1)).astype(int)
"""Classes of 40 x 40 pixels: the left half cropland, the lowest row without a class."""
HALF[-1] = rasters.NO_DATA


@cache
def truth() -> np.ndarray:
    """Where the simulated landscape is cropped, shape (200, 200)."""
    lon, lat = degrees(GRID)
    found = simulated.truth(LANDSCAPE, IRAN, lon.ravel(), lat.ravel())
    return found.reshape(GRID.shape).astype(np.uint8)


def clouds(seed: int, shape: tuple[int, int] = (200, 200)) -> np.ndarray:
    """A smooth random field with a mean of 0 and a standard deviation of 1."""
    field = gaussian_filter(np.random.default_rng(seed).normal(size=shape), 6)
    return (field - field.mean()) / field.std()


def mistaken() -> np.ndarray:
    """The landscape as a map has it that takes patches of other land for cropland, and few the other way."""
    return np.where(truth() == 1, clouds(1) > -2, clouds(2) > 0.5).astype(np.uint8)


def write(
    folder: Path,
    classes: np.ndarray,
    *,
    key: str = KEY,
    source: str = "simulated",
    grid: GeoBox = GRID,
    true: np.ndarray | None = None,
    **layers: np.ndarray,
) -> FinishedMap:
    """Write a map, its other layers by name; with what is true it is one of a simulated landscape."""
    own = grid[: classes.shape[0], : classes.shape[1]]
    tags = {
        "MODEL": f"cropland-{source}-iran version 1",
        "COUNTRY": "Iran",
        "WINDOW": "2018-09-01 to 2020-06-30",
        "SEASON_END": "2020-06-30",
        "SOURCE": source,
        "RESOLUTION": "10 m",
        "KEY": key,
    }
    for name, values in {"class": classes, **layers}.items():
        layer = rasters.LAYERS[name]
        blocks = [(0, 0, values.astype(layer.dtype))]
        geotiff.write(folder / f"{name}.tif", layer, own, blocks, tags)
    counts = {"cropland": 1, "other": 0, "no data": 255}
    pixels = {name: int((classes == value).sum()) for name, value in counts.items()}
    facts = {
        "key": key,
        "tags": tags,
        "pixels": pixels,
        "hectares": {name: hectares(own) * n for name, n in pixels.items()},
        "mean_observations": 40.0,
        "cross_validated": {"cropland": 0.95, "other": 0.97},
    }
    if true is not None:
        known = classes != 255
        pairs = 2 * true[known].astype(int) + classes[known]
        facts["truth"] = np.bincount(pairs, minlength=4).reshape(2, 2).tolist()
    if "applicability" in layers:
        facts["outside_applicability"] = float((layers["applicability"] == 0).mean())
    (folder / "map.json").write_text(json.dumps(facts))
    return FinishedMap.open(folder)
