"""What a map says of a country's labelled points, and what is said where it says nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
from rasterio.transform import from_origin
from rich.console import Console

from cropland.commands import compare
from cropland.config.commands.compare import Compare, LandCover
from cropland.config.countries import Country
from cropland.config.groups import Paths, Tracking
from cropland.config.sources import Files
from cropland.errors import ConfigError, DataError
from cropland.maps.landcover.comparison import ChampionScores, MapComparison
from cropland.maps.landcover.raster import Raster
from cropland.observations.archive import Archive


def command(*rasters: str, alias: str = "champion", band: int | None = None) -> Compare:
    return Compare(
        landcover=LandCover("worldcover", (40,), (10,), (0,)),
        source=Files("files", "S2", "Train.csv", "Test.csv"),
        tracking=Tracking("local", "sqlite:///mlflow.db", "artifacts"),
        paths=Paths("my data", "archive", "runs"),
        raster=rasters or ("map.tif",),
        band=band,
        alias=alias,
    )


def flat(path: Path, value: int, *, west: float = 20, north: float = 10.4) -> Raster:
    """A map of one class, 0.4° a side; toyland is from 20° E, 10.4° N."""
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        count=1,
        height=8,
        width=8,
        dtype="uint8",
        crs="EPSG:4326",
        transform=from_origin(west, north, 0.05, 0.05),
    ) as file:
        file.write(np.full((1, 8, 8), value, np.uint8))
    return Raster.of(str(path), None)


def test_only_labelled_points_are_looked_at(
    tmp_path: Path, toyland: Country, toy_archive: Archive
) -> None:
    raster = flat(tmp_path / "map.tif", 40)
    table = compare._points(command(), toyland, raster, toy_archive)
    assert len(table) == 60
    assert set(table["Target"]) == {0, 1}
    assert (table["class"] == 40).all() and (table["landcover"] == 1).all()
    assert table["inside"].all()


def test_a_value_that_means_nothing_is_no_class(
    tmp_path: Path, toyland: Country, toy_archive: Archive
) -> None:
    half = flat(tmp_path / "a.tif", 10, west=20.2)  # the eastern half
    flat(tmp_path / "b.tif", 0)
    both = Raster("two", (*half.files, tmp_path / "b.tif"), 1)
    table = compare._points(command(), toyland, both, toy_archive)
    western = table["Lon"] < 20.2
    assert (table["landcover"] == np.where(western, -1, 0)).all()
    assert table["class"].isna().tolist() == western.tolist()
    assert table["inside"].all()


def test_a_map_of_elsewhere_or_without_data_is_said(
    tmp_path: Path, toyland: Country, toy_archive: Archive
) -> None:
    far = flat(tmp_path / "far.tif", 40, west=60)
    with pytest.raises(
        DataError, match=r"none of the 60 labelled points of toyland .* inside of .*far"
    ):
        compare._points(command(), toyland, far, toy_archive)
    empty = flat(tmp_path / "empty.tif", 0)
    with pytest.raises(DataError, match=r"empty\.tif has no data at any of the 60 labelled points"):
        compare._points(command(), toyland, empty, toy_archive)


def test_where_there_is_no_champion_the_command_that_makes_one_is_said(toyland: Country) -> None:
    said = compare._none(command(), toyland, "cropland-toyland")
    assert said.startswith("the map stands alone: no version of the model cropland-toyland has")
    made = "cropland promote source=files 'paths.data=my data' country=toyland"
    assert said.endswith(f"after cropland train, this makes one: {made}")
    other = compare._none(command(alias="previous"), toyland, "cropland-toyland")
    assert other.endswith("alias=champion is the one in use")


def test_what_makes_a_comparison_doubtful_is_said(
    tmp_path: Path, toyland: Country, toy_archive: Archive, capsys: pytest.CaptureFixture[str]
) -> None:
    raster = flat(tmp_path / "map.tif", 10, west=20.2)
    table = compare._points(command(), toyland, raster, toy_archive).assign(unit=range(60))
    right = pd.Series(1.0, index=table["ID"])
    old = ChampionScores("1", right, "kfold", in_blocks=False, same_data=False)
    made = MapComparison("toyland", "worldcover", table, old)
    compare._note(command(), [made], Console(stderr=True, soft_wrap=True))
    said = capsys.readouterr().err
    assert "toyland: the champion was scored on other observations or labels" in said
    assert "has no labelled point as cropland; is landcover=worldcover what this raster is?" in said
    outside = table.loc[table["Lon"] < 20.2, "ID"]
    first = ", ".join(outside[:5])
    assert f"{len(outside)} labelled points outside of worldcover, left out: {first}, …" in said


@pytest.mark.parametrize(("value", "extent"), [(40, "every"), (10, "no")])
def test_a_map_of_one_kind_is_doubtful_whichever_it_is(
    tmp_path: Path,
    toyland: Country,
    toy_archive: Archive,
    capsys: pytest.CaptureFixture[str],
    value: int,
    extent: str,
) -> None:
    raster = flat(tmp_path / "map.tif", value)
    table = compare._points(command(), toyland, raster, toy_archive).assign(unit=range(60))
    screen = Console(stderr=True, soft_wrap=True)
    compare._note(command(), [MapComparison("toyland", "worldcover", table, "none")], screen)
    assert f"worldcover has {extent} labelled point as cropland; is" in capsys.readouterr().err
    mixed = table.assign(landcover=np.arange(60) % 2)
    compare._note(command(), [MapComparison("toyland", "worldcover", mixed, "none")], screen)
    assert "labelled point as cropland" not in capsys.readouterr().err


def test_several_maps_of_a_product_are_told_apart() -> None:
    rasters = [Raster(name, (Path(name),), 1) for name in ("2020.tif", "2021.tif")]
    both = command("2020.tif", "2021.tif")
    assert [compare._name(both, each) for each in rasters] == [
        "worldcover (2020.tif)",
        "worldcover (2021.tif)",
    ]
    assert compare._name(command("2020.tif"), rasters[0]) == "worldcover"


def test_a_command_without_a_map_is_refused() -> None:
    with pytest.raises(ConfigError, match="raster is empty"):
        command("")
    with pytest.raises(ConfigError, match="raster is empty"):
        replace(command(), raster=())
    with pytest.raises(ConfigError, match="raster names a map twice"):
        command("a.tif", "a.tif")
    with pytest.raises(ConfigError, match="band counts from 1, got 0"):
        command(band=0)
