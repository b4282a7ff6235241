"""What a service of satellite images is asked, and what it answers: the interface of Earth Engine and STAC.

Contract, the same for every service: bands bear the mission's names (`observations.bands`), digital numbers
are harmonised (reflectance × 10,000 on the scale from before processing baseline 04.00), uint16, 0 = no data;
``SCL`` is uint8, 255 where an image has none. A value is that of the native pixel (10 or 20 m) that a place
falls in. Nothing is aggregated: each granule that saw a place gives a row, named by the granule.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from cropland.errors import CroplandError, DataError
from cropland.observations.band_values import HIGHEST
from cropland.support.words import count

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox


class TooLarge(Exception):
    """A request that the service will not answer unless it is made smaller."""


class NoImage(DataError):
    """Nothing was taken of a place in some days."""


NO_IMAGE = "no image in these dates"
"""Why a place has no row; the other reason is that it is outside the swath of all images."""


def best_reason(*reasons: str) -> str:
    """Return the reason that tells most why a place was not seen: that images came by, if any did."""
    return next((reason for reason in reasons if reason != NO_IMAGE), NO_IMAGE)


@dataclass(frozen=True)
class Gaps:
    """What images lack, by band.

    Attributes
    ----------
    missing : dict of str to set of str
        Names of the images that do not have a band; several requests may read one.
    fills : Counter of str
        How many values are no digital numbers, and so are no data.
    """

    missing: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    fills: Counter[str] = field(default_factory=Counter)

    def __bool__(self) -> bool:
        return any(self.missing.values()) or any(self.fills.values())

    def sentences(self) -> Iterator[str]:
        """Yield it in words, the bands by name."""
        for band, images in sorted(self.missing.items()):
            verb = "has" if len(images) == 1 else "have"
            yield f"{count(len(images), 'image')} {verb} no {band}: no data there"
        for band, number in sorted((+self.fills).items()):
            yield f"{count(number, 'value')} of {band} below 0 or above {HIGHEST:,}: no data there"

    @property
    def counts(self) -> dict[str, int]:
        """How many values and bands are missing, as an archive keeps it; none where nothing is."""
        counts = {
            "n_fill_values": self.fills.total(),
            "n_missing_bands": sum(map(len, self.missing.values())),
        }
        return {name: number for name, number in counts.items() if number}


def join_gaps(parts: Iterable[Gaps]) -> Gaps:
    """Add what is counted of several requests."""
    joined = Gaps()
    for part in parts:
        for band, images in part.missing.items():
            joined.missing[band] |= images
        joined.fills.update(part.fills)
    return joined


@dataclass(frozen=True, eq=False)
class Seen:
    """What was observed at some places in some days: arrays of shape ``(row,)``.

    Attributes
    ----------
    place : ndarray of int32
        Position of each row's place among those that were asked for.
    time : ndarray of datetime64[s]
        Moment of the overpass, UTC.
    granule : ndarray of str
        Name of the image, as its service has it.
    values : mapping of str to ndarray
        By band: uint16 digital numbers, ``SCL`` uint8; 0 = no data.
    unseen : mapping of int to str
        Why a place has no row, by its position.
    notes : tuple of str
        What a user should know about these rows, such as a granule that was excluded.
    gaps : Gaps
        What they lack.
    """

    place: NDArray[np.int32]
    time: NDArray[np.datetime64]
    granule: NDArray[np.str_]
    values: Mapping[str, NDArray[Any]]
    unseen: Mapping[int, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    gaps: Gaps = field(default_factory=Gaps)

    def __len__(self) -> int:
        return len(self.place)


def join_seen(parts: Sequence[Seen], unseen: Mapping[int, str]) -> Seen:
    """Join what was seen, one or more parts of the same bands; each note is kept once."""
    return Seen(
        place=np.concatenate([part.place for part in parts]),
        time=np.concatenate([part.time for part in parts]),
        granule=np.concatenate([part.granule for part in parts]),
        values={
            band: np.concatenate([part.values[band] for part in parts]) for band in parts[0].values
        },
        unseen=unseen,
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
        gaps=join_gaps(part.gaps for part in parts),
    )


@dataclass(frozen=True)
class Finding:
    """One step of an examination: what was checked, whether it is ok, and what was seen or is to do."""

    step: str
    ok: bool
    text: str


def findings_of(steps: Mapping[str, Callable[[], str]]) -> Iterator[Finding]:
    """Take the steps of an examination one after another, up to the first that fails."""
    for step, look in steps.items():
        try:
            text = look()
        except (CroplandError, TooLarge) as error:
            yield Finding(step, False, str(error))
            return
        yield Finding(step, True, text)


class Service(Protocol):
    """A service, connected; its methods may be called from several threads."""

    @property
    def client(self) -> str:
        """Name and version of the library that speaks with it."""
        ...

    def points(
        self, lonlat: NDArray[np.float64], first: date, last: date, bands: Sequence[str]
    ) -> Seen:
        """Observe places.

        Parameters
        ----------
        lonlat : ndarray of float64, shape (place, 2)
            Longitude and latitude, degrees (WGS 84).
        first, last : date
            Days, both included, in UTC.
        bands : sequence of str
            Bands to read, ``SCL`` among them.

        Raises
        ------
        TooLarge
            The service wants less at once.
        DataError
            It refuses, or goes on failing.
        """
        ...

    def cube(self, grid: GeoBox, first: date, last: date, bands: Sequence[str]) -> xr.Dataset:
        """Return the images of a grid, lazily; each pixel is the native one that its centre falls in.

        Returns
        -------
        xarray.Dataset
            A variable a band, dims ``(time, y, x)``, dask arrays on the grid; coordinates ``time``
            (datetime64[s]), ``granule`` (time, str), ``y``, ``x`` and ``spatial_ref``. Each granule has a
            time step of its own, in the order of time and name.

        Raises
        ------
        NoImage
            No image of the grid in these days.
        DataError
            The service refuses.
        """
        ...

    def examine(self, lon: float, lat: float, first: date, last: date) -> Iterator[Finding]:
        """Check step by step what stands between a user and data, up to one place × one month."""
        ...
