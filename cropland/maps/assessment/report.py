"""An assessment in words: its sentence, its tables, and what must be known to read them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from cropland.maps.finished_map import CLASSES
from cropland.support.words import count, ha, markdown_table, some

if TYPE_CHECKING:
    from cropland.maps.assessment.area import Estimate
    from cropland.maps.assessment.result import Assessed

REPORT, PICTURE, NUMBERS = "assessment.md", "assessment.png", "assessment.json"
_SHOWN = 12
_FEW = 30
"""Labelled units of a stratum below which its interval is not to be relied upon."""


def texts(found: Assessed) -> dict[str, str]:
    """Give the files of an assessment by name, one for people and one for programs."""
    return {REPORT: markdown(found), NUMBERS: found.as_json()}


def picture(found: Assessed) -> bytes:
    """Draw its areas and accuracies."""
    from cropland.maps.assessment.figure import assessment

    tags = found.facts.tags
    made_up = " (made-up landscape)" if tags["SOURCE"] == "simulated" else ""
    return assessment(
        [
            (name, _ends(each), None if found.by_stratum else counted, true)
            for name, each, counted, true in found.areas()
        ],
        {name: _ends(each) for name, each in found.accuracies()},
        title=f"Cropland of {tags['COUNTRY']}{made_up}: area and accuracy",
        remark=f"{count(int(found.used.sum()), 'sample unit')}; {tags['MODEL']}, {tags['WINDOW']}",
    )


def _ends(estimate: Estimate) -> tuple[float, float, float]:
    return estimate.value, estimate.low, estimate.high


def headline(found: Assessed) -> str:
    """Say how much cropland there is, and what counting pixels makes of it where that is of the same land."""
    _, estimate, counted, _ = next(found.areas())
    said = (
        f"cropland: {ha(estimate.value)} ± {ha(estimate.margin, estimate.value)} ha (95 %: "
        f"{interval(estimate)})"
    )
    if found.by_stratum:
        return f"{said} on the land of the map that the sample was drawn from"
    lies = "inside" if estimate.low <= counted <= estimate.high else "outside"
    return (
        f"{said}; counting the map's pixels gives {ha(counted)} ha, which is biased and lies {lies} the "
        f"interval"
    )


def markdown(found: Assessed) -> str:
    """Write it all up for people."""
    tags, sentence = found.facts.tags, headline(found)
    parts = [
        f"# Cropland of {tags['COUNTRY']}: area and accuracy",
        f"Map by {tags['MODEL']}, {tags['WINDOW']}.",
        f"**{sentence[0].upper()}{sentence[1:]}.**",
        "## Area",
        _area_table(found),
        "## Accuracy",
        markdown_table(
            ("", "estimate", "95 %"),
            [(name, share(each.value), interval(each, share)) for name, each in found.accuracies()],
        ),
        "## Error matrix",
        "Proportions of the area that has a class in the map, with the sample's units in brackets.",
        _matrix(found),
        "## How to read it",
        "\n".join(f"- {note[0].upper()}{note[1:]}." for note in notes(found)),
    ]
    return "\n\n".join(parts) + "\n"


def _area_table(found: Assessed) -> str:
    known = found.design.true_hectares is not None
    head = ["class", "estimate, ha", "95 %, ha", "share of the area", "counted pixels, ha"]
    total = sum(each.hectares for each in found.design.strata.values())
    rows = []
    for name, each, counted, true in found.areas():
        row = [name, f"**{ha(each.value)}** ± {ha(each.margin, each.value)}", interval(each)]
        row += [share(each.value / total), ha(counted)]
        rows.append([*row, ha(true)] if true is not None else row)
    return markdown_table([*head, "true, ha"] if known else head, rows)


def _matrix(found: Assessed) -> str:
    table, head = found.found, ["mapped as", *(f"is {name}" for name in CLASSES), "all"]
    rows = []
    for name, shares, counts in zip(CLASSES, table.error_matrix, table.counts, strict=True):
        cells = [f"{one:.4f} ({n})" for one, n in zip(shares, counts, strict=True)]
        rows.append([name, *cells, f"{shares.sum():.4f} ({counts.sum()})"])
    sums = zip(table.error_matrix.sum(axis=0), table.counts.sum(axis=0), strict=True)
    rows.append(["all", *(f"{one:.4f} ({n})" for one, n in sums), f"1 ({table.counts.sum()})"])
    return markdown_table(head, rows)


def notes(found: Assessed) -> Iterator[str]:
    """Give what must be known to read the numbers."""
    strata = "; ".join(
        f"{name}: {each.units} of {each.pixels:,} pixels, {ha(each.hectares)} ha"
        for name, each in found.design.strata.items()
    )
    yield (
        f"estimates are of {found.estimator}, from a stratified random sample ({strata}; allocation "
        f"{found.design.allocation}, seed {found.design.seed}, {found.design.mark})"
    )
    yield (
        "counting pixels is biased by whatever the map gets wrong, and no accuracy corrects it; the "
        "estimate corrects it by what the sample found in each stratum"
    )
    yield "intervals are of the sampling alone: labels count as right, which no labels wholly are"
    yield from left_out(found)
    yield from too_narrow(found)
    yield from _limits(found)
    if found.facts.tags["SOURCE"] == "simulated":
        yield "this is a made-up landscape, which speaks of no real country"


def left_out(found: Assessed) -> Iterator[str]:
    """Say which units do not count, and what that means."""
    if found.unknown:
        are = "is" if len(found.unknown) == 1 else "are"
        yield (
            f"{len(found.unknown)} of {len(found.labels)} units could not be told and {are} left out "
            f"({some(found.unknown, show=_SHOWN)}): the others of a stratum speak for those, which stand "
            f"for {ha(found.unlabelled_hectares)} ha; if what cannot be told is more often of one class, the "
            f"estimate is off by up to that, which the interval does not know"
        )
    if found.unmapped:
        lie = "lies" if len(found.unmapped) == 1 else "lie"
        yield (
            f"{count(len(found.unmapped), 'labelled unit')} {lie} where this map has no class "
            f"({some(found.unmapped, show=_SHOWN)}): used for the area, and for no accuracy"
        )


def too_narrow(found: Assessed) -> Iterator[str]:
    """Say where all labels are alike, so that the interval holds nothing of what is there."""
    of = "the map that the sample was drawn from" if found.by_stratum else "the map"
    for name, seen in found.uniform.items():
        what = "no error" if seen == name else "nothing but errors"
        yield (
            f"{what} was seen where {of} says {name}: its interval is too narrow; label more units there, "
            f"of a larger sample (sample_size=…) where all are labelled"
        )


def _limits(found: Assessed) -> Iterator[str]:
    """Say what the estimate does not cover, or is weak at."""
    if found.by_stratum:
        yield (
            f"the sample was drawn from another map ({found.design.tags.get('MODEL', 'unknown')}, key "
            f"{found.design.key[:12]}): its strata are the classes of that map, and the estimated area is "
            f"of the land that it covers; this map's pixels may be of other land, so that their count is no "
            f"comparison"
        )
    elif found.facts.hectares["no data"] > 0:
        yield (
            f"{ha(found.facts.hectares['no data'])} ha have no class for want of observations: nothing is "
            f"said of them"
        )
    units = zip(found.design.strata, _labelled(found), strict=True)
    few = [f"{name} ({n})" for name, n in units if 0 < n < _FEW]
    if few:
        yield (
            f"fewer than {_FEW} labelled units were drawn where the map says {', '.join(few)}: the normal "
            f"interval may be too narrow; draw more"
        )


def _labelled(found: Assessed) -> list[int]:
    drawn_from = found.design.stratum[found.used]
    return [int((drawn_from == name).sum()) for name in found.design.strata]


def share(value: float) -> str:
    """Write a share.

    >>> share(0.9312), share(float("nan"))
    ('93.1 %', '–')
    """
    return "–" if math.isnan(value) else f"{100 * value:.1f} %"


def interval(estimate: Estimate, write: Callable[[float], str] = ha) -> str:
    """Write an interval, without what no area or share can be."""
    if math.isnan(estimate.value):
        return "–"
    high = estimate.high if write is ha else min(estimate.high, 1.0)
    return f"{write(max(estimate.low, 0.0))} to {write(high)}"
