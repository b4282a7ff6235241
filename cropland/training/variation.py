"""Variation: the settings that differ among the candidates of a sweep, and how people read them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

GROUPS = ("bands", "series", "features", "model", "validation")
DERIVED = frozenset(
    (
        *("window_start", "window_end", "n_alternatives"),
        *("n_features", "n_samples", "n_points", "span_weeks"),
    )
)
"""Params of runs that follow from what was chosen."""
_LONGEST_VALUE = 40


def varied(candidates: Iterable[Mapping[str, object]]) -> list[str]:
    """Return the settings that differ among the candidates of some country, in their order.

    A setting of a group, as ``model.max_depth``, counts where it differs among candidates with the same file
    of the group: what comes with the name of a file is said by that name.

    Parameters
    ----------
    candidates : iterable of mapping
        The settings of each, flat, as `Candidate.settings` or the params of its run hold them.
    """
    rows = list(candidates)
    return [
        key
        for key in dict.fromkeys(key for row in rows for key in row)
        if key not in DERIVED and key != "country" and _differs(rows, key)
    ]


def _differs(rows: Sequence[Mapping[str, object]], key: str) -> bool:
    """Return whether a setting has several values in one country and, where it has one, one group's file."""
    group = key.partition(".")[0]
    first: dict[tuple[object, object], object] = {}
    for row in rows:
        alike = row.get("country"), row.get(group) if group != key else None
        value = row.get(key)
        if first.setdefault(alike, value) != value:
            return True
    return False


def scalar(value: object) -> str | int | float | bool | None:
    """Return a setting as JSON and a table hold it: a number, a text, true, false or null; a list as text.

    >>> scalar(4), scalar(["min", "max"]), scalar(None)
    (4, '[min,max]', None)
    """
    if value is None or isinstance(value, (str, int, float)):
        return value
    return word(value)


def word(value: object) -> str:
    """Return a setting as the command line takes it.

    >>> word(None), word(True), word(("B4", "B8")), word(0.5)
    ('null', 'true', '[B4,B8]', '0.5')
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return f"[{','.join(map(word, value))}]"
    return str(value)


def is_number(value: object) -> bool:
    """Return whether a setting is a number."""
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool)


def ordered(values: Iterable[Any]) -> list[Any]:
    """Return the different values of a setting: numbers in their order, then texts in theirs.

    >>> ordered([16, "null", 2, 16])
    [2, 16, 'null']
    """
    different = set(values)
    numbers = {value for value in different if is_number(value)}
    return [*sorted(numbers), *sorted(different - numbers)]


def labels(keys: Iterable[str], taken: Iterable[str] = ()) -> dict[str, str]:
    """Return a short label of each setting: without its group, unless another has that label.

    >>> labels(["model.max_depth", "validation.folds", "seed"])
    {'model.max_depth': 'max_depth', 'validation.folds': 'folds', 'seed': 'seed'}
    """
    short = {key: key.partition(".")[2] or key for key in keys}
    names = [*short.values(), *taken]
    return {key: name if names.count(name) == 1 else key for key, name in short.items()}


def assignments(settings: Mapping[str, object], keys: Iterable[str]) -> list[str]:
    """Return some settings in words, as ``max_depth=4``; those that are not there are left out.

    >>> assignments({"model.max_depth": None}, ["model.max_depth", "model.C"])
    ['max_depth=null']
    """
    names = labels(key for key in keys if key in settings)
    return [
        f"{name}={shortened(word(settings[key]), _LONGEST_VALUE)}" for key, name in names.items()
    ]


def shortened(text: str, most: int) -> str:
    """Return a text of at most so many characters, the last of them an ellipsis where some are left out."""
    return text if len(text) <= most else f"{text[: most - 1]}…"
