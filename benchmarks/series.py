"""Aligned series of one country against plain pandas: the same numbers, and the ratio of the times.

1,000 points, three years of observations, a window of 96 weeks, four bands, one core. Then what statistics
and harmonics of 17 bands and indices in windows of 52 weeks take.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import yaml

import cropland
from cropland.config.groups import Paths
from cropland.config.sources import Simulated
from cropland.sources import opening

if TYPE_CHECKING:
    import xarray as xr

ROOT = Path(__file__).parent.parent
NAMES = ("B2", "B3", "B4", "B8")
STEP = 5
RUNS = 7


def opened(folder: str) -> tuple[cropland.Country, cropland.Archive]:
    """Open the simulated archive of Iran."""
    country = cropland.read_country(ROOT / "conf/country/iran.yaml")
    simulated = Simulated(**yaml.safe_load((ROOT / "conf/source/simulated.yaml").read_text()))
    return country, opening.archive_of(simulated, Paths(folder, folder, folder), country)


def with_pandas(archive: cropland.Archive, window: cropland.Window) -> np.ndarray:
    """Align by groups: the first row of a day, reindexed to days, interpolated, every fifth kept."""
    sizes = archive.dataset["row_size"].to_numpy()
    table = pd.DataFrame({name: archive.values(name).astype(float) for name in NAMES})
    table["point"] = np.repeat(np.arange(len(sizes)), sizes)
    table["day"] = pd.to_datetime(archive.dataset["time"].to_numpy()).floor("D")
    table = table[table["day"].between(pd.Timestamp(window.first), pd.Timestamp(window.last))]
    table = table.drop_duplicates(["point", "day"])
    days = pd.date_range(window.first, window.last)
    groups = [
        group.set_index("day")[list(NAMES)]
        .reindex(days)
        .interpolate(limit_direction="both")
        .iloc[::STEP]
        for _, group in table.groupby("point")
    ]
    return np.stack([group.to_numpy() for group in groups]).astype(np.float32)


def median(work: Callable[[], object], runs: int) -> float:
    """Return the median seconds of some runs."""
    taken = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def main() -> None:
    """Print times and their ratio."""
    with tempfile.TemporaryDirectory() as folder:
        country, archive = opened(folder)
        season, periods = country.reference, range(12, 12 - RUNS, -1)
        windows = [cropland.Window.of(season, 96, period) for period in periods]

        def align(window: cropland.Window) -> np.ndarray:
            return cropland.make_series(archive, window, NAMES, step_days=STEP)["values"].to_numpy()

        first = median(lambda: align(windows[0]), 1)
        rest = iter(windows[1:])  # each window for the first time, from what is in memory
        later = median(lambda: align(next(rest)), RUNS - 1)
        plain = median(lambda: with_pandas(archive, windows[0]), 2)
        same = np.allclose(
            align(windows[0]), with_pandas(archive, windows[0]), rtol=2e-7, atol=1e-3
        )
        wide = yaml.safe_load((ROOT / "conf/bands/bands_indices.yaml").read_text())["names"]
        years = [cropland.Window.of(season, 52, period) for period in periods]
        aligned = [cropland.make_series(archive, window, wide, step_days=STEP) for window in years]

        def made(series: xr.Dataset, **kind: Any) -> object:
            return cropland.make_features(series, reference_end=season.last, flat=False, **kind)

        names = ["min", "max", "median", "std", "amplitude"]
        kinds = {"statistics": {"statistics": names}, "harmonics": {"harmonics": 2}}
        of_features = {}
        for name, kind in kinds.items():
            left = iter(aligned)
            of_features[name] = median(lambda: made(next(left), **kind), RUNS)  # noqa: B023
        rows = archive.dataset.sizes["observation"]
        print(
            f"series of {archive.dataset.sizes['point']} points, {rows} observations, 96 weeks, 4 bands"
        )
        print(f"first window, reading included: {first * 1e3:.0f} ms")
        print(f"each later window: median {later * 1e3:.0f} ms")
        for name, seconds in of_features.items():
            print(f"{name} of 17 bands, 52 weeks: median {seconds * 1e3:.0f} ms a window")
        print(f"plain pandas: {plain * 1e3:.0f} ms, ratio {plain / later:.0f}; equal: {same}")


if __name__ == "__main__":
    main()
