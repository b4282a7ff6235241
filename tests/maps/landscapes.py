"""Layers of a small map of known content, written as they are by the command."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from odc.geo.geobox import GeoBox

from cropland.maps import geotiff
from cropland.maps import layers as rasters

HEIGHT, WIDTH = 60, 90


def grid(height: int, width: int, crs: str = "EPSG:32639", step: float = 10) -> GeoBox:
    left, top = (48.2, 32.6) if crs == "EPSG:4326" else (700_000, 3_600_000)
    edges = (left, top - step * height, left + step * width, top)
    return GeoBox.from_bbox(edges, crs, resolution=step, tight=True)


def landscape(height: int, width: int) -> dict[str, np.ndarray]:
    """Parcels right of a river, in a round area; what is outside of it has no data."""
    rows, columns = np.mgrid[:height, :width]
    parcels = np.random.default_rng(3).random((height // 9 + 1, width // 9 + 1))
    probability = np.kron(parcels, np.ones((9, 9)))[:height, :width]
    probability[columns < width / 3] = 0.0
    outside = np.hypot(rows / height - 0.5, columns / width - 0.5) > 0.5
    drawn = {
        "class": probability > 0.5,
        "probability": np.rint(100 * probability),
        "uncertainty": np.rint(100 - 200 * abs(probability - 0.5)),
        "observations": columns // 3,
        "applicability": rows > height / 4,
        "dissimilarity": probability / 3,
        "probability_exact": probability,
    }
    typed = {name: values.astype(rasters.LAYERS[name].dtype) for name, values in drawn.items()}
    for name, values in typed.items():
        values[outside] = rasters.LAYERS[name].nodata
    return typed


def written(folder: Path, box: GeoBox, layers: dict[str, np.ndarray]) -> dict[str, Path]:
    paths = {name: folder / f"{name}.tif" for name in layers}
    for name, path in paths.items():
        geotiff.write(path, rasters.LAYERS[name], box, [(0, 0, layers[name])], {})
    return paths
