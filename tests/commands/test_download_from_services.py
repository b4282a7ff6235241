"""Downloads by command, from stand-ins on loopback: their archives hold the landscape's own observations."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pytest
import rasterio
import yaml
from standins.documents import commands, parsed, text
from standins.earthengine import EarthEngineStandin, Hang, Refusal, Reset, Truncation
from standins.granules import Granules
from standins.shell import Done, Shell, Warm
from standins.stac import COLLECTION, StacStandin

from cropland.config.countries import Box, Country, Reference
from cropland.config.groups import Paths
from cropland.config.schema import filled
from cropland.config.sources import EarthEngine, Files, Stac
from cropland.maps.extent import degrees
from cropland.observations import points
from cropland.observations.archive import Archive
from cropland.sources.download import source as fetched
from cropland.sources.exports import source as files
from cropland.sources.grid import grid_of
from cropland.sources.retries import Attempts
from cropland.sources.simulation.profile import Profile
from cropland.tracking.mlflow_session import mlflow_at

ROOT = Path(__file__).parents[2]
FARMLAND = Country(
    "farmland", "Farmland", Box(10.0, 10.1, 23.95, 24.15), Reference("2020-11-01", "2021-02-28")
)
"""At the edge of two UTM zones, where two tiles overlap."""
AREA = Box(10.045, 10.055, 24.1, 24.11)
"""Where the points are: a square kilometre, small enough for COGs."""
BANDS = ("B2", "B3", "B4", "B8", "SCL")
SETTINGS = (f"source.bands=[{','.join(BANDS)}]", "source.margin_days=0", "source.wait_seconds=0.05")


@pytest.fixture(scope="module")
def granules() -> Granules:
    return Granules(FARMLAND, Profile(), FARMLAND.reference.first, FARMLAND.reference.last)


@pytest.fixture(scope="module")
def table(granules: Granules) -> pd.DataFrame:
    """Forty labelled points of both classes, by the landscape's truth, and ten without labels."""
    random = np.random.default_rng(8)
    lon = random.uniform(AREA.west + 0.001, AREA.east - 0.001, 400).round(6)
    lat = random.uniform(AREA.south + 0.001, AREA.north - 0.001, 400).round(6)
    truth = granules.land.cropland(lon, lat).astype(int)
    chosen = np.concatenate([np.flatnonzero(truth == label)[:25] for label in (0, 1)])
    made = pd.DataFrame({"Lat": lat[chosen], "Lon": lon[chosen], "Target": truth[chosen]})
    made.insert(0, "ID", [f"P{number:02}" for number in range(len(made))])
    made.loc[random.choice(len(made), 10, replace=False), "Target"] = points.UNLABELLED
    return made


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, granules: Granules, table: pd.DataFrame) -> Path:
    """Points files, and the truth as exports."""
    folder = tmp_path_factory.mktemp("data")
    granules.export(table, folder)
    return folder


@pytest.fixture(scope="module")
def cogs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Takes up the COGs, each of which is made once."""
    return tmp_path_factory.mktemp("cogs")


class Farm(Shell):
    """A folder in which commands are given for the farmland: downloads, unless another script is named."""

    def words(self, *overrides: str, script: str = "download") -> list[str]:
        where = (f"paths.data={self.exports}", "country=farmland")
        return super().words(*where, *overrides, script=script)

    def run(self, *overrides: str, script: str = "download", **variables: Any) -> Done:
        return super().run(*overrides, script=script, **variables)

    def paths(self) -> Paths:
        return Paths(str(self.exports), "", "", str(self.folder / "data" / "downloads"))

    def parts(self) -> list[Path]:
        return sorted((self.folder / "data" / "downloads").rglob("*.parquet"))

    def wait_for_parts(self, count: int) -> None:
        until = time.monotonic() + 60
        while len(self.parts()) < count and time.monotonic() < until:
            time.sleep(0.05)


@pytest.fixture
def farm(tmp_path: Path, data: Path, empty_store: Path, warm: Warm) -> Farm:
    return replace(Farm.make(tmp_path / "work", data, warm, empty_store), country=FARMLAND)


@pytest.fixture
def engine(granules: Granules) -> Iterator[EarthEngineStandin]:
    with EarthEngineStandin(granules) as standin:
        yield standin


def at(standin: EarthEngineStandin) -> list[str]:
    """Overrides that download from a stand-in, in many small requests."""
    return [
        "source=earthengine",
        "source.project=standin",
        f"source.endpoint={standin.url}",
        "source.points_per_request=4",
        *SETTINGS,
    ]


def catalogued(where: object) -> list[str]:
    """Overrides that download from a catalogue of the stand-in."""
    return ["source=stac", f"source.catalog={where}", f"source.collection={COLLECTION}", *SETTINGS]


def source(name: str, **changes: Any) -> Any:
    values = yaml.safe_load((ROOT / "conf" / "source" / f"{name}.yaml").read_text())
    kind = {"earthengine": EarthEngine, "stac": Stac}[name]
    return filled(kind, values | {"bands": BANDS, "margin_days": 0} | changes)


def downloaded(farm: Farm, table: pd.DataFrame, chosen: Any) -> pd.DataFrame:
    """What an archive of a download holds, a row an observation."""
    ordered = table.astype({"Target": np.int8})
    return as_rows(Archive(fetched.observations_of(chosen, farm.paths(), FARMLAND, ordered)))


def as_rows(archive: Archive) -> pd.DataFrame:
    sizes = archive.dataset["row_size"].to_numpy()
    ids = np.repeat(archive.dataset["ID"].to_numpy(), sizes)
    columns = {band: archive.raw(band).astype(int) for band in BANDS}
    made = pd.DataFrame({"ID": ids, "time": archive.times.astype("M8[s]"), **columns})
    return made.sort_values(["ID", "time", *BANDS]).reset_index(drop=True)


def truth(granules: Granules, table: pd.DataFrame) -> pd.DataFrame:
    rows = granules.observations(table)[["ID", "time", *BANDS]].astype(dict.fromkeys(BANDS, int))
    rows["time"] = rows["time"].astype("M8[s]")
    return rows.sort_values(["ID", "time", *BANDS]).reset_index(drop=True)


def check(farm: Farm, granules: Granules, table: pd.DataFrame, chosen: Any | None = None) -> None:
    """Compare an archive with the truth, observation by observation."""
    expected = truth(granules, table)
    assert len(expected) > 500
    found = downloaded(farm, table, chosen or source("earthengine"))
    pd.testing.assert_frame_equal(found, expected)


def test_archives_from_earth_engine_stac_and_files_agree_observation_by_observation(
    farm: Farm,
    engine: EarthEngineStandin,
    granules: Granules,
    table: pd.DataFrame,
    cogs: Path,
    tmp_path: Path,
) -> None:
    done = farm.run(*at(engine))
    assert done.returncode == 0, done.stderr
    check(farm, granules, table)
    asked = len(engine.requests)
    again = farm.run(*at(engine))
    assert "all there, nothing to fetch" in again.stderr
    assert len(engine.requests) == asked
    with StacStandin(granules, AREA, cogs, BANDS) as catalogue:
        done = farm.run(*catalogued(catalogue.url))
        assert done.returncode == 0, done.stderr
        chosen = source("stac", catalog=catalogue.url, collection=COLLECTION)
        check(farm, granules, table, chosen)
        folder = catalogue.write_folder(tmp_path / "static")
    done = farm.run(*catalogued(folder))
    assert done.returncode == 0, done.stderr
    check(farm, granules, table, source("stac", catalog=str(folder), collection=COLLECTION))
    exports = Files("files", "COPERNICUS_S2_SR_HARMONIZED", "Train.csv", "Test.csv")
    read = files.observations_of(exports, farm.paths(), FARMLAND, table.astype({"Target": "i1"}))
    pd.testing.assert_frame_equal(as_rows(Archive(read)), truth(granules, table))


OWN = [
    command
    for command in commands(text("docs/own_country.md"))
    if not re.search("-m |study=|validation=|doctor=|dry_run=|box=|cube=", command)
]
QUICK = {
    "download": (),
    "train": ("model.n_estimators=5", "validation.folds=2", "span=12"),
    "promote": ("validation.folds=2", "promotion.bootstraps=100", "promotion.figures=false"),
    "predict": (),
}


@pytest.mark.parametrize("name", ["earthengine", "stac"])
def test_the_commands_for_ones_own_country_lead_from_a_service_to_predictions(
    farm: Farm,
    engine: EarthEngineStandin,
    granules: Granules,
    table: pd.DataFrame,
    cogs: Path,
    name: str,
) -> None:
    with StacStandin(granules, AREA, cogs, BANDS) as catalogue:
        where = at(engine) if name == "earthengine" else catalogued(catalogue.url)
        asked = [line for line in map(parsed, OWN) if line[0] in QUICK]
        asked = [line for line in asked if line[0] != "download" or f"source={name}" in line[1]]
        assert [script for script, _ in asked] == list(QUICK)
        for script, words in asked:
            # What the page writes into conf/local.yaml are words here, for another country.
            words = [word for word in words if not word.startswith(("source", "country=kenya"))]
            done = farm.run(*words, *where, *QUICK[script], script=script)
            assert done.returncode == 0, (script, done.stderr)
    predicted = geopandas.read_file(farm.folder / "predictions.gpkg")
    assert sorted(predicted["ID"]) == sorted(table.loc[table["Target"] < 0, "ID"])
    assert set(predicted["Target"]) <= {0, 1}


def with_ndvi(exports: Path, folder: Path) -> Path:
    """The same exports with a column NDVI, rounded as Earth Engine's are."""
    shutil.copytree(exports, folder)
    for path in folder.glob("*_Farmland_*.csv"):
        table = pd.read_csv(path)
        ndvi = (table["B8"] - table["B4"]) / (table["B8"] + table["B4"])
        table.assign(NDVI=ndvi.round(5)).to_csv(path, index=False)
    return folder


def test_a_champion_of_exports_with_ndvi_maps_services_and_cubes_and_answers_requests_without(
    farm: Farm, engine: EarthEngineStandin, granules: Granules, cogs: Path, tmp_path: Path
) -> None:
    # The champion learns of the landscape's own observations; then images come from the stand-ins.
    own = (*QUICK["train"], "bands=visible_nir_ndvi", "promote=true", *QUICK["promote"][1:])
    exporting = replace(farm, exports=with_ndvi(farm.exports, tmp_path / "exports"))
    done = exporting.run("source=files", *own, script="train")
    assert done.returncode == 0, done.stderr
    box = Box(10.048, 10.0488, 24.1030, 24.1040)
    area = f"box=[{box.west},{box.south},{box.east},{box.north}]"
    with StacStandin(granules, AREA, cogs, BANDS) as catalogue:
        for where in (at(engine), catalogued(catalogue.url)):
            # Days around the season decide no image: the map refuses them.
            images = [word for word in where if not word.startswith("source.margin_days")]
            more = (area, "exact=true", f"output={where[0][7:]}", "dask.workers=1")
            done = farm.run(*images, *more, script="map")
            assert done.returncode == 0, done.stderr
        service = fetched.connect(
            source("stac", catalog=catalogue.url, collection=COLLECTION), Attempts(4, 3, 0.05)
        )
        season = FARMLAND.reference.first, FARMLAND.reference.last
        cube = service.cube(grid_of(box), *season, BANDS).compute()
    cube.to_zarr(farm.folder / "cube.zarr", zarr_format=2)
    words = ("source=files", "cube=cube.zarr", "exact=true", "output=cube", "dask.workers=1")
    done = farm.run(*words, script="map")
    assert done.returncode == 0, done.stderr
    layers = {}
    for name in ("class", "probability_exact", "observations"):
        ours, *others = (
            rasterio.open(farm.folder / source / "farmland" / f"{name}.tif").read(1)
            for source in ("earthengine", "stac", "cube")
        )
        for theirs in others:
            np.testing.assert_array_equal(ours, theirs)
        layers[name] = ours
    lon, lat = degrees(grid_of(box))
    centres = pd.DataFrame({"ID": np.arange(lon.size).astype(str)})
    centres["Lat"], centres["Lon"] = lat.ravel(), lon.ravel()
    centres.to_csv(farm.folder / "centres.csv", index=False)
    points = (*at(engine), "points=centres.csv", "source.points_per_request=2000")
    done = farm.run(*points, script="download")
    assert done.returncode == 0, done.stderr
    done = farm.run(*points, "output=out.csv", script="predict")
    assert done.returncode == 0, done.stderr
    predicted = pd.read_csv(farm.folder / "out.csv")
    np.testing.assert_array_equal(layers["class"].ravel(), predicted["Target"])
    apart = np.abs(layers["probability_exact"].ravel() - predicted["probability"])
    assert apart.max() <= 1e-6
    _check_answers(farm.database, exporting)


def _check_answers(database: str, farm: Farm) -> None:
    """Send the exports' rows with bands alone, by any name: answers are those of predict."""
    import mlflow

    done = farm.run("source=files", "output=of_files.csv", script="predict")
    assert done.returncode == 0, done.stderr
    predicted = pd.read_csv(farm.folder / "of_files.csv").set_index("ID")["Target"]
    rows = pd.concat(pd.read_csv(path) for path in farm.exports.glob("*_Farmland_*.csv"))
    rows = rows[rows["ID"].isin(predicted.index)].drop(columns="NDVI")
    with mlflow_at(database):
        model = mlflow.pyfunc.load_model("models:/cropland-farmland@champion")
    answer = model.predict(rows.rename(columns={"B4": "B04", "B8": "nir"}))
    answer = answer.set_index("ID")["label"].reindex(predicted.index)
    assert (answer == predicted).all()


def test_a_storm_of_refusals_is_survived(
    farm: Farm, granules: Granules, table: pd.DataFrame
) -> None:
    with EarthEngineStandin(granules, latency=0.05, limit=3) as engine:
        done = farm.run(*at(engine), "source.workers=12")
        refused = len(engine.posts("computeFeatures"))
        assert engine.peak <= 3
    assert done.returncode == 0, done.stderr
    check(farm, granules, table)
    retries = re.search(r"(\d+) retries", done.stdout)
    assert retries is not None and 0 < int(retries[1]) < refused


def test_broken_answers_are_asked_for_again(
    farm: Farm, engine: EarthEngineStandin, granules: Granules, table: pd.DataFrame
) -> None:
    path = "computeFeatures"
    engine.faults += [
        Refusal(path=path, nth=1, status=500),
        Refusal(path=path, nth=2, status=503, headers={"Retry-After": "0"}),
        Reset(path=path, nth=3),
        Truncation(path=path, nth=4),
        Truncation(path=path, nth=5, times=2),
        Refusal(path=path, nth=9, status=429, message="Too Many Requests"),
    ]
    done = farm.run(*at(engine))
    assert done.returncode == 0, done.stderr
    assert len(engine.met) >= 6
    check(farm, granules, table)


def test_chunks_that_time_out_are_halved_until_they_do_not(
    farm: Farm, granules: Granules, table: pd.DataFrame
) -> None:
    days = (FARMLAND.reference.last - FARMLAND.reference.first).days + 1
    with EarthEngineStandin(granules, slow_above=days) as engine:
        done = farm.run(*at(engine))
        assert len(engine.posts("computeFeatures")) >= 3 * len(farm.parts())
    assert done.returncode == 0, done.stderr
    check(farm, granules, table)


def test_a_connection_that_hangs_is_given_up_and_asked_again(
    farm: Farm, engine: EarthEngineStandin, granules: Granules, table: pd.DataFrame
) -> None:
    engine.faults.append(Hang(path="computeFeatures", seconds=60))
    began = time.monotonic()
    done = farm.run(*at(engine), "source.timeout_seconds=1")
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - began < 30
    check(farm, granules, table)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_download_that_is_stopped_goes_on_where_it_was(
    farm: Farm, granules: Granules, table: pd.DataFrame, number: int
) -> None:
    with EarthEngineStandin(granules, latency=0.4) as engine:
        words = [*at(engine), "source.workers=2"]
        with farm.started(*words, script="download") as process:
            farm.wait_for_parts(3)
            process.send_signal(number)
            stopped = time.monotonic()
            process.communicate(timeout=20)
            assert time.monotonic() - stopped < 6
        assert process.returncode == (130 if number == signal.SIGINT else -signal.SIGKILL)
        kept = farm.parts()
        assert 3 <= len(kept) < 13
        engine.latency = 0
        engine.requests.clear()
        done = farm.run(*words)
        assert done.returncode == 0, done.stderr
        assert len(engine.posts("computeFeatures")) == 13 - len(kept)
    assert set(kept) < set(farm.parts())
    check(farm, granules, table)


def test_a_second_download_at_the_same_time_is_told_to_wait(farm: Farm, granules: Granules) -> None:
    with (
        EarthEngineStandin(granules, latency=0.5) as engine,
        farm.started(*at(engine), "source.workers=1", script="download") as process,
    ):
        farm.wait_for_parts(1)
        second = farm.run(*at(engine))
        process.kill()
        process.communicate()
    assert second.returncode == 1
    assert f"is being downloaded to by process {process.pid} on " in second.stderr
    assert second.stderr.rstrip().endswith("wait for it, or stop it")


def test_credentials_that_expire_half_way_leave_what_was_fetched(
    farm: Farm, granules: Granules, table: pd.DataFrame
) -> None:
    with EarthEngineStandin(granules, expire_after=5) as engine:
        done = farm.run(*at(engine), "source.workers=1")
    assert done.returncode == 1
    assert re.search(r"cropland: .*earthengine authenticate", done.stderr)
    kept = len(farm.parts())
    assert kept >= 3
    with EarthEngineStandin(granules) as engine:
        assert farm.run(*at(engine)).returncode == 0
        assert len(engine.posts("computeFeatures")) == 13 - kept
    check(farm, granules, table)


def test_a_restricted_quota_is_told_once(farm: Farm, granules: Granules) -> None:
    with EarthEngineStandin(granules, quota_restricted=True) as engine:
        done = farm.run(*at(engine))
    assert done.returncode == 0, done.stderr
    said = done.stdout + done.stderr
    assert said.count("restricted mode") == 1, said


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 KiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = shutil.which("mount")
    if mount is None or os.geteuid() != 0:
        pytest.skip("a small disk is mounted by root only")
    subprocess.run([mount, "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_is_told_and_what_is_there_stays(
    farm: Farm,
    engine: EarthEngineStandin,
    granules: Granules,
    table: pd.DataFrame,
    small_disk: Path,
) -> None:
    done = farm.run(*at(engine), f"paths.downloads={small_disk}", "source.workers=2")
    assert done.returncode == 1
    assert re.search(
        r"cropland: cannot write to .*: No space left on device; make room", done.stderr
    )
    kept = list(small_disk.rglob("*.parquet"))
    assert kept
    subprocess.run(["mount", "-o", "remount,size=16m", str(small_disk)], check=True)
    asked = len(engine.posts("computeFeatures"))
    done = farm.run(*at(engine), f"paths.downloads={small_disk}")
    assert done.returncode == 0, done.stderr
    assert len(engine.posts("computeFeatures")) - asked == 13 - len(kept)
    shutil.copytree(small_disk, farm.folder / "data" / "downloads")
    check(farm, granules, table)


def test_the_doctor_looks_at_each_step(farm: Farm, engine: EarthEngineStandin) -> None:
    done = farm.run(*at(engine), "doctor=true")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) >= 5 and all(line.startswith("ok ") for line in lines)
    assert not farm.parts()
    failed = farm.run(
        "source=earthengine", "doctor=true", f"source.endpoint={engine.url}", *SETTINGS
    )
    assert failed.returncode == 1
    assert "source.project=NAME" in failed.stderr


def test_an_image_of_another_product_is_named_and_the_rest_is_kept(
    farm: Farm, granules: Granules, table: pd.DataFrame, cogs: Path
) -> None:
    with StacStandin(granules, AREA, cogs, BANDS) as catalogue:
        catalogue.get_only = 405
        wrong = catalogue.items[0]
        wrong["properties"]["s2:product_type"] = "S2MSI1C"
        name = wrong["id"]
        done = farm.run(*catalogued(catalogue.url))
        assert done.returncode == 1
        (line,) = (line for line in done.stderr.splitlines() if line.startswith("cropland: "))
        assert line.startswith("cropland: 1 of 4 chunks could not be fetched, the first: image")
        assert f"image {name}: it is L1C, reflectance at the top of the atmosphere; " in line
        assert line.endswith(f"or exclude it with source.leave_out=[{name}]")
        assert len(farm.parts()) == 3
        done = farm.run(*catalogued(catalogue.url), f"source.leave_out=[{name}]")
        assert done.returncode == 0, done.stderr
        assert f"{name} is excluded (source.leave_out)" in done.stderr
    chosen = source("stac", catalog=catalogue.url, collection=COLLECTION)
    kept = downloaded(farm, table, chosen)
    time = np.datetime64(wrong["properties"]["datetime"][:19])
    assert len(kept) == len(truth(granules, table)) - (truth(granules, table)["time"] == time).sum()


def test_nothing_in_these_dates_is_told_from_a_failure(farm: Farm, tmp_path: Path) -> None:
    nothing = Granules(FARMLAND, Profile(), date(2012, 1, 1), date(2012, 1, 2))
    with EarthEngineStandin(nothing) as engine:
        done = farm.run(*at(engine))
    assert done.returncode == 0, done.stderr
    assert "50 points without any observation (no image in these dates)" in done.stdout
    with StacStandin(nothing, AREA, tmp_path / "cogs", BANDS) as catalogue:
        done = farm.run(*catalogued(catalogue.url))
    assert done.returncode == 0, done.stderr
    assert "50 points without any observation (no image in these dates)" in done.stdout
