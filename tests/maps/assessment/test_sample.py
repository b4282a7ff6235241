"""Samples of a map: which pixels, what those who label are shown, and what comes back."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from pyproj import Geod
from standins import maps

from cropland.errors import DataError
from cropland.maps import finished_map
from cropland.maps.assessment import labels as maplabels
from cropland.maps.assessment import sample, sampling
from cropland.maps.assessment.area import assess_by_class
from cropland.maps.assessment.sample import Design
from cropland.maps.finished_map import FinishedMap
from cropland.maps.layers import CLASSES
from cropland.sources import grid as grids
from cropland.sources.simulation import source

DOCUMENT = Path(__file__).parents[3] / "docs" / "maps.md"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> FinishedMap:
    """A map of the simulated landscape with a corner of no data."""
    classes = maps.mistaken()
    classes[:20, :30] = 255
    return maps.write(tmp_path_factory.mktemp("map"), classes, true=maps.truth())


def design(made: FinishedMap, sizes: tuple[int, int] = (60, 90), seed: int = 1) -> Design:
    strata = sample.count_strata(made, [(1,), (0,)])
    return sample.draw(made, strata, np.array(sizes), seed=seed, allocation="proportional")


def test_each_unit_is_a_pixel_of_its_stratum_and_none_is_there_twice(made: FinishedMap) -> None:
    drawn = design(made)
    rows, columns, inside = grids.pixels(made.grid, drawn.lon, drawn.lat)
    assert inside.all()
    assert len(set(zip(rows, columns, strict=True))) == 150
    mapped = made.values("class", rows, columns)
    assert [CLASSES[name] for name in drawn.stratum] == mapped.tolist()
    assert (drawn.stratum == "cropland").sum() == 60


def test_strata_are_counted_alike_in_any_parts(
    made: FinishedMap, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = sample.count_strata(made, [(1,), (0,), (0, 1)])
    monkeypatch.setattr(finished_map, "SIDE", 64)
    parts = sample.count_strata(made, [(1,), (0,), (0, 1)])
    assert len(parts.pixels) == 16
    assert parts.totals.tolist() == whole.totals.tolist()
    assert parts.totals[2] == 200 * 200 - 20 * 30 == parts.totals[:2].sum()
    assert parts.totals.tolist()[:2] == [made.facts.pixels[name] for name in ("cropland", "other")]
    drawn = design(made)
    mapped = made.values("class", *grids.pixels(made.grid, drawn.lon, drawn.lat)[:2])
    assert [CLASSES[name] for name in drawn.stratum] == mapped.tolist()


def test_the_hectares_of_strata_are_those_that_the_map_counted_in_whatever_parts(
    made: FinishedMap, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finished_map, "SIDE", 64)
    found = {name: each.hectares for name, each in design(made).strata.items()}
    assert found == {name: made.facts.hectares[name] for name in CLASSES}


def test_only_parts_that_hold_a_unit_are_read_again(
    made: FinishedMap, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finished_map, "SIDE", 50)
    strata = sample.count_strata(made, [(1,), (0,)])
    read = []
    monkeypatch.setattr(
        FinishedMap, "classes", lambda self, windows, real=FinishedMap.classes: (
            read.append(1) or values for values in real(self, windows)
        )
    )  # fmt: skip
    sample.draw_pixels(made, strata, [2, 2], seed=1)
    assert 1 <= len(read) <= 4


def test_the_order_says_nothing_of_the_stratum(made: FinishedMap) -> None:
    cropland = np.stack([design(made, seed=seed).stratum == "cropland" for seed in range(40)])
    assert abs(cropland[:, :75].sum(axis=1).mean() - 30) < 2
    assert not np.array_equal(cropland[0], cropland[1])


def test_a_seed_decides_and_tells_its_sample_from_another(made: FinishedMap) -> None:
    first, again, other = (sample.files_of(made, design(made, seed=s)) for s in (1, 1, 2))
    assert first == again
    assert first != other
    assert not set(design(made, seed=1).units) & set(design(made, seed=2).units)


def test_those_who_label_are_shown_no_class(made: FinishedMap) -> None:
    drawn = design(made)
    files = sample.files_of(made, drawn)
    rows = list(csv.reader(io.StringIO(files["sample.csv"])))
    assert rows[0] == ["ID", "Lon", "Lat", "Target"]
    assert [(row[0], row[3]) for row in rows[1:]] == [(name, "") for name in drawn.units]
    features = json.loads(files["sample.geojson"])["features"]
    assert {tuple(each["properties"]) for each in features} == {("ID", "Target")}
    assert "cropland" not in files["sample.geojson"] + files["sample.csv"]


def test_the_square_is_that_of_the_pixel_around_the_point(made: FinishedMap) -> None:
    drawn = design(made)
    features = json.loads(sample.files_of(made, drawn)["sample.geojson"])["features"]
    for feature, lon, lat in zip(features, drawn.lon, drawn.lat, strict=True):
        (ring,) = feature["geometry"]["coordinates"]
        assert ring[0] == ring[-1]
        assert np.mean(ring[:-1], axis=0) == pytest.approx([lon, lat], abs=2e-7)
        area, around = Geod(ellps="WGS84").polygon_area_perimeter(*zip(*ring, strict=True))
        assert (area, around) == pytest.approx((100, 40), rel=0.01)  # positive: counterclockwise


def test_a_design_is_read_as_it_was_written(made: FinishedMap, tmp_path: Path) -> None:
    drawn = design(made)
    path = tmp_path / "sample.json"
    path.write_text(sample.files_of(made, drawn)["sample.json"])
    assert sample.read(path) == drawn
    assert drawn.true_hectares == pytest.approx(made.facts.true_hectares)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (None, "expected the design of the sample at .*sample.json, found none"),
        ("{", "does not hold what it should .Expecting property name"),
        ('{"key": 3}', "does not hold what it should, see key"),
        ("strata", "its strata and its units do not go together"),
    ],
)
def test_a_design_that_is_none_is_refused(
    made: FinishedMap, tmp_path: Path, change: str | None, said: str
) -> None:
    path = tmp_path / "sample.json"
    if change == "strata":
        change = sample.files_of(made, design(made))["sample.json"].replace(
            '"units": 60', '"units": 61'
        )
    if change is not None:
        path.write_text(change)
    with pytest.raises(DataError, match=said):
        sample.read(path)


def filled(made: FinishedMap, folder: Path, *targets: str, rows: int = 4) -> Path:
    """A table of the sample of 4 units with its Target filled in."""
    lines = sample.files_of(made, design(made, (2, 2)))["sample.csv"].splitlines()
    path = folder / "labels.csv"
    said = [f"{line}{target}" for line, target in zip(lines[1 : rows + 1], targets, strict=True)]
    path.write_text("\n".join([lines[0], *said]) + "\n")
    return path


def test_labels_are_read_by_id_and_what_is_empty_or_gone_could_not_be_told(
    made: FinishedMap, tmp_path: Path
) -> None:
    drawn = design(made, (2, 2))
    labels = maplabels.read(filled(made, tmp_path, "1", "", "0.0", rows=3), drawn)
    assert labels == dict(zip(drawn.units, [1, None, 0, None], strict=True))
    (tmp_path / "again.csv").write_text(maplabels.text(labels))
    assert maplabels.read(tmp_path / "again.csv", drawn) == labels


def test_rows_and_columns_may_stand_in_any_order(made: FinishedMap, tmp_path: Path) -> None:
    drawn = design(made, (2, 2))
    names = list(drawn.units)
    path = tmp_path / "labels.csv"
    path.write_text("Target,note,ID\n" + "".join(f"{n % 2},?,{names[n]}\n" for n in (3, 0, 2, 1)))
    assert list(maplabels.read(path, drawn).items()) == [(names[n], n % 2) for n in range(4)]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("1", "2"), "a label other than 1 and 0 at S.*: '2'"),
        (("1\n", "yes\n"), "a label other than 1 and 0 at S.*: 'yes'"),
        (
            ("Target", "Label"),
            "needs the columns ID and Target; it has ID, Lon, Lat, Label: add Target",
        ),
        (("ID,", "unit,"), "add ID"),
        (("-1", "-9"), "units that are not of the sample S......: S......-9"),
        (("-2", "-1"), "units more than once: S......-1"),
        (("Lat,Target", "Target,Target"), "the column Target more than once"),
    ],
)
def test_labels_that_are_none_are_refused(
    made: FinishedMap, tmp_path: Path, change: tuple[str, str], said: str
) -> None:
    path = filled(made, tmp_path, "1", "1", "0", "0")
    old, new = change
    text = path.read_text()
    text = text.replace(",1\n", f",{new}\n") if old == "1" else text.replace(old, new)
    path.write_text(text)
    with pytest.raises(DataError, match=said):
        maplabels.read(path, design(made, (2, 2)))


@pytest.mark.parametrize("mark", [";", "\t"])
def test_what_a_spreadsheet_puts_between_cells_is_read(
    made: FinishedMap, tmp_path: Path, mark: str
) -> None:
    drawn = design(made, (2, 2))
    path = filled(made, tmp_path, "1", "", "0", "1")
    text = path.read_text().replace(",", mark).replace(".", ",")  # decimal commas
    path.write_bytes(f"{text}{mark * 3}\n".replace("\n", "\r\n").encode("utf-8-sig"))
    assert list(maplabels.read(path, drawn).items()) == list(
        zip(drawn.units, [1, None, 0, 1], strict=True)
    )
    path.write_text(text.replace("Target", "Label"))
    with pytest.raises(DataError, match="it has ID, Lon, Lat, Label: add Target"):
        maplabels.read(path, drawn)
    path.write_text(text.replace("Lat", "Target"))
    with pytest.raises(DataError, match="the column Target more than once"):
        maplabels.read(path, drawn)
    path.write_text(text + mark.join("abcdefg") + "\n")
    with pytest.raises(DataError, match="cannot be read as CSV: .* saved as CSV"):
        maplabels.read(path, drawn)


def test_rows_of_blank_cells_are_no_units(made: FinishedMap, tmp_path: Path) -> None:
    drawn = design(made, (2, 2))
    path = filled(made, tmp_path, "1", "0", "0", "1")
    path.write_text(path.read_text() + ",,,\n , ,,\n")
    assert list(maplabels.read(path, drawn).values()) == [1, 0, 0, 1]
    path.write_text(path.read_text() + ",,,1\n")
    with pytest.raises(DataError, match="units that are not of the sample"):
        maplabels.read(path, drawn)


def test_a_table_that_nobody_has_filled_in_is_refused(made: FinishedMap, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has no label yet; write 1 for cropland and 0"):
        maplabels.read(filled(made, tmp_path, "", "", "", ""), design(made, (2, 2)))
    with pytest.raises(DataError, match=r"expected labels at .*, there is no such file"):
        maplabels.read(tmp_path / "nowhere.csv", design(made, (2, 2)))


def test_intervals_of_200_samples_cover_the_true_area_as_documented_and_never_the_pixel_count(
    made: FinishedMap,
) -> None:
    strata = sample.count_strata(made, [(1,), (0,)])
    sizes = sampling.allocate(strata.totals, 500)
    hectares = {name: made.facts.hectares[name] for name in CLASSES}
    assert made.facts.true_hectares is not None
    true, counted = made.facts.true_hectares["cropland"], made.facts.hectares["cropland"]
    estimates = []
    for seed in range(200):
        drawn = sample.draw(made, strata, sizes, seed=seed, allocation="proportional")
        told = source.truth(maps.LANDSCAPE, maps.IRAN, drawn.lon, drawn.lat)
        reference = np.where(told, "cropland", "other")
        estimates.append(assess_by_class(drawn.stratum, reference, hectares).area["cropland"])
    covered = np.array([(each.low <= true <= each.high) for each in estimates])
    by_count = np.array([(each.low <= counted <= each.high) for each in estimates])
    values = np.array([each.value for each in estimates])
    assert abs(counted - true) > 0.1 * true
    assert abs(values.mean() - true) < 3.5 * values.std() / np.sqrt(200)
    assert 0.92 <= covered.mean() <= 0.98
    assert not by_count.any()
    said = re.search(
        r"Over 200 samples of 500 units .* covered the true area in ([\d.]+) % of them, and the pixel count "
        r"never",
        " ".join(DOCUMENT.read_text().split()),
    )
    assert said is not None
    assert float(said[1]) == pytest.approx(100 * covered.mean(), abs=1)  # two samples
