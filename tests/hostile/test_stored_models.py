"""Registered models that somebody else wrote: read without their code, or refused in one line."""

from __future__ import annotations

import io
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
import yaml
from hostile.claims import refused
from mlflow import MlflowClient
from mlflow.entities import FileInfo
from sklearn.tree import DecisionTreeClassifier
from standins.stored_models import edited, entries, entry, npy
from standins.toy_model import learnt, toy_archive, with_member

import cropland
from cropland.models import champion_comparison, model_files, version_files
from cropland.models.applicability import Applicability
from cropland.models.fitted import Fitted
from cropland.models.registry import made_before
from cropland.models.serving import CroplandModel
from cropland.support import yaml_text
from cropland.support.fingerprint import fingerprint
from cropland.tracking.experiments import is_inside
from cropland.tracking.records import IDENTITY

NAME = "cropland-toyland"
HOSTILE = """
from pathlib import Path
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel
Path({mark!r}).touch()
class Model(PythonModel):
    def load_context(self, context): Path({mark!r}).touch()
    def predict(self, context, model_input, params=None): return model_input
set_model(Model())
"""


@pytest.fixture(scope="module")
def fitted(toy_points: pd.DataFrame, toy_rows: pd.DataFrame) -> Fitted:
    """A model with an area of applicability."""
    made = learnt(toy_archive(toy_points, toy_rows))
    x = (
        np.random.default_rng(1)
        .normal(size=(20, len(made.members[0].feature_names)))
        .astype(np.float32)
    )
    area = Applicability.of(x, np.ones(x.shape[1]), np.arange(20) % 2)
    return with_member(made, applicability=area)


class Registry:
    """A registry of one model, whose files are in a folder."""

    def __init__(self, folder: Path, empty_store: Path, fitted: Fitted) -> None:
        shutil.copy(empty_store, folder / "m.db")
        self.uri = f"sqlite:///{folder}/m.db"
        self.client = MlflowClient(self.uri, self.uri)
        self.root = folder / "files"
        self.files = self.root / "models" / "m-1" / "artifacts" / "artifacts"
        self.files.mkdir(parents=True)
        self.write(fitted)
        self.omit_checksums()
        if self.client.get_experiment_by_name("cropland") is None:
            self.client.create_experiment("cropland", self.root.as_uri())
        self.client.create_registered_model(NAME)

    def write(self, fitted: Fitted) -> dict[str, str]:
        """Write a model, whose files hold their checksums; give the tags of its version."""
        model_files.write(self.files, fitted)
        content = (self.files / "recipe.yaml").read_bytes()
        return {"checksum.recipe.yaml": fingerprint(content), IDENTITY: "one"}

    def omit_checksums(self) -> None:
        """Leave checksums out of the recipe, as models of earlier versions have none."""
        recipe = self.files / "recipe.yaml"
        recipe.write_text(recipe.read_text().partition("checksums:")[0])

    def register(
        self, source: str | Path | None = None, tags: dict[str, str] | None = None
    ) -> None:
        """Make a version of a folder the champion."""
        made = self.client.create_model_version(NAME, str(source or self.files.parent), tags=tags)
        self.client.set_registered_model_alias(NAME, "champion", made.version)

    def load(self) -> Fitted:
        """Load the champion."""
        return cropland.load_champion("toyland", self.uri)

    def line(self) -> str:
        """Why it is not loaded."""
        return refused(self.load)


@pytest.fixture
def registry(tmp_path: Path, empty_store: Path, fitted: Fitted) -> Registry:
    made = Registry(tmp_path, empty_store, fitted)
    made.register()
    return made


@pytest.mark.filterwarnings("ignore:.*Add type hints")
def test_a_champion_is_read_without_its_code(
    registry: Registry, tmp_path: Path, fitted: Fitted
) -> None:
    script, mark = tmp_path / "serving.py", tmp_path / "it ran"
    script.write_text(HOSTILE.format(mark=str(mark)))
    folder = registry.root / "models" / "m-2"
    files = {path.name: str(path) for path in registry.files.iterdir()}
    mlflow.pyfunc.save_model(folder, python_model=str(script), artifacts=files, pip_requirements=[])
    (folder / "code" / "cropland").mkdir(parents=True)
    (folder / "code" / "cropland" / "__init__.py").write_text(script.read_text())
    mark.unlink()
    registry.register(folder)
    assert registry.load().members[0].feature_names == fitted.members[0].feature_names
    assert not mark.exists()


@pytest.fixture
def mixed(registry: Registry, fitted: Fitted, tmp_path: Path) -> Callable[..., None]:
    """A version with checksums; gives what puts files of another model of the country in place of its own."""
    registry.register(tags=registry.write(fitted))
    assert registry.load().members[0].feature_names == fitted.members[0].feature_names
    half = fitted.members[0].applicability
    assert half is not None
    trees = DecisionTreeClassifier(max_depth=1).fit(
        np.random.default_rng(2).normal(size=(20, len(fitted.members[0].feature_names))),
        np.arange(20) % 2,
    )
    area = replace(half, threshold=half.threshold / 2)
    (tmp_path / "other").mkdir()
    files = model_files.write(
        tmp_path / "other", with_member(fitted, classifier=trees, applicability=area)
    )

    def put(*names: str) -> None:
        for name in names:
            shutil.copy(files[name], registry.files / name)

    return put


FILES = ("recipe.yaml", "estimator.skops", "applicability.npz")


@pytest.mark.parametrize("names", [FILES[1:2], FILES[2:], FILES[:1], FILES[:2], FILES], ids=str)
def test_the_files_of_a_version_belong_together(
    registry: Registry, mixed: Callable[..., None], names: tuple[str, ...]
) -> None:
    mixed(*names)
    line = registry.line()
    assert f"{names[0]} " in line and "it was changed, or is of another version" in line


def test_a_version_of_mixed_files_is_neither_restored_nor_a_champion_to_compare_with(
    registry: Registry, mixed: Callable[..., None]
) -> None:
    version = registry.client.get_model_version_by_alias(NAME, "champion")
    store: Any = SimpleNamespace(client=registry.client)
    champion_comparison.check_files(version, store)
    assert made_before(registry.client, NAME, "one") is not None
    mixed("estimator.skops")
    assert made_before(registry.client, NAME, "one") is None
    line = refused(lambda: champion_comparison.check_files(version, store))
    assert "estimator.skops is not the one" in line and "by force=true" in line


def test_mixed_files_are_not_served(registry: Registry, mixed: Callable[..., None]) -> None:
    files = {name: str(registry.files / name) for name in FILES}
    context: Any = SimpleNamespace(artifacts=files)
    CroplandModel().load_context(context)
    mixed("estimator.skops")
    line = refused(lambda: CroplandModel().load_context(context))
    assert "estimator.skops is not the one that the recipe.yaml" in line


def test_a_version_with_a_checksum_has_those_of_its_files(
    registry: Registry, fitted: Fitted
) -> None:
    registry.register(tags=registry.write(fitted))
    registry.omit_checksums()
    assert "recipe.yaml cannot be read: it was changed" in registry.line()


def test_a_type_of_scikit_learns_own_tests_is_not_made(registry: Registry) -> None:
    def add(schema: dict[str, Any]) -> None:
        function = entry("FunctionNode", "sklearn.utils._testing.check_skip_network")
        state = entry("DictNode", "builtins.dict", content={"func": function})
        state["key_types"] = entry("ListNode", "builtins.list", content=[])
        transformer = "sklearn.preprocessing._function_transformer.FunctionTransformer"
        schema["content"]["content"]["verbose"] = entry("ObjectNode", transformer, content=state)

    edited(registry.files / "estimator.skops", add)
    assert (
        "check_skip_network" in registry.line() and "of which no model is made" in registry.line()
    )


def test_a_tree_that_never_ends_is_refused(registry: Registry) -> None:
    def circle(members: dict[str, bytes]) -> None:
        for name, content in members.items():
            values = np.load(io.BytesIO(content)) if name.endswith(".npy") else np.zeros(0)
            if values.dtype.names:
                values["left_child"][0] = 0
                members[name] = npy(values)

    edited(registry.files / "estimator.skops", members=circle)
    assert "expected children that come after their node" in registry.line()


def test_other_kinds_of_entries_are_not_followed(registry: Registry) -> None:
    def point(schema: dict[str, Any]) -> None:
        for tree in entries(schema, "Tree"):
            tree["__loader__"] = "ReduceNode"

    edited(registry.files / "estimator.skops", point)
    assert "of which no model is made" in registry.line()


@pytest.mark.parametrize(
    ("keys", "value", "reason"),
    [
        ("recipe.span", 10**9, "expected a window between 1970 and 2100"),
        ("recipe.span", 0, "span must be"),
        ("recipe.span", -3, "span must be"),
        ("recipe.end_offset_days", 10**12, "expected a window between 1970 and 2100"),
        ("recipe.reference_end", "soon", "reference_end must be a date"),
        ("recipe.reference_end", "0001-01-01", "expected a window between 1970 and 2100"),
        ("recipe.series.step_days", 0, "step_days must be 1 or more"),
        ("recipe.series.step_days", -5, "step_days must be 1 or more"),
        ("recipe.bands", [], "bands.names is empty"),
        ("recipe.bands", ["B4", "B4"], "more than once"),
        ("recipe.bands", ["B99"], "no Sentinel-2 band"),
        ("recipe.bands", ["SCL"], "make no feature"),
        ("recipe.features.statistics", ["mean"], "statistics"),
        ("recipe.features.harmonics", 3, "harmonics"),
        ("recipe.classes", [99], "classes must be scene classes"),
        ("recipe.classes", [4], "classes are those of SCL"),
        ("recipe.min_observations", 0, "min_observations must be 1 to"),
        ("recipe.max_gap_days", -1, "max_gap_days must be 0 to"),
        ("recipe.series.name", "a\nb", "series.name must be a name"),
        ("feature_names", ["B4_d-1"], "feature_names: the recipe makes"),
        ("measured", ["B4", "Lat"], "measured: expected some of"),
        ("country", "x" * 200, "country must be a name"),
        ("facts.accuracy", 7, "facts.accuracy must be between 0 and 1"),
        ("facts.accuracy", float("nan"), "facts.accuracy must be between 0 and 1"),
        ("facts.majority", 5, "facts.majority must be 0 or 1"),
        ("path", "/etc/passwd", "path"),
        ("members", [], "members must be 1 to 20, got 0"),
        ("calibration", {"slope": float("nan")}, "calibration.slope must be"),
        ("calibration", {"slope": -1.0}, "calibration.slope must be"),
        ("calibration", {"slope": 1.0, "intercept": 0.3}, "calibration.intercept"),
        ("sets", {"confidence": 0.95, "cropland": 2, "other": 0}, "sets.cropland must be between"),
        ("sets", {"confidence": 0.95, "cropland": 0, "other": "x"}, "sets.other"),
    ],
)
def test_a_recipe_has_the_ranges_of_a_configuration(
    registry: Registry, keys: str, value: Any, reason: str
) -> None:
    path = registry.files / "recipe.yaml"
    values = yaml.safe_load(path.read_text())
    if keys.partition(".")[0] in values["members"][0]:
        keys = f"members.0.{keys}"
    *outer, last = keys.split(".")
    inner: Any = values
    for key in outer:
        inner = inner[int(key) if key.isdigit() else key]
    inner[last] = value
    path.write_text(yaml.safe_dump(values, sort_keys=False))
    line = registry.line()
    assert "recipe.yaml cannot be read: " in line and reason in line


def test_members_are_so_many_at_most_and_of_one_season(registry: Registry) -> None:
    path = registry.files / "recipe.yaml"
    values = yaml.safe_load(path.read_text())
    (member,) = values["members"]
    values["members"] = [member] * 21
    path.write_text(yaml_text.dump(values))
    assert "members must be 1 to 20, got 21" in registry.line()
    other = member | {"recipe": member["recipe"] | {"reference_end": "2019-12-31"}}
    values["members"] = [member, other]
    path.write_text(yaml_text.dump(values))
    assert "members must be of one season, got 2019-12-31 and 2020-12-31" in registry.line()


@pytest.mark.parametrize(
    ("name", "change", "fault"),
    [
        ("mean", lambda values: values * np.nan, "is nan, expected finite numbers up to 3.4e+38"),
        ("mean", lambda values: values + 1e300, "is 1e+300, expected finite numbers up to"),
        ("scale", lambda values: values + np.inf, "is inf, expected finite numbers"),
        ("points", lambda values: values[:0], "is empty, expected training samples"),
        ("points", lambda values: values.astype(str), "is of type <U"),
        ("mean_distance", lambda values: values * 0, "is 0, expected 1.18e-38 or more"),
        ("mean_distance", lambda values: values * 0 + 1e-300, "is 1e-300, expected 1.18e-38"),
        ("mean_distance", lambda values: values * 0 + 1e300, "is 1e+300, expected finite"),
        ("threshold", lambda values: values * np.inf, "is inf, expected finite numbers"),
        ("threshold", lambda values: values * 0 + 1e300, "is 1e+300, expected finite numbers"),
        ("threshold", lambda values: values - 1e9, "expected 0 or more"),
        ("threshold", lambda values: np.repeat(values, 2), "has 2 numbers, expected one"),
    ],
)
def test_an_area_of_applicability_has_numbers_of_single_precision(
    registry: Registry, name: str, change: Callable[[Any], Any], fault: str
) -> None:
    with np.load(registry.files / "applicability.npz") as stored:
        arrays = {key: stored[key] for key in stored}
    with np.errstate(invalid="ignore"):
        arrays[name] = change(arrays[name].astype(float))
    np.savez(registry.files / "applicability.npz", **arrays)
    line = registry.line()
    assert f"applicability.npz is not an area of applicability: {name} " in line and fault in line


def test_an_area_of_applicability_is_no_larger_than_its_file(registry: Registry) -> None:
    edited(registry.files / "applicability.npz", compression=zipfile.ZIP_DEFLATED)
    assert "expected members that are not compressed" in registry.line()
    (registry.files / "applicability.npz").unlink()
    assert "lacks the applicability.npz" in registry.line()


def test_a_version_keeps_its_files_among_those_of_its_experiment(
    registry: Registry, tmp_path: Path, fitted: Fitted
) -> None:
    (tmp_path / "elsewhere" / "artifacts").mkdir(parents=True)
    model_files.write(tmp_path / "elsewhere" / "artifacts", fitted)
    for source in (tmp_path / "elsewhere", registry.root / "x" / ".." / ".." / "elsewhere"):
        registry.register(source)
        assert "is not among those of its experiment" in registry.line()
    registry.register()
    estimator = registry.files / "estimator.skops"
    shutil.move(estimator, tmp_path / "e.skops")
    estimator.symlink_to(tmp_path / "e.skops")
    assert "is a link to a file elsewhere" in registry.line()


@pytest.mark.parametrize(
    ("location", "root", "inside"),
    [
        ("file:///a/b/c", "file:///a/b", True),
        ("/a/b/c", "file:///a/b", True),
        ("file:///a/bc", "file:///a/b", False),
        ("file:///a/b/../c", "file:///a/b", False),
        ("mlflow-artifacts:/1/models/m", "mlflow-artifacts:/1", True),
        ("mlflow-artifacts:/2/models/m", "mlflow-artifacts:/1", False),
        ("mlflow-artifacts:/1/%2e%2e/2", "mlflow-artifacts:/1", False),
        ("mlflow-artifacts://h:5000/1/m", "mlflow-artifacts://h:5000/1", True),
        ("mlflow-artifacts://evil/1/m", "mlflow-artifacts://evil/1", False),
        ("mlflow-artifacts://evil/1/m", "mlflow-artifacts:/1", False),
        ("s3://bucket/1/m", "s3://bucket/1", True),
        ("s3://other/1/m", "s3://bucket/1", False),
        ("http://127.0.0.1:8080/1/m", "http://127.0.0.1:8080/1", False),
        ("ftp://h/1/m", "ftp://h/1", False),
        ("dbfs:/1/m", "dbfs:/1", False),
        ("models:/x/1", "", False),
        ("file:///a", "", False),
        ("file:///a/b", "mlflow-artifacts:/1", False),
        ("s3://bucket/1/m?x=y", "s3://bucket/1", False),
    ],
)
def test_a_place_is_inside_another_on_the_same_host(location: str, root: str, inside: bool) -> None:
    assert is_inside(location, root, "http://h:5000") == inside


@pytest.mark.parametrize(
    ("sizes", "reason"),
    [
        ({"recipe.yaml": 900, "estimator.skops": 2**40}, "has 1,099,511,627,776 bytes"),
        ({"recipe.yaml": 900}, "has no estimator.skops"),
        ({"../recipe.yaml/..": 1}, "has no recipe.yaml and no estimator.skops"),
    ],
    ids=str,
)
def test_only_the_three_files_of_a_model_are_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sizes: dict[str, int], reason: str
) -> None:
    listed = [FileInfo(f"artifacts/{name}", False, size) for name, size in sizes.items()]
    fetched: list[str] = []

    def fetch(artifact_uri: str, **_: Any) -> str:
        fetched.append(artifact_uri)
        return str(tmp_path / "x")

    monkeypatch.setattr(mlflow.artifacts, "list_artifacts", lambda **_: listed)
    monkeypatch.setattr(mlflow.artifacts, "download_artifacts", fetch)
    place = "mlflow-artifacts:/1/models/m-1/artifacts/artifacts"
    assert reason in refused(lambda: version_files.copies_of(place, "http://h:5000", tmp_path))
    assert set(fetched) <= {f"{place}/recipe.yaml"}


def test_a_model_of_another_country_is_not_taken_for_this_ones(registry: Registry) -> None:
    path = registry.files / "recipe.yaml"
    path.write_text(path.read_text().replace("country: toyland", "country: otherland"))
    assert "is a model of otherland" in registry.line()
