"""Maps beside champions: what a map says of labelled points, by the command and in this process."""

from __future__ import annotations

import re
import shlex
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
from mlflow import MlflowClient
from rasterio.transform import Affine, from_origin
from rich.console import Console
from standins.runs import artifacts
from standins.shell import Shell, refusal, screen

from cropland.commands import compare
from cropland.config.commands.compare import Compare, LandCover
from cropland.config.countries import Country
from cropland.config.groups import Paths, Tracking
from cropland.config.schema import filled
from cropland.config.sources import Files
from cropland.errors import ConfigError, DataError
from cropland.maps.landcover.comparison import ChampionScores, MapComparison
from cropland.maps.landcover.raster import Raster
from cropland.observations.archive import Archive

ROOT = Path(__file__).parents[2]
DOC = (ROOT / "docs" / "compare.md").read_text()
WRONG = 12
"""Points that the map has wrong: every fifth of 60."""


def write(path: Path, classes: np.ndarray, transform: Affine) -> None:
    """Write a map of classes in degrees."""
    height, width = classes.shape
    size = {"count": 1, "height": height, "width": width, "dtype": "uint8", "crs": "EPSG:4326"}
    with rasterio.open(
        path, "w", driver="GTiff", transform=transform, compress="deflate", **size
    ) as file:
        file.write(classes, 1)


def toy_map(folder: Path, exports: Path) -> Path:
    """A map of toyland, 0.0002° a pixel, that is right on all labelled points but every fifth.

    Points have five decimals, so that none lies on the edge of a pixel.
    """
    points = pd.read_csv(exports / "Train.csv")
    west, north = 19.999997, 10.400003
    row = ((north - points["Lat"]) / 0.0002).astype(int)
    column = ((points["Lon"] - west) / 0.0002).astype(int)
    assert not pd.DataFrame({"row": row, "column": column}).duplicated().any()
    right = points.index % 5 > 0
    classes = np.full((2001, 2001), 30, np.uint8)
    classes[row, column] = np.where((points["Target"] == 1) == right, 40, 10)
    path = folder / "toy.tif"
    write(path, classes, from_origin(west, north, 0.0002, 0.0002))
    return path


def test_a_map_is_scored_alone_and_then_beside_a_champion(swept: Shell, tmp_path: Path) -> None:
    shell = swept.copy(tmp_path / "work")
    raster = toy_map(shell.folder, shell.exports)
    asked = [*shell.here, "landcover=worldcover", f"raster={raster}"]
    alone = screen(shell.run(*asked, script="compare"))
    assert "worldcover is right on 80.0 % (68.2…88.2) of 60 labelled points of toyland" in alone
    assert (
        "note toyland: no champion to compare with: no version of the model cropland-toyland"
        in alone
    )
    assert "python scripts/promote.py" in alone
    assert f" source=files paths.data={shell.exports} country=toyland" in alone

    quick = ["promotion.bootstraps=100", "promotion.figures=false", "validation.folds=3"]
    screen(shell.run(*shell.here, *quick, script="promote"))
    beside = screen(shell.run(*asked, script="compare"))
    assert "note" not in beside
    found = re.search(
        r"worldcover is right on 80.0 % .* the champion \(version 1, out of fold\)", beside
    )
    assert found is not None
    assert "McNemar's p = " in beside
    assert "labelled points are no random sample" in beside

    client = MlflowClient(shell.database)
    runs = client.search_runs(["1"], "tags.kind = 'comparison'")
    assert [run.data.params["model"] for run in runs] == ["cropland-toyland/1", "none"]
    metrics = runs[0].data.metrics
    assert (metrics["accuracy"], metrics["n_points"], metrics["n_both"]) == (0.8, 60, 60)
    assert metrics["difference"] == pytest.approx(0.8 - metrics["champion_accuracy"])
    promoted = client.search_runs(["1"], "tags.kind = 'promotion'")[0]
    assert metrics["champion_accuracy"] == pytest.approx(promoted.data.metrics["accuracy"])
    folder = artifacts(runs[0])
    assert {"comparison.md", "comparison.csv", "points.csv"} <= {p.name for p in folder.iterdir()}
    at_points = pd.read_csv(folder / "points.csv")
    assert (at_points["landcover"] != at_points["Target"]).sum() == WRONG

    (artifacts(promoted) / "predictions.csv").unlink()
    lost = screen(shell.run(*asked, script="compare"))
    assert (
        "version 1 of cropland-toyland: run 'promote toyland' has lost its predictions.csv" in lost
    )
    assert "worldcover is right on 80.0 %" in lost


BAD = [
    (["raster=none.tif"], "expected a land-cover raster at none.tif, there is none"),
    (["raster=text.tif"], "text.tif cannot be read: it is neither GeoTIFF nor JPEG 2000"),
    ([], "raster is empty; name a file, a folder or a pattern, or two maps"),
    (["raster=3"], "expected a land-cover raster at 3, there is none"),
    (
        ["raster=toy.tif", "landcover=worldcver"],
        "unknown landcover 'worldcver'; did you mean 'worldcover'",
    ),
    (["raster=toy.tif", "landcover=custom"], "landcover.cropland is empty; list its classes"),
    (
        ["raster=toy.tif", "landcover=glad"],
        r"10 \(30 ×\), 40 \(30 ×\); use the preset of the product",
    ),
    (["raster=toy.tif", "landcover.crops=[40]"], "unknown key 'landcover.crops'"),
    (["raster=toy.tif", "band=2"], "toy.tif has no band 2, it has 1"),
    (["raster=toy.tif", "landcover.other=[40]"], "landcover has 40 twice"),
    (["raster=cut.tif"], r"cut.tif cannot be read as a raster: .*cut\.tif, band 1"),
]


def test_what_cannot_be_compared_is_one_line(shell: Shell) -> None:
    toy_map(shell.folder, shell.exports)
    (shell.folder / "text.tif").write_text("no raster")
    whole = (shell.folder / "toy.tif").read_bytes()
    (shell.folder / "cut.tif").write_bytes(whole[: len(whole) // 2])
    for words, message in BAD:
        product = [] if any("landcover=" in word for word in words) else ["landcover=worldcover"]
        line = refusal(shell.run(*shell.here, *product, *words, script="compare"))
        assert re.search(message, line), (words, line)
    runs = MlflowClient(shell.database).search_runs(["0", "1"])
    assert not runs


def test_the_commands_of_the_document_run_on_the_map_that_it_makes(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", DOC, re.DOTALL)
    monkeypatch.chdir(shell.folder)
    (shell.folder / "conf").mkdir()
    for group in ("country", "source"):
        (shell.folder / "conf" / group).symlink_to(ROOT / "conf" / group)
    exec(code, {})
    (shell.folder / "conf" / "country").unlink()  # the shell has countries of its own
    (shell.folder / "tiles").mkdir()
    shutil.copy(shell.folder / "landcover.tif", shell.folder / "tiles" / "a_Map.tif")
    blocks = "\n".join(re.findall(r"```bash\n(.*?)```", DOC, re.DOTALL))
    commands = [shlex.split(line) for line in blocks.splitlines() if line]
    assert len(commands) == 4
    said = []
    for _, path, *words in commands:
        said.append(screen(shell.run(*words, "source.points=60", script=Path(path).stem)))
    scores = [re.findall(r"is right on ([\d.]+) %", each) for each in said]
    assert scores[0] == scores[1] == scores[3]
    assert scores[2] == 2 * scores[0]
    assert 70 < float(scores[0][0]) < 100
    assert "mine is right on" in said[3]
    assert "not valid for any real country" in said[0]


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
    write(path, np.full((8, 8), value, np.uint8), from_origin(west, north, 0.05, 0.05))
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
    assert said.startswith(
        "no champion to compare with: no version of the model cropland-toyland has"
    )
    words = "source=files 'paths.data=my data' country=toyland"
    made = f"cropland promote {words}"
    assert said.endswith(f"after cropland train {words}, this makes one: {made}")
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


def test_tiles_that_overlap_and_disagree_are_said(
    tmp_path: Path, toyland: Country, toy_archive: Archive, capsys: pytest.CaptureFixture[str]
) -> None:
    flat(tmp_path / "WorldCover_2020.tif", 40)
    flat(tmp_path / "WorldCover_2021.tif", 10, west=20.2)  # the eastern half
    both = Raster.of(str(tmp_path), None)
    table = compare._points(command(), toyland, both, toy_archive).assign(unit=range(60))
    made = MapComparison("toyland", "worldcover", table, "none")
    compare._note(command(), [made], Console(stderr=True, soft_wrap=True))
    eastern = table.loc[table["Lon"] >= 20.2, "ID"]
    note = (
        f"{len(eastern)} labelled points have different classes in files of worldcover that overlap, such as "
        f"{eastern.iloc[0]}: 40 in {both.files[0]}, 10 in {both.files[1]}; the first file counts"
    )
    assert f"note toyland: {note}" in capsys.readouterr().err
    assert note in made.as_markdown()
    assert made.metrics()["n_contradicted"] == len(eastern) > 0


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
    console = Console(stderr=True, soft_wrap=True)
    compare._note(command(), [MapComparison("toyland", "worldcover", table, "none")], console)
    assert f"worldcover has {extent} labelled point as cropland; is" in capsys.readouterr().err
    mixed = table.assign(landcover=np.arange(60) % 2)
    compare._note(command(), [MapComparison("toyland", "worldcover", mixed, "none")], console)
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
    with pytest.raises(ConfigError, match="band must be 1 or more, got 0"):
        filled(Compare, vars(command()) | {"band": 0})
