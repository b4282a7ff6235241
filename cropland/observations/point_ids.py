"""IDs that are meant to be equal and are not: what programs and people do to them on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

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


def _pairs(
    first: Sequence[str], second: Sequence[str]
) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yield the pairs that are equal but for something, after what that is."""
    for kind, key in _KINDS.items():
        by_key = {key(name): name for name in second}
        if pairs := [(name, by_key[key(name)]) for name in first if key(name) in by_key]:
            yield kind, pairs
