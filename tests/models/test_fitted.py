from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from cropland.config.groups import Features, Series
from cropland.config.model import Model
from cropland.errors import DataError
from cropland.features.recipe import Recipe, classes_of
from cropland.learning import classifiers
from cropland.models import fitted as model
from cropland.models.fitted import Fitted
from cropland.observations import archive
from cropland.tracking.mlflow_session import mlflow_at

MODELS = Path(__file__).parents[2] / "conf" / "model"
FLAT = Features("flat", True, ())
STATISTICS = Features("statistics", False, ("min", "median", "std"))


@pytest.fixture(scope="module")
def opened(toy_points: pd.DataFrame, toy_rows: pd.DataFrame) -> archive.Archive:
    """The toy archive, in memory."""
    attributes = {"source": "files", "country": "toyland", "fingerprint": "f00"}
    return archive.Archive(archive.ragged(toy_points, toy_rows).assign_attrs(attributes))


@pytest.fixture(scope="module")
def observations(toy_points: pd.DataFrame, toy_rows: pd.DataFrame) -> pd.DataFrame:
    """The same observations as a user sends them."""
    rows = toy_rows.merge(toy_points[["ID", "Lat", "Lon"]], on="ID")
    return rows.rename(columns={"time": "Timestamp"}).astype({"Timestamp": str})


def learnt(
    opened: archive.Archive,
    names: tuple[str, ...] = ("B4", "B8", "NDVI"),
    *,
    features: Features = FLAT,
    clear: bool = False,
    classifier: Any = None,
) -> Fitted:
    """A model of the season 2020, fitted on the labelled points."""
    series = Series("clear" if clear else "raw", clear, 5)
    recipe = Recipe("2020-12-31", 40, -14, names, series, features)
    recipe = replace(recipe, classes=classes_of(opened, recipe.band_set))
    matrix = recipe.samples(opened).matrix
    known = matrix["Target"].to_numpy() >= 0
    if classifier is None:
        classifier = RandomForestClassifier(20, max_depth=5, random_state=1)
    return Fitted(
        recipe=recipe,
        classifier=classifier.fit(matrix.to_numpy()[known], matrix["Target"].to_numpy()[known]),
        feature_names=tuple(matrix["feature"].to_numpy().tolist()),
        measured=model.measured(recipe, opened.stored),
        country="toyland",
        facts={"version": "0.1.0", "accuracy": 0.9, "window": ["2020-03-12", "2020-12-17"]},
    )


@pytest.fixture(scope="module")
def fitted(opened: archive.Archive) -> Fitted:
    return learnt(opened)


def by_id(table: pd.DataFrame) -> pd.DataFrame:
    return table.sort_values("ID", ignore_index=True)


def shifted(observations: pd.DataFrame, days: float) -> pd.DataFrame:
    times = pd.to_datetime(observations["Timestamp"]) + pd.Timedelta(days, unit="D")
    return observations.assign(Timestamp=times.astype(str))


@pytest.mark.parametrize("clear", [False, True], ids=["raw", "clear"])
@pytest.mark.parametrize("features", [FLAT, STATISTICS], ids=lambda kind: kind.name)
@pytest.mark.parametrize(
    "names", [("B2", "Lon", "Lat", "SCL"), ("NDVI", "EVI"), ("Lat",)], ids="-".join
)
def test_raw_observations_give_what_the_classifier_says_of_the_archive(
    opened: archive.Archive,
    observations: pd.DataFrame,
    names: tuple[str, ...],
    features: Features,
    clear: bool,
) -> None:
    fitted = learnt(opened, names, features=features, clear=clear)
    samples = fitted.recipe.samples(opened)
    assert not samples.unobserved
    expected = fitted.classifier.predict_proba(samples.matrix.to_numpy())[:, 1]
    table = fitted.predict(observations)
    np.testing.assert_array_equal(table["probability"], expected)
    assert table["ID"].tolist() == opened.points["ID"].to_numpy().tolist()
    assert table["label"].tolist() == (expected > 0.5).tolist()
    assert table["n_observations"].tolist() == samples.n_observations.tolist()
    kinds = {"probability": "float64", "label": "Int64", "n_observations": "int64"}
    assert table.dtypes.astype(str)[list(kinds)].to_dict() == kinds


def test_it_tells_cropland_from_the_rest(fitted: Fitted, observations: pd.DataFrame) -> None:
    unlabelled = fitted.predict(observations)[60:]
    grown = [number % 2 for number in range(60, 80)]
    assert (unlabelled["label"] == grown).mean() > 0.8


def test_only_what_is_measured_is_asked_for(opened: archive.Archive) -> None:
    assert learnt(opened).columns == ("ID", "Timestamp", "B4", "B8")
    assert learnt(opened, ("B2",), clear=True).measured == ("B2", "SCL")
    assert learnt(opened, ("B2", "SCL", "Lon"), clear=True).columns[2:] == ("B2", "SCL", "Lon")
    recipe = Recipe("2020-12-31", 4, 0, ("NDVI", "B4"), Series("raw", False, 5), FLAT)
    assert model.measured(recipe, ("NDVI", "B4", "B8")) == ("NDVI", "B4")


def test_rows_in_any_order_and_of_any_type_say_the_same(
    fitted: Fitted, observations: pd.DataFrame
) -> None:
    expected = by_id(fitted.predict(observations))
    mixed = observations.sample(frac=1, random_state=3).drop(columns=["Lat", "Lon", "B2"])
    mixed = mixed.assign(
        B4=mixed["B4"].astype(np.uint16),
        B8=mixed["B8"].astype(object),
        Timestamp=pd.to_datetime(mixed["Timestamp"]),
        notes="unknown columns are left aside",
    )
    table = fitted.predict(mixed)
    assert table["ID"].tolist() == mixed["ID"].unique().tolist()
    pd.testing.assert_frame_equal(by_id(table), expected)
    for kind in ("float32", "Int64", "str"):
        pd.testing.assert_frame_equal(fitted.predict(observations.astype({"B4": kind})), expected)


def test_times_are_utc_and_may_say_so(fitted: Fitted, observations: pd.DataFrame) -> None:
    expected = fitted.predict(observations)
    told = observations.assign(Timestamp=observations["Timestamp"].str.replace(" ", "T") + "Z")
    pd.testing.assert_frame_equal(fitted.predict(told), expected)
    local = shifted(observations, 0.375)["Timestamp"].str.replace(" ", "T") + "+09:00"
    pd.testing.assert_frame_equal(fitted.predict(observations.assign(Timestamp=local)), expected)
    aware = observations.assign(Timestamp=pd.to_datetime(observations["Timestamp"], utc=True))
    pd.testing.assert_frame_equal(fitted.predict(aware), expected)


def test_points_in_chunks_say_the_same(fitted: Fitted, observations: pd.DataFrame) -> None:
    chunks = [table for _, table in observations.groupby(observations["ID"].str[-1])]
    tables = pd.concat([fitted.predict(chunk) for chunk in chunks])
    pd.testing.assert_frame_equal(by_id(tables), fitted.predict(observations))


def test_scene_classes_that_a_request_lacks_keep_their_features(
    opened: archive.Archive, observations: pd.DataFrame
) -> None:
    fitted = learnt(opened, ("B8", "SCL"))
    assert fitted.recipe.classes == (4, 5, 9)
    bare = observations[observations["SCL"] == 5]
    assert fitted.predict(bare)["probability"].notna().all()
    without = replace(fitted, recipe=replace(fitted.recipe, classes=(5,)))
    with pytest.raises(DataError, match=r"was fitted on 228 features, the observations give 114"):
        without.predict(bare)


def test_another_season_is_told_by_its_own_observations(
    fitted: Fitted, observations: pd.DataFrame
) -> None:
    earlier = fitted.predict(observations, reference_end=date(2019, 12, 31))
    in_2019 = observations[observations["Timestamp"] < "2020"]
    pd.testing.assert_frame_equal(
        fitted.predict(in_2019, reference_end=date(2019, 12, 31)), earlier
    )
    pd.testing.assert_frame_equal(fitted.predict(shifted(in_2019, 366)), earlier)
    assert (earlier["n_observations"] != fitted.predict(observations)["n_observations"]).any()
    with pytest.raises(DataError, match="reference_end 0001-01-01 leaves the calendar"):
        fitted.predict(observations, reference_end=date(1, 1, 1))


def test_a_point_that_was_not_observed_has_no_label(
    fitted: Fitted, observations: pd.DataFrame
) -> None:
    expected = fitted.predict(observations)
    missed = observations.copy()
    missed.loc[missed["ID"] == "P003", "Timestamp"] = "2015-07-01"
    missed.loc[missed["ID"] == "P005", "B4"] = 0  # no data
    table = fitted.predict(missed)
    bare = table["ID"].isin(["P003", "P005"])
    assert table.loc[bare, "probability"].isna().all() and table.loc[bare, "label"].isna().all()
    assert table["n_observations"][3] == 0
    assert table["n_observations"][5] == expected["n_observations"][5] > 0
    pd.testing.assert_frame_equal(table[~bare], expected[~bare])
    nothing = fitted.predict(observations, reference_end=date(2000, 12, 31))
    assert nothing["label"].isna().all() and (nothing["n_observations"] == 0).all()


def put(column: str, value: object, row: int = 2) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def changed(table: pd.DataFrame) -> pd.DataFrame:
        values = table[column].astype(object)
        values.iloc[row] = value
        return table.assign(**{column: values})

    return changed


BAD: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], str]] = {
    "missing column": (
        lambda table: table.drop(columns=["B2", "Lon"]),
        "the observations lack B2, Lon; the model of toyland needs the columns "
        "ID, Timestamp, B2, SCL, Lon, Lat",
    ),
    "empty": (lambda table: table[:0], "the table of observations is empty; give at least one row"),
    "no ID": (put("ID", None), "ID is empty in row 3; expected the ID of a point"),
    "blank ID": (put("ID", " "), "ID is ' ' in row 3; expected the ID of a point"),
    "date": (
        put("Timestamp", "2020-13-01"),
        "Timestamp is '2020-13-01' in row 3; expected a date like 2019-07-16 or 2019-07-16 08:05:11",
    ),
    "no date": (put("Timestamp", None), "Timestamp is empty in row 3; expected a date"),
    "dates as numbers": (
        lambda table: table.assign(Timestamp=1593561600),
        "Timestamp is '1593561600' in row 1 and 3 more; expected a date",
    ),
    "text": (put("B2", "cloud"), "B2 is 'cloud' in row 3; expected a number or nothing"),
    "infinity": (put("B2", np.inf), "B2 is 'inf' in row 3; expected a number or nothing"),
    "reflectance": (
        lambda table: table.assign(B2=table["B2"] / 10_000),
        "and 3 more; expected digital numbers: multiply reflectance by 10000",
    ),
    "scene class": (put("SCL", 12), "SCL is '12' in row 3; expected a scene class, 0 to 11"),
    "no place": (put("Lat", None), "Lat is empty in row 3; expected degrees in every row"),
    "off the globe": (put("Lat", 91), "Lat is '91' in row 3; expected decimal degrees (WGS 84)"),
    "two places": (
        put("Lon", 21.0),
        "ID P000 has Lon 20.0 and, in row 3, 21.0; give each place an ID of its own",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_observations_are_answered_in_one_line(
    opened: archive.Archive, observations: pd.DataFrame, name: str
) -> None:
    fitted = learnt(opened, ("B2", "SCL", "Lon", "Lat"))
    change, message = BAD[name]
    table = observations[:4].assign(Lat=10.0, Lon=20.0)
    assert len(fitted.predict(table)) == 1
    with pytest.raises(DataError, match=re.escape(message)) as raised:
        fitted.predict(change(table))
    assert "\n" not in str(raised.value)


def test_two_places_of_an_id_are_seen_where_places_are_not_needed_too(
    fitted: Fitted, observations: pd.DataFrame
) -> None:
    rounded = observations.assign(Lat=observations["Lat"] + np.resize([0, 5e-5], len(observations)))
    pd.testing.assert_frame_equal(fitted.predict(rounded), fitted.predict(observations))
    with pytest.raises(DataError, match="ID P000 has Lat 10.25004 and, in row 2, 10.25104"):
        fitted.predict(put("Lat", 10.25104, 1)(observations))


@pytest.mark.parametrize("path", sorted(MODELS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_model_of_conf_comes_back_as_it_was_written(
    opened: archive.Archive, observations: pd.DataFrame, tmp_path: Path, path: Path
) -> None:
    values = yaml.safe_load(path.read_text())
    if values["_target_"] == "???":
        values["_target_"] = "sklearn.linear_model.LogisticRegression"
    own = ("name", "scale", "_target_")
    parameters = {key: value for key, value in values.items() if key not in own}
    quick = {"n_estimators": 5, "max_iter": 20}
    parameters |= {key: value for key, value in quick.items() if key in parameters}
    chosen = Model(path.stem, values["_target_"], values["scale"], parameters)
    fitted = learnt(opened, classifier=classifiers.build(chosen.plain, seed=1))
    back = model.read(model.write(tmp_path, fitted))
    pd.testing.assert_frame_equal(back.predict(observations), fitted.predict(observations))
    assert replace(back, classifier=None).__dict__ == replace(fitted, classifier=None).__dict__


class Foreign(ClassifierMixin, BaseEstimator):
    """A classifier of somebody else's; says so when it is made."""

    made = 0

    def __setstate__(self, state: dict[str, Any]) -> None:
        Foreign.made += 1

    def fit(self, x: Any, y: Any) -> Foreign:
        self.classes_ = np.array([0, 1])
        return self


def test_a_foreign_type_is_named_and_not_loaded(opened: archive.Archive, tmp_path: Path) -> None:
    files = model.write(tmp_path, learnt(opened, classifier=Foreign()))
    with pytest.raises(
        DataError, match=r"holds \S*test_model.Foreign, which is not scikit-learn's"
    ):
        model.read(files)
    assert Foreign.made == 0
    pipeline = make_pipeline(FunctionTransformer(os.path.basename, check_inverse=False), Foreign())
    fitted = replace(learnt(opened), classifier=pipeline)
    with pytest.raises(DataError, match="posixpath.basename"):
        model.read(model.write(tmp_path, fitted))


def test_files_that_are_no_model_are_answered_in_one_line(fitted: Fitted, tmp_path: Path) -> None:
    files = model.write(tmp_path, fitted)
    Path(files[model.ESTIMATOR]).write_bytes(b"no archive")
    with pytest.raises(DataError, match=r"estimator.skops cannot be read: .*; log the model again"):
        model.read(files)
    Path(files[model.RECIPE]).write_text("recipe: [")
    with pytest.raises(DataError, match=r"recipe.yaml cannot be read"):
        model.read(files)
    bomb = "a0: &a0 [x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
    )
    Path(files[model.RECIPE]).write_text(bomb)
    with pytest.raises(DataError, match=r"recipe.yaml cannot be read: .*recipe.yaml"):
        model.read(files)
    Path(files[model.RECIPE]).unlink()
    with pytest.raises(DataError, match=r"recipe.yaml cannot be read"):
        model.read(files)


def test_other_code_of_the_feature_path_is_warned_of(fitted: Fitted, tmp_path: Path) -> None:
    files = model.write(tmp_path, fitted)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.read(files)
    recipe = Path(files[model.RECIPE])
    recipe.write_text(recipe.read_text().replace(model.code(), "f" * 32))
    with pytest.warns(UserWarning, match="the model of toyland was made by other code") as caught:
        model.read(files)
    assert len(caught) == 1 and "\n" not in str(caught[0].message)


@pytest.fixture(scope="module")
def logged(
    fitted: Fitted, observations: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, str]:
    """The address of a store, and of a model in it, registered as the champion."""
    from mlflow import MlflowClient

    folder = tmp_path_factory.mktemp("mlruns")
    uri = f"sqlite:///{folder}/mlflow.db"
    client = MlflowClient(uri)
    experiment = client.create_experiment("cropland", (folder / "artifacts").as_uri())
    run = client.create_run(experiment)
    client.log_param(run.info.run_id, "span", 40)
    before = list(sys.path), os.environ.get("MLFLOW_TRACKING_URI")
    source = model.log(
        fitted,
        run_id=run.info.run_id,
        tracking_uri=uri,
        input_example=observations[:3],
        description="**Toyland**",
    )
    client.create_registered_model("cropland-toyland")
    with mlflow_at(uri):
        made = client.create_model_version(
            "cropland-toyland", source, run.info.run_id, model_id=source.rpartition("/")[2]
        )
    client.set_registered_model_alias("cropland-toyland", "champion", made.version)
    assert (sys.path, os.environ.get("MLFLOW_TRACKING_URI")) == before
    return uri, source


def test_a_model_is_logged_to_its_run_whole(logged: tuple[str, str], fitted: Fitted) -> None:
    from mlflow import MlflowClient

    uri, source = logged
    entry = MlflowClient(uri).get_logged_model(source.rpartition("/")[2])
    run = MlflowClient(uri).get_run(entry.source_run_id)
    assert entry.experiment_id == run.info.experiment_id
    assert [output.model_id for output in run.outputs.model_outputs] == [entry.model_id]
    assert (entry.status, entry.params) == ("READY", {"span": "40"})
    assert entry.tags["mlflow.note.content"] == "**Toyland**"
    folder = Path(entry.artifact_location.removeprefix("file://"))
    names = {str(path.relative_to(folder)) for path in folder.rglob("*")}
    assert {"serving.py", "code/cropland/features/series.py", "artifacts/recipe.yaml"} <= names
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pkl")]
    described = yaml.safe_load((folder / "artifacts" / "recipe.yaml").read_text())
    assert described["facts"] == fitted.facts and described["recipe"]["bands"] == [
        "B4",
        "B8",
        "NDVI",
    ]
    signature = yaml.safe_load((folder / "MLmodel").read_text())["signature"]
    inputs = {entry["name"]: entry["required"] for entry in json.loads(signature["inputs"])}
    needed = dict.fromkeys(("ID", "Timestamp", "B4", "B8"), True)
    assert inputs == needed | {"Lat": False, "Lon": False}


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
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "made by other code" not in done.stderr
    own, modules, table = json.loads(done.stdout)
    entry = MlflowClient(uri).get_logged_model(source.rpartition("/")[2])
    folder = Path(entry.artifact_location.removeprefix("file://"))
    assert all(Path(file).is_relative_to(folder / "code" / "cropland") for file in [own, *modules])
    pd.testing.assert_frame_equal(
        pd.DataFrame(table).astype({"label": "Int64"}), fitted.predict(observations)
    )
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
