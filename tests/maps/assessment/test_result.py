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

from cropland.commands import assess
from cropland.config.commands.assess import Assess, UsersAccuracy
from cropland.config.groups import Tracking
from cropland.config.sources import Simulated
from cropland.errors import ConfigError, DataError
from cropland.maps.assessment import area, next_units, report, sample
from cropland.maps.assessment import figure as drawing
from cropland.maps.assessment.result import Assessed
from cropland.maps.finished_map import NO_DATA, MapFolder
from cropland.observations import points
from cropland.support import words

DEFAULTS: dict[str, Any] = {
    "source": Simulated("simulated", 30, 100, {}),
    "tracking": Tracking("local", "sqlite:///mlflow.db", "artifacts"),
    "map": "maps/iran",
    "labels": None,
    "design": None,
    "next": None,
    "sample_size": None,
    "users_accuracy": UsersAccuracy(0.85, 0.95),
    "standard_error": 0.01,
    "allocation": "proportional",
    "minimum": 50,
    "candidates": 20_000,
    "min_distance": 200,
    "seed": 2023,
    "force": False,
}


def command(**changes: Any) -> Assess:
    return Assess(**{**DEFAULTS, **changes})


@pytest.mark.parametrize(
    ("changes", "word", "said"),
    [
        (
            {},
            "min_distance=5",
            "min_distance is given to choose what to label next, and this is to draw a sample",
        ),
        ({}, "tracking.uri=x", "tracking is given to estimate from labels, and this is to draw"),
        (
            {"labels": "x.csv"},
            "seed=3",
            "seed is given to draw a sample or choose what to label next",
        ),
        ({"labels": "x.csv"}, "+force=true", "force is given to"),
        (
            {"next": 5},
            "sample_size=300",
            "sample_size is given to draw a sample, and this is to choose",
        ),
        (
            {"sample_size": 300},
            "users_accuracy.cropland=0.7",
            "sample_size .* so users_accuracy would not be used",
        ),
        ({"labels": "landscape"}, "source.points=7", "source.points decides nothing here"),
    ],
)
def test_what_would_not_be_used_is_refused(changes: dict[str, Any], word: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        command(**changes).check_given(["map=maps/iran", word])


def test_what_is_used_is_taken() -> None:
    command(sample_size=300).check_given(
        ["sample_size=300", "allocation=equal", "minimum=20", "country=iran"]
    )
    command(next=9).check_given(["next=9", "min_distance=50", "seed=1", "source=stac"])
    command(labels="x").check_given(
        ["labels=x", "design=y", "tracking=server", "source.profiles.iran.cloud=0.1"]
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"labels": "x.csv", "next": 4}, "labels and next are both given"),
        ({"next": 0}, "next must be 1 or more, got 0"),
        ({"sample_size": 3}, "sample_size must be 4 or more, got 3"),
        ({"standard_error": 0.0}, "standard_error must lie between 0 and 1, got 0.0"),
        ({"next": 9, "candidates": 8}, "candidates must be at least .* chosen of them, 9, got 8"),
    ],
)
def test_values_that_cannot_be_are_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        command(**changes)


def test_a_users_accuracy_of_1_is_no_conjecture() -> None:
    with pytest.raises(ConfigError, match=r"users_accuracy.other must lie between 0 and 1, got 1"):
        UsersAccuracy(0.9, 1.0)


# A map of 40 x 40 pixels: the left half cropland, the right half other, the lowest row without a class
CLASSES = np.where(np.arange(40)[None, :] < 20, 1, 0) * np.ones((40, 1), int)
CLASSES[-1] = NO_DATA
TRUE = np.where(np.arange(40)[None, :] < 16, 1, 0) * np.ones((40, 1), int)


@pytest.fixture
def made(tmp_path: Path) -> MapFolder:
    return maps.write(tmp_path, CLASSES, source="stac")


def assessed(made: MapFolder, *, untold: int = 0, classes: np.ndarray = CLASSES) -> Assessed:
    """A sample of 40 units of each class with right labels; the first ones could not be told."""
    strata = sample.counted(made, [(1,), (0,)])
    design = sample.design(made, strata, np.array([40, 40]), seed=1, allocation="equal")
    rows, columns, _ = made.pixels(design.lon, design.lat)
    told = TRUE[rows, columns].tolist()
    labels = dict(zip(design.units, [None] * untold + told[untold:], strict=True))
    return Assessed(made.facts, design, labels, classes[rows, columns])


def test_the_estimate_is_that_of_the_strata_and_lies_beside_the_count(made: MapFolder) -> None:
    found = assessed(made)
    wrong = found.found.counts[0, 1]
    assert found.found.counts.tolist() == [[40 - wrong, wrong], [0, 40]]
    (name, estimate, counted, true), _ = found.areas()
    assert (name, true) == ("cropland", None)
    assert counted == pytest.approx(20 * 39 * 0.01, rel=0.002)
    assert estimate.value == pytest.approx(counted * (1 - wrong / 40))
    assert "Olofsson" in found.estimator
    assert found.metrics()["hectares_cropland_counted"] == counted


def test_what_could_not_be_told_is_named_counted_and_left_out(made: MapFolder) -> None:
    found = assessed(made, untold=3)
    assert found.found.counts.sum() == 77
    assert found.metrics()["n_unknown"] == 3
    (note,) = report.left_out(found)
    assert note.startswith("3 of 80 units could not be told and are left out (S")
    assert all(name in note for name in list(found.labels)[:3])
    assert found.unlabelled_hectares == pytest.approx(3 / 40 * 7.8, rel=0.002)
    assert not list(report.left_out(assessed(made)))


def test_a_stratum_without_labels_is_refused_in_the_words_of_the_estimator(
    made: MapFolder,
) -> None:
    with pytest.raises(
        DataError,
        match=r"at least 2 labelled units where the map says (cropland|other), .* label more units where",
    ):
        _ = assessed(made, untold=79).found


def test_a_sample_of_another_map_is_assessed_by_its_own_strata_and_it_says_so(
    made: MapFolder,
) -> None:
    shifted = np.roll(CLASSES, -4, axis=1)
    shifted[:, -4:] = 0
    found = assessed(made, classes=shifted)
    found = replace(found, facts=replace(found.facts, key="another"))
    assert "Stehman" in found.estimator
    rows, columns, _ = made.pixels(found.design.lon, found.design.lat)
    names = np.array(["other", "cropland"])
    expected = area.assess_by_stratum(
        found.design.stratum,
        names[shifted[rows, columns]],
        names[TRUE[rows, columns]],
        {name: each.hectares for name, each in found.design.strata.items()},
        ("cropland", "other"),
    )
    assert found.found.overall == expected.overall
    assert found.found.area == expected.area
    assert found.found.overall.value == 1
    assert "the sample was drawn from another map" in " ".join(report.notes(found)).lower()


def test_units_where_another_map_has_no_class_are_named(made: MapFolder) -> None:
    gone = CLASSES.copy()
    gone[:20] = NO_DATA
    found = assessed(made, classes=gone)
    found = replace(found, facts=replace(found.facts, key="another"))
    lost = len(found.unmapped)
    assert 20 < lost < 60
    assert found.found.counts.sum() == 80 - lost
    assert any(note.startswith(f"{lost} labelled units lie where") for note in report.notes(found))
    assert found.metrics()["n_units"] == 80


def test_the_area_does_not_depend_on_where_another_map_has_a_class(made: MapFolder) -> None:
    gone = CLASSES.copy()
    gone[:, 8:24] = NO_DATA  # where most of the sample's errors lie
    whole = assessed(made).found
    found = assessed(made, classes=gone)
    found = replace(found, facts=replace(found.facts, key="another"))
    assert found.unmapped
    for name in ("cropland", "other"):
        assert found.found.area[name].value == pytest.approx(whole.area[name].value)
        assert found.found.area[name].se == pytest.approx(whole.area[name].se)
    assert found.found.overall.value == 1


def test_a_map_of_other_land_than_the_sample_is_refused(made: MapFolder) -> None:
    found = assessed(made, classes=np.full_like(CLASSES, NO_DATA))
    found = replace(found, facts=replace(found.facts, key="another"))
    with pytest.raises(DataError, match="has no class at the 80 labelled units of the sample S"):
        _ = found.found


def test_the_count_of_another_map_is_not_held_against_the_estimate(
    made: MapFolder, monkeypatch: pytest.MonkeyPatch
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


def draw(made: MapFolder) -> None:
    assess.run(command(map=str(made.path)), [maps.IRAN])


@pytest.mark.parametrize(
    ("cropland", "said"),
    [
        (1, "no pixel of cropland or at least 2 in .*, got 1, .*; map more land"),
        (0, None),
        (2, None),
    ],
)
def test_a_class_of_one_pixel_is_said_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cropland: int, said: str | None
) -> None:
    classes = np.zeros((40, 40), int)
    classes[3, :cropland] = 1
    made = maps.write(tmp_path, classes)
    before = sorted(tmp_path.iterdir())
    if said is None:
        draw(made)
        assert len(list(tmp_path.iterdir())) == len(before) + 3
        return
    monkeypatch.setattr(MapFolder, "classes", lambda *_: pytest.fail("the map was read"))
    with pytest.raises(DataError, match=said):
        draw(made)
    assert sorted(tmp_path.iterdir()) == before


def test_no_sample_is_drawn_of_classes_that_were_changed_since_they_were_counted(
    made: MapFolder,
) -> None:
    facts = (made.path / "map.json").read_text()
    maps.write(made.path, TRUE, source="stac")
    (made.path / "map.json").write_text(facts)
    with pytest.raises(DataError, match=r"expected 780 pixels of cropland .*, got 640: .* changed"):
        draw(made)


def test_a_map_that_was_changed_since_is_not_assessed_as_the_same(made: MapFolder) -> None:
    with pytest.raises(DataError, match=r"80 of 80 units are mapped otherwise than when drawn"):
        _ = assessed(made, classes=np.where(CLASSES == 1, 0, 1)).found


def test_the_report_tells_counts_intervals_and_what_is_not_covered(made: MapFolder) -> None:
    text = report.markdown(assessed(made))
    counted = f"{made.facts.hectares['cropland']:.2f}"
    assert f"counting the map's pixels gives {counted} ha, which is biased" in text
    assert "0.40 ha have no class for want of observations" in text
    assert "producer's accuracy of other" in text
    assert "true, ha" not in text
    assert "made-up" not in text


def test_of_a_simulated_map_the_true_area_stands_beside_the_estimate(tmp_path: Path) -> None:
    made = maps.write(tmp_path, CLASSES, true=TRUE)
    found = assessed(made)
    (_, _, _, true), _ = found.areas()
    assert true == pytest.approx(16 * 39 * 0.01, rel=0.002)
    assert "| true, ha |" in report.markdown(found)
    assert "made-up landscape" in report.markdown(found)


def test_the_numbers_are_plain_json_without_nan(made: MapFolder) -> None:
    found = assessed(made)
    reject = partial(pytest.fail, pytrace=False)
    told = json.loads(found.as_json(), parse_constant=reject)
    assert told["counts"] == found.found.counts.tolist()
    assert told["estimates"]["overall_accuracy"] == found.found.overall.value


def test_a_stratum_of_few_units_is_warned_of(made: MapFolder) -> None:
    assert not any("fewer than 30" in note for note in report.notes(assessed(made)))
    few = " ".join(report.notes(assessed(made, untold=25)))
    assert "fewer than 30 labelled units were drawn where the map says" in few


def relabelled(found: Assessed, **named: int) -> Assessed:
    """The same sample with one label for all units of a stratum."""
    told = zip(found.labels.items(), found.design.stratum, strict=True)
    labels = {name: named.get(stratum, label) for (name, label), stratum in told}
    return replace(found, labels=labels)


def test_a_stratum_without_a_seen_error_is_named_since_its_interval_is_too_narrow(
    made: MapFolder,
) -> None:
    found = assessed(made)  # errors where the map says cropland, none where it says other
    (note,) = report.too_narrow(found)
    assert note.startswith("no error was seen where the map says other: its interval is too narrow")
    assert note in list(report.notes(found))
    every = relabelled(found, cropland=1, other=0)
    assert every.found.area["cropland"].se == 0
    assert [note.split(":")[0] for note in report.too_narrow(every)] == [
        "no error was seen where the map says cropland",
        "no error was seen where the map says other",
    ]
    (note,) = report.too_narrow(relabelled(found, other=1))
    assert note.startswith("nothing but errors was seen where the map says other")


def test_a_stratum_of_which_every_pixel_is_labelled_has_no_interval_to_widen(
    made: MapFolder,
) -> None:
    found = assessed(made)
    other = replace(found.design.strata["other"], pixels=40)
    strata = {**found.design.strata, "other": other}
    whole = replace(found, design=replace(found.design, strata=strata))
    assert not list(report.too_narrow(whole))


def test_one_unit_is_spoken_of_as_one(made: MapFolder) -> None:
    (note,) = report.left_out(assessed(made, untold=1))
    assert note.startswith("1 of 80 units could not be told and is left out")
    found = assessed(made)
    mapped = found.mapped.copy()
    mapped[0] = NO_DATA
    other = replace(found, mapped=mapped, facts=replace(found.facts, key="another"))
    (note,) = report.left_out(other)
    assert note.startswith("1 labelled unit lies where this map has no class")


def test_only_a_simulated_map_is_asked_for_its_landscape_whether_or_not_there_is_a_sample(
    tmp_path: Path,
) -> None:
    made = maps.write(tmp_path, CLASSES, source="files")
    said = r"labels=landscape is for simulated maps, .* is of source=files, which has no landscape"
    with pytest.raises(ConfigError, match=said):
        assess.run(command(map=str(made.path), labels="landscape"), [maps.IRAN])


@pytest.mark.parametrize(
    ("value", "like", "said"),
    [(15_000.4, None, "15,000"), (3.14159, None, "3.14"), (2.2, 151, "2")],
)
def test_hectares_are_written_as_exactly_as_they_are_known(
    value: float, like: float | None, said: str
) -> None:
    assert words.ha(value, like) == said


# What to label next: the upper left quarter is uncertain, the lower right one unlike the training points
UNSURE = np.zeros((200, 200))
UNSURE[:100, :100] = 60 + 30 * np.random.default_rng(1).random((100, 100))
UNLIKE = np.full((200, 200), 0.1)
UNLIKE[100:, 100:] = 1 + np.random.default_rng(2).random((100, 100))


def layered(folder: Path, **changes: np.ndarray) -> MapFolder:
    layers = {
        "probability": np.where(UNSURE > 0, 50, 100),
        "uncertainty": UNSURE,
        "observations": np.full((200, 200), 40),
        "dissimilarity": UNLIKE,
        "applicability": UNLIKE < 1,
    }
    return maps.write(folder, np.ones((200, 200), int), **{**layers, **changes})


def pixels(made: MapFolder, text: str, folder: Path) -> np.ndarray:
    """Rows and columns of chosen points, read as a points file is."""
    path = folder / "next.csv"
    path.write_text(text)
    table = points.read(path, labelled=False)
    rows, columns, inside = made.pixels(table["Lon"].to_numpy(), table["Lat"].to_numpy())
    assert inside.all()
    return np.stack([rows, columns], axis=1)


def test_what_is_uncertain_and_what_is_unlike_the_training_points_is_labelled_next(
    tmp_path: Path,
) -> None:
    made = layered(tmp_path)
    text = next_units.chosen(made, 30, candidates=5000, min_distance=50, seed=1)
    at = pixels(made, text, tmp_path)
    uncertain, unlike = (at < 100).all(axis=1), (at >= 100).all(axis=1)
    assert (uncertain | unlike).all()
    assert min(uncertain.sum(), unlike.sum()) >= 8
    away = np.hypot(*(at[:, None] - at[None]).transpose(2, 0, 1)) * 10
    assert away[np.triu_indices(30, 1)].min() >= 50
    assert text == next_units.chosen(made, 30, candidates=5000, min_distance=50, seed=1)
    assert text != next_units.chosen(made, 30, candidates=5000, min_distance=50, seed=2)


def test_what_is_sampled_to_assess_is_not_labelled_to_teach(tmp_path: Path) -> None:
    made = layered(tmp_path)
    text = next_units.chosen(made, 30, candidates=40_000, min_distance=50, seed=1)
    first = pixels(made, text, tmp_path)
    strata = sample.counted(made, [(1,), (0,)])
    design = sample.design(made, strata, np.array([30, 0]), seed=1, allocation="equal")
    lon, lat = made.lonlat(*(first.T + 0.5))
    places = zip(design.units, lon.tolist(), lat.tolist(), strict=True)
    design = replace(design, units={name: (x, y, "cropland") for name, x, y in places})
    (tmp_path / "sample.json").write_text(sample.texts(made, design)["sample.json"])
    again = next_units.chosen(made, 30, candidates=40_000, min_distance=50, seed=1)
    second = pixels(made, again, tmp_path)
    assert not set(map(tuple, first)) & set(map(tuple, second))
    assert again.splitlines()[1].split("-")[0] != text.splitlines()[1].split("-")[0]


def test_what_is_unlike_but_inside_the_area_of_applicability_counts_for_nothing(
    tmp_path: Path,
) -> None:
    made = layered(tmp_path, applicability=np.ones((200, 200)))
    at = pixels(
        made, next_units.chosen(made, 20, candidates=5000, min_distance=0, seed=1), tmp_path
    )
    assert (at < 100).all()


def test_a_map_without_an_area_of_applicability_has_its_uncertainty(tmp_path: Path) -> None:
    layers = {"probability": UNSURE, "uncertainty": UNSURE, "observations": UNSURE}
    made = maps.write(tmp_path, np.ones((200, 200), int), **layers)
    at = pixels(
        made, next_units.chosen(made, 20, candidates=5000, min_distance=0, seed=1), tmp_path
    )
    assert (at < 100).all()


def test_more_points_than_have_room_are_refused(tmp_path: Path) -> None:
    made = layered(tmp_path)
    with pytest.raises(DataError, match=r"expected 30 pixels that are 900 m apart .*, got \d;"):
        next_units.chosen(made, 30, candidates=5000, min_distance=900, seed=1)


def test_a_layer_of_another_map_is_refused(tmp_path: Path) -> None:
    made = layered(tmp_path)
    other = layered(tmp_path / "other")
    maps.write(tmp_path / "third", np.ones((200, 200), int), key="third", uncertainty=UNSURE)
    (tmp_path / "third" / "uncertainty.tif").replace(tmp_path / "uncertainty.tif")
    with pytest.raises(DataError, match=r"uncertainty.tif is a layer of another map \(key third\)"):
        next_units.chosen(made, 5, candidates=500, min_distance=0, seed=1)
    next_units.chosen(other, 5, candidates=500, min_distance=0, seed=1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "expected map.json in .*, there is none: no map was finished there"),
        ("[", "map.json does not hold what it should, see its text: Invalid JSON"),
        ('{"key": "a", "tags": {}}', "see hectares: Field required"),
        (
            '{"key": "a", "tags": {}, "hectares": {"other": 1}, "pixels": {"other": 1}}',
            "lacks tags.COUNTRY, .*, hectares.crop.*, pixels.crop",
        ),
    ],
)
def test_a_folder_that_holds_no_finished_map_is_refused(
    made: MapFolder, text: str | None, said: str
) -> None:
    (made.path / "map.json").unlink()
    if text is not None:
        (made.path / "map.json").write_text(text)
    with pytest.raises(DataError, match=said):
        MapFolder.opened(made.path)


def test_a_broken_or_missing_raster_is_refused(made: MapFolder) -> None:
    (made.path / "class.tif").write_bytes(b"no raster")
    with pytest.raises(DataError, match=r"class.tif cannot be read: .*; map it again"):
        MapFolder.opened(made.path)
    (made.path / "class.tif").unlink()
    with pytest.raises(DataError, match=r"expected the layer .*class.tif, there is none"):
        MapFolder.opened(made.path)
    with pytest.raises(DataError, match=r"expected the folder of a map at .*nowhere"):
        MapFolder.opened(made.path / "nowhere")
