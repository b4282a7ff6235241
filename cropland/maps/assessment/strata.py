"""The numbers of a sample's strata, which weigh its labels: ``sample.json`` repeats those of its map."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from cropland.errors import DataError
from cropland.maps.assessment.sample import Stratum
from cropland.maps.layers import CLASSES

if TYPE_CHECKING:
    from cropland.maps.assessment.sample import Design
    from cropland.maps.facts import MapFacts

_SHOWN = (0.15, 1.1)
"""True area of a pixel by its area on the grid: UTM 1, Web Mercator at 60° of latitude 0.25."""
_CHANGED = "it was changed; draw the sample again, or restore the file"


def check(design: Design, path: Path, facts: MapFacts) -> None:
    """Check the numbers of strata: by those of the map, or for themselves where the sample is another map's.

    Raises
    ------
    DataError
        They were changed since the sample was drawn.
    """
    if strange := sorted({*design.strata, *(design.true_hectares or {})} - {*CLASSES}):
        raise DataError(f"{path} has the class {strange[0]!r}, which no map has: {_CHANGED}")
    if design.key != facts.key:
        _check_areas(design, path)
        return
    for what, in_sample, in_map in _counts(design, facts):
        if not math.isclose(in_sample, in_map, rel_tol=1e-6):
            raise DataError(
                f"{path} says {in_sample:,.10g} {what}, the map has {in_map:,.10g}: {_CHANGED}"
            )


def _counts(design: Design, facts: MapFacts) -> Iterator[tuple[str, float, float]]:
    """Yield numbers of the map: which, as the design has it, and as the map has it."""
    drawn, counted = design.true_hectares or {}, facts.true_hectares or {}
    for name in CLASSES:
        stratum = design.strata.get(name, Stratum(0, 0.0, 0))
        yield f"pixels of {name}", stratum.pixels, facts.pixels[name]
        yield f"ha of {name}", stratum.hectares, facts.hectares[name]
        yield f"ha that are truly {name}", drawn.get(name, 0.0), counted.get(name, 0.0)


def _check_areas(design: Design, path: Path) -> None:
    """Check that strata have the hectares of their pixels, and the truth those of the strata."""
    resolution = design.tags.get("RESOLUTION", "10 m")
    if not re.fullmatch(r"\d{1,6}(\.\d{1,6})? m", resolution):
        raise DataError(f"{path} has pixels of {resolution!r}, expected metres: {_CHANGED}")
    pixel = float(resolution.split()[0]) ** 2 / 10_000
    for name, stratum in design.strata.items():
        least, most = (stratum.pixels * pixel * share for share in _SHOWN)
        if not (least <= stratum.hectares <= most and stratum.pixels >= stratum.units >= 0):
            raise DataError(
                f"{path} says {stratum.hectares:,.10g} ha and {stratum.units:,} units of {name} in "
                f"{stratum.pixels:,} pixels of {resolution}, which do not go together: {_CHANGED}"
            )
    true, mapped = design.true_hectares, sum(stratum.hectares for stratum in design.strata.values())
    if true is not None and not math.isclose(sum(true.values()), mapped, rel_tol=1e-3):
        raise DataError(
            f"{path} says {mapped:,.10g} ha in its strata and {sum(true.values()):,.10g} ha in truth: "
            f"{_CHANGED}"
        )
