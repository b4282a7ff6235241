"""Checks of what stands in a registered model's recipe, as of a configuration: others may have written it."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cropland.config.countries import FIRST_YEAR, LAST_YEAR, Choice, iso_date
from cropland.config.groups import MOST_MEMBERS, Bands
from cropland.config.schema import require
from cropland.errors import ConfigError
from cropland.features import series
from cropland.features.harmonics import LEAST_WEEKS
from cropland.features.interpolation import grid_of
from cropland.features.matrix import matrix
from cropland.learning.calibration import FLATTEST, STEEPEST
from cropland.observations.bands import SCENE_CLASS
from cropland.observations.points import COLUMNS

if TYPE_CHECKING:
    from cropland.features.recipe import Recipe
    from cropland.learning.calibration import Platt, PredictionSets

_SCENE_CLASSES = range(12)
_MOST_DAYS = 366 * (LAST_YEAR - FIRST_YEAR + 1)
_MOST_FACTS, _LONGEST_NAME = 100, 50


def check_members(recipes: Sequence[Recipe]) -> None:
    """Check how many members a model has, and that they are of one season.

    Raises
    ------
    ConfigError
        None or too many, or seasons that differ.
    """
    require(
        0 < len(recipes) <= MOST_MEMBERS,
        f"members must be 1 to {MOST_MEMBERS}, got {len(recipes)}",
    )
    ends = sorted({recipe.reference_end for recipe in recipes})
    require(len(ends) == 1, f"members must be of one season, got {' and '.join(ends[:2])}")


def check_calibration(calibration: Platt | None, sets: PredictionSets | None) -> None:
    """Check that the numbers of a calibration, and of prediction sets, are finite and in their range.

    Raises
    ------
    ConfigError
        They are not.
    """
    if calibration is not None:
        require(
            FLATTEST <= calibration.slope <= STEEPEST,
            f"calibration.slope must be {FLATTEST:g} to {STEEPEST:g}, got {calibration.slope!r}",
        )
    if sets is not None:
        for name in ("confidence", "cropland", "other"):
            value = getattr(sets, name)
            require(0 <= value <= 1, f"sets.{name} must be between 0 and 1, got {value!r}")


def check_recipe(recipe: Recipe) -> None:
    """Check that a configuration could have given a recipe its values.

    Raises
    ------
    ConfigError
        It could not: the window leaves the calendar, a band or a class is unknown or there twice.
    """
    Choice(recipe.span, 0)
    Bands("stored", recipe.bands)
    classes = recipe.classes
    require(
        all(number in _SCENE_CLASSES for number in classes) and len(set(classes)) == len(classes),
        f"classes must be scene classes, 0 to 11, each once, got {classes}",
    )
    require(
        not classes or SCENE_CLASS in recipe.bands,
        f"classes are those of {SCENE_CLASS}, which is not among the bands",
    )
    for name, least in (("min_observations", 1), ("max_gap_days", 0)):
        number = getattr(recipe, name)
        require(
            (number is None and name == "max_gap_days") or least <= number <= _MOST_DAYS,
            f"{name} must be {least} to {_MOST_DAYS:,}, got {number}",
        )
    weeks = LEAST_WEEKS if recipe.features.harmonics else 1
    require(recipe.span >= weeks, f"span of harmonics must be {weeks} or more, got {recipe.span}")
    _check_window(recipe)


def _check_window(recipe: Recipe) -> None:
    """Check that the window of a recipe lies in the years that satellites can have seen."""
    iso_date(recipe.reference_end, "reference_end")
    expected = f"expected a window between {FIRST_YEAR} and {LAST_YEAR}"
    try:
        window = recipe.window()
    except OverflowError as error:
        raise ConfigError(
            f"{expected}, got span {recipe.span:.3g} weeks, end_offset_days {recipe.end_offset_days:.3g}"
        ) from error
    require(
        window.first.year >= FIRST_YEAR and window.last.year <= LAST_YEAR,
        f"{expected}, got {window}",
    )


def check_names(recipe: Recipe, names: tuple[str, ...], measured: Collection[str]) -> None:
    """Check that features are those that a recipe makes, and what is measured is what it can use.

    Raises
    ------
    ConfigError
        They are not.
    """
    expected = feature_names(recipe)
    require(len(expected) > 0, f"the bands {', '.join(recipe.bands)} make no feature")
    require(
        names == expected,
        f"feature_names: the recipe makes {len(expected)} features such as {expected[-1]}, got "
        f"{len(names)} or others",
    )
    bands = recipe.band_set
    known = {*bands.dynamic, *bands.measured(()), SCENE_CLASS}
    require(
        known.issuperset(measured) and len(set(measured)) == len(measured),
        f"measured: expected some of {', '.join(sorted(known))}, each once, got {', '.join(measured)}",
    )


def feature_names(recipe: Recipe) -> tuple[str, ...]:
    """Return the names of the features that a recipe makes."""
    bands, end = recipe.band_set, iso_date(recipe.reference_end, "reference_end")
    grid = grid_of(recipe.window(), recipe.series.step_days)
    names = series.band_names(bands, recipe.classes)
    # One point, since the least of no value is none.
    points = {name: np.zeros(1) for name in COLUMNS}
    aligned = series.dataset(
        np.zeros((1, len(grid), len(names)), np.float32),
        np.ones(1, np.int32),
        np.zeros(1, np.int32),
        points,
        grid=grid,
        names=names,
    )
    features = matrix(aligned, bands, recipe.features, reference_end=end)["feature"]
    return tuple(features.to_numpy().tolist())


def check_facts(country: str, facts: Mapping[str, Any]) -> None:
    """Check what a model says of itself: the name of its country, accuracies between 0 and 1, a majority.

    Raises
    ------
    ConfigError
        Something else.
    """
    require(
        country.isprintable() and 0 < len(country) <= _LONGEST_NAME,
        f"country must be a name, got {country[:_LONGEST_NAME]!r}",
    )
    require(len(facts) <= _MOST_FACTS, f"facts must be at most {_MOST_FACTS}, got {len(facts)}")
    for name in ("accuracy", "accuracy_corrected"):
        value = facts.get(name, 0.0)
        is_number = isinstance(value, int | float) and math.isfinite(value)
        require(
            is_number and 0 <= value <= 1, f"facts.{name} must be between 0 and 1, got {value!r}"
        )
    majority = facts.get("majority", 0)
    require(majority in (0, 1), f"facts.majority must be 0 or 1, got {majority!r}")
