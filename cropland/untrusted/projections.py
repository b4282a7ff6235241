"""The text of a coordinate reference system.

In: WKT, a PROJ string or a code, from a raster or the attributes of a cube. Promised of one that passes: PROJ
opens no file that it names, since it names none.
"""

from __future__ import annotations

import re
from functools import lru_cache

from cropland.errors import DataError

LINKED_CRS = (
    "its coordinate system is named by a link, which is not followed; save it in longitude and "
    "latitude"
)
"""Of GeoJSON of 2008."""
LONGEST_CRS = 100_000
"""Characters; WKT has a few thousand."""
_FILE_IN_A_CRS = re.compile(
    r"(?:grids|file|model|catalog|init)\s*=\s*(?!@null(?:[\s\"]|$)|epsg:)|parameterfile"
    r'|proj4_grids"\s*,\s*"(?!@null")',
    re.IGNORECASE,
)
"""Keys of PROJ and WKT whose value is a file, other than ``@null``, which stands for none."""


def check_crs(text: str, where: str, remedy: str) -> None:
    """Check that the text of a CRS, of any syntax, names no file and is no book.

    Raises
    ------
    DataError
        It does, or is.
    """
    if len(text) > LONGEST_CRS or _names_a_file(text) or text.lstrip().startswith("{"):
        raise DataError(
            f"{where} has a coordinate reference system that names files or is too long ({text[:60]!r}…); "
            f"expected one such as EPSG:32639 or its WKT: {remedy}"
        )


@lru_cache(maxsize=256)
def _names_a_file(text: str) -> bool:
    return _FILE_IN_A_CRS.search(text) is not None
