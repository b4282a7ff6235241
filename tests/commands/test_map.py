"""Maps by command: what pixels say, what is left when a map is killed, and what is answered to bad input."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import time
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rasterio
from mlflow import MlflowClient
from rio_cogeo.cogeo import cog_validate
from standins.once import make_once
from standins.shell import Shell, screen

from cropland.commands import map as mapping
from cropland.config.commands.map import Dask
from cropland.config.groups import Paths
from cropland.config.sources import Files, Simulated
from cropland.errors import ConfigError, DataError
from cropland.maps import compute, layers
from cropland.maps import extent as extents
from cropland.maps import imagery as cubes
from cropland.maps import plan as mapplan
from cropland.maps.assemble import PixelCounts
from cropland.maps.extent import Extent
from cropland.maps.facts import MapFacts
from cropland.sources.simulation import source as simulated
from cropland.support import dask_cluster, terminal

ROOT = Path(__file__).parents[2]
BOX = "[48.300,32.200,48.304,32.2037]"
SMALL = ("country=iran", f"box={BOX}", "chunk=16")


def files(folder: Path) -> dict[str, bytes]:
    """The layers of a map."""
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.tif"))}


@pytest.fixture(scope="module")
def home(
    tmp_path_factory: pytest.TempPathFactory,
    iran: Shell,
    request: pytest.FixtureRequest,
    shared: Path,
) -> Shell:
    """A champion of the simulated Iran and a map, made by a cluster that was running."""

    def make(folder: Path) -> None:
        cluster = f"dask.scheduler={request.getfixturevalue('scheduler')}"
        done = iran.copy(folder / "work").run(*SMALL, "exact=true", cluster, script="map")
        assert "of all pixels are right" in screen(done)

    mapped = replace(iran, folder=make_once(shared, "map", make) / "work")
    home = mapped.copy(tmp_path_factory.mktemp("map") / "work")
    shutil.copytree(mapped.folder / "maps", home.folder / "maps")
    return home


@pytest.fixture(scope="module")
def made(home: Shell) -> Path:
    """The folder of the map."""
    return home.folder / "maps" / "iran"


def read(path: Path) -> np.ndarray:
    with rasterio.open(path) as source:
        values: np.ndarray = source.read(1)
        return values


def test_pixels_have_what_predict_says_of_points_in_their_centres(home: Shell, made: Path) -> None:
    with rasterio.open(made / "class.tif") as source:
        height, width = source.shape
    grid = Extent.of_box((48.3, 32.2, 48.304, 32.2037), 10).grid
    assert grid.shape == (height, width)
    lon, lat = extents.degrees(grid)
    chosen = np.random.default_rng(5).choice(height * width, 1000, replace=False)
    table = pd.DataFrame({"ID": [f"p{n}" for n in chosen]})
    table["Lon"], table["Lat"] = lon.ravel()[chosen], lat.ravel()[chosen]
    table.to_csv(home.folder / "centres.csv", index=False)
    words = ("country=iran", "source.points=100", "points=centres.csv")
    done = home.run(*words, "output=centres_predicted.csv", script="predict")
    assert done.returncode == 0, done.stderr
    predicted = pd.read_csv(home.folder / "centres_predicted.csv")
    assert predicted["ID"].tolist() == table["ID"].tolist()
    exact = read(made / "probability_exact.tif").ravel()[chosen]
    assert len(np.unique(exact)) > 10
    np.testing.assert_array_equal(read(made / "class.tif").ravel()[chosen], predicted["Target"])
    np.testing.assert_allclose(exact, predicted["probability"], rtol=0, atol=1e-6)


def test_layers_agree_with_each_other(made: Path) -> None:
    exact = read(made / "probability_exact.tif").astype(float)
    percent = read(made / "probability.tif")
    assert np.abs(percent - 100 * exact).max() <= 0.5
    np.testing.assert_array_equal(read(made / "class.tif"), exact > 0.5)
    bits = -np.where(
        (exact > 0) & (exact < 1),
        exact * np.log2(exact.clip(1e-9)) + (1 - exact) * np.log2((1 - exact).clip(1e-9)),
        0,
    )
    assert np.abs(read(made / "uncertainty.tif") - 100 * bits).max() <= 0.501
    unlike = read(made / "dissimilarity.tif")
    with rasterio.open(made / "applicability.tif") as source:
        threshold = float(source.tags()["APPLICABILITY_THRESHOLD"])
        np.testing.assert_array_equal(source.read(1), unlike <= threshold)
    assert read(made / "observations.tif").min() > 5


def test_layers_are_cloud_optimised_and_say_what_made_them(made: Path) -> None:
    found = files(made)
    assert found.keys() == {f"{name}.tif" for name in layers.LAYERS}
    styles = {f"{name}.qml" for name in layers.LAYERS} | {"class.tif.aux.xml", "item.json"}
    assert styles <= {path.name for path in made.iterdir()}
    for name in found:
        valid, errors, warnings = cog_validate(made / name, strict=True)
        assert valid, (name, errors, warnings)
        with rasterio.open(made / name) as source:
            tags = source.tags()
            assert source.crs.to_epsg() == 32639
            assert tags["MODEL"] == "cropland-simulated-iran version 1"
            assert re.fullmatch(r"2020-04-0\d to 2020-06-30", tags["WINDOW"])
            assert tags["NOTE"] == "Simulated data: not valid for any real country"


def test_a_map_is_tracked_beside_its_model(home: Shell, made: Path) -> None:
    client = MlflowClient(home.database)
    experiment = client.get_experiment_by_name("cropland-simulated")
    (mapped,) = client.search_runs(
        [experiment.experiment_id], "tags.kind = 'map' and params.n_tiles = '9'", max_results=1
    )
    assert mapped.info.status == "FINISHED"
    assert mapped.data.params["model"] == "cropland-simulated-iran/1"
    lead, warning, *_ = mapped.data.tags["mlflow.note.content"].split("\n\n")
    assert warning.startswith("**Simulated data: not valid")
    title, _, counted = lead.removeprefix("**Map: ").partition("**: ")
    assert re.match(
        r"[\d,.]+ ha cropland, [\d,.]+ ha other, by counting pixels, which is bi", counted
    )
    assert re.fullmatch(r"Iran, \d+ weeks to 30 June 2020, .*, random forest", title)
    assert f"Cropland: {title} (SIMULATED data)" in (made / "map.html").read_text()
    names = {item.path for item in client.list_artifacts(mapped.info.run_id)}
    assert names == {"quicklook.png", "map.html", "map.json"}
    facts = json.loads((made / "map.json").read_text())
    label = read(made / "class.tif")
    assert facts["pixels"] == {
        "cropland": int((label == 1).sum()),
        "other": int((label == 0).sum()),
        "no data": 0,
    }
    assert mapped.data.metrics["hectares_cropland_counted"] == facts["hectares"]["cropland"]
    # A pixel of 10 m has a hundredth of a hectare, but for the scale of its UTM zone.
    assert facts["hectares"]["cropland"] == pytest.approx((label == 1).sum() / 100, rel=2e-3)
    assert sum(map(sum, facts["truth"])) == label.size


def test_the_same_map_is_not_made_twice(home: Shell, made: Path) -> None:
    before = (made / "class.tif").stat().st_mtime_ns
    done = home.run(*SMALL, "exact=true", "chunk=40", script="map")
    assert done.returncode == 0
    assert "already exists; force=true maps it again" in done.stdout
    assert (made / "class.tif").stat().st_mtime_ns == before


def test_a_map_that_is_not_whole_is_made_again(home: Shell, made: Path) -> None:
    facts = MapFacts.read(made)
    plan: Any = SimpleNamespace(
        command=SimpleNamespace(force=False),
        folder=home.folder / "copy",
        files=[*(f"{name}.tif" for name in layers.LAYERS), mapplan.PICTURE, mapplan.PAGE],
        key=facts.key,
    )
    shutil.copytree(made, plan.folder)
    said: list[str] = []

    def finished() -> MapFacts | None:
        return mapplan.MapPlan.finished(plan, said.append)

    assert finished() == facts
    for name in ("map.json", "class.tif", "map.html"):
        content = (plan.folder / name).read_bytes()
        flipped = content[:-100] + bytes([content[-100] ^ 1]) + content[-99:]
        for broken in (content[: len(content) // 2], b"", flipped, None):
            (plan.folder / name).unlink()
            if broken is not None:
                (plan.folder / name).write_bytes(broken)
            said.clear()
            assert finished() is None, name
            assert all(line.startswith("the map is made again: ") and name in line for line in said)
            assert len(said) == (broken is not None or name != "map.json")
            (plan.folder / name).write_bytes(content)
    (plan.folder / "map.json").write_text(json.dumps({"key": plan.key}))
    assert finished() is None
    plan.files.append("another.tif")
    (plan.folder / "map.json").write_text(facts.as_json())
    assert finished() is None


def test_a_map_that_is_killed_goes_on_to_the_same_bytes_as_a_cluster_makes(
    home: Shell, made: Path
) -> None:
    output = home.folder / "killed"
    words = (*SMALL, f"output={output}", "exact=true", "dask.workers=1")
    with home.started(*words, script="map") as process:
        until = time.monotonic() + 90
        while len(list(output.rglob("r*.npz"))) < 2 and time.monotonic() < until:
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    kept = len(list(output.rglob("r*.npz")))
    assert 2 <= kept < 9
    assert not list(output.rglob("*.tif"))
    done = home.run(*words, script="map")
    assert done.returncode == 0, done.stderr
    assert f"reading the images), {kept} of them from before" in done.stderr
    assert files(output / "iran") == files(made)
    assert not list(output.rglob("r*.npz"))


def test_pixels_outside_of_a_geometry_are_no_data(home: Shell, made: Path, scheduler: str) -> None:
    ring = [[48.3, 32.2], [48.304, 32.2], [48.3, 32.2037], [48.3, 32.2]]
    area = {"type": "Polygon", "coordinates": [ring]}
    (home.folder / "area.geojson").write_text(json.dumps(area))
    words = (
        "country=iran",
        "geometry=area.geojson",
        "output=triangle",
        f"dask.scheduler={scheduler}",
    )
    done = home.run(*words, script="map")
    assert done.returncode == 0, done.stderr
    found, everywhere = read(home.folder / "triangle/iran/class.tif"), read(made / "class.tif")
    inside = found != 255
    assert 0.4 < inside.mean() < 0.55
    np.testing.assert_array_equal(found[inside], everywhere[: len(found), : len(found.T)][inside])
    assert (read(home.folder / "triangle/iran/observations.tif")[~inside] == 65535).all()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "name the area to map: box="),
        (("box=[10,10,11,11]",), "the simulated iran covers lat 32.0"),
        (("box=[48.4,32.2,48.3,32.3]",), "box must be [west, south, east, north]"),
        ((f"box={BOX}", "geometry=area.geojson"), "box and geometry are both given"),
        (("geometry=nowhere.geojson",), "nowhere.geojson"),
        (("box=[33.20,14.20,33.21,14.21]", "country=sudan"), "make one: python scripts/promote.py"),
        ((f"box={BOX}", "country=all"), "a map is of one country; name it"),
        ((f"box={BOX}", "cube=cube.zarr"), "is for source=files"),
        (("source=files", f"box={BOX}"), "source=files maps a cube; give it: cube=PATH"),
        (("source=files", "cube=nowhere.zarr"), "nowhere.zarr"),
        ((f"box={BOX}", "resolution=0"), "resolution must be 1 or more, got 0"),
        (("source=files", "cube=c.zarr", "resolution=10"), "a cube has its own resolution"),
        ((f"box={BOX}", "dask.scheduler=x:1", "dask.workers=2"), "dask.workers are those of this"),
        (("box=[48.31,32.20,48.314,32.204]", "output=maps"), "holds another map"),
        ((f"box={BOX}", "chunk=1"), "chunk must be 16 or more, got 1"),
        (("box=[48.3,32.2]",), "box needs four numbers, [west, south, east, north]"),
        ((f"box={BOX}", "reference_end=soon"), "reference_end must be a date"),
    ],
)
def test_bad_input_is_answered_in_one_line(words: tuple[str, ...], said: str, home: Shell) -> None:
    country = () if any(word.startswith("country") for word in words) else ("country=iran",)
    done = home.run(*country, "output=bad", *words, script="map")
    assert done.returncode == 1
    answer = [line for line in done.stderr.splitlines() if line.startswith("cropland: ")]
    assert len(answer) == 1 and said in answer[0], done.stderr
    assert "Traceback" not in done.stderr


# In this process


def test_notes_on_the_images_are_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    note = "cube[1].zarr: these images carry the offset"
    plan = SimpleNamespace(notes=(note,), finished=lambda _: "facts")
    monkeypatch.setattr(mapping, "plan_map", lambda *_: plan)
    monkeypatch.setattr(mapping, "open_store", lambda *_: None)
    monkeypatch.setattr(mapping, "_show", lambda *_, **__: None)
    asked = SimpleNamespace(tracking=None, source=SimpleNamespace(name="files"))
    mapping.run(asked, [])  # type: ignore[arg-type]
    assert f"note {note}" in capsys.readouterr().err


def test_a_cluster_that_does_not_answer_is_said_before_any_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dask_cluster, "SECONDS_TO_ANSWER", 0.2)
    asked = SimpleNamespace(dask=Dask("tcp://127.0.0.1:9", None))
    with pytest.raises(ConfigError, match="dask.scheduler: no Dask scheduler answers at tcp://127"):
        mapping._prepare_cluster(asked)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def work(home: Shell) -> compute.Work:
    """What the workers of the map received."""
    import mlflow

    from cropland.tracking.mlflow_session import mlflow_at

    with mlflow_at(home.database):
        loaded = mlflow.pyfunc.load_model("models:/cropland-simulated-iran@champion")
    fitted = loaded.unwrap_python_model().fitted
    window = fitted.window()
    imagery = cubes.Imagery(
        source=simulated_source(),
        paths=Paths("", "", ""),
        country=iran(),
        file=None,
        first=window.first,
        last=window.last,
        bands=fitted.measured,
    )
    return compute.Work(fitted, imagery, Extent.of_box((48.3, 32.2, 48.304, 32.2037), 10), None)


def simulated_source() -> Simulated:
    import yaml

    text = (ROOT / "conf/source/simulated.yaml").read_text()
    return Simulated(**yaml.safe_load(text) | {"points": 100})


def iran() -> Any:
    from omegaconf import OmegaConf

    from cropland.config import countries

    values = OmegaConf.to_container(OmegaConf.load(ROOT / "conf/country/iran.yaml"))
    return countries.country(values)  # type: ignore[arg-type]


def test_a_cube_on_disk_makes_the_same_map(work: compute.Work, tmp_path: Path) -> None:
    imagery, grid = work.imagery, work.extent.grid
    days = imagery.first, imagery.last
    names = (*imagery.bands, "SCL")
    cube = simulated.cube(imagery.source, imagery.paths, imagery.country, grid, *days, names)  # type: ignore[arg-type]
    cube.compute(scheduler="synchronous").to_zarr(tmp_path / "cube.zarr", consolidated=False)
    from_disk = cubes.Imagery(
        source=Files("files", "x", "Train.csv", "Test.csv"),
        paths=imagery.paths,
        country=imagery.country,
        file=str(tmp_path / "cube.zarr"),
        first=imagery.first,
        last=imagery.last,
        bands=imagery.bands,
    )
    from_disk.check([grid])
    other = compute.Work(work.fitted, from_disk, work.extent, None)
    for tile in work.extent.tiles(30):
        ours, theirs = compute.map_tile(other, tile), compute.map_tile(work, tile)
        assert ours.keys() == theirs.keys() - {"truth"}
        for name, values in ours.items():
            np.testing.assert_array_equal(values, theirs[name])


def test_a_cube_without_a_band_of_the_model_is_refused(work: compute.Work, tmp_path: Path) -> None:
    imagery, grid = work.imagery, work.extent.grid
    days = imagery.first, imagery.last
    cube = simulated.cube(imagery.source, imagery.paths, imagery.country, grid, *days, ["B2", "B3"])  # type: ignore[arg-type]
    cube.isel(time=[0, 1]).compute(scheduler="synchronous").to_zarr(tmp_path / "cube.zarr")
    source = Files("files", "x", "Train.csv", "Test.csv")
    where = (source, imagery.paths, imagery.country, str(tmp_path / "cube.zarr"), *days)
    with pytest.raises(DataError, match=r"has no B4, B8; it has B2, B3"):
        cubes.Imagery(*where, imagery.bands).check([grid])
    days = date(2010, 1, 1), date(2010, 12, 31)
    elsewhere = cubes.Imagery(*where[:4], *days, ("B2",))
    with pytest.raises(DataError, match="has no image from 2010-01-01 to 2010-12-31, only of"):
        elsewhere.check([grid])


def test_the_key_of_tiles_changes_with_all_that_decides_them(work: compute.Work) -> None:
    def key(version: str = "1", **changes: Any) -> str:
        used = SimpleNamespace(name="cropland-iran", version=version, run_id="r")
        champion = SimpleNamespace(version=used)
        return mapplan._tiles_key(champion, replace(work, **changes))  # type: ignore[arg-type]

    imagery, extent = work.imagery, work.extent
    keys = [
        key(),
        key(version="2"),
        key(extent=Extent(extent.grid[:, 1:])),
        key(extent=Extent(extent.grid, extent.grid.extent)),
        key(imagery=replace(imagery, last=date(2020, 6, 1))),
        key(imagery=replace(imagery, bands=("B2",))),
        key(imagery=replace(imagery, country=replace(imagery.country, name="iraq"))),
        key(reference_end=date(2021, 6, 30)),
    ]
    assert len(set(keys)) == len(keys)
    assert key(imagery=replace(imagery, processes=9)) == keys[0]
    # Points decide no image.
    source = replace(imagery.source, points=7, margin_days=1)  # type: ignore[type-var]
    assert key(imagery=replace(imagery, source=source)) == keys[0]


def lost_once(work: compute.Work, tile: extents.Tile, _: str) -> dict[str, Any]:
    """A tile whose worker dies, the first time."""
    mark = Path(str(work.imagery.file)) / tile.name
    if tile.row == tile.column == 0 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return {"class": np.zeros(tile.grid.shape, np.uint8)}


def test_a_tile_whose_only_worker_is_killed_is_mapped_by_the_next(
    work: compute.Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compute, "_map_tile", lost_once)
    tiles = work.extent.tiles(30)
    told = replace(work, imagery=replace(work.imagery, file=str(tmp_path)))
    with dask_cluster.opened(None, 1) as client:
        found = list(compute.map_tiles(client, told, tiles, 3))
    assert len(found) == len(tiles) == 4
    assert all(isinstance(result, dict) for _, result in found), found


def test_a_map_is_finished_where_the_run_of_its_model_was_deleted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def run(_: str) -> Any:
        raise DataError("run 7 is not in sqlite:///m.db: it was deleted")

    plan: Any = SimpleNamespace(champion=SimpleNamespace(version=SimpleNamespace(run_id="7")))
    store: Any = SimpleNamespace(run=run)
    assert mapping._recalls(plan, store, terminal.notes()) == {}
    assert capsys.readouterr().err == (
        "note without cross-validated recall: run 7 is not in sqlite:///m.db: it was deleted\n"
    )


def test_a_map_of_no_use_ends_with_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    tags = dict.fromkeys(("MODEL", "WINDOW", "RESOLUTION", "KEY"), "x")
    counts = PixelCounts(
        pixels={0: 10, 1: 20, 2: 70, 255: 0},
        hectares={0: 0.1, 1: 0.2, 2: 0.7, 255: 0.0},
        dissimilar=16,
    )
    plan: Any = SimpleNamespace(
        folder=Path("maps/iran"),
        command=SimpleNamespace(source=SimpleNamespace(name="files"), cube=None),
    )
    mapping._show(plan, MapFacts.of(counts, tags, {}, 0.3), again=False)
    *_, unknown, outside = capsys.readouterr().out.splitlines()
    assert unknown.startswith("warning 70% of the pixels have no label: check their observations")
    assert outside.startswith("warning 53% of the pixels with a label are outside the area of appl")
