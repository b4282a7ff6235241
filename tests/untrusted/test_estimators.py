from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from hostile.claims import refused
from numpy.typing import NDArray
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    AdaBoostClassifier,
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from standins.stored_models import edited, entries, entry, npy, plain

from cropland.untrusted import estimators
from cropland.untrusted.estimator_types import is_listed

N_FEATURES = 5
FOREST = RandomForestClassifier(3, random_state=1)
SUPPORT = CalibratedClassifierCV(SVC(), ensemble=False, cv=2)
BOOSTING = HistGradientBoostingClassifier(max_iter=3, random_state=1)
NEIGHBOURS = make_pipeline(StandardScaler(), KNeighborsClassifier(3))


@pytest.fixture(scope="module")
def samples() -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """Sixty samples of two classes."""
    x = np.random.default_rng(1).normal(size=(60, N_FEATURES)).astype(np.float32)
    return x, (x[:, 0] > 0).astype(np.int8)


@pytest.fixture
def stored(
    samples: tuple[NDArray[np.float32], NDArray[np.int8]], tmp_path: Path
) -> Callable[[Any], Path]:
    """A fitted classifier, written to a file."""

    def write(classifier: Any) -> Path:
        skops.io.dump(classifier.fit(*samples), tmp_path / "estimator.skops")
        return tmp_path / "estimator.skops"

    return write


def said(path: Path) -> str:
    """Why a file is not read."""
    return refused(lambda: estimators.read(path, N_FEATURES))


@pytest.mark.parametrize(
    "classifier",
    [
        FOREST,
        ExtraTreesClassifier(3, max_leaf_nodes=5),
        SUPPORT,
        BOOSTING,
        NEIGHBOURS,
        KNeighborsClassifier(2, algorithm="ball_tree", p=1),
        KNeighborsClassifier(2, algorithm="brute", weights="distance"),
        MLPClassifier((3,), max_iter=5, random_state=1),
        AdaBoostClassifier(DecisionTreeClassifier(max_depth=2), n_estimators=3, random_state=1),
    ],
    ids=lambda each: type(each).__name__,
)
@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_what_is_listed_comes_back_to_the_digit(
    stored: Callable[[Any], Path], samples: tuple[NDArray[np.float32], Any], classifier: Any
) -> None:
    back = estimators.read(stored(classifier), N_FEATURES)
    np.testing.assert_array_equal(
        back.predict_proba(samples[0]), classifier.predict_proba(samples[0])
    )


def test_classes_are_listed_by_the_names_that_users_import_them_by() -> None:
    names = ("ensemble.RandomForestClassifier", "ensemble.HistGradientBoostingClassifier")
    assert all(is_listed(f"sklearn.{name}") for name in (*names, "naive_bayes.GaussianNB"))
    assert not is_listed("sklearn.preprocessing.FunctionTransformer")
    assert not is_listed("sklearn.utils.estimator_checks.check_estimator")


@pytest.mark.parametrize(
    ("loader", "name"),
    [
        ("ObjectNode", "sklearn.utils._testing.MinimalClassifier"),
        ("ObjectNode", "sklearn.preprocessing._function_transformer.FunctionTransformer"),
        ("FunctionNode", "sklearn.utils._testing.check_skip_network"),
        ("FunctionNode", "numpy.load"),
        ("FunctionNode", "numpy.add"),
        ("FunctionNode", "scipy.special._ufuncs.expit"),
        ("TypeNode", "sklearn.utils._testing.TempMemmap"),
        ("TypeNode", "builtins.map"),
        ("ConstructorFromReduceNode", "pathlib.PosixPath"),
        ("ObjectNode", "numpy.memmap"),
        ("TreeNode", "sklearn.ensemble._forest.RandomForestClassifier"),
        ("JsonNode", "os.system"),
    ],
)
def test_a_type_that_is_not_listed_is_named_and_nothing_is_made(
    stored: Callable[[Any], Path],
    monkeypatch: pytest.MonkeyPatch,
    loader: str,
    name: str,
) -> None:
    path = stored(FOREST)

    def add(schema: dict[str, Any]) -> None:
        content = [plain("/dev/null")]
        values = entry("TupleNode", "builtins.tuple", content=content)
        schema["content"]["content"]["verbose"] = entry(loader, name, content=values)

    edited(path, add)
    monkeypatch.setattr(skops.io, "loads", None)  # not even called
    assert f"holds {name}, of which no model is made here" in said(path)


def with_state(name: str, key: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """Change one value of the state of an object of a class, of the fitted one where there are several."""

    def change(schema: dict[str, Any]) -> None:
        states = [each["content"]["content"] for each in entries(schema, name)]
        max(states, key=len)[key] = plain(value)

    return change


def with_nodes(field: str, value: int, at: int = 0) -> Callable[[dict[str, bytes]], None]:
    """Change a number of a node of the first tree."""

    def change(members: dict[str, bytes]) -> None:
        for name, content in members.items():
            if name.endswith(".npy"):
                values = np.load(io.BytesIO(content))
                if values.dtype.names and field in values.dtype.names:
                    values[field][at] = value
                    members[name] = npy(values)
                    return
        raise AssertionError(field)

    return change


@pytest.mark.parametrize(
    ("classifier", "change"),
    [
        (FOREST, with_nodes("left_child", 0)),  # a circle: it would never end
        (FOREST, with_nodes("left_child", 10**9)),
        (FOREST, with_nodes("right_child", -5)),
        (FOREST, with_nodes("feature", N_FEATURES)),
        (FOREST, with_nodes("feature", -7)),
        (FOREST, with_nodes("threshold", float("nan"))),  # type: ignore[arg-type]
        (BOOSTING, with_nodes("left", 0)),
        (BOOSTING, with_nodes("right", 10**6)),
        (BOOSTING, with_nodes("feature_idx", N_FEATURES)),
        (BOOSTING, with_nodes("is_categorical", 1)),
    ],
)
def test_a_tree_that_points_elsewhere_is_refused(
    stored: Callable[[Any], Path], classifier: Any, change: Callable[[dict[str, bytes]], None]
) -> None:
    path = stored(classifier)
    edited(path, members=change)
    assert "estimator.skops cannot be read: expected" in said(path)


@pytest.mark.parametrize(
    ("classifier", "name", "key", "value", "reason"),
    [
        (FOREST, "Tree", "node_count", 10**9, "a tree of two classes"),
        (FOREST, "RandomForestClassifier", "n_jobs", 10**6, "at most 1,024 cores"),
        (FOREST, "RandomForestClassifier", "predict_proba", "x", "without a predict_proba"),
        (FOREST, "RandomForestClassifier", "classes_", [0, 1, 2], "the classes 0 and 1"),
        (FOREST, "RandomForestClassifier", "n_classes_", 10**10, ""),
        (FOREST, "RandomForestClassifier", "n_features_in_", 4, "features"),
        (BOOSTING, "HistGradientBoostingClassifier", "n_trees_per_iteration_", 10**9, "one tree"),
        (SUPPORT, "SVC", "kernel", "precomputed", "a kernel"),
        (SUPPORT, "SVC", "_sparse", True, "a kernel"),
        (NEIGHBOURS, "KNeighborsClassifier", "n_neighbors", 10**9, "n_neighbors"),
        (NEIGHBOURS, "Pipeline", "steps", [], ""),
    ],
)
def test_a_state_that_no_fit_leaves_is_refused(
    stored: Callable[[Any], Path], classifier: Any, name: str, key: str, value: Any, reason: str
) -> None:
    path = stored(classifier)

    edited(path, with_state(name, key, value))
    line = said(path)
    assert "estimator.skops cannot be read: " in line and reason in line


def test_support_vectors_are_as_many_as_their_numbers(stored: Callable[[Any], Path]) -> None:
    path = stored(SUPPORT)

    def shorten(schema: dict[str, Any]) -> None:
        fitted = [
            each for each in entries(schema, "SVC") if "support_" in each["content"]["content"]
        ]
        for each in fitted:
            state = each["content"]["content"]
            state["_dual_coef_"]["file"] = state["_intercept_"]["file"]

    edited(path, shorten)
    assert "expected support vectors" in said(path)


def test_a_pool_of_random_numbers_is_no_larger_than_one_is(stored: Callable[[Any], Path]) -> None:
    path = stored(BOOSTING)

    def enlarge(schema: dict[str, Any]) -> None:
        generator = next(entries(schema, "Generator"))
        generator["content"]["seed_seq"]["content"]["pool_size"] = plain(10**9)

    edited(path, enlarge)
    assert "a pool of four numbers" in said(path)


def test_one_id_names_one_object(stored: Callable[[Any], Path]) -> None:
    # skops would make one object of entries that say they are the same: a chain of them takes for ever.
    path = stored(FOREST)

    def chain(schema: dict[str, Any]) -> None:
        inner = entry("ListNode", "builtins.list", content=[], __id__=1)
        for number in range(2, 40):
            again = entry("ListNode", "builtins.list", content=[], __id__=number - 1)
            inner = entry("ListNode", "builtins.list", content=[inner, again], __id__=number)
        schema["content"]["content"]["verbose"] = inner

    edited(path, chain)
    assert "one object of each id" in said(path) or "levels" in said(path)


def test_a_file_is_not_larger_once_it_is_unpacked(
    stored: Callable[[Any], Path], tmp_path: Path
) -> None:
    path = stored(FOREST)
    edited(path, compression=zipfile.ZIP_DEFLATED)
    assert "members that are not compressed" in said(path)
    path = stored(FOREST)
    header = npy(np.zeros(1)).replace(b"(1,), ", b"(9" + b"9" * 12 + b",), ", 1)[: 128 + 8]

    def announce(members: dict[str, bytes]) -> None:
        members[next(name for name in members if name.endswith(".npy"))] = header

    edited(path, members=announce)
    assert "cannot be read" in said(path)
    with path.open("r+b") as file:
        file.truncate(2**30 + 1)  # a hole: it takes no room
    assert "expected at most 1,073,741,824 bytes" in said(path)
    assert "expected a file" in said(tmp_path)


def test_a_schema_is_no_larger_than_that_of_a_large_forest(
    stored: Callable[[Any], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimators, "_LARGEST_SCHEMA", 1_000)
    assert "a schema of at most 1,000 bytes" in said(stored(FOREST))


def test_a_schema_that_is_too_deep_is_refused(stored: Callable[[Any], Path]) -> None:
    path = stored(FOREST)

    def nest(members: dict[str, bytes]) -> None:
        members["schema.json"] = b"[" * 100_000 + b"]" * 100_000

    edited(path, members=nest)
    assert "cannot be read" in said(path)
    path = stored(FOREST)

    def deep(schema: dict[str, Any]) -> None:
        value: Any = json.loads("[" * 150 + "]" * 150)
        schema["content"]["content"]["verbose"] = {"x": value}

    edited(path, deep)
    assert "at most 100 levels" in said(path)
