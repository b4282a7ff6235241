from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import packages_distributions
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import yaml
from standins.once import make_once
from standins.toy_model import average

from cropland.errors import TrackingError
from cropland.models import mlflow_model
from cropland.models.fitted import Fitted
from cropland.observations.archive import Archive
from cropland.tracking.mlflow_session import mlflow_at
from cropland.tracking.records import Record

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def fitted(opened: Archive) -> Fitted:
    """A model of several members."""
    return average(opened)


@pytest.fixture(scope="session")
def logged(
    fitted: Fitted, observations: pd.DataFrame, shared: Path, empty_store: Path
) -> tuple[str, str]:
    """The address of a store, and of a model in it, registered as the champion."""

    def make(folder: Path) -> None:
        shutil.copy(empty_store, folder)
        (folder / "source.txt").write_text(log_champion(fitted, observations, folder))

    folder = make_once(shared, "logged", make)
    return f"sqlite:///{folder}/mlflow.db", (folder / "source.txt").read_text()


def log_champion(fitted: Fitted, observations: pd.DataFrame, folder: Path) -> str:
    """Log a model to the store of a folder, register it as the champion, and return its address."""
    from mlflow import MlflowClient

    uri = f"sqlite:///{folder}/mlflow.db"
    client = MlflowClient(uri)
    experiment = client.create_experiment("cropland", (folder / "artifacts").as_uri())
    run = client.create_run(experiment)
    record = Record(run.info.run_id, params={"span": 40}, note="**Toyland**")
    before = list(sys.path), os.environ.get("MLFLOW_TRACKING_URI")
    source = mlflow_model.log(
        fitted,
        record,
        name="cropland-toyland",
        model_type="RandomForestClassifier",
        tags={"country": "toyland"},
        tracking_uri=uri,
        input_example=observations[:3],
    ).uri
    assert source == f"models:/{record.model_id}"
    client.create_registered_model("cropland-toyland")
    with mlflow_at(uri):
        made = client.create_model_version(
            "cropland-toyland", source, run.info.run_id, model_id=source.rpartition("/")[2]
        )
    client.set_registered_model_alias("cropland-toyland", "champion", made.version)
    assert (sys.path, os.environ.get("MLFLOW_TRACKING_URI")) == before
    return source


def test_a_model_is_logged_to_its_run_whole(
    logged: tuple[str, str], fitted: Fitted, observations: pd.DataFrame
) -> None:
    from mlflow import MlflowClient

    uri, source = logged
    entry = MlflowClient(uri).get_logged_model(source.rpartition("/")[2])
    run = MlflowClient(uri).get_run(entry.source_run_id)
    assert entry.experiment_id == run.info.experiment_id
    assert [output.model_id for output in run.outputs.model_outputs] == [entry.model_id]
    assert (entry.status, entry.params) == ("READY", {"span": "40"})
    assert (entry.name, entry.model_type) == ("cropland-toyland", "RandomForestClassifier")
    assert (entry.tags["country"], entry.tags["mlflow.note.content"]) == ("toyland", "**Toyland**")
    folder = Path(entry.artifact_location.removeprefix("file://"))
    names = {str(path.relative_to(folder)) for path in folder.rglob("*")}
    assert {"serving.py", "code/cropland/features/series.py", "artifacts/recipe.yaml"} <= names
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pkl")]
    described = yaml.safe_load((folder / "artifacts" / "recipe.yaml").read_text())
    assert described["facts"] == fitted.facts
    bands = [member["recipe"]["bands"] for member in described["members"]]
    assert bands == [list(member.recipe.bands) for member in fitted.members]
    signature = yaml.safe_load((folder / "MLmodel").read_text())["signature"]
    inputs = {entry["name"]: entry["required"] for entry in json.loads(signature["inputs"])}
    names = {"B4", "B04", "b4", "b04", "red", "B8", "B08", "b8", "b08", "nir", "NDVI", "ndvi"}
    assert {"ID", "Timestamp", *names, "SCL", "EVI", "Lat", "Lon"} <= inputs.keys()
    assert not any(inputs.values())
    outputs = [entry["name"] for entry in json.loads(signature["outputs"])]
    assert outputs == list(fitted.predict(observations))


def test_a_store_that_cannot_be_written_to_is_said_and_its_model_is_failed(
    fitted: Fitted,
    observations: pd.DataFrame,
    tmp_path: Path,
    empty_store: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from mlflow import MlflowClient

    shutil.copy(empty_store, tmp_path)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    experiment = client.create_experiment("cropland", (tmp_path / "artifacts").as_uri())
    (tmp_path / "artifacts").write_text("no folder")
    with pytest.raises(TrackingError, match=r"mlflow.db cannot be used .*Not a directory"):
        mlflow_model.log(
            fitted,
            Record(client.create_run(experiment).info.run_id),
            name="cropland-toyland",
            model_type="RandomForestClassifier",
            tags={},
            tracking_uri=client.tracking_uri,
            input_example=observations[:3],
        )
    (entry,) = client.search_logged_models([experiment])
    assert entry.status == "FAILED"


FRESH = """
import importlib.util, json, sys
from pathlib import Path
import pandas as pd

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"hydra", "omegaconf", "zarr", "rich", "hydra_plugins"}:
            raise ImportError(f"{name} is not among the model's requirements")

there = Path(importlib.util.find_spec("cropland").origin).parents[1]  # where it is installed for tests
sys.path[:] = [path for path in sys.path if Path(path).resolve() != there]
sys.meta_path.insert(0, Refuse())
try:
    import cropland
    raise SystemExit(f"cropland is importable: {cropland.__file__}")
except ModuleNotFoundError:
    pass
import mlflow

loaded = mlflow.pyfunc.load_model(sys.argv[1])
table = loaded.predict(pd.read_csv(sys.argv[2]))  # whole numbers are 64-bit integers here
import cropland

modules = [module.__file__ for name, module in sys.modules.items() if name.startswith("cropland.")]
print(json.dumps([cropland.__file__, modules, table.to_dict("list")]))
"""


@pytest.mark.processes
def test_a_fresh_python_without_cropland_predicts_with_the_models_own_code(
    logged: tuple[str, str], fitted: Fitted, observations: pd.DataFrame, tmp_path: Path
) -> None:
    from mlflow import MlflowClient

    uri, source = logged
    observations.to_csv(tmp_path / "observations.csv", index=False)
    words = ["models:/cropland-toyland@champion", str(tmp_path / "observations.csv")]
    done = subprocess.run(
        [sys.executable, "-P", "-c", FRESH, *words],
        cwd=tmp_path,
        env=os.environ | {"MLFLOW_TRACKING_URI": uri, "MLFLOW_DISABLE_TELEMETRY": "true"},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "made by other code" not in done.stderr
    own, modules, table = json.loads(done.stdout)
    entry = MlflowClient(uri).get_logged_model(source.rpartition("/")[2])
    folder = Path(entry.artifact_location.removeprefix("file://"))
    assert all(Path(file).is_relative_to(folder / "code" / "cropland") for file in [own, *modules])
    kinds = {"label": "Int64", "inside_applicability": "boolean", "cannot_tell": "boolean"}
    pd.testing.assert_frame_equal(pd.DataFrame(table).astype(kinds), fitted.predict(observations))
    required = (folder / "requirements.txt").read_text().split()
    assert all(re.fullmatch(r"[a-z-]+==[\d.]+", line) for line in required)
    pinned = {line.partition("==")[0] for line in required}
    assert distributions([Path(file) for file in modules]) | {"mlflow", "scikit-learn"} == pinned


def distributions(files: list[Path]) -> set[str]:
    """Name the distributions of all that some modules import, at whatever time."""
    imported: set[str] = set()
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(str(node.module).partition(".")[0])
    known = packages_distributions()
    outside = imported - set(sys.stdlib_module_names) - {"cropland", "mlflow"}
    return {known[name][0].lower().replace("_", "-") for name in outside}


class Frame:
    """What the recipe for Spark uses of a data frame, by pandas."""

    def __init__(self, table: pd.DataFrame) -> None:
        self.groups = table

    def groupBy(self, key: str) -> Frame:
        self.groups = self.groups.groupby(key, sort=False)
        return self

    def applyInPandas(
        self, function: Callable[[pd.DataFrame], pd.DataFrame], schema: str
    ) -> pd.DataFrame:
        parts = [function(group.reset_index(drop=True)) for _, group in self.groups]
        assert [column.split()[0] for column in schema.split(", ")] == list(parts[0])
        return pd.concat(parts, ignore_index=True)


def test_the_recipe_for_spark_predicts_as_the_whole_table_does(
    fitted: Fitted, observations: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (ROOT / "docs" / "models.md").read_text()
    (recipe,) = re.findall(r"```python\n((?:(?!```).)*applyInPandas.*?)```", text, re.DOTALL)
    mlflow = SimpleNamespace(pyfunc=SimpleNamespace(load_model=lambda _: fitted))
    monkeypatch.setitem(sys.modules, "mlflow", mlflow)
    observations = observations[observations["ID"].isin(observations["ID"].unique()[::8])]
    names: dict[str, Any] = {"observations": Frame(observations.sample(frac=1, random_state=1))}
    exec(recipe, names)
    found = names["predictions"].sort_values("ID", ignore_index=True)
    whole = fitted.predict(observations).sort_values("ID", ignore_index=True)
    pd.testing.assert_frame_equal(found, whole)
