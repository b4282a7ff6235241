"""IDs that are meant to be equal and are not: what programs and people do to them on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cropland.errors import DataError
from cropland.support.words import count, some

if TYPE_CHECKING:
    from cropland.observations.points import PointsFiles

_KINDS: dict[str, Callable[[str], str]] = {
    "blanks": lambda name: "".join(name.split()),
    "leading zeros": lambda name: name.lstrip("0"),
    "upper and lower case": str.casefold,
    "decimals": lambda name: name.removesuffix(".0"),
}
"""How two IDs may differ, and what they have in common then."""
_FAR_DEGREES = 0.1
"""About 10 km: no point is measured again so far away."""


def compare(without: Iterable[str], ids: Iterable[str], observed: Iterable[str]) -> str:
    """Return in words how IDs of points without an observation look like those of other observations.

    Parameters
    ----------
    without : iterable of str
        IDs of points that have no observation.
    ids : iterable of str
        IDs of all points.
    observed : iterable of str
        IDs of all observations.

    Returns
    -------
    str
        Empty where all points have observations, or all observations are of points.

    >>> compare("01", "0123", ["00", "01", "2", "3"])
    "the exports have other IDs: '00', '01'; in 2 only leading zeros differ ('0', '00')"
    """
    missing = list(without)
    unknown = list(set(observed) - set(ids)) if missing else []
    if not unknown:
        return ""
    names = sorted(str(name) for name in unknown)
    text = f"the exports have other IDs: {some(map(repr, names), 3)}"
    for kind, pairs in _pairs(missing, names):
        return f"{text}; in {len(pairs)} only {kind} differ ({pairs[0][0]!r}, {pairs[0][1]!r})"
    return text


def alike_in_both(files: PointsFiles) -> list[str]:
    """Return in words, by kind, the IDs of a labelled and an unlabelled point that differ in it only."""
    labelled = files.table["Target"] >= 0
    first, second = files.table.loc[labelled, "ID"], files.table.loc[~labelled, "ID"]
    names = " and ".join(path.name for path in files.paths)
    return [
        f"in {count(len(pairs), 'ID')} of {names} only {kind} differ ({pairs[0][0]!r}, {pairs[0][1]!r})"
        for kind, pairs in _pairs(list(first), list(second))
    ]


def check_places(table: pd.DataFrame, path: Path) -> None:
    """Check that no ID stands for places far apart, as where points are numbered anew in each country.

    Parameters
    ----------
    table : DataFrame
        ``ID``, ``Lat`` and ``Lon`` as text; the index is the line, or the feature, of each row.
    path : Path
        Their file.

    Raises
    ------
    DataError
        One does.
    """
    twice = table[table["ID"].duplicated(keep=False)]
    places = pd.DataFrame(
        {
            name: pd.to_numeric(twice[name].str.replace(",", "."), errors="coerce").astype(float)
            for name in ("Lat", "Lon")
        }
    )
    first = places.groupby(twice["ID"]).transform("first")
    far = ((places - first).abs() > _FAR_DEGREES).any(axis=1)
    if not far.any():
        return
    name = twice["ID"][far].iloc[0]
    rows = np.flatnonzero(twice["ID"] == name)[0], np.flatnonzero(far)[0]
    here, there = (f"lat {twice['Lat'].iloc[row]}, lon {twice['Lon'].iloc[row]}" for row in rows)
    start, end = (twice.index[row] for row in rows)
    more = twice["ID"][far].nunique() - 1
    others = f", and {count(more, 'more ID does', 'more IDs do')}" if more else ""
    raise DataError(
        f"{path} has an ID of several points: {name!r} in {table.index.name}s {start} and {end} stands for "
        f"two places, {here} and {there}{others}; give each point an ID of its own, in the exports too, as "
        f"in iran-{name} and sudan-{name}"
    )


def _pairs(
    first: Sequence[str], second: Sequence[str]
) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yield the pairs that are equal but for something, after what that is."""
    for kind, key in _KINDS.items():
        by_key = {key(name): name for name in second}
        if pairs := [(name, by_key[key(name)]) for name in first if key(name) in by_key]:
            yield kind, pairs
