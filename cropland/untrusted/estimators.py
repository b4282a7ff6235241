"""The classifier of a model, in a file of skops.

In: a file that stands in a registry which others write to. Out: a fitted classifier, made of nothing but the
types that `estimator_types` lists. Trees and support vectors point only to what is there, since scikit-learn
follows them without looking. No function, no method, no other type is imported.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cropland.errors import DataError
from cropland.untrusted import arrays, tree_nodes
from cropland.untrusted.documents import read_bytes
from cropland.untrusted.estimator_types import TYPES

if TYPE_CHECKING:
    import zipfile

_DEEPEST, _MOST_CORES = 100, 1_024
_LARGEST_SCHEMA = 2**26
"""Bytes: a forest of four thousand trees."""


def read(path: Path, n_features: int) -> Any:
    """Read a classifier of two classes, 0 and 1.

    Parameters
    ----------
    path : Path
        A file that skops has written.
    n_features : int
        How many features its samples have.

    Raises
    ------
    DataError
        It cannot be read, holds a type that is not listed, or is no such classifier.
    """
    import skops.io

    try:
        data = read_bytes(path, arrays.LARGEST_BYTES)
        with arrays.open_archive(data) as archive:
            if archive.getinfo("schema.json").file_size > _LARGEST_SCHEMA:
                raise ValueError(f"expected a schema of at most {_LARGEST_SCHEMA:,} bytes")
            schema = json.loads(archive.read("schema.json"))
            types = _Schema(archive, n_features).types_of(schema)
        foreign = sorted(name for kind, name in types if name not in TYPES.get(kind, ()))
        if foreign:
            raise DataError(
                f"{path} holds {', '.join(foreign[:3])}, of which no model is made here and which could run "
                f"any code; use a model from a source that you trust"
            )
        classifier = skops.io.loads(data, trusted=sorted(name for _, name in types))
        _fit_neighbours(classifier)
        _check(classifier, n_features)
    except DataError:
        raise
    except Exception as error:  # whatever a file of any content brings about
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise DataError(f"{path} cannot be read: {reason}; log the model again") from error
    return classifier


@dataclass(frozen=True)
class _Schema:
    """The schema of a file: a tree of entries, each with the type that is made of it.

    Attributes
    ----------
    archive : ZipFile
        The file, with a member for each array.
    n_features : int
        How many features samples have.
    entries : dict
        Entries that have been checked, by skops' id: it makes one object of those with the same.
    """

    archive: zipfile.ZipFile
    n_features: int
    entries: dict[Any, Any] = field(default_factory=dict)

    def types_of(self, schema: Any) -> set[tuple[str, str]]:
        """Return kind and type of every entry; check the state of those that are listed."""
        types = set()
        for entry in _entries(schema):
            kind, name = entry["__loader__"], f"{entry['__module__']}.{entry['__class__']}"
            types.add((kind, name))
            if "__id__" in entry:
                first = self.entries.setdefault(entry["__id__"], entry)
                if first != entry and not _is_same(first, entry):
                    raise ValueError("expected one object of each id")
            if name in TYPES.get(kind, ()):
                self._check(entry, kind, name)
        return types

    def _check(self, entry: Any, kind: str, name: str) -> None:
        match kind, name.rpartition(".")[2]:
            case "NdArrayNode", _:
                self._value(entry)
            case "TreeNode", _:
                arguments = entry["__reduce__"]["args"]["content"]
                state = entry["content"]["content"]
                parts = (state[key] for key in ("node_count", "nodes", "values"))
                values = map(self._value, (*arguments, *parts))
                tree_nodes.check_tree(*values, n_features=self.n_features)
            case "RandomGeneratorNode", _:
                sequence = entry["content"]["seed_seq"]["content"]
                if self._value(sequence["pool_size"]) != 4:
                    raise ValueError("expected a pool of four numbers")
            case "ObjectNode", short:
                state = entry.get("content", {}).get("content")
                if isinstance(state, dict):
                    _check_names(name, state)
                    self._check_object(short, state)

    def _check_object(self, name: str, state: dict[str, Any]) -> None:
        """Check the state of an object that scikit-learn's compiled code reads."""
        cores = self._value(state["n_jobs"]) if "n_jobs" in state else None
        if cores is not None and cores > _MOST_CORES:
            raise ValueError(f"expected at most {_MOST_CORES:,} cores")
        if name == "HistGradientBoostingClassifier":
            if self._value(state["n_trees_per_iteration_"]) != 1:
                raise ValueError("expected one tree an iteration")
        elif name == "TreePredictor":
            tree_nodes.check_predictor(self._value(state["nodes"]), self.n_features)
        elif name == "SVC" and "support_vectors_" in state:  # fitted
            values = {key: self._value(state[key]) for key in tree_nodes.SUPPORT}
            tree_nodes.check_support(values, self.n_features)

    def _value(self, entry: Any) -> Any:
        """Return the plain value or the array of an entry."""
        if entry["__loader__"] == "JsonNode":
            return json.loads(entry["content"])
        if entry["type"] != "numpy":
            raise ValueError("expected arrays of numbers, got Python objects")
        return arrays.array(self.archive, entry["file"])


def _entries(value: Any, depth: int = 0) -> Iterator[dict[str, Any]]:
    if depth > _DEEPEST:
        raise ValueError(f"expected at most {_DEEPEST} levels")
    if isinstance(value, dict):
        if "__loader__" in value:
            yield value
        for inner in value.values():
            yield from _entries(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            yield from _entries(inner, depth + 1)


def _is_same(first: Any, second: Any) -> bool:
    """Return whether two entries are of the same content, ids aside."""
    if isinstance(first, dict) and isinstance(second, dict):
        names = first.keys() - {"__id__"}
        return names == second.keys() - {"__id__"} and all(
            _is_same(first[name], second[name]) for name in names
        )
    if isinstance(first, list) and isinstance(second, list):
        pairs = zip(first, second, strict=False)
        return len(first) == len(second) and all(_is_same(*pair) for pair in pairs)
    return bool(first == second)


def _check_names(name: str, state: dict[str, Any]) -> None:
    """Check that a state replaces nothing that its class defines."""
    module, _, short = name.rpartition(".")
    kind = getattr(importlib.import_module(module), short)
    defined = [key for key in state if hasattr(kind, key)]
    if defined:
        raise ValueError(f"expected a {short} without a {defined[0]} of its own")


def _fit_neighbours(estimator: Any) -> None:
    """Fit models of nearest neighbours again, of their samples: compiled code follows their stored tree."""
    from sklearn.neighbors import KNeighborsClassifier

    if isinstance(estimator, KNeighborsClassifier):
        estimator.fit(estimator._fit_X, estimator.classes_[estimator._y])
    inner = vars(estimator).values() if hasattr(estimator, "__dict__") else ()
    for value in estimator if isinstance(estimator, list | tuple) else inner:
        if isinstance(value, list | tuple) or type(value).__module__.startswith("sklearn."):
            _fit_neighbours(value)


def _check(classifier: Any, n_features: int) -> None:
    """Check that a classifier gives probabilities of two classes."""
    if np.asarray(classifier.classes_).tolist() != [0, 1]:
        raise ValueError("expected a classifier of the classes 0 and 1")
    probability = classifier.predict_proba(np.zeros((2, n_features), np.float32))
    if probability.shape != (2, 2) or not ((probability >= 0) & (probability <= 1)).all():
        raise ValueError("expected a probability of each class")
