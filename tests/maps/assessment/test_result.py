"""What is made of a map and a labelled sample, and what to label next."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from standins import maps

from cropland.errors import DataError
from cropland.maps.assessment import area, report, sample
from cropland.maps.assessment import figure as drawing
from cropland.maps.assessment.page import sample_layers
from cropland.maps.assessment.result import AssessmentResult
from cropland.maps.finished_map import FinishedMap
from cropland.maps.layers import NO_DATA, TOO_FEW
from cropland.sources import grid as grids
from cropland.support import words
from cropland.support.figure_style import OTHER

TRUE = np.where(np.arange(40)[None, :] < 16, 1, 0) * np.ones((40, 1), int)


@pytest.fixture
def made(tmp_path: Path) -> FinishedMap:
    return maps.write(tmp_path, maps.HALF, source="stac")


def assessed(
    made: FinishedMap, *, untold: int = 0, classes: np.ndarray = maps.HALF
) -> AssessmentResult:
    """A sample of 40 units of each class with right labels; the first ones could not be seen."""
    strata = sample.count_strata(made, [(1,), (0,)])
    design = sample.draw(made, strata, np.array([40, 40]), seed=1, allocation="equal")
    rows, columns, _ = grids.pixels(made.grid, design.lon, design.lat)
    told = TRUE[rows, columns].tolist()
    labels = dict(zip(design.units, [None] * untold + told[untold:], strict=True))
    return AssessmentResult(made.facts, design, labels, classes[rows, columns])


def test_the_estimate_is_that_of_the_strata_and_lies_beside_the_count(made: FinishedMap) -> None:
    found = assessed(made)
    wrong = found.estimates.counts[0, 1]
    assert found.estimates.counts.tolist() == [[40 - wrong, wrong], [0, 40]]
    (name, estimate, counted, true), _ = found.areas()
    assert (name, true) == ("cropland", None)
    assert counted == pytest.approx(20 * 39 * 0.01, rel=0.002)
    assert estimate.value == pytest.approx(counted * (1 - wrong / 40))
    assert "Olofsson" in found.estimator
    assert found.metrics()["hectares_cropland_counted"] == counted


def test_units_stand_over_the_map_where_they_differ_from_it_in_a_layer(made: FinishedMap) -> None:
    result = assessed(made, untold=3)
    counts = result.estimates.counts
    wrong = int(counts[0, 1])
    layers = {layer.name: layer for layer in sample_layers(result)}
    assert list(layers) == [
        "sample: no label (3)",
        f"sample: other ({counts[1, 1]})",
        f"sample: cropland ({counts[0, 0]})",
        f"sample: map and label differ, black ring ({wrong})",
    ]
    differ = list(layers.values())[-1]
    assert set(differ.fields["label"]) == {"other"} and set(differ.colours) == {OTHER}
    assert set(differ.fields["on the map"]) == {"cropland"}
    lon, lat, _ = result.design.units[differ.fields["unit"][0]]
    assert (differ.lon[0], differ.lat[0]) == (lon, lat)


def test_what_could_not_be_told_is_named_counted_and_left_out(made: FinishedMap) -> None:
    found = assessed(made, untold=3)
    assert found.estimates.counts.sum() == 77
    assert found.metrics()["n_unknown"] == 3
    (note,) = report.left_out(found)
    assert note.startswith("3 of 80 units could not be labelled and are left out (S")
    assert all(name in note for name in list(found.labels)[:3])
    assert found.unlabelled_hectares == pytest.approx(3 / 40 * 7.8, rel=0.002)
    assert not list(report.left_out(assessed(made)))


def test_a_stratum_without_labels_is_refused_in_the_words_of_the_estimator(
    made: FinishedMap,
) -> None:
    with pytest.raises(
        DataError,
        match=r"at least 2 labelled units where the map says (cropland|other), .* label more units where",
    ):
        _ = assessed(made, untold=79).estimates


def test_a_sample_of_another_map_is_assessed_by_its_own_strata_and_it_says_so(
    made: FinishedMap,
) -> None:
    shifted = np.roll(maps.HALF, -4, axis=1)
    shifted[:, -4:] = 0
    found = assessed(made, classes=shifted)
    found = replace(found, facts=replace(found.facts, key="another"))
    assert "Stehman" in found.estimator
    rows, columns, _ = grids.pixels(made.grid, found.design.lon, found.design.lat)
    names = np.array(["other", "cropland"])
    expected = area.assess_by_stratum(
        found.design.stratum,
        names[shifted[rows, columns]],
        names[TRUE[rows, columns]],
        {name: each.hectares for name, each in found.design.strata.items()},
        ("cropland", "other"),
    )
    assert found.estimates.overall == expected.overall
    assert found.estimates.area == expected.area
    assert found.estimates.overall.value == 1
    assert "the sample was drawn from another map" in " ".join(report.notes(found)).lower()


@pytest.mark.parametrize("unknown", [NO_DATA, TOO_FEW])
def test_units_where_another_map_has_no_class_are_named(made: FinishedMap, unknown: int) -> None:
    gone = maps.HALF.copy()
    gone[:20] = unknown
    found = assessed(made, classes=gone)
    found = replace(found, facts=replace(found.facts, key="another"))
    lost = len(found.unmapped)
    assert 20 < lost < 60
    assert found.estimates.counts.sum() == 80 - lost
    assert any(note.startswith(f"{lost} labelled units lie where") for note in report.notes(found))
    assert found.metrics()["n_units"] == 80


def test_the_area_does_not_depend_on_where_another_map_has_a_class(made: FinishedMap) -> None:
    gone = maps.HALF.copy()
    gone[:, 8:24] = NO_DATA  # where most of the sample's errors lie
    whole = assessed(made).estimates
    found = assessed(made, classes=gone)
    found = replace(found, facts=replace(found.facts, key="another"))
    assert found.unmapped
    for name in ("cropland", "other"):
        assert found.estimates.area[name].value == pytest.approx(whole.area[name].value)
        assert found.estimates.area[name].se == pytest.approx(whole.area[name].se)
    assert found.estimates.overall.value == 1


def test_a_map_of_other_land_than_the_sample_is_refused(made: FinishedMap) -> None:
    found = assessed(made, classes=np.full_like(maps.HALF, NO_DATA))
    found = replace(found, facts=replace(found.facts, key="another"))
    with pytest.raises(DataError, match="has no class at the 80 labelled units of the sample S"):
        _ = found.estimates


def test_the_count_of_another_map_is_not_held_against_the_estimate(
    made: FinishedMap, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Any] = []
    monkeypatch.setattr(drawing, "assessment", lambda areas, *_, **__: drawn.extend(areas) or b"")
    own = assessed(made)
    other = replace(own, facts=replace(own.facts, key="another"))
    assert "lies" in report.headline(own)
    assert "lies" not in report.headline(other)
    assert "count" not in report.headline(other)
    report.picture(own)
    report.picture(other)
    assert [counted for _, _, counted, _ in drawn][2:] == [None, None]
    assert drawn[0][2] == own.facts.hectares["cropland"]


def test_a_map_that_was_changed_since_is_not_assessed_as_the_same(made: FinishedMap) -> None:
    with pytest.raises(DataError, match=r"80 of 80 units are mapped otherwise than when drawn"):
        _ = assessed(made, classes=np.where(maps.HALF == 1, 0, 1)).estimates


def test_the_report_tells_counts_intervals_and_what_is_not_covered(made: FinishedMap) -> None:
    text = report.markdown(assessed(made))
    counted = f"{made.facts.hectares['cropland']:.2f}"
    assert f"counted pixels give {counted} ha, which is biased" in text
    assert "0.40 ha have no class, since they were not observed" in text
    assert "producer's accuracy of other" in text
    assert "true, ha" not in text
    assert "simulated" not in text.lower()


def test_of_a_simulated_map_the_true_area_stands_beside_the_estimate(tmp_path: Path) -> None:
    made = maps.write(tmp_path, maps.HALF, true=TRUE)
    found = assessed(made)
    (_, _, _, true), _ = found.areas()
    assert true == pytest.approx(16 * 39 * 0.01, rel=0.002)
    assert "| true, ha |" in report.markdown(found)
    assert "Simulated data: not valid for any real country" in report.markdown(found)
    first = report.markdown(found).splitlines()[0]
    assert first.endswith(": area and accuracy (SIMULATED data)")


def test_the_numbers_are_plain_json_without_nan(made: FinishedMap) -> None:
    found = assessed(made)
    reject = partial(pytest.fail, pytrace=False)
    told = json.loads(found.as_json(), parse_constant=reject)
    assert told["counts"] == found.estimates.counts.tolist()
    assert told["estimates"]["overall_accuracy"] == found.estimates.overall.value


def test_a_stratum_of_few_units_is_warned_of(made: FinishedMap) -> None:
    assert not any(note.startswith("only") for note in report.notes(assessed(made)))
    found = assessed(made)
    other = found.design.stratum == "other"
    unlabelled = dict.fromkeys(np.array(list(found.labels))[other][2:].tolist())
    few = replace(found, labels=found.labels | unlabelled)
    (note,) = [note for note in report.too_narrow(few) if note.startswith("only")]
    assert note.startswith(
        "only 2 labelled units where the map says other: the interval rests on them"
    )
    assert note in list(report.notes(few))


def relabelled(found: AssessmentResult, **named: int) -> AssessmentResult:
    """The same sample with one label for all units of a stratum."""
    told = zip(found.labels.items(), found.design.stratum, strict=True)
    labels = {name: named.get(stratum, label) for (name, label), stratum in told}
    return replace(found, labels=labels)


def test_a_stratum_without_a_seen_error_is_named_since_its_interval_is_too_narrow(
    made: FinishedMap,
) -> None:
    found = assessed(made)  # errors where the map says cropland, none where it says other
    (note,) = report.too_narrow(found)
    assert note.startswith(
        "no error in the sample where the map says other: its interval is too narrow"
    )
    assert note in list(report.notes(found))
    every = relabelled(found, cropland=1, other=0)
    assert every.estimates.area["cropland"].se == 0
    assert [note.split(":")[0] for note in report.too_narrow(every)] == [
        "no error in the sample where the map says cropland",
        "no error in the sample where the map says other",
    ]
    (note,) = report.too_narrow(relabelled(found, other=1))
    assert note.startswith("only errors in the sample where the map says other")


def test_a_stratum_of_which_every_pixel_is_labelled_has_no_interval_to_widen(
    made: FinishedMap,
) -> None:
    found = assessed(made)
    other = replace(found.design.strata["other"], pixels=40)
    strata = {**found.design.strata, "other": other}
    whole = replace(found, design=replace(found.design, strata=strata))
    assert not list(report.too_narrow(whole))


def test_one_unit_is_spoken_of_as_one(made: FinishedMap) -> None:
    (note,) = report.left_out(assessed(made, untold=1))
    assert note.startswith("1 of 80 units could not be labelled and is left out")
    found = assessed(made)
    mapped = found.mapped.copy()
    mapped[0] = NO_DATA
    other = replace(found, mapped=mapped, facts=replace(found.facts, key="another"))
    (note,) = report.left_out(other)
    assert note.startswith("1 labelled unit lies where this map has no class")


@pytest.mark.parametrize(
    ("value", "like", "said"),
    [(15_000.4, None, "15,000"), (3.14159, None, "3.14"), (2.2, 151, "2")],
)
def test_hectares_are_written_as_exactly_as_they_are_known(
    value: float, like: float | None, said: str
) -> None:
    assert words.ha(value, like) == said
