"""From a map to hectares with an interval: by the command, and in this process."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from standins import maps
from standins.shell import Done, Shell, refusal

from cropland.commands import assess as command
from cropland.errors import ConfigError, DataError
from cropland.maps.finished_map import FinishedMap
from cropland.observations import points


@pytest.fixture
def folder(shell: Shell) -> Path:
    """The folder of a map of the simulated landscape."""
    path: Path = shell.folder / "maps" / "iran"
    path.mkdir(parents=True)
    maps.write(path, maps.mistaken(), true=maps.truth())
    return path


def assess(shell: Shell, *words: str) -> Done:
    return shell.run("map=maps/iran", *words, script="assess")


def refused(shell: Shell, *words: str) -> str:
    return refusal(assess(shell, *words))


def test_a_map_leads_to_hectares_with_an_interval(shell: Shell, folder: Path) -> None:
    done = assess(shell, "sample_size=400")
    assert done.returncode == 0, done.stderr
    assert "maps/iran/sample.csv: 400 units in random order" in done.stdout
    assert "map=maps/iran labels=landscape" in done.stdout

    (folder / "assessment.png").write_bytes(b"the picture before")
    (shell.folder / "kept.png").hardlink_to(folder / "assessment.png")
    done = assess(shell, "labels=landscape")
    assert done.returncode == 0, done.stderr
    # Put in its place as a whole: the file that was there is not written into.
    assert (shell.folder / "kept.png").read_bytes() == b"the picture before"
    assert "which is biased and lies outside the interval" in done.stdout
    told = json.loads((folder / "assessment.json").read_text())
    found, true = told["estimates"], maps.truth().mean() * 400
    assert found["hectares_cropland_low"] < true < found["hectares_cropland_high"]
    assert (folder / "assessment.png").read_bytes().startswith(b"\x89PNG")

    client = MlflowClient(shell.database)
    experiment = client.get_experiment_by_name("cropland-simulated")
    (run,) = client.search_runs([experiment.experiment_id], "tags.kind = 'assessment'")
    assert run.data.params["map"] == maps.KEY
    assert run.data.params["model"] == "cropland-simulated-iran version 1"
    assert run.data.metrics == pytest.approx(found)
    names = {each.path for each in client.list_artifacts(run.info.run_id)}
    assert names == {
        "assessment.html",
        "assessment_map.html",
        "assessment.md",
        "assessment.png",
        "assessment.json",
        "labels.csv",
        "sample.json",
    }


def test_a_sample_that_people_have_filled_in_is_kept_and_used_for_the_next_map(
    shell: Shell, folder: Path
) -> None:
    assess(shell, "sample_size=300", "seed=5")
    table = pd.read_csv(folder / "sample.csv")
    table["Target"] = pd.array(table.index % 3 > 0, "boolean").astype("Int64")
    table.loc[:4, "Target"] = pd.NA
    table.to_csv(folder / "sample.csv", index=False)
    kept = (folder / "sample.csv").read_text()
    said = refused(shell, "sample_size=300")
    assert "maps/iran has sample.csv, sample.geojson, sample.json already" in said
    assert (folder / "sample.csv").read_text() == kept

    first = assess(shell, "labels=maps/iran/sample.csv")
    assert "5 of 300 units could not be labelled and are left out" in first.stdout
    maps.write(folder, maps.truth(), true=maps.truth(), key="another")
    second = assess(shell, "labels=maps/iran/sample.csv")
    assert second.returncode == 0, second.stderr
    report = (folder / "assessment.md").read_text()
    assert "Stehman" in report
    assert "the sample was drawn from another map" in report.lower()
    said = [re.search(r"cropland: [\d.,]+ ± [\d.,]+ ha", each.stdout) for each in (first, second)]
    assert said[0] and said[1] and said[0].group() == said[1].group()
    assert "counted pixels" in first.stdout and "counted pixels" not in second.stdout

    assert assess(shell, "sample_size=300", "force=true").returncode == 0
    assert (folder / "sample.csv").read_text() != kept


def test_points_to_label_next_are_a_points_file(shell: Shell, folder: Path) -> None:
    layers = {name: maps.mistaken() * 30 + 20 for name in ("probability", "uncertainty")}
    maps.write(folder, maps.mistaken(), observations=maps.mistaken() + 9, **layers)
    done = assess(shell, "next=15", "min_distance=100")
    assert done.returncode == 0, done.stderr
    assert len(points.read(folder / "next_points.csv", labelled=False)) == 15
    assert "next_points.csv already" in refused(shell, "next=9")


REFUSED = [
    (["map=maps/nowhere"], "expected the folder of a map at maps/nowhere, found none"),
    (["labels=landscape"], "expected the design of the sample at maps/iran/sample.json"),
    (["labels=x.csv", "next=5"], "labels and next are both given"),
    (["min_distance=5"], "min_distance is given to choose what to label next"),
    (["country=sudan"], "maps/iran is a map of Iran, not of sudan; leave country out"),
    (["source=files"], "made of source=simulated, not of source=files; leave source out"),
    (["sample_size=60"], "expected at least 100 units, the minima of 2 strata together, got 60"),
    (["sample_size=40001"], "expected at least 40,001 pixels"),
    (["minimum=1"], "minimum must be 2 or more, got 1"),
    (["allocation=even"], "allocation"),
    (["sample_sizes=60"], "unknown key 'sample_sizes'; did you mean 'sample_size'?"),
    (["next=3", "candidates=2"], "candidates must be at least"),
    (["next=5"], "expected the layer maps/iran/uncertainty.tif, found none"),
]


@pytest.mark.parametrize(("words", "said"), REFUSED, ids=lambda value: str(value)[:40])
def test_what_cannot_be_done_is_said_in_one_line(
    shell: Shell, folder: Path, words: list[str], said: str
) -> None:
    before = sorted(path.name for path in folder.iterdir())
    line = refused(shell, *words)
    assert re.search(said, line), line
    assert sorted(path.name for path in folder.iterdir()) == before


def test_no_landscape_answers_for_a_real_map(shell: Shell, folder: Path) -> None:
    maps.write(folder, maps.mistaken(), source="stac")
    expected = "labels=landscape is for simulated maps, maps/iran is of source=stac"
    assert expected in refused(shell, "labels=landscape")
    assert assess(shell, "sample_size=200").returncode == 0
    assert expected in refused(shell, "labels=landscape")


def test_a_sample_without_an_error_is_no_certainty_and_it_says_so(
    shell: Shell, folder: Path
) -> None:
    maps.write(folder, maps.truth(), true=maps.truth())
    assess(shell, "sample_size=200")
    done = assess(shell, "labels=landscape")
    assert done.returncode == 0, done.stderr
    for text in (done.stdout, (folder / "assessment.md").read_text()):
        for name in ("cropland", "other"):
            assert f"o error in the sample where the map says {name}: its interval is too" in text


def test_labels_that_excel_saved_with_semicolons_are_read(shell: Shell, folder: Path) -> None:
    assess(shell, "sample_size=200")
    text = (folder / "sample.csv").read_text().replace(",\n", ",1\n")
    (shell.folder / "labels.csv").write_text(text.replace(",", ";").replace(".", ",") + ";;;\n")
    done = assess(shell, "labels=labels.csv")
    assert done.returncode == 0, done.stderr
    assert "only errors in the sample where the map says other" in done.stdout


def test_another_landscape_does_not_answer(shell: Shell, folder: Path) -> None:
    assert assess(shell, "sample_size=400").returncode == 0
    said = refused(shell, "labels=landscape", "source.profiles.iran.fallow=0.9")
    assert "it differs; use the country file and source.profiles" in said
    assert not (folder / "assessment.md").exists()


def test_labels_of_another_sample_are_refused(shell: Shell, folder: Path) -> None:
    assess(shell, "sample_size=200", "seed=1")
    text = (folder / "sample.csv").read_text()
    (shell.folder / "labels.csv").write_text(text.replace(",\n", ",1\n"))
    assess(shell, "sample_size=200", "seed=2", "force=true")
    said = refused(shell, "labels=labels.csv")
    assert "labels.csv has units that are not of the sample" in said
    assert not (folder / "assessment.md").exists()


@pytest.fixture
def half(tmp_path: Path) -> FinishedMap:
    return maps.write(tmp_path, maps.HALF, source="stac")


def draw(made: FinishedMap) -> None:
    command.run(maps.assess_command(map=str(made.path)), [maps.IRAN])


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
    monkeypatch.setattr(FinishedMap, "classes", lambda *_: pytest.fail("the map was read"))
    with pytest.raises(DataError, match=said):
        draw(made)
    assert sorted(tmp_path.iterdir()) == before


def test_no_sample_is_drawn_of_classes_that_were_changed_since_they_were_counted(
    half: FinishedMap,
) -> None:
    facts = (half.path / "map.json").read_text()
    maps.write(half.path, np.tile(np.arange(40) < 16, (40, 1)).astype(int), source="stac")
    (half.path / "map.json").write_text(facts)
    with pytest.raises(DataError, match=r"expected 780 pixels of cropland .*, got 640: .* changed"):
        draw(half)


def test_only_a_simulated_map_is_asked_for_its_landscape_whether_or_not_there_is_a_sample(
    tmp_path: Path,
) -> None:
    made = maps.write(tmp_path, maps.HALF, source="files")
    said = r"labels=landscape is for simulated maps, .* is of source=files, which has no landscape"
    with pytest.raises(ConfigError, match=said):
        command.run(maps.assess_command(map=str(made.path), labels="landscape"), [maps.IRAN])
