"""Two maps of one area: where they have the same class, and the hectares where they have not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cropland.errors import DataError
from cropland.maps.layers import CROPLAND, OTHER
from cropland.support import figure_style
from cropland.support.words import ha

if TYPE_CHECKING:
    from cropland.maps.finished_map import FinishedMap

KINDS = {
    3: ("cropland in both", figure_style.CROPLAND),
    2: ("cropland on the left only", figure_style.PALETTE[1]),
    1: ("cropland on the right only", figure_style.PALETTE[0]),
    0: ("other in both", "#E8E8E8"),
}
"""What a pixel of a difference is, and its colour."""
NO_CLASS = 255


@dataclass(frozen=True)
class Difference:
    """Hectares of two maps, counted in pixels.

    Attributes
    ----------
    names : tuple of str
        The folders of the maps.
    hectares : dict of int to float
        By the key of `KINDS`.
    no_class : float
        Hectares without a class in one map or in both.
    """

    names: tuple[str, str]
    hectares: dict[int, float]
    no_class: float

    def lines(self) -> Iterator[tuple[str, str]]:
        """Yield what a person reads: a name and its value in words."""
        only = {2: self.names[0], 1: self.names[1]}
        for kind, (words, _) in KINDS.items():
            name = f"cropland only in {only[kind]}" if kind in only else words
            yield name, f"{ha(self.hectares[kind])} ha"
        yield "no class in one or both", f"{ha(self.no_class)} ha"
        both, left, right = (self.hectares[kind] for kind in (3, 2, 1))
        total = sum(self.hectares.values())
        share = (left + right) / total if total else 0.0
        yield (
            "cropland where both have a class",
            f"{ha(both + left)} and {ha(both + right)} ha ({ha(right - left, like=both)} ha difference)",
        )
        yield "different class", f"{share:.1%} of the area where both have one"


def kinds(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the key of `KINDS` of each pixel, `NO_CLASS` where a map has no class.

    >>> kinds(np.uint8([1, 1, 0, 0, 2]), np.uint8([1, 0, 1, 0, 1])).tolist()
    [3, 2, 1, 0, 255]
    """
    known = np.isin(left, (CROPLAND, OTHER)) & np.isin(right, (CROPLAND, OTHER))
    kind = 2 * (left == CROPLAND).astype(np.uint8) + (right == CROPLAND)
    return np.where(known, kind, NO_CLASS).astype(np.uint8)


def difference(left: FinishedMap, right: FinishedMap) -> Difference:
    """Count the hectares where two maps have the same class, and where they have not.

    Raises
    ------
    DataError
        The maps cannot be compared pixel by pixel, or a layer cannot be read.
    """
    _check(left, right)
    counts = np.zeros(256, np.int64)
    for window in left.windows:
        # One file after the other: rasterio closes in the reverse order of opening.
        [of_left], [of_right] = (list(one.classes([window])) for one in (left, right))
        counts += np.bincount(kinds(of_left, of_right).ravel(), minlength=256)
    area = sum(left.facts.hectares.values()) / max(sum(left.facts.pixels.values()), 1)
    return Difference(
        names=(str(left.path), str(right.path)),
        hectares={kind: area * int(counts[kind]) for kind in KINDS},
        no_class=area * int(counts[NO_CLASS]),
    )


def _check(left: FinishedMap, right: FinishedMap) -> None:
    """Raise where two maps are one, have other pixels, or one is of a simulated landscape."""
    if left.facts.key == right.facts.key:
        raise DataError(
            f"{left.path} and {right.path} hold the same map; name two maps of different models or windows"
        )
    simulated = [one.path for one in (left, right) if one.facts.tags["SOURCE"] == "simulated"]
    if len(simulated) == 1:
        raise DataError(
            f"{simulated[0]} is simulated, the other map is not; compare two real or two simulated maps"
        )
    if left.grid != right.grid:
        raise DataError(
            f"{left.path} has {_in_words(left)}, {right.path} has {_in_words(right)}: expected one grid; map "
            f"both with the same box, geometry and resolution"
        )


def _in_words(one: FinishedMap) -> str:
    height, width = one.grid.shape
    x, y = one.grid.transform.c, one.grid.transform.f
    size = f"{height} x {width} pixels of {one.facts.tags['RESOLUTION']}"
    return f"{size} in {one.grid.crs} from {x:.0f}, {y:.0f}"
