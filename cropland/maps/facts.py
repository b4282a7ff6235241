"""What is known of a map: the numbers that it adds up to, and how they are told."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cropland.maps.assemble import CROPLAND, OTHER
from cropland.maps.compute import NO_DATA
from cropland.support.words import count

if TYPE_CHECKING:
    from cropland.maps.assemble import Counted

Facts = dict[str, Any]
"""Plain values, as ``map.json`` keeps them."""
_COUNTING = "counted pixels, which is biased: see scripts/assess.py"


def facts_of(
    counted: Counted, tags: Mapping[str, str], recalls: Mapping[str, float], threshold: float | None
) -> Facts:
    """Put together what is known of a map.

    Parameters
    ----------
    counted : Counted
        What its pixels add up to.
    tags : mapping of str to str
        What its files say of themselves.
    recalls : mapping of str to float
        Share of the labelled points of each class, ``cropland`` and ``other``, that cross-validation found.
    threshold : float, optional
        The largest dissimilarity inside the area of applicability.
    """
    names = {CROPLAND: "cropland", OTHER: "other", NO_DATA: "no data"}
    inside = sum(counted.pixels.values())
    facts: Facts = {
        "key": tags["KEY"],
        "tags": dict(tags),
        "pixels": {names[value]: count for value, count in counted.pixels.items()},
        "hectares": {names[value]: area for value, area in counted.hectares.items()},
        "mean_observations": counted.observations / max(inside, 1),
        "cross_validated": dict(recalls),
    }
    if threshold is not None:
        facts["outside_applicability"] = counted.dissimilar / max(counted.known, 1)
    if counted.truth is not None:
        facts["truth"] = counted.truth.tolist()
    return facts


def read(path: Path) -> Facts | None:
    """Read the facts of a map; None where there is none, or only a part of one."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        _ = list(told(found)), found["key"]
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
    facts: Facts = found
    return facts


def told(facts: Facts) -> Iterator[tuple[str, str]]:
    """Tell the facts of a map in words, a name and what it is."""
    tags, area = facts["tags"], facts["hectares"]
    yield "model", tags["MODEL"]
    yield "window", tags["WINDOW"]
    yield "pixels", f"{sum(facts['pixels'].values()):,} of {tags['RESOLUTION']}"
    yield "cropland", f"{area['cropland']:,.0f} ha ({_COUNTING})"
    yield "other", f"{area['other']:,.0f} ha"
    if facts["pixels"]["no data"]:
        yield (
            "no data",
            f"{area['no data']:,.0f} ha, not or not in all bands observed in the window",
        )
    yield (
        "observed on",
        f"{count(round(facts['mean_observations']), 'day')} of the window, on average",
    )
    if "outside_applicability" in facts:
        share = facts["outside_applicability"]
        yield "unlike the training points", f"{share:.1%} of it, see layer applicability"
    if "truth" in facts:
        yield "against the landscape", _against_truth(facts)


def _against_truth(facts: Facts) -> str:
    """Compare with the truth of a simulated landscape, and with what cross-validation expected."""
    found = truths(facts)
    said = f"{found['accuracy']:.1%} of all pixels are right"
    for name in ("cropland", "other"):
        expected = facts["cross_validated"].get(name)
        beside = "" if expected is None else f" (cross-validated {expected:.1%})"
        said += f"; of {name} {found[name]:.1%}{beside}"
    return said


def truths(facts: Facts) -> dict[str, float]:
    """Give the shares of pixels that are right, in all and of each true class."""
    table = facts["truth"]
    total = sum(map(sum, table))
    return {
        "accuracy": (table[0][0] + table[1][1]) / total,
        "cropland": table[1][1] / max(sum(table[1]), 1),
        "other": table[0][0] / max(sum(table[0]), 1),
        "true_cropland": sum(table[1]) / total,
    }


def metrics(facts: Facts) -> dict[str, float]:
    """Give the numbers of a map, as its run keeps them."""
    found = {
        "n_pixels": float(sum(facts["pixels"].values())),
        "n_missing": float(facts["pixels"]["no data"]),
        "hectares_cropland_counted": facts["hectares"]["cropland"],
        "hectares_other_counted": facts["hectares"]["other"],
        "mean_observations": facts["mean_observations"],
    }
    if "outside_applicability" in facts:
        found["outside_applicability"] = facts["outside_applicability"]
    if "truth" in facts:
        found |= {f"truth_{name}": share for name, share in truths(facts).items()}
    return found
