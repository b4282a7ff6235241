"""The plan of a map: what is mapped, by which model, and what decides the outcome; all of it checked."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from cropland.errors import ConfigError, DataError, WindowError
from cropland.maps import assemble, compute
from cropland.maps import facts as mapfacts
from cropland.maps import imagery as cubes
from cropland.maps import layers as rasters
from cropland.maps.extent import Extent
from cropland.maps.finished_map import FACTS
from cropland.maps.imagery import Imagery
from cropland.maps.tile_store import Tiles
from cropland.models import fitted
from cropland.models.champion import Champion, check_there, season_of
from cropland.sources.grid import PIXEL_METRES, box_of
from cropland.sources.service import NoImage
from cropland.support.fingerprint import fingerprint, fingerprint_of

if TYPE_CHECKING:
    from cropland.config.commands.map import Map
    from cropland.config.countries import Country
    from cropland.features.window import Window
    from cropland.maps.extent import Tile
    from cropland.maps.layers import Layer
    from cropland.tracking.store import Store

PICTURE, PAGE = "quicklook.png", "map.html"
_LOOKED_AT = 20
"""Tiles of a large area that are asked whether there are images at all."""
_CODE_OF_TILES = (
    *("models/applicability.py", "maps/imagery.py", "maps/extent.py", "maps/compute.py"),
    "sources",
)
_CODE_OF_LAYERS = ("maps/assemble.py", "maps/layers.py")
_LIBRARIES = (
    *("numpy", "odc-geo", "pyproj", "rasterio", "scikit-learn", "spyndex"),
    "xarray",
)


@dataclass(frozen=True, eq=False)
class Plan:
    """A map that can be made.

    Attributes
    ----------
    command : Map
        What was asked for.
    country : Country
        Whose model maps.
    champion : Champion
        That model.
    work : Work
        What workers must know.
    window : Window
        The days that are looked at.
    tiles_key : str
        Hash of what decides the tiles.
    tiles : sequence of Tile
        All of them.
    """

    command: Map
    country: Country
    champion: Champion
    work: compute.Work
    window: Window
    tiles_key: str
    tiles: Sequence[Tile]

    @property
    def key(self) -> str:
        """Hash of what decides the layers."""
        return fingerprint(self.tiles_key, fingerprint_of(*_CODE_OF_LAYERS))

    @property
    def folder(self) -> Path:
        """Where its layers go."""
        return Path(self.command.output) / self.country.name

    @property
    def store(self) -> Tiles:
        """Its finished tiles."""
        return Tiles(self.folder / f"tiles-{self.tiles_key[:12]}-{self.command.chunk}")

    @property
    def layers(self) -> list[Layer]:
        """Its layers."""
        return assemble.layers_of(
            exact=self.command.exact, applicability=self.threshold is not None
        )

    @property
    def threshold(self) -> float | None:
        """The largest dissimilarity inside the area of applicability."""
        known = self.work.fitted.applicability
        return None if known is None else known.threshold

    @property
    def tags(self) -> dict[str, str]:
        """What its files say of themselves: nothing that differs from one run to the next."""
        used, window = self.champion.version, self.window
        end = self.command.reference_end or self.work.fitted.recipe.reference_end
        told = {
            "MODEL": f"{used.name} version {used.version}",
            "COUNTRY": self.country.title,
            "WINDOW": f"{window.first} to {window.last}",
            "SEASON_END": end,
            "SOURCE": self.command.source.name,
            "RESOLUTION": f"{self.work.extent.grid.resolution.x:g} m",
            "KEY": self.key,
        }
        if self.threshold is not None:
            told["APPLICABILITY_THRESHOLD"] = f"{self.threshold:.6g}"
        if self.command.source.name == "simulated":
            told["NOTE"] = "a made-up landscape, which speaks of no real country"
        return told

    def there(self) -> mapfacts.Facts | None:
        """Give the facts of the same map, where it has been made before, whole and with all these layers.

        Raises
        ------
        DataError
            Another map is in its folder, and may not be replaced.
        """
        facts = mapfacts.read(self.folder / FACTS)
        if facts is None or self.command.force:
            return None
        if facts["key"] != self.key:
            raise DataError(
                f"{self.folder} holds another map (of another area, season, model or version of the code); "
                f"give output=FOLDER for this one, or force=true to replace it"
            )
        layers = (self.folder / f"{layer.name}.tif" for layer in self.layers)
        whole = all(rasters.key_and_shape(path) == (self.key, self._shape) for path in layers)
        shown = all((self.folder / name).is_file() for name in (PICTURE, PAGE))
        return facts if whole and shown else None

    @property
    def _shape(self) -> tuple[int, int]:
        height, width = self.work.extent.grid.shape
        return height, width


def planned(command: Map, countries: Sequence[Country], store: Store) -> Plan:
    """Plan a map, and check before any work all that can be checked.

    Raises
    ------
    CroplandError
        More than one country, nothing to map, no champion, no images, a folder that cannot be written to.
    """
    if len(countries) > 1:
        raise ConfigError("a map is of one country; name it, as in country=iran")
    (country,) = countries
    extent = _extent(command, country)
    _check_output(Path(command.output) / country.name)
    check_there(command, countries, store)
    champion = Champion.of(command, country, store)
    window = champion.window(command.reference_end)
    season = season_of(command.reference_end)
    imagery = Imagery(
        source=command.source,
        paths=command.paths,
        country=country,
        file=None if command.cube is None else str(Path(command.cube).resolve()),
        first=window.first,
        last=window.last,
        bands=champion.fitted.measured,
        season_end=season,
    )
    tiles = extent.tiles(command.chunk)
    if not tiles:
        raise DataError("the geometry has no pixel's centre in it; take a smaller resolution")
    try:
        imagery.check([tile.grid for tile in tiles[:: max(1, len(tiles) // _LOOKED_AT)]])
    except NoImage as error:
        raise WindowError(f"{error}: the model looks at {window}") from error
    work = compute.Work(champion.fitted, imagery, extent, season)
    return Plan(command, country, champion, work, window, _tiles_key(champion, work), tiles)


def _extent(command: Map, country: Country) -> Extent:
    """Give what is to be mapped."""
    metres = command.resolution or PIXEL_METRES
    asked: Extent | None = None
    if command.box is not None:
        west, south, east, north = command.box
        asked = Extent.of_box((west, south, east, north), metres)
    elif command.geometry is not None:
        asked = Extent.of_file(Path(command.geometry), metres)
    if command.cube is not None:
        grid = cubes.opened(command.cube).grid
        return Extent(grid) if asked is None else asked.within(grid)
    if asked is None:
        raise ConfigError(
            f"what is to be mapped? give box=[west,south,east,north] or geometry=FILE.geojson; "
            f"{country.name} reaches over {country.box}"
        )
    if command.source.name == "simulated":
        _check_inside(asked, country)
    return asked


def _check_inside(asked: Extent, country: Country) -> None:
    """Refuse an area that is not simulated."""
    own, there = country.box, box_of(asked.grid)
    margin = 0.01  # degrees: a grid reaches a little beyond the area that it covers
    if not (
        own.west - margin <= there.west
        and there.east <= own.east + margin
        and own.south - margin <= there.south
        and there.north <= own.north + margin
    ):
        raise DataError(
            f"the simulated {country.name} reaches over {own}, the area over lat {there.south:.4f}…"
            f"{there.north:.4f}, lon {there.west:.4f}…{there.east:.4f}; choose one inside"
        )


def _check_output(folder: Path) -> None:
    """Refuse a folder that cannot be written to."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise DataError(f"cannot write to {folder}: {there} is no folder of yours; set output")


def _tiles_key(champion: Champion, work: compute.Work) -> str:
    """Hash the model, the images, the area, the code and the libraries; not how the area is cut."""
    used, extent = champion.version, work.extent
    return fingerprint(
        *(used.name, used.version, used.run_id, work.imagery.mark, work.reference_end),
        *(str(extent.grid), "" if extent.outline is None else extent.outline.wkt),
        *(fitted.code(), fingerprint_of(*_CODE_OF_TILES), [version(name) for name in _LIBRARIES]),
    )
