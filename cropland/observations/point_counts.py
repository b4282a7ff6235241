"""What becomes of the labelled points of a country, in numbers and in words.

What the points files have beside the points of a country stands in two attributes of its archive: the mapping
``points_files``, and ``unknown_ids``, a text as `cropland.observations.point_ids.compare` returns it. What is
counted of the points themselves is counted in the archive.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cropland.errors import DataError
from cropland.observations import point_ids, points
from cropland.observations.pixels import pixels
from cropland.support.words import count

if TYPE_CHECKING:
    import xarray as xr

    from cropland.config.countries import Country
    from cropland.observations.archive import Archive
    from cropland.observations.points import PointsFiles

POINTS_FILES = "points_files"
NAMED = 5
"""IDs that are named at most."""


@dataclass(frozen=True)
class PointCounts:
    """What becomes of the labelled points that a country's points file has.

    Attributes
    ----------
    given : int
        All that the file has, of whichever country.
    outside : int
        Those outside the country's box.
    unobserved : int
        Those inside that have no observation.
    shared_pixel : int
        Those left that share a pixel with another of them.
    contradicting : int
        Those of these on pixels that bear both labels.
    swapped : int
        Those outside that lie in the box with ``Lat`` and ``Lon`` exchanged.
    empty_rows : int
        Rows of blank cells in the points files.
    """

    given: int
    outside: int = 0
    unobserved: int = 0
    shared_pixel: int = 0
    contradicting: int = 0
    swapped: int = 0
    empty_rows: int = 0

    @property
    def used(self) -> int:
        """Those that are inside and have an observation."""
        return self.given - self.outside - self.unobserved

    def metrics(self) -> dict[str, float]:
        """Return them as metrics of a run."""
        return {
            "n_points": float(self.used),
            "n_outside": float(self.outside),
            "n_unobserved": float(self.unobserved),
            "n_shared_pixel": float(self.shared_pixel),
            "n_contradicting": float(self.contradicting),
        }

    def of_samples(self, samples: xr.Dataset | xr.DataArray) -> PointCounts:
        """Return them for the labelled points that have features, with ``Lat``, ``Lon`` and ``Target``."""
        shared, contradicting = on_shared_pixels(samples)
        return replace(
            self,
            unobserved=self.given - self.outside - len(shared),
            shared_pixel=int(shared.sum()),
            contradicting=int(contradicting.sum()),
        )

    def losses(self, country: str, lacking: str = "no observation") -> str:
        """Return in words why points are not used, nothing where all are; those unobserved lack something."""
        lost = []
        if self.outside:
            lost.append(f"{self.outside} lie outside the box of {country}")
        if self.unobserved:
            lost.append(f"{self.unobserved} have {lacking}")
        return f"of {count(self.given, 'labelled point')} {' and '.join(lost)}" if lost else ""


def points_of_country(files: PointsFiles, country: Country) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the points of a country, and the attribute that its archive keeps of the others.

    Raises
    ------
    DataError
        ``Lat`` and ``Lon`` are exchanged.
    """
    check_not_swapped(files.table, [country], files.paths[0])
    inside = points.inside(files.table, country.box)
    labelled = files.table[files.table["Target"] >= 0]
    outside = labelled[~labelled["ID"].isin(inside["ID"])]
    exchanged = outside[_swapped(outside, [country])]
    facts = {
        "labelled": len(labelled),
        "outside": len(outside),
        "outside_ids": outside["ID"].head(NAMED).tolist(),
        "swapped": len(exchanged),
        "swapped_ids": exchanged["ID"].head(NAMED).tolist(),
        "empty_rows": files.empty_rows,
        "alike": point_ids.alike_in_both(files),
    }
    return inside, {POINTS_FILES: facts}


def check_not_swapped(table: pd.DataFrame, countries: Sequence[Country], file: object) -> None:
    """Check that not most of the points that lie in countries do so with ``Lat`` and ``Lon`` exchanged only.

    Raises
    ------
    DataError
        They do.
    """
    exchanged = table[_swapped(table, countries)]
    here = table[_within(table, countries)]
    if len(exchanged) > len(here):
        first = exchanged.iloc[0]
        names = ", ".join(country.name for country in countries)
        raise DataError(
            f"{file} seems to have Lat and Lon swapped: of its {len(table)} points {len(here)} lie in the "
            f"box of {names} as they are, {len(exchanged)} with the two exchanged, such as {first['ID']} "
            f"(Lat {first['Lat']}, Lon {first['Lon']}); exchange the names of the two columns, or give "
            f"a file without points of other countries"
        )


def counts_of(archive: Archive) -> PointCounts:
    """Count the labelled points of an archive, and of the file that they are from."""
    return given_counts(archive).of_samples(observed(archive))


def given_counts(archive: Archive) -> PointCounts:
    """Return what is known of the file that an archive's points are from, before these are counted."""
    facts = archive.dataset.attrs.get(POINTS_FILES, {})
    return PointCounts(
        given=facts.get("labelled", int((archive.points["Target"].to_numpy() >= 0).sum())),
        outside=facts.get("outside", 0),
        swapped=facts.get("swapped", 0),
        empty_rows=facts.get("empty_rows", 0),
    )


def observed(archive: Archive) -> xr.Dataset:
    """Return the labelled points of an archive that have an observation."""
    known = archive.points["Target"].to_numpy() >= 0
    return archive.points.isel(point=np.flatnonzero(known & is_observed(archive)))


def on_shared_pixels(
    samples: xr.Dataset | xr.DataArray,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which samples share a pixel with another, and which of them one that bears both labels."""
    pixel = pixels(samples["Lat"].to_numpy(), samples["Lon"].to_numpy())
    target = samples["Target"].to_numpy()
    members = np.bincount(pixel)
    cropland = np.bincount(pixel, weights=target)
    both = (cropland > 0) & (cropland < members)
    return (members > 1)[pixel], both[pixel]


def is_observed(archive: Archive) -> NDArray[np.bool_]:
    """Return which points of an archive have an observation."""
    return np.diff(archive.offsets) > 0


def _within(table: pd.DataFrame, countries: Sequence[Country]) -> NDArray[np.bool_]:
    ids = [points.inside(table, country.box)["ID"] for country in countries]
    return table["ID"].isin(pd.concat(ids)).to_numpy()


def _swapped(table: pd.DataFrame, countries: Sequence[Country]) -> NDArray[np.bool_]:
    """Return which points lie in no country as they are, but in one with ``Lat`` and ``Lon`` exchanged."""
    exchanged = table.rename(columns={"Lat": "Lon", "Lon": "Lat"})
    return _within(exchanged, countries) & ~_within(table, countries)
