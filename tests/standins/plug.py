"""A small study with all that it leaves on disk, to be cut and used again; what each command then answers."""

from __future__ import annotations

import io
import json
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import rasterio
import xarray as xr
from mlflow import MlflowClient
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore as Registry
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore as Runs
from rasterio.transform import from_origin

from cropland.commands import assess, compare, train
from cropland.commands import map as mapping
from cropland.config.commands.compare import Compare, LandCover
from cropland.config.commands.map import Dask, Map
from cropland.config.groups import Tracking
from cropland.errors import DataError, exit_on_error
from cropland.maps import compute
from cropland.sources import opening
from cropland.support import dask_cluster
from cropland.tracking.opening import open_store
from standins import configuration, maps
from standins.runs import artifacts, candidates, results, runs
from standins.shell import Shell
from standins.toy_models import NAME, ToyModels
from standins.toyland import SOURCE, TOYLAND, write_country

SIDE = 20
"""Rows and columns of the map; its tiles have 16."""
Numbers = dict[str, object]


@dataclass(frozen=True)
class Answer:
    """What a command came to: its numbers, or the line that it ended with, and all that it printed."""

    numbers: Numbers
    line: str
    screen: str


def cube(path: Path) -> None:
    """Write images of 2020 around the middle of Toyland: cropland in the left half."""
    times = np.arange("2020-01-05", "2020-12-31", 10, dtype="M8[D]")
    days = (times - np.datetime64("2020-01-01")).astype(int)
    green = np.exp(-((days - 200.0) ** 2) / 1500)[:, None, None] * (np.arange(SIDE) < SIDE // 2)
    green = np.broadcast_to(green, (len(times), SIDE, SIDE))
    noise = np.random.default_rng(3).normal(0, 120, (2, *green.shape))
    values = {"B4": 1500 - 700 * green + noise[0], "B8": 2000 + 2500 * green + noise[1]}
    bands = {name: (("time", "y", "x"), np.round(of).astype("u2")) for name, of in values.items()}
    bands["SCL"] = (("time", "y", "x"), np.full(green.shape, 4, "u1"))
    steps = 10.0 * np.arange(SIDE)
    places = {"time": times.astype("M8[ns]"), "y": 1_129_995 - steps, "x": 410_005 + steps}
    made = xr.Dataset(bands, places, {"crs": "EPSG:32634"})
    made.to_zarr(path, zarr_format=2, consolidated=True)


def landcover(path: Path) -> None:
    """Write a map of two classes around Toyland."""
    place = {"crs": "EPSG:4326", "transform": from_origin(20, 10.4, 0.05, 0.05)}
    size = {"count": 1, "height": 8, "width": 8, "dtype": "uint8"}
    with rasterio.open(path, "w", driver="GTiff", **size, **place) as target:
        target.write(np.indices((8, 8)).sum(axis=0).astype("u1") % 2, 1)


@contextmanager
def in_this_process() -> Iterator[None]:
    """Map tiles one after the other, without a cluster."""

    def map_tiles(_: Any, work: Any, tiles: Any, *__: Any) -> Iterator[Any]:
        for tile in tiles:
            yield tile, compute.map_tile(work, tile)

    with (
        mock.patch.object(dask_cluster, "prepare", lambda *_: None),
        mock.patch.object(dask_cluster, "opened", lambda *_: nullcontext()),
        mock.patch.object(compute, "map_tiles", map_tiles),
    ):
        yield


@dataclass
class Study:
    """The toy country's sweep, champion, predictions and map in a folder that can be put back.

    Attributes
    ----------
    toy : ToyModels
        Its store; each start has an address of its own, as a new process would.
    pristine : Path
        A copy of all its files.
    """

    toy: ToyModels
    pristine: Path
    _starts: Iterator[int] = field(default_factory=count)

    @classmethod
    def of(cls, swept: Shell, folder: Path) -> Study:
        """Make it: promote, predict, map and draw a sample."""
        shell = swept.copy(folder / "work")
        write_country(TOYLAND, folder / "work" / "conf")
        local = Tracking("local", shell.database, str(shell.folder / "mlruns" / "artifacts"))
        study = cls(ToyModels(shell.folder, shell.exports, local, str), folder / "pristine")
        cube(study.folder / "cube.zarr")
        landcover(study.folder / "landcover.tif")
        with closing(sqlite3.connect(study.folder / "mlruns" / "mlflow.db")) as reader:
            reader.execute("BEGIN")  # a reader keeps what follows in the write-ahead log
            reader.execute("SELECT count(*) FROM runs").fetchone()
            for command in (study.promote, study.predict, study.map, study.draw, study.compare):
                answer = study.start(command)
                assert not answer.line, answer
            shutil.copytree(study.folder, study.pristine)
        study.end()
        return study

    @property
    def folder(self) -> Path:
        return self.toy.folder

    def files(self, pattern: str) -> list[Path]:
        """Return its files of a pattern, relative to its folder."""
        found = [path for path in self.pristine.glob(pattern) if path.is_file()]
        return sorted(path.relative_to(self.pristine) for path in found)

    def put_back(self) -> None:
        """Restore every file."""
        self.end()
        shutil.rmtree(self.folder)
        shutil.copytree(self.pristine, self.folder)

    def artifacts(self, name: str) -> Path:
        """Return the artifacts of the run whose name holds a text."""
        (run,) = (
            run
            for run in runs(self.address())
            if re.search(rf"\b{name} .*", run.info.run_name)
            and run.data.params.get("seed") == "2023"
        )
        return artifacts(run)

    def only_tiles(self) -> list[Path]:
        """Replace the map by its tiles, as a kill before the layers leaves it; return them."""
        folder = self.folder / "maps" / TOYLAND.name
        shutil.rmtree(folder)
        with mock.patch.object(mapping, "_finish", side_effect=DataError("killed")):
            self.start(self.map)
        return sorted(folder.glob("tiles-*/*.npz"))

    def forget(self, command: str) -> None:
        """Delete what a command has made, so that it makes it again."""
        client = MlflowClient(self.address())
        if command == "promote":
            client.delete_registered_model(NAME)
        elif command == "train":
            for run in candidates(client.tracking_uri):
                client.delete_run(run.info.run_id)
        elif command == "map":
            shutil.rmtree(self.folder / "maps")
        else:
            (self.folder / "predicted.csv").unlink()

    def end(self) -> None:
        """Forget what a process knows."""
        opening._OPEN.clear()
        open_store.cache_clear()
        for engines in (Runs._engine_map, Registry._engine_map):
            for engine in engines.values():
                engine.dispose()
            engines.clear()

    def address(self) -> str:
        """Return the address of the store, another each time: MLflow keeps what it has opened."""
        return f"sqlite:///{self.folder}/mlruns/mlflow.db?timeout={60 + next(self._starts)}"

    def start(self, command: Callable[[], Numbers]) -> Answer:
        """Give a command as a new process would; no error but one line may leave it."""
        self.end()
        self.toy = replace(self.toy, tracking=replace(self.toy.tracking, uri=self.address()))
        screen, line, numbers = io.StringIO(), "", Numbers()
        with redirect_stdout(screen), redirect_stderr(screen):
            try:
                with exit_on_error():
                    numbers = command()
            except SystemExit as error:
                line = str(error)
        return Answer(numbers, line, screen.getvalue())

    def promote(self) -> Numbers:
        """Promote; all numbers of the table."""
        with redirect_stdout(io.StringIO()) as table:
            self.toy.promote()
        lines = [line for line in table.getvalue().splitlines() if line.startswith("│")]
        return {"table": [re.sub(r"\s+", " ", line) for line in lines]}

    def predict(self) -> Numbers:
        """Predict; the file."""
        self.toy.predict(self.folder / "predicted.csv")
        return {"csv": (self.folder / "predicted.csv").read_text()}

    def map(self) -> Numbers:
        """Map; every layer and the facts."""
        there = {"output": str(self.folder / "maps"), "cube": str(self.folder / "cube.zarr")}
        asked = Map(
            source=SOURCE,
            tracking=self.toy.tracking,
            paths=self.toy.paths,
            dask=Dask(None, 1),
            box=None,
            geometry=None,
            resolution=None,
            chunk=16,
            most_pixels=10**6,
            tries=1,
            exact=False,
            force=False,
            reference_end=None,
            alias="champion",
            **there,
        )
        with in_this_process():
            mapping.run(asked, [TOYLAND])
        folder = self.folder / "maps" / TOYLAND.name
        layers = {path.name: path.read_bytes() for path in folder.glob("*.tif")}
        facts = json.loads((folder / "map.json").read_text())
        drawn = ("files", "checksum")
        return layers | {key: value for key, value in facts.items() if key not in drawn}

    def draw(self) -> Numbers:
        """Draw a sample of the map; its files."""
        folder = self.folder / "maps" / TOYLAND.name
        assess.run(
            maps.assess_command(
                source=SOURCE,
                tracking=self.toy.tracking,
                map=str(folder),
                sample_size=20,
                minimum=5,
                force=True,
            ),
            [TOYLAND],
        )
        names = ("sample.csv", "sample.json", "sample.geojson")
        return {name: (folder / name).read_text() for name in names}

    def compare(self) -> Numbers:
        """Compare the map with the champion; the table."""
        with redirect_stdout(io.StringIO()) as table:
            compare.run(
                Compare(
                    landcover=LandCover("mine", (1,), (0,), ()),
                    source=SOURCE,
                    tracking=self.toy.tracking,
                    paths=self.toy.paths,
                    raster=(str(self.folder / "landcover.tif"),),
                    band=None,
                    alias="champion",
                ),
                [TOYLAND],
            )
        return {"table": table.getvalue()}

    def train(self) -> Numbers:
        """Give the sweep again; what every finished candidate holds."""
        words = ["-m", "source=files", f"paths.data={self.toy.exports}", "country=toyland"]
        words += ["n_jobs=1", "validation.folds=3", "bands=ndvi", "model=knn", "span=12,24"]
        words += [
            f"paths.archive={self.toy.paths.archive}",
            f"tracking.uri='{self.toy.tracking.uri}'",
        ]
        words += [f"tracking.artifacts={self.toy.tracking.artifacts}"]
        jobs = configuration.jobs(*words, beside=self.folder / "conf")
        run_folder = self.folder / "mlruns" / "runs" / str(next(self._starts))
        train.begin(jobs, run_folder, words, files={})
        try:
            for job in jobs:
                train.run_job(job, run_folder)
            train.end()
        finally:
            train.abandon("stopped")
        held = results(self.toy.tracking.uri).items()
        return {key: repr(result) for key, result in held if result.params["seed"] == "2023"}
