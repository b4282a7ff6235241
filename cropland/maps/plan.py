"""The plan of a map: its area, model and images, and the hash of all that decides it; all checked."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from cropland.errors import ConfigError, DataError, WindowError
from cropland.maps import compute, gis_files, imagery, layers
from cropland.maps.extent import Extent, meets, notes_on_place
from cropland.maps.facts import FACTS, REMEDY, MapFacts
from cropland.maps.imagery import Imagery
from cropland.maps.size import check_size
from cropland.maps.tile_store import TileStore
from cropland.models.champion import champions_of, season_of
from cropland.models.fitted import code_hash
from cropland.sources.grid import PIXEL_METRES, Bounds, box_of
from cropland.sources.service import NoImage
from cropland.support import reading
from cropland.support.fingerprint import fingerprint, fingerprint_of
from cropland.support.terminal import SIMULATED
from cropland.support.words import some

if TYPE_CHECKING:
    from cropland.config.commands.map import Map
    from cropland.config.countries import Country
    from cropland.features.window import Window
    from cropland.maps.extent import Tile
    from cropland.maps.layers import Layer
    from cropland.models.champion import Champion
    from cropland.tracking.store import Store

PICTURE, PAGE = "quicklook.png", "map.html"
_CHECKED_TILES = 20
"""Tiles of a large area that are checked for images before any work."""
_CODE_OF_TILES = (
    *("models/applicability.py", "maps/imagery.py", "maps/extent.py", "maps/outline.py"),
    *("maps/compute.py", "sources", "untrusted/rasters.py"),
)
_CODE_OF_LAYERS = ("maps/assemble.py", "maps/geotiff.py", "maps/layers.py")
_LIBRARIES = (
    *("numpy", "odc-geo", "pyproj", "rasterio", "scikit-learn", "spyndex"),
    "xarray",
)


@dataclass(frozen=True, eq=False)
class MapPlan:
    """A map that can be made.

    Attributes
    ----------
    command : Map
        The checked settings.
    country : Country
        Whose model maps.
    champion : Champion
        That model.
    work : Work
        All that a worker needs.
    window : Window
        The days whose images are used.
    tiles_key : str
        Hash of what decides the tiles.
    tiles : sequence of Tile
        All of them.
    notes : tuple of str
        Notes on an unusual area and unusual images.
    """

    command: Map
    country: Country
    champion: Champion
    work: compute.Work
    window: Window
    tiles_key: str
    tiles: Sequence[Tile]
    notes: tuple[str, ...] = ()

    @cached_property
    def key(self) -> str:
        """Hash of what decides the layers."""
        return fingerprint(self.tiles_key, fingerprint_of(*_CODE_OF_LAYERS))

    @property
    def folder(self) -> Path:
        """Where its layers go."""
        return Path(self.command.output) / self.country.name

    @property
    def store(self) -> TileStore:
        """Its finished tiles."""
        return TileStore(self.folder / f"tiles-{self.tiles_key[:12]}-{self.command.tile_side}")

    @cached_property
    def layers(self) -> list[Layer]:
        """Its layers."""
        return layers.layers_of_map(
            exact=self.command.exact, applicability=self.threshold is not None
        )

    @property
    def files(self) -> list[str]:
        """The names of its files: layers, picture and page."""
        return [*(f"{layer.name}.tif" for layer in self.layers), PICTURE, PAGE]

    @property
    def threshold(self) -> float | None:
        """The largest dissimilarity inside the area of applicability."""
        return self.work.fitted.threshold

    @cached_property
    def tags(self) -> dict[str, str]:
        """The metadata of its files: nothing that differs from one run to the next."""
        version, window = self.champion.version, self.window
        end = self.command.reference_end or self.work.fitted.reference_end
        tags = {
            "MODEL": f"{version.name} version {version.version}",
            "COUNTRY": self.country.title,
            "WINDOW": f"{window.first} to {window.last}",
            "SEASON_END": end,
            "SOURCE": self.command.source.name,
            "RESOLUTION": f"{self.work.extent.grid.resolution.x:g} m",
            "KEY": self.key,
        }
        if self.threshold is not None:
            tags["APPLICABILITY_THRESHOLD"] = f"{self.threshold:.6g}"
        if self.command.source.name == "simulated":
            tags["NOTE"] = SIMULATED
        return tags

    def finished(self, say: Callable[[str], None]) -> MapFacts | None:
        """Return the facts of the same map, where it has been made before, whole and with all these layers.

        Parameters
        ----------
        say : callable
            Called with why a map that is there is made again.

        Raises
        ------
        DataError
            Another map is in its folder, and may not be replaced.
        """
        if self.command.force:
            return None
        try:
            facts = MapFacts.read(self.folder)
        except DataError as error:
            if reading.is_file(self.folder / FACTS):
                say(f"the map is made again: {str(error).removesuffix(f'; {REMEDY}')}")
            return None
        if facts.key != self.key:
            raise DataError(
                f"{self.folder} holds another map (of another area, season, model or version of the code); "
                f"give output=FOLDER for this one, or force=true to replace it"
            )
        if not facts.files.keys() >= set(self.files):  # it has not all layers
            return None
        damaged = [name for name in self.files if not facts.is_whole(self.folder / name)]
        if damaged:
            say(f"the map is made again: {some(damaged)} in {self.folder} is not as it was written")
        return None if damaged else facts


def plan_map(command: Map, countries: Sequence[Country], store: Store) -> MapPlan:
    """Plan a map, and check before any work all that can be checked.

    Raises
    ------
    CroplandError
        More than one country, nothing to map, too large an area, no champion, no images, a folder that
        cannot be written to.
    """
    if len(countries) > 1:
        raise ConfigError("a map is of one country; name it, as in country=iran")
    (country,) = countries
    extent = _extent(command, country)
    _check_output(Path(command.output) / country.name)
    _check_inputs(command, Path(command.output) / country.name)
    champion = champions_of(command, countries, store)[country.name]
    window = champion.window(command.reference_end)
    season = season_of(command.reference_end)
    images = Imagery(
        source=command.source,
        paths=command.paths,
        country=country,
        file=None if command.cube is None else str(Path(command.cube).resolve()),
        first=window.first,
        last=window.last,
        bands=champion.fitted.needed(()),  # images have no indices
        season_end=season,
    )
    tiles = extent.tiles(command.tile_side)
    if not tiles:
        raise DataError("no pixel centre lies in the geometry; use a smaller resolution")
    try:
        notes = images.check([tile.grid for tile in tiles[:: max(1, len(tiles) // _CHECKED_TILES)]])
    except NoImage as error:
        raise WindowError(f"{error}: the model needs images of {window}") from error
    work = compute.Work(champion.fitted, images, extent, season)
    notes = (*notes_on_place(extent.grid, country), *notes)
    key = _tiles_key(champion, work)
    return MapPlan(command, country, champion, work, window, key, tiles, notes)


def _extent(command: Map, country: Country) -> Extent:
    """Return the area to map."""
    metres = command.resolution or PIXEL_METRES
    extent: Extent | None = None
    if command.box is not None:
        west, south, east, north = command.box
        extent = Extent.of_box((west, south, east, north), metres)
    elif command.geometry is not None:
        extent = Extent.of_file(Path(command.geometry), metres)
    if extent is not None:
        _check_order(extent, country)
    if command.cube is not None:
        grid = imagery.open_cube(Path(command.cube).resolve()).grid
        extent = Extent(grid) if extent is None else extent.within(grid)
    if extent is None:
        raise ConfigError(
            f"name the area to map: box=[west,south,east,north] or geometry=FILE.geojson; "
            f"{country.name} covers {country.box}"
        )
    check_size(extent, command)
    if command.source.name == "simulated" and command.cube is None:
        _check_inside(extent, country)
    return extent


def _check_order(extent: Extent, country: Country) -> None:
    """Raise an error for an area outside the country that lies inside with latitude and longitude swapped."""
    area, inside = box_of(extent.grid), country.box
    swapped = Bounds(area.south, area.west, area.north, area.east)
    if meets(swapped, inside) and not meets(area, inside):
        raise DataError(
            f"the area lies at lat {area.south:.4f}…{area.north:.4f}, lon {area.west:.4f}…{area.east:.4f}, "
            f"outside {country.name} ({inside}), and inside with both swapped; write longitude first: "
            f"box=[west,south,east,north], and [lon,lat] in GeoJSON"
        )


def _check_inside(extent: Extent, country: Country) -> None:
    """Raise an error for an area that is not simulated."""
    simulated, box = country.box, box_of(extent.grid)
    margin = 0.01  # degrees: a grid reaches a little beyond the area that it covers
    if not (
        simulated.west - margin <= box.west
        and box.east <= simulated.east + margin
        and simulated.south - margin <= box.south
        and box.north <= simulated.north + margin
    ):
        raise DataError(
            f"the simulated {country.name} covers {simulated}, the area lat {box.south:.4f}…"
            f"{box.north:.4f}, lon {box.west:.4f}…{box.east:.4f}; choose an area inside"
        )


def _check_output(folder: Path) -> None:
    """Raise an error for a folder that cannot be written to."""
    parent = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise DataError(
            f"cannot write to {folder}: {parent} is not a folder that you can write to; set output"
        )


def _check_inputs(command: Map, folder: Path) -> None:
    """Raise an error for a folder that is the cube's, or holds an input where a file of the map goes."""
    names = {f"{name}.tif" for name in layers.LAYERS} | {PICTURE, PAGE, FACTS}
    names |= set(gis_files.names_of())
    for given in filter(None, (command.cube, command.geometry)):
        path = Path(given).resolve()
        if path == folder.resolve() or (path.parent == folder.resolve() and path.name in names):
            raise DataError(f"the map would overwrite {given}, one of its inputs; set output")


def _tiles_key(champion: Champion, work: compute.Work) -> str:
    """Hash the model, the images, the area, the code and the libraries; not how the area is cut."""
    version, extent = champion.version, work.extent
    libraries = [metadata.version(name) for name in _LIBRARIES]
    return fingerprint(
        *(version.name, version.version, version.run_id, work.imagery.mark, work.reference_end),
        *(str(extent.grid), "" if extent.outline is None else extent.outline.wkt),
        *(code_hash(), fingerprint_of(*_CODE_OF_TILES), libraries),
    )
