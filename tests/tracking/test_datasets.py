from __future__ import annotations

import json
from pathlib import Path

import mlflow.data
import pandas as pd
import pytest
from standins import toyland as toy

from cropland.config.groups import Paths, Tracking
from cropland.observations.archive import Archive, open_archive
from cropland.sources import opening
from cropland.tracking import datasets
from cropland.tracking.datasets import Dataset
from cropland.tracking.opening import open_store


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "archive"


@pytest.fixture
def archive(
    tmp_path: Path, folder: Path, toy_points: pd.DataFrame, toy_rows: pd.DataFrame
) -> Archive:
    """The toy archive, where the commands keep it."""
    exports = toy.write_exports(tmp_path / "exports", toy_points, toy_rows)
    paths = Paths(str(exports), str(folder), "runs")
    return opening.archive_of(toy.SOURCE, paths, toy.TOYLAND)


def test_a_dataset_says_what_is_in_an_archive(archive: Archive, folder: Path) -> None:
    dataset = Dataset.of(archive, str(folder))
    assert (dataset.name, dataset.digest) == ("toyland points", archive.fingerprint)
    assert len(dataset.digest) <= 36  # MLflow keeps no longer one
    profile, schema = json.loads(dataset.profile), json.loads(dataset.schema)
    sizes = archive.dataset.sizes
    assert (profile["num_rows"], profile["num_points"]) == (sizes["observation"], sizes["point"])
    assert (profile["num_cropland"], profile["num_other"], profile["num_unlabelled"]) == (
        30,
        30,
        20,
    )
    assert (profile["first_day"], profile["last_day"]) == ("2019-01-01", "2020-12-31")
    assert (profile["source"], profile["bands"]) == ("files", ["B2", "B3", "B4", "B8"])
    types = {column["name"]: column["type"] for column in schema["mlflow_colspec"]}
    assert types["Timestamp"] == "datetime" and types["B4"] == "long" and types["Lat"] == "double"


def test_the_source_of_a_dataset_opens_as_an_archive(
    archive: Archive, folder: Path, tmp_path: Path
) -> None:
    local = Tracking("local", f"sqlite:///{tmp_path}/mlflow.db", str(tmp_path / "artifacts"))
    store = open_store(local, "files")
    run_id = store.start("sweep", {})
    datasets.log(store.client, run_id, [Dataset.of(archive, str(folder))])
    (found,) = store.client.get_run(run_id).inputs.dataset_inputs
    place = mlflow.data.get_source(found).load()
    assert open_archive(place).fingerprint == found.dataset.digest == archive.fingerprint
