"""An assessment in words: its sentence, its tables, and what must be known to read them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from cropland.maps.layers import CLASSES
from cropland.support.report_page import report_page
from cropland.support.terminal import SIMULATED, titled
from cropland.support.words import count, ha, markdown_table, some
from cropland.untrusted.texts import markdown_text

if TYPE_CHECKING:
    from cropland.maps.assessment.area import SampleEstimate
    from cropland.maps.assessment.result import AssessmentResult

REPORT, PICTURE, NUMBERS = "assessment.md", "assessment.png", "assessment.json"
REPORT_PAGE = "assessment.html"
_SHOWN = 12
_FEW = 30
"""Labelled units of a stratum below which its interval is not to be relied upon."""


def files_of(result: AssessmentResult) -> dict[str, str | bytes]:
    """Return the files of an assessment by name: texts for people and for programs, picture and page."""
    drawn = picture(result)
    page = report_page(
        markdown(result, f"![Estimates and their 95 % intervals]({PICTURE})"),
        _title(result.facts.tags),
        {PICTURE: drawn},
    )
    texts = {REPORT: markdown(result), NUMBERS: result.as_json()}
    return {**texts, PICTURE: drawn, REPORT_PAGE: page}


def picture(result: AssessmentResult) -> bytes:
    """Draw its areas and accuracies."""
    from cropland.maps.assessment.figure import assessment

    tags = result.facts.tags
    return assessment(
        [
            (name, _ends(each), None if result.by_stratum else counted, true)
            for name, each, counted, true in result.areas()
        ],
        {name: _ends(each) for name, each in result.accuracies()},
        title=_title(tags),
        remark=f"{count(int(result.used.sum()), 'sample unit')}; {tags['MODEL']}, {tags['WINDOW']}",
    )


def _title(tags: Mapping[str, str]) -> str:
    simulated = tags["SOURCE"] == "simulated"
    return titled(f"Cropland of {tags['COUNTRY']}: area and accuracy", simulated=simulated)


def _ends(estimate: SampleEstimate) -> tuple[float, float, float]:
    return estimate.value, estimate.low, estimate.high


def headline(result: AssessmentResult) -> str:
    """Return how much cropland there is, beside the counted pixels where these are of the same land."""
    _, estimate, counted, _ = next(result.areas())
    area = (
        f"cropland: {ha(estimate.value)} ± {ha(estimate.margin, estimate.value)} ha (95 %: "
        f"{interval(estimate)})"
    )
    if result.by_stratum:
        return f"{area} on the land of the map that the sample was drawn from"
    lies = "inside" if estimate.low <= counted <= estimate.high else "outside"
    return (
        f"{area}; counted pixels give {ha(counted)} ha, which is biased and lies {lies} the "
        f"interval"
    )


def markdown(result: AssessmentResult, figure: str = "") -> str:
    """Write the report for people; with a figure, as Markdown, below its sentence."""
    tags, sentence = result.facts.tags, headline(result)
    parts = [
        f"# {markdown_text(_title(tags))}",
        markdown_text(f"Map by {tags['MODEL']}, {tags['WINDOW']}."),
        f"**{markdown_text(sentence[0].upper() + sentence[1:])}.**",
        *([figure] if figure else []),
        "## Area",
        _area_table(result),
        "## Accuracy",
        markdown_table(
            ("", "estimate", "95 %"),
            [
                (name, share(each.value), interval(each, share))
                for name, each in result.accuracies()
            ],
        ),
        "## Error matrix",
        "Proportions of the area that has a class in the map, with the sample's units in brackets.",
        _matrix(result),
        "## How to read it",
        "\n".join(f"- {markdown_text(note[0].upper() + note[1:])}." for note in notes(result)),
    ]
    return "\n\n".join(parts) + "\n"


def _area_table(result: AssessmentResult) -> str:
    known = result.design.true_hectares is not None
    head = ["class", "estimate, ha", "95 %, ha", "share of the area", "counted pixels, ha"]
    total = sum(each.hectares for each in result.design.strata.values())
    rows = []
    for name, each, counted, true in result.areas():
        row = [name, f"**{ha(each.value)}** ± {ha(each.margin, each.value)}", interval(each)]
        row += [share(each.value / total), ha(counted)]
        rows.append([*row, ha(true)] if true is not None else row)
    return markdown_table([*head, "true, ha"] if known else head, rows)


def _matrix(result: AssessmentResult) -> str:
    table, head = result.estimates, ["mapped as", *(f"is {name}" for name in CLASSES), "all"]
    rows = []
    for name, shares, counts in zip(CLASSES, table.error_matrix, table.counts, strict=True):
        cells = [f"{one:.4f} ({n})" for one, n in zip(shares, counts, strict=True)]
        rows.append([name, *cells, f"{shares.sum():.4f} ({counts.sum()})"])
    sums = zip(table.error_matrix.sum(axis=0), table.counts.sum(axis=0), strict=True)
    rows.append(["all", *(f"{one:.4f} ({n})" for one, n in sums), f"1 ({table.counts.sum()})"])
    return markdown_table(head, rows)


def notes(result: AssessmentResult) -> Iterator[str]:
    """Yield what must be known to read the numbers."""
    strata = "; ".join(
        f"{name}: {each.units} of {each.pixels:,} pixels, {ha(each.hectares)} ha"
        for name, each in result.design.strata.items()
    )
    yield (
        f"estimates are of {result.estimator}, from a stratified random sample ({strata}; allocation "
        f"{result.design.allocation}, seed {result.design.seed}, {result.design.mark})"
    )
    yield (
        "counting pixels is biased by the errors of the map; the estimate corrects this with the "
        "errors that the sample found in each stratum"
    )
    yield "intervals are of the sampling alone: label errors are not included"
    yield from left_out(result)
    yield from too_narrow(result)
    yield from _limits(result)
    if result.facts.tags["SOURCE"] == "simulated":
        yield SIMULATED


def left_out(result: AssessmentResult) -> Iterator[str]:
    """Yield which units do not count, and what that means."""
    if result.unknown:
        are = "is" if len(result.unknown) == 1 else "are"
        yield (
            f"{len(result.unknown)} of {len(result.labels)} units could not be labelled and {are} left out "
            f"({some(result.unknown, show=_SHOWN)}): the others of a stratum represent them, "
            f"{ha(result.unlabelled_hectares)} ha; if these units belong to one class more often than "
            "the others, the estimate is off by up to that area, which the interval does not include"
        )
    if result.unmapped:
        lie = "lies" if len(result.unmapped) == 1 else "lie"
        yield (
            f"{count(len(result.unmapped), 'labelled unit')} {lie} where this map has no class "
            f"({some(result.unmapped, show=_SHOWN)}): used for the area, not for accuracies"
        )


def too_narrow(result: AssessmentResult) -> Iterator[str]:
    """Yield where few units of a stratum are labelled, or all alike, so that the interval is too narrow."""
    of = "the map that the sample was drawn from" if result.by_stratum else "the map"
    for name, seen in result.uniform.items():
        what = "no error" if seen == name else "only errors"
        yield (
            f"{what} in the sample where {of} says {name}: its interval is too narrow; label more units "
            f"there, of a larger sample (sample_size=…) where all are labelled"
        )
    labelled = Counter(result.design.stratum[result.used].tolist())
    for name, each in result.design.strata.items():
        if 0 < labelled[name] < min(_FEW, each.pixels):
            yield (
                f"only {count(labelled[name], 'labelled unit')} where {of} says {name}: the interval rests "
                f"on them, and may be too narrow; label more units there, of a larger sample (sample_size=…)"
            )


def _limits(result: AssessmentResult) -> Iterator[str]:
    """Yield what the estimate does not cover."""
    if result.by_stratum:
        yield (
            f"the sample was drawn from another map ({result.design.tags.get('MODEL', 'unknown')}, key "
            f"{result.design.key[:12]}): its strata are the classes of that map, and the estimated area is "
            "of the land that it covers; this map's pixels may be of other land, so that pixel counts "
            "cannot be compared"
        )
    elif result.facts.hectares["no data"] > 0:
        yield (
            f"{ha(result.facts.hectares['no data'])} ha have no class, since they were not observed: "
            "they are not in the estimate"
        )


def share(value: float) -> str:
    """Write a share.

    >>> share(0.9312), share(float("nan"))
    ('93.1 %', '–')
    """
    return "–" if math.isnan(value) else f"{100 * value:.1f} %"


def interval(estimate: SampleEstimate, write: Callable[[float], str] = ha) -> str:
    """Write an interval."""
    if math.isnan(estimate.value):
        return "–"
    return f"{write(estimate.low)} to {write(estimate.high)}"
