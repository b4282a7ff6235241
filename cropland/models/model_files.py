"""The files of a model: its recipe (YAML), and of each member a classifier (skops), an applicability (NumPy).

None of them runs code when it is read: a model may come from a registry that others write to. They belong
together: the recipe holds the checksums of the others, and the registry that of the recipe.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cropland.config.groups import MOST_MEMBERS
from cropland.config.schema import Closed, filled
from cropland.errors import CroplandError, DataError
from cropland.features.recipe import Recipe  # noqa: TC001  pydantic reads the annotations
from cropland.learning.calibration import Platt, PredictionSets  # noqa: TC001  here too
from cropland.models import stored_recipe
from cropland.models.applicability import Applicability
from cropland.models.fitted import Fitted, code_hash
from cropland.models.member import Member
from cropland.support import yaml_text
from cropland.support.fingerprint import fingerprint
from cropland.untrusted import documents, estimators
from cropland.untrusted.arrays import LARGEST_BYTES

if TYPE_CHECKING:
    from cropland.learning.classifiers import Classifier

RECIPE, ESTIMATOR, APPLICABILITY = "recipe.yaml", "estimator.skops", "applicability.npz"
"""The recipe lists the members; the others are those of the first, see `of_member`."""
_OF_MEMBER = ("recipe", "feature_names", "measured", "has_applicability")
"""What stood at the top of `RECIPE` when every model had one member."""


@dataclass(frozen=True)
class _Member(Closed):
    """A member in `RECIPE`; older ones do not say if there is an `APPLICABILITY`."""

    recipe: Recipe
    feature_names: tuple[str, ...]
    measured: tuple[str, ...]
    has_applicability: bool | None = None


@dataclass(frozen=True)
class _Contents(Closed):
    """The layout of `RECIPE`; older ones have no checksums, and their one member at the top."""

    members: tuple[_Member, ...]
    country: str
    facts: dict[str, Any]
    code: str
    calibration: Platt | None = None
    sets: PredictionSets | None = None
    checksums: dict[str, str] | None = None


def of_member(name: str, number: int) -> str:
    """Return how a file of a member is called.

    >>> of_member(ESTIMATOR, 1), of_member(ESTIMATOR, 2)
    ('estimator.skops', 'estimator_2.skops')
    """
    stem, dot, ending = name.partition(".")
    return name if number == 1 else f"{stem}_{number}{dot}{ending}"


def names() -> Iterator[str]:
    """Yield how the files of any model may be called."""
    yield RECIPE
    for number in range(1, MOST_MEMBERS + 1):
        yield of_member(ESTIMATOR, number)
        yield of_member(APPLICABILITY, number)


def write(folder: Path, fitted: Fitted) -> dict[str, str]:
    """Write a model into a folder; return the path of each file by its name."""
    import skops.io

    paths = []
    for number, member in enumerate(fitted.members, start=1):
        paths.append(folder / of_member(ESTIMATOR, number))
        skops.io.dump(member.classifier, paths[-1])
        if member.applicability is not None:
            paths.append(folder / of_member(APPLICABILITY, number))
            member.applicability.write(paths[-1])
    contents = _Contents(
        tuple(
            _Member(each.recipe, each.feature_names, each.measured, each.applicability is not None)
            for each in fitted.members
        ),
        fitted.country,
        dict(fitted.facts),
        code_hash(),
        fitted.calibration,
        fitted.sets,
        {path.name: _checksum(path) for path in paths},
    )
    text = yaml_text.dump(asdict(contents))
    (folder / RECIPE).write_text(text, encoding="utf-8")
    return {path.name: str(path) for path in (folder / RECIPE, *paths)}


def check(files: Mapping[str, str], checksum: str | None = None) -> _Contents:
    """Check that the files of a model belong together, as far as they have checksums.

    Parameters
    ----------
    files : mapping of str to str
        The path of each file by its name, as `write` returns it.
    checksum : str, optional
        That of the recipe, where the registry has it.

    Returns
    -------
    _Contents
        What the recipe holds.

    Raises
    ------
    DataError
        One is missing, cannot be read, or is not as it was written.
    """
    contents = _contents(files[RECIPE], checksum)
    for name in _used(contents, files):
        if name not in files:
            raise DataError(f"{files[RECIPE]} lacks the {name} beside it; log the model again")
        if contents.checksums is None:
            continue
        try:
            checksum = _checksum(Path(files[name]))
        except (OSError, ValueError) as error:
            raise DataError(
                f"{files[name]} cannot be read: {error}; log the model again"
            ) from error
        if checksum != contents.checksums.get(name):
            raise DataError(
                f"{files[name]} is not the one that the {RECIPE} beside it was written with: it was changed, "
                f"or is of another version; log the model again"
            )
    return contents


def _used(contents: _Contents, files: Mapping[str, str]) -> Iterator[str]:
    """Yield the files of the members; an applicability of which the recipe does not tell, if it is there."""
    for number, member in enumerate(contents.members, start=1):
        yield of_member(ESTIMATOR, number)
        name = of_member(APPLICABILITY, number)
        is_there = member.has_applicability
        if name in files if is_there is None else is_there:
            yield name


def read(files: Mapping[str, str], checksum: str | None = None) -> Fitted:
    """Read a model; warn where its features were made by other code than this.

    Parameters
    ----------
    files, checksum
        As of `check`.

    Raises
    ------
    DataError
        A file that is missing, cannot be read or is not as it was written, a recipe with a value that no
        configuration could have given it, or a classifier that holds a type of which no model is made.
    """
    contents = check(files, checksum)
    if contents.code != code_hash():
        warnings.warn(
            f"the model of {contents.country} was made by other code than the cropland in "
            f"{Path(__file__).parents[1]}; its features may differ: load it where cropland is not imported",
            stacklevel=2,
        )
    parts = zip(
        contents.members, _classifiers(contents, files), _areas(contents, files), strict=True
    )
    return Fitted(
        members=tuple(
            Member(stored.recipe, classifier, stored.feature_names, stored.measured, area)
            for stored, classifier, area in parts
        ),
        country=contents.country,
        facts=contents.facts,
        calibration=contents.calibration,
        sets=contents.sets,
    )


def _areas(contents: _Contents, files: Mapping[str, str]) -> Iterator[Applicability | None]:
    """Read the applicability of each member, None where it has none."""
    used = set(_used(contents, files))
    for number, stored in enumerate(contents.members, start=1):
        name, n_features = of_member(APPLICABILITY, number), len(stored.feature_names)
        yield Applicability.read(Path(files[name]), n_features) if name in used else None


def _checksum(path: Path) -> str:
    """Return the checksum of a file of at most `LARGEST_BYTES`."""
    return fingerprint(documents.read_bytes(path, LARGEST_BYTES))


def _contents(path: str, checksum: str | None) -> _Contents:
    """Read a recipe and what stands beside it, checked."""
    try:
        content = documents.read_bytes(Path(path), documents.MOST_YAML_BYTES)
        if checksum not in (None, fingerprint(content)):
            raise ValueError("it was changed, or is of another version than the registry says")
        contents = filled(_Contents, _as_now(documents.plain_yaml(content)))
        stored_recipe.check_members([member.recipe for member in contents.members])
        for member in contents.members:
            stored_recipe.check_recipe(member.recipe)
            stored_recipe.check_names(member.recipe, member.feature_names, member.measured)
        stored_recipe.check_facts(contents.country, contents.facts)
        stored_recipe.check_calibration(contents.calibration, contents.sets)
    except (CroplandError, OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}; log the model again") from error
    return contents


def _as_now(values: Any) -> Any:
    """Return what a recipe holds with its member in a list, where it was written when there was but one."""
    if not isinstance(values, dict) or "recipe" not in values:
        return values
    rest = {name: value for name, value in values.items() if name not in _OF_MEMBER}
    member = {name: values[name] for name in _OF_MEMBER if name in values}
    return {"members": [member], **rest}


def _classifiers(contents: _Contents, files: Mapping[str, str]) -> list[Classifier]:
    """Read the classifiers; warn once where they were made by another version of scikit-learn."""
    from sklearn.exceptions import InconsistentVersionWarning

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        classifiers: list[Classifier] = [
            estimators.read(Path(files[of_member(ESTIMATOR, number)]), len(stored.feature_names))
            for number, stored in enumerate(contents.members, start=1)
        ]
    versions = {
        (item.message.original_sklearn_version, item.message.current_sklearn_version)
        for item in caught
        if isinstance(item.message, InconsistentVersionWarning)
    }
    for before, here in sorted(versions):
        warnings.warn(
            f"the model was made with scikit-learn {before}, here is {here}; its probabilities may differ: "
            f"promote with force=true",
            stacklevel=3,
        )
    return classifiers
