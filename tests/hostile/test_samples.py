"""Samples whose design was changed since they were drawn: no other hectares than the map's."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hostile.claims import refused
from standins import maps

from cropland.commands import assess

Change = Callable[[dict[str, Any]], None]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a simulated map with a sample of it, labelled."""
    path = tmp_path_factory.mktemp("drawn")
    maps.write(path, maps.mistaken(), true=maps.truth())
    assess.run(maps.assess_command(map=str(path), sample_size=200), [maps.IRAN])
    table = (path / "sample.csv").read_text()
    (path / "labels.csv").write_text(table.replace(",\n", ",1\n"))
    return path


@pytest.fixture
def folder(drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it."""
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(drawn, tmp_path / "map"))


def change_design(folder: Path, change: Change) -> None:
    path = folder / "sample.json"
    design = json.loads(path.read_text())
    change(design)
    path.write_text(json.dumps(design))


def estimate(folder: Path, labels: str) -> None:
    design = str(folder / "sample.json")
    command = maps.assess_command(map=str(folder), labels=labels, design=design)
    assess.run(command, [maps.IRAN])


def times(factor: float, *keys: str) -> Change:
    """Multiply the numbers of all strata."""

    def change(design: dict[str, Any]) -> None:
        for stratum in design["strata"].values():
            stratum |= {key: type(stratum[key])(stratum[key] * factor) for key in keys}

    return change


def without_other(design: dict[str, Any]) -> None:
    """Leave out a stratum with its units."""
    del design["strata"]["other"]
    design["units"] = {n: unit for n, unit in design["units"].items() if unit[2] != "other"}


def renamed(design: dict[str, Any]) -> None:
    design["strata"]["no data"] = {"pixels": 9, "hectares": 0.09, "units": 0}


def truer(design: dict[str, Any]) -> None:
    design["true_hectares"]["cropland"] *= 10


def of_another_map(change: Change) -> Change:
    def changed(design: dict[str, Any]) -> None:
        change(design)
        design["key"] = "another"

    return changed


@pytest.mark.parametrize("labels", ["landscape", "labels.csv"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (times(10, "pixels", "hectares"), "pixels of cropland, the map has"),
        (times(1.01, "hectares"), "ha of cropland, the map has"),
        (without_other, "says 0 pixels of other, the map has"),
        (renamed, "has the class 'no data', which no map has"),
        (truer, "ha that are truly cropland, the map has"),
        (of_another_map(times(10, "hectares")), "which do not go together"),
        (of_another_map(times(10, "pixels")), "which do not go together"),
        (of_another_map(times(0, "pixels")), "which do not go together"),
        (of_another_map(truer), "ha in its strata and"),
        (
            of_another_map(lambda design: design["tags"].update(RESOLUTION="x")),
            "has pixels of 'x', expected metres",
        ),
    ],
)
def test_a_design_that_was_changed_gives_no_hectares(
    folder: Path, change: Change, message: str, labels: str
) -> None:
    change_design(folder, change)
    chosen = labels if labels == "landscape" else str(folder / labels)
    said = refused(lambda: estimate(folder, chosen))
    assert said.startswith(str(folder / "sample.json")) and message in said
    assert said.endswith("it was changed; draw the sample again, or restore the file")
    assert not (folder / "assessment.json").exists()


def test_the_line_names_both_numbers(folder: Path) -> None:
    counted = json.loads((folder / "map.json").read_text())["pixels"]["cropland"]
    change_design(folder, times(10, "pixels", "hectares"))
    said = refused(lambda: estimate(folder, "landscape"))
    assert f"says {10 * counted:,} pixels of cropland, the map has {counted:,}:" in said


def test_a_sample_of_another_map_of_the_same_land_still_counts(folder: Path) -> None:
    maps.write(folder, maps.truth(), true=maps.truth(), key="another")
    estimate(folder, str(folder / "labels.csv"))
    assert (folder / "assessment.json").exists()
