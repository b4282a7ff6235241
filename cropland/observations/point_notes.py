"""What a user must know of the labelled points of countries, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from cropland.observations.point_counts import (
    NAMED,
    POINTS_FILES,
    counts_of,
    given_counts,
    is_observed,
    observed,
    on_shared_pixels,
)
from cropland.support.words import count, some

if TYPE_CHECKING:
    from cropland.observations.archive import Archive


def notes(archives: Sequence[Archive]) -> list[str]:
    """Return what a user must know of the labelled points of countries, a line each."""
    lines = [*_outside_in_words(archives)]
    for archive in archives:
        counts, facts = counts_of(archive), archive.dataset.attrs.get(POINTS_FILES, {})
        if counts.swapped:
            names = _names(facts["swapped_ids"], counts.swapped)
            lines.append(
                f"{archive.country}: {counts.swapped} of {counts.given} labelled points lie in its box with "
                f"Lat and Lon exchanged only: {names}; exchange the two there"
            )
        if counts.unobserved:
            lines.append(
                f"{archive.country}: {counts.unobserved} of {counts.given - counts.outside} labelled points "
                f"have no observation: {unobserved_names(archive)}"
            )
        lines += _shared_in_words(archive)
        if counts.empty_rows:
            lines.append(f"{count(counts.empty_rows, 'empty row')} of the points files passed over")
        lines += [
            f"{pair}: if they are one point, write its ID in one way"
            for pair in facts.get("alike", ())
        ]
    return list(dict.fromkeys(lines))  # files of several countries are the same


def _outside_in_words(archives: Sequence[Archive]) -> Iterator[str]:
    """Return how many points lie in none of the countries."""
    counts = [given_counts(archive) for archive in archives]
    given = max((numbers.given for numbers in counts), default=0)
    outside = given - sum(numbers.given - numbers.outside for numbers in counts)
    names = [archive.country for archive in archives]
    if outside > 0 and len(names) > 1:
        yield (
            f"{outside} of {given} labelled points lie outside the boxes of {', '.join(names)} (conf/country)"
        )
    elif outside > 0:
        ids = archives[0].dataset.attrs[POINTS_FILES]["outside_ids"]
        yield (
            f"{outside} of {given} labelled points lie outside the box of {names[0]} "
            f"(conf/country/{names[0]}.yaml): {_names(ids, outside)}"
        )


def unobserved_names(archive: Archive) -> str:
    """Return the labelled points that have no observation, and what their IDs look like."""
    known = archive.points["Target"].to_numpy() >= 0
    names = archive.points["ID"].to_numpy()[known & ~is_observed(archive)]
    unknown = archive.dataset.attrs.get("unknown_ids", "")
    return f"{some(map(repr, names.tolist()), NAMED)}{unknown and f'; {unknown}'}"


def _shared_in_words(archive: Archive) -> Iterator[str]:
    """Return the labelled points that share a pixel, and those that contradict each other there."""
    known = observed(archive)
    names, country = known["ID"].to_numpy(), archive.country
    for which, what in zip(
        on_shared_pixels(known),
        (
            "labelled points share a pixel with another one; these stay in one fold",
            "labelled points contradict another one on their pixel",
        ),
        strict=True,
    ):
        if which.any():
            yield f"{country}: {int(which.sum())} of {len(names)} {what}: {some(names[which], NAMED)}"


def _names(names: Sequence[str], number: int) -> str:
    return ", ".join(names) + (", …" if number > len(names) else "")
