"""Two maps of one area: where they have the same class, and the hectares where they have not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cropland.errors import DataError
from cropland.maps.finished_map import DIFFERENCE
from cropland.maps.layers import CLASS, CROPLAND, OTHER, PROBABILITY
from cropland.support import figure_style, terminal
from cropland.support.words import ha
from cropland.support.writing import write_whole

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
BOTH_HAVE_ERRORS = (
    "Both maps have errors: a difference is not yet a change on the ground; assess both"
)
_LONGEST_PATH = 40
"""Characters above a map on a page."""


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
        Hectares of the larger area without a class in one map or in both; none outside an outline.
    country : str
        Its title.
    is_simulated : bool
        Whether both maps are.
    """

    names: tuple[str, str]
    hectares: dict[int, float]
    no_class: float
    country: str
    is_simulated: bool

    @property
    def title(self) -> str:
        """What stands above the comparison."""
        title = f"{self.country}: {self.names[0]} and {self.names[1]}"
        return terminal.titled(title, simulated=self.is_simulated)

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
        more = f"{ha(abs(right - left), like=both)} ha {'more' if right >= left else 'less'}"
        yield (
            "cropland where both have a class",
            f"{ha(both + left)} and {ha(both + right)} ha ({more})",
        )
        yield "different class", f"{share:.1%} of the area where both have one"

    def write_page(self, left: FinishedMap, right: FinishedMap) -> Path:
        """Write the page of both maps into the folder of the first; return its path.

        Raises
        ------
        DataError
            A layer cannot be read, or the page cannot be written.
        """
        from cropland.maps.page import difference_page

        left.check_writable()
        described = {
            side: f"{one.path}: {one.facts.tags['MODEL']}, {one.facts.tags['WINDOW']}"
            for side, one in (("left", left), ("right", right))
        }
        text = difference_page(
            [one.layers(CLASS.name, PROBABILITY.name) for one in (left, right)],
            names=(_short_name(left), _short_name(right)),
            title=self.title,
            facts={**described, **dict(self.lines()), "note": BOTH_HAVE_ERRORS},
            note=terminal.SIMULATED if self.is_simulated else "",
        )
        folder = right.path.resolve()  # a map's folder often has only the name of its country
        path = left.path / f"{DIFFERENCE}{folder.parent.name}_{folder.name}.html"
        write_whole(path, text)
        return path


def _short_name(one: FinishedMap) -> str:
    """Return what is written above a map: the end of its folder's path, and its window."""
    path = str(one.path)
    shown = path if len(path) <= _LONGEST_PATH else f"…{path[-_LONGEST_PATH:]}"
    return f"{shown}\n{one.facts.tags['WINDOW']}"


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
    inside = [sum(one.facts.pixels.values()) for one in (left, right)]
    area = sum(left.facts.hectares.values()) / max(inside[0], 1)
    without_class = max(inside) - int(counts[list(KINDS)].sum())
    return Difference(
        names=(str(left.path), str(right.path)),
        hectares={kind: area * int(counts[kind]) for kind in KINDS},
        no_class=area * without_class,
        country=left.facts.tags["COUNTRY"],
        is_simulated=left.facts.tags["SOURCE"] == "simulated",
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
