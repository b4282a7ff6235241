"""The schema of ``conf/source/``: where observations come from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, StrictBool, StrictInt

from cropland.config.schema import Closed, FilePath, Positive, require
from cropland.errors import ConfigError

_NOT_HARMONISED = {
    "COPERNICUS/S2_SR": "carries an offset of 1,000 in images from 2022-01-25 on",
    "COPERNICUS/S2": "is L1C, reflectance at the top of the atmosphere",
    "COPERNICUS/S2_HARMONIZED": "is L1C, reflectance at the top of the atmosphere",
}
"""Collections of Earth Engine with the same names of bands, and why they are not comparable."""
MOST_MARGIN_DAYS = 36_525
"""A century: all that any satellite has seen."""


@dataclass(frozen=True)
class Files(Closed):
    """Exports in the layout of the original study, with their points files beside them.

    Attributes
    ----------
    prefix : str
        What the names of the exports begin with.
    labelled, unlabelled : str
        Points files in ``paths.data``; the second may be missing.
    scale : float
        What makes digital numbers of the bands' values: 10,000 for reflectance.
    remove_offset : bool
        Take 1000 off the bands of rows from 2022-01-25 on, in files that carry the offset of processing
        baseline 04.00.
    """

    name: Literal["files"]
    prefix: str
    labelled: FilePath
    unlabelled: FilePath
    scale: Annotated[float, Field(gt=0, lt=math.inf)] = 1.0
    remove_offset: StrictBool = False


@dataclass(frozen=True)
class Simulated(Closed):
    """The simulated landscape; only countries with a profile are simulated, an empty one has the defaults."""

    name: Literal["simulated"]
    margin_days: Annotated[StrictInt, Field(ge=0, le=3_660)]
    points: Annotated[StrictInt, Field(ge=2, le=10_000_000)]
    profiles: dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Fetched(Closed):
    """What sources have in common that ``scripts/download.py`` fetches.

    Attributes
    ----------
    bands : tuple of str
        Bands to fetch, ``SCL`` among them.
    margin_days : int
        Days before and after the reference season.
    labelled, unlabelled : str
        Points files in ``paths.data``; the second may be missing.
    workers : int
        Most requests under way.
    tries : int
        Attempts of a request before it is given up.
    wait_seconds : float
        The wait after a first failure; it doubles from there.
    timeout_seconds : float
        How long an answer may take.
    """

    bands: tuple[str, ...]
    margin_days: Annotated[StrictInt, Field(ge=0, le=MOST_MARGIN_DAYS)]
    labelled: FilePath
    unlabelled: FilePath
    workers: Annotated[StrictInt, Field(ge=1, le=1_000)]
    tries: Annotated[StrictInt, Field(ge=1, le=1_000)]
    wait_seconds: Annotated[float, Field(gt=0, le=3_600)]
    timeout_seconds: Annotated[float, Field(gt=0, le=86_400)]

    def __post_init__(self) -> None:
        require(
            "SCL" in self.bands and len(set(self.bands)) == len(self.bands) > 1,
            f"source.bands needs SCL and at least one band, each once, got {list(self.bands)}",
        )


@dataclass(frozen=True)
class EarthEngine(Fetched):
    """Google Earth Engine; a Cloud project that is registered for it is needed to download.

    Attributes
    ----------
    project : str, optional
        The Cloud project that requests are counted for.
    collection : str
        Harmonised surface reflectance.
    endpoint : str
        Address of the service; credentials are sent to Google's hosts only.
    points_per_request : int
        Most points of a request, 25 by default.
    """

    name: Literal["earthengine"]
    project: str | None
    collection: str
    endpoint: str
    points_per_request: Positive

    def __post_init__(self) -> None:
        super().__post_init__()
        if why := _NOT_HARMONISED.get(self.collection):
            raise ConfigError(
                f"source.collection={self.collection} {why}; expected harmonised surface reflectance, as in "
                f"source.collection=COPERNICUS/S2_SR_HARMONIZED"
            )


@dataclass(frozen=True)
class Catalog(Closed):
    """A STAC catalogue that has a name.

    Attributes
    ----------
    url : str
        Its address.
    collection : str
        Its Sentinel-2 L2A.
    sign : bool
        Whether its links are signed by Planetary Computer's service.
    s3_endpoint : str, optional
        Host of its ``s3://`` links, where it is not Amazon's.
    """

    url: str
    collection: str
    sign: StrictBool
    s3_endpoint: str | None = None


@dataclass(frozen=True)
class Stac(Fetched):
    """A SpatioTemporal Asset Catalog of Sentinel-2 L2A, open to all.

    Attributes
    ----------
    catalog : str
        A name in `catalogs`, the address of an API, or a folder of items.
    collection : str, optional
        In place of the catalogue's own; needed with an address.
    leave_out : tuple of str
        Items to skip, by id, such as unreadable ones.
    sign : bool, optional
        Whether links are signed by Planetary Computer's service; as the catalogue needs, where left out.
    catalogs : mapping of str to Catalog
        Those that have a name.
    hosts : tuple of str
        Hosts of a private network, or this machine, that the catalogue may lead to beside its own.
    """

    name: Literal["stac"]
    catalog: str
    collection: str | None
    leave_out: tuple[str, ...]
    sign: StrictBool | None
    catalogs: dict[str, Catalog]
    hosts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            not any(set(host) & set("/@ []") or host.count(":") == 1 for host in self.hosts),
            "source.hosts are names like files.example.org, without https:// and port, got "
            f"{list(self.hosts)}",
        )

    @property
    def chosen(self) -> Catalog:
        """The catalogue that is asked; links of one given by its address are those of its host's."""
        known = self.catalogs.get(self.catalog)
        address = known.url if known else self.catalog.rstrip("/")
        collection = self.collection or (known.collection if known else "sentinel-2-l2a")
        host = urlsplit(address).netloc.lower()
        if not address.startswith(("http://", "https://")):
            address = str(Path(address).absolute())  # one folder, however it is written
        elif known is None:
            alike = (each for each in self.catalogs.values() if urlsplit(each.url).netloc == host)
            known = next(alike, None)
        sign = self.sign if self.sign is not None else bool(known and known.sign)
        return Catalog(address, collection, sign, known.s3_endpoint if known else None)


Source = Files | Simulated | EarthEngine | Stac
"""Where observations come from; distinguished by their names."""
