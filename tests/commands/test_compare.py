"""Maps beside champions by command: alone, with a champion, and on what is no map."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
from mlflow import MlflowClient
from rasterio.transform import from_origin
from standins.runs import artifacts
from standins.shell import Shell, refusal, screen

ROOT = Path(__file__).parents[2]
DOC = (ROOT / "docs" / "compare.md").read_text()
WRONG = 12
"""Points that the map has wrong: every fifth of 60."""


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
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        count=1,
        height=2001,
        width=2001,
        dtype="uint8",
        crs="EPSG:4326",
        transform=from_origin(west, north, 0.0002, 0.0002),
        compress="deflate",
    ) as file:
        file.write(classes, 1)
    return path


def test_a_map_is_scored_alone_and_then_beside_a_champion(swept: Shell, tmp_path: Path) -> None:
    shell = swept.copy(tmp_path / "work")
    raster = toy_map(shell.folder, shell.exports)
    asked = [*shell.here, "landcover=worldcover", f"raster={raster}"]
    alone = screen(shell.run(*asked, script="compare"))
    assert "worldcover is right on 80.0 % (68.2…88.2) of 60 labelled points of toyland" in alone
    assert "note toyland: the map stands alone: no version of the model cropland-toyland" in alone
    assert f"python scripts/promote.py source=files paths.data={shell.exports}" in alone

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
    runs = client.search_runs(["1"], "tags.kind = 'compare'")
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
    (["raster=text.tif"], "text.tif cannot be read as a raster"),
    ([], "raster has no value; give it one, as in raster=…"),
    (["raster=3"], "raster must be a list"),
    (
        ["raster=toy.tif", "landcover=worldcver"],
        "unknown landcover 'worldcver'; did you mean 'worldcover'",
    ),
    (["raster=toy.tif", "landcover=custom"], "landcover.cropland has no value; give it one"),
    (
        ["raster=toy.tif", "landcover=glad"],
        r"10 \(30 ×\), 40 \(30 ×\); take the preset of the product",
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
    (shell.folder / "tiles" / "a_Map.tif").symlink_to(shell.folder / "landcover.tif")
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
