"""The files of a fitted model: its recipe (YAML), its classifier (skops) and its applicability (NumPy).

None of them runs code when it is read: a model may come from a registry that others write to.
"""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cropland.config.schema import Closed, filled
from cropland.errors import DataError
from cropland.features.recipe import Recipe  # noqa: TC001  pydantic reads the annotations
from cropland.models.applicability import Applicability
from cropland.models.fitted import Fitted, code_hash
from cropland.support import yaml_text
from cropland.untrusted import documents

if TYPE_CHECKING:
    from cropland.learning.classifiers import Classifier

RECIPE, ESTIMATOR, APPLICABILITY = "recipe.yaml", "estimator.skops", "applicability.npz"
TRUSTED = "sklearn."
"""Prefix of the types that a classifier may hold, beside those that skops knows as harmless."""


@dataclass(frozen=True)
class _Contents(Closed):
    """The layout of `RECIPE`."""

    recipe: Recipe
    feature_names: tuple[str, ...]
    measured: tuple[str, ...]
    country: str
    facts: dict[str, Any]
    code: str


def write(folder: Path, fitted: Fitted) -> dict[str, str]:
    """Write a model into a folder; return the path of each file by its name."""
    import skops.io

    contents = _Contents(
        fitted.recipe,
        fitted.feature_names,
        fitted.measured,
        fitted.country,
        dict(fitted.facts),
        code_hash(),
    )
    text = yaml_text.dump(asdict(contents))
    (folder / RECIPE).write_text(text, encoding="utf-8")
    skops.io.dump(fitted.classifier, folder / ESTIMATOR)
    files = {name: str(folder / name) for name in (RECIPE, ESTIMATOR)}
    if fitted.applicability is not None:
        fitted.applicability.write(folder / APPLICABILITY)
        files[APPLICABILITY] = str(folder / APPLICABILITY)
    return files


def read(files: Mapping[str, str]) -> Fitted:
    """Read a model; warn where its features were made by other code than this.

    Parameters
    ----------
    files : mapping of str to str
        The path of each file by its name, as `write` returns it.

    Raises
    ------
    DataError
        A file that cannot be read, or a classifier that holds anything but scikit-learn's own types.
    ConfigError
        A recipe that is no plain YAML, with an unknown or missing key, or a value of the wrong type.
    """
    try:
        values = documents.plain_yaml(Path(files[RECIPE]).read_bytes())
    except (OSError, ValueError) as error:
        raise DataError(f"{files[RECIPE]} cannot be read: {error}; log the model again") from error
    contents = filled(_Contents, values)
    if contents.code != code_hash():
        warnings.warn(
            f"the model of {contents.country} was made by other code than the cropland in "
            f"{Path(__file__).parents[1]}; its features may differ: load it where cropland is not imported",
            stacklevel=2,
        )
    return Fitted(
        recipe=contents.recipe,
        classifier=_classifier(files[ESTIMATOR]),
        feature_names=contents.feature_names,
        measured=contents.measured,
        country=contents.country,
        facts=contents.facts,
        applicability=(
            Applicability.read(Path(files[APPLICABILITY]), len(contents.feature_names))
            if APPLICABILITY in files
            else None
        ),
    )


def _loaded(path: str, types: list[str]) -> Any:
    """Load a classifier; warn once where it was made by another version of scikit-learn."""
    import skops.io
    from sklearn.exceptions import InconsistentVersionWarning

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        classifier = skops.io.load(path, trusted=types)
    versions = {
        (item.message.original_sklearn_version, item.message.current_sklearn_version)
        for item in caught
        if isinstance(item.message, InconsistentVersionWarning)
    }
    for before, here in sorted(versions):
        warnings.warn(
            f"the model was made with scikit-learn {before}, here is {here}; its probabilities may differ: "
            f"promote with force=true",
            stacklevel=4,
        )
    return classifier


def _classifier(path: str) -> Classifier:
    """Read a classifier, where all its types are known not to run code."""
    import skops.io

    try:
        types = skops.io.get_untrusted_types(file=path)
        foreign = [name for name in types if not name.startswith(TRUSTED)]
        if foreign:
            raise DataError(
                f"{path} holds {', '.join(foreign)}, which is not scikit-learn's and could run any code; "
                f"use a model from a source that you trust"
            )
        classifier: Classifier = _loaded(path, types)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} cannot be read: {error}; log the model again") from error
    return classifier
