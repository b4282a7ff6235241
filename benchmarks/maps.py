"""Maps: pixels a second from a cube on disk to finished layers, memory, and how both grow with the area.

Measured is the command, ``scripts/map.py source=files cube=…``, from its start to its last line: two cores,
73 images × 4 bands, a champion of 100 trees learnt of the simulated Iran, dissimilarity to its training
points and seven files included. The cube is a block of the simulated landscape repeated, with no-data gaps at
the edges of swaths. Beside it stands a plain loop, as one would write it with xarray and scikit-learn:
``apply_ufunc`` of an interpolation, pixel after pixel, and the same forest.

    python benchmarks/maps.py                  500, 1,000 and 2,000 pixels a side
    python benchmarks/maps.py --sides 500      one of them
    python benchmarks/maps.py --mean           by the mean of five forests beside one, of the last size

The five of ``--mean`` differ in window (20 to 52 weeks), and have bands, series and features alike. Both maps
take turns.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import yaml
from odc.geo.geobox import GeoBox
from odc.geo.xr import xr_coords

sys.path.insert(0, str(Path(__file__).parent))
from study import archives, export, peak_memory

import cropland
from cropland.config.groups import Paths
from cropland.config.sources import Simulated
from cropland.sources.simulation import source as simulated

ROOT = Path(__file__).parent.parent
BANDS = ("B2", "B3", "B4", "B8")
IMAGES, BLOCK, PLAIN_SIDE = 73, 250, 40
ASKED = 60_000
ROUNDS, MOST_RATIO = 2, 2.5


def iran() -> cropland.Country:
    """Read the country."""
    return cropland.read_country(ROOT / "conf" / "country" / "iran.yaml")


def block() -> xr.Dataset:
    """Simulate a year of a block of land, 73 images of it."""
    country = iran()
    source = Simulated(**yaml.safe_load((ROOT / "conf/source/simulated.yaml").read_text()))
    grid = GeoBox.from_bbox(
        (245_000, 3_565_000, 245_000 + 10 * BLOCK, 3_565_000 + 10 * BLOCK),
        "EPSG:32639",
        resolution=10,
    )
    season = country.reference
    cube = simulated.cube(
        source, Paths("", "", ""), country, grid, season.first, season.last, BANDS
    )
    chosen = np.linspace(0, cube.sizes["time"] - 1, IMAGES).round().astype(int)
    return cube.isel(time=chosen).compute(scheduler="synchronous")


def cube(land: xr.Dataset, side: int, path: Path) -> None:
    """Repeat a block of land to a cube of so many pixels a side; every third image misses a corner."""
    times = -(-side // BLOCK)
    grid = GeoBox.from_bbox(
        (245_000, 3_565_000, 245_000 + 10 * side, 3_565_000 + 10 * side),
        "EPSG:32639",
        resolution=10,
    )
    gap = np.add.outer(np.arange(side), np.arange(side)) < side // 3
    layers = {}
    for band in BANDS:
        values = np.tile(land[band].to_numpy(), (1, times, times))[:, :side, :side]
        values[::3, gap] = 0
        layers[band] = (("time", "y", "x"), values)
    made = xr.Dataset(layers, {"time": land["time"].to_numpy(), **xr_coords(grid)})
    chunks = {name: {"chunks": (IMAGES, BLOCK, BLOCK)} for name in BANDS}
    made.to_zarr(path, encoding=chunks)


def command(folder: Path, script: str, *words: str) -> tuple[float, float]:
    """Run a command of the project; give its seconds and the most memory of all its processes, MB."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    run = [sys.executable, str(ROOT / "scripts" / f"{script}.py"), *words]
    log = folder / "said.txt"
    began = time.perf_counter()
    with log.open("w") as said:
        process = subprocess.Popen(run, cwd=folder, stdout=said, stderr=said, env=environment)
        peak = peak_memory(process)
    if process.returncode != 0:
        raise SystemExit(log.read_text())
    return time.perf_counter() - began, peak


def mean_of_five(folder: Path, words: list[str], cube_words: list[str], side: int) -> None:
    """Promote the mean of five forests, and print what a map by it costs beside one by a single forest."""
    command(folder, "train", "-m", *words, "bands=visible_nir", "span=20,28,36,44")
    rule = ["promotion.rule=average", "promotion.figures=false", "force=true"]
    command(folder, "promote", *words, *rule)
    seconds = {"previous": np.inf, "champion": np.inf}
    for alias in list(seconds) * ROUNDS:
        taken, _ = command(folder, "map", *cube_words, f"alias={alias}")
        seconds[alias] = min(seconds[alias], taken)
    one, five = seconds.values()
    print(
        f"{side:,} × {side:,} pixels: {one:.1f} s by one forest, {five:.1f} s by the mean of five, ratio "
        f"{five / one:.2f} (asked: {MOST_RATIO})"
    )


def plain(land: xr.Dataset, classifier: Any, days: np.ndarray) -> float:
    """Map a corner of the block with a plain loop; give pixels a second."""
    corner = land.isel(y=slice(PLAIN_SIDE), x=slice(PLAIN_SIDE))
    at = corner["time"].to_numpy().astype("datetime64[D]").astype(float)

    def interpolated(values: np.ndarray) -> np.ndarray:
        seen = values > 0
        return np.interp(days, at[seen], values[seen])

    began = time.perf_counter()
    series = [
        xr.apply_ufunc(
            interpolated,
            corner[band].astype(float),
            input_core_dims=[["time"]],
            output_core_dims=[["day"]],
            vectorize=True,
        )
        for band in BANDS
    ]
    x = xr.concat(series, "band").transpose("y", "x", "day", "band").to_numpy()
    classifier.predict_proba(x.reshape(PLAIN_SIDE**2, -1).astype(np.float32))
    return PLAIN_SIDE**2 / (time.perf_counter() - began)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sides", type=int, nargs="+", default=[500, 1000, 2000])
    parser.add_argument("--mean", action="store_true", help="only the mean of five beside one")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _, archive = archives(folder)["iran"]
        table = export(archive, folder)
        season = iran().reference
        stem = f"COPERNICUS_S2_SR_HARMONIZED_Iran_{archive.first}_{archive.last}.csv"
        table.rename(folder / stem)
        points = folder / "iran_labels.csv"
        points.rename(folder / "Train.csv")
        (folder / "Test.csv").write_text("ID,Lat,Lon\n")
        words = ["source=files", f"paths.data={folder}", "country=iran"]
        train = ["bands=visible_nir", "span=52", "promote=true", "promotion.figures=false"]
        command(folder, "train", *words, *train)
        land = block()
        per_second = []
        for side in asked.sides[-1:] if asked.mean else asked.sides:
            where = folder / "cube.zarr"
            shutil.rmtree(where, ignore_errors=True)
            cube(land, side, where)
            map_words = [*words[:1], *words[2:], f"cube={where}", "force=true"]
            if asked.mean:
                continue
            taken, peak = command(folder, "map", *map_words)
            per_second.append(side**2 / taken)
            print(
                f"{side:,} × {side:,} pixels: {taken:.1f} s, {per_second[-1]:,.0f} pixels/s (asked: "
                f"{ASKED:,} at 2,000), peak memory {peak:,.0f} MB of all processes together"
            )
        if asked.mean:
            mean_of_five(folder, words, map_words, side)
            return
        loop = of_champion(folder, land, season.last)
        print(f"a plain loop on one core: {loop:,.0f} pixels/s, ratio {per_second[-1] / loop:,.0f}")


def of_champion(folder: Path, land: xr.Dataset, last: Any) -> float:
    """Return the pixels a second of the plain loop with the champion's own forest."""
    (member,) = cropland.load_champion("iran", f"sqlite:///{folder}/mlruns/mlflow.db").members
    days = np.array([int(name.split("_d")[1]) for name in member.feature_names[:: len(BANDS)]])
    end = np.datetime64(last, "D").astype(int)
    return plain(land, member.classifier, (days + end).astype(float))


if __name__ == "__main__":
    main()
