"""Tables of points as files for others: CSV, GeoJSON, GeoPackage or GeoParquet, by the file's ending."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from cropland.support.words import some

if TYPE_CHECKING:
    import pandas as pd

FORMATS = (".csv", ".geojson", ".gpkg", ".parquet")
"""Endings of the files that can be written."""
_DRIVERS = {".geojson": "GeoJSON", ".gpkg": "GPKG"}
_LAYER = "predictions"


def format_error(path: str) -> str:
    """Return what is wrong with the ending of a file to write; empty where it is a format.

    >>> format_error("points.GPKG")
    ''
    """
    suffix = Path(path).suffix.lower()
    if suffix in FORMATS:
        return ""
    ending = f"ends in {suffix}, which is not a format for points" if suffix else "has no ending"
    return f"{path} {ending}: expected {some(FORMATS)}, as in output=predictions.gpkg"


def content_of(table: pd.DataFrame, suffix: str) -> bytes:
    """Return the content of a file of points.

    Parameters
    ----------
    table : DataFrame
        A row a point: ``Lat`` and ``Lon`` in degrees (WGS 84), and any other columns. CSV needs neither.
    suffix : str
        The file's ending, of `FORMATS`.

    Returns
    -------
    bytes
        CSV, or a layer of points in WGS 84 with the same columns. What is not known is an empty cell or null.
    """
    if suffix == ".csv":
        return table.to_csv(index=False).encode()
    import geopandas

    places = geopandas.points_from_xy(table["Lon"], table["Lat"])
    layer = geopandas.GeoDataFrame(table, geometry=places, crs="EPSG:4326")
    stream = BytesIO()
    if suffix == ".parquet":
        layer.to_parquet(stream, index=False)
    else:
        options = {"RFC7946": "YES"} if suffix == ".geojson" else {}
        driver = _DRIVERS[suffix]
        layer.to_file(
            stream, driver=driver, layer=_LAYER, engine="pyogrio", use_arrow=True, **options
        )
    return stream.getvalue()
