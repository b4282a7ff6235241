"""Runs that no candidate wrote: promotion leaves them out, or says in one line what is wrong."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from hostile.claims import refused
from models.test_competition import TOYLAND, World, toy_exports, world  # noqa: F401  fixtures

from cropland.config.groups import Tracking
from cropland.errors import ConfigError
from cropland.models import competition, stored_runs
from cropland.tracking.opening import open_store
from cropland.tracking.records import IDENTITY
from cropland.tracking.runs import client_of
from cropland.training import resume

TRAP = """
from pathlib import Path
from sklearn.naive_bayes import GaussianNB
Path({mark!r}).touch()
class Trap(GaussianNB): pass
"""


def configured(text: str, **changes: Any) -> str:
    """A stored configuration of which something is changed, keys with dots for what is nested."""
    values = yaml.safe_load(text)
    for keys, value in changes.items():
        *outer, last = keys.split("__")
        inner = values
        for key in outer:
            inner = inner[key]
        inner[last] = value
    return yaml.safe_dump(values, sort_keys=False)


@pytest.mark.parametrize("nested", [False, True], ids=["its own", "an alternative's"])
def test_a_run_does_not_decide_what_is_imported(
    world: World,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    nested: bool,
) -> None:
    mark = tmp_path / "it ran"
    (tmp_path / "trapped.py").write_text(TRAP.format(mark=str(mark)))
    monkeypatch.syspath_prepend(str(tmp_path))
    text = world.candidate(14).as_yaml()
    trap = {"model__estimator": {"_target_": "trapped.Trap"}, "allow": ["trapped."]}
    if nested:
        alternative = yaml.safe_load(configured(text, **trap))
        del alternative["country"]
        text = configured(text, alternatives=[alternative])
    else:
        text = configured(text, **trap)

    def rescored() -> object:
        return stored_runs.rebuilt(text, world.command(), TOYLAND).scores()

    assert "it is" in refused(rescored)
    assert not mark.exists() and "trapped" not in sys.modules


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            {"model__estimator___target_": "sklearn.utils.estimator_checks.BaseEstimator"},
            "it is of sklearn.utils",
        ),
        (
            {"model__estimator___target_": "sklearn.datasets.load_files"},
            "it is of sklearn.datasets",
        ),
        ({"model__estimator__x": {"_target_": "sklearn.datasets.load_files"}}, "it is of"),
        ({"model__estimator___target_": "os.system"}, "expected a class of scikit-learn"),
        ({"span": 0}, "span must be"),
        ({"bands__names": ["B99"]}, "no Sentinel-2 band"),
        ({"country": 5}, "country. must be a group of keys"),
        ({"other_countries": 7}, "expected the configuration of a candidate"),
        ({"other_countries": [{"name": "../x"}]}, "country"),
        ({"seed": -1}, "seed must be"),
    ],
    ids=str,
)
def test_a_configuration_of_a_run_is_checked(
    world: World,  # noqa: F811
    change: dict[str, Any],
    reason: str,
) -> None:
    text = configured(world.candidate(14).as_yaml(), **change)
    command = world.command()
    assert reason in refused(lambda: stored_runs.rebuilt(text, command, TOYLAND).samples)


@pytest.mark.parametrize("text", ["", "[", "5", "a: *b", "!!python/object:os.system x", "[" * 9999])
def test_a_configuration_that_is_none_is_said(world: World, text: str) -> None:  # noqa: F811
    command = world.command()
    assert refused(lambda: stored_runs.rebuilt(text, command, TOYLAND))


def test_a_run_reads_the_data_of_the_one_who_promotes(world: World, tmp_path: Path) -> None:  # noqa: F811
    text = configured(
        world.candidate(14).as_yaml(),
        paths__data="/etc",
        paths__archive=str(tmp_path / "elsewhere"),
        tracking__uri="http://127.0.0.1:1",
    )
    material = stored_runs.rebuilt(text, world.command(), TOYLAND)
    assert material.candidate.configuration.paths == world.common["paths"]
    assert material.archive.fingerprint == world.archive.fingerprint


@pytest.mark.parametrize(
    ("metrics", "params", "fault"),
    [
        ({"accuracy": float("nan")}, {}, "accuracy is nan"),
        ({"accuracy": 7.0}, {}, "accuracy is 7"),
        ({"accuracy_se": -1.0}, {}, "accuracy_se is -1"),
        ({}, {"n_features": "many"}, "n_features is 'many'"),
        ({}, {"n_features": "9" * 400}, "n_features is"),
        ({}, {"n_samples": "0"}, "n_samples is '0'"),
        ({}, {"span": "-3"}, "span is '-3'"),
        ({}, {"bands": "x\n\x1b[31m"}, "not one line of text"),
    ],
    ids=str,
)
def test_numbers_that_no_candidate_has_are_left_out(
    world: World,  # noqa: F811
    metrics: dict[str, float],
    params: dict[str, str],
    fault: str,
) -> None:
    (good,) = world.score(world.candidate(14))
    run = world.store.run(good)
    forged = replace(
        run, run_id="forged", metrics=run.metrics | metrics, params=run.params | params
    )
    lines: list[str] = []
    kept = stored_runs.possible_runs({good: run, "forged": forged}, TOYLAND, lines.append)
    assert list(kept) == [good] and fault in lines[0]
    assert fault in refused(lambda: stored_runs.possible_runs({"f": forged}, TOYLAND, lines.append))


def test_a_run_of_another_identity_is_left_out(world: World) -> None:  # noqa: F811
    forged, good = world.score(world.candidate(12), world.candidate(14))
    world.store.client.set_tag(forged, IDENTITY, "f" * 32)
    lines: list[str] = []
    result = competition.compete(
        world.command(rule="best"), TOYLAND, world.archive, world.store, lines.append
    )
    assert result.selected.members[0].run.run_id == good
    assert any(f"run {forged} is left out: it was not scored by" in line for line in lines)


def test_what_is_wrong_with_the_source_is_no_fault_of_a_run(
    world: World,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run_id, *_ = world.score(world.candidate(14))

    def of(_: object) -> None:
        raise ConfigError("give source.project")

    monkeypatch.setattr(stored_runs.CandidateData, "of", of)
    with pytest.raises(ConfigError, match=r"give source.project"):
        stored_runs.material_of(world.store.run(run_id), world.command(), TOYLAND, world.store)


def test_missing_numbers_of_a_run_are_said(world: World) -> None:  # noqa: F811
    world.score(world.candidate(14))
    run_id = world.pretend("no params")
    run = world.store.run(run_id)
    for name in ("accuracy", "accuracy_se"):
        assert stored_runs.fault_of(replace(run, metrics={})) != ""
        assert f"no {name}" in stored_runs.fault_of(
            replace(run, metrics={key: v for key, v in run.metrics.items() if key != name})
        )
    assert stored_runs.fault_of(replace(run, tags={})) == "it has no uses_future"
    assert stored_runs.fault_of(run) == ""


def without_label(text: str) -> str:
    return "\n".join(line.rpartition(",")[0] for line in text.splitlines())


@pytest.mark.parametrize(
    "forge",
    [
        lambda _: "",
        lambda _: "ID,Target\n",
        lambda text: text.replace("P000,", "../x,"),
        lambda text: text.replace(",1,0,", ",0,0,"),  # other labels
        lambda text: text + "a,5,0,0,0.5,x\n",
        without_label,
    ],
)
def test_predictions_have_the_points_and_labels_of_the_archive(
    world: World,  # noqa: F811
    forge: Callable[[str], str],
) -> None:
    forged, good = world.score(world.candidate(12), world.candidate(14))
    text = world.store.read(world.store.run(forged), "predictions.csv")
    world.forge(forged, "predictions.csv", forge(text))
    result = world.compete()
    assert result.selected.members[0].run.run_id == good
    assert "predictions.csv" in result.table["verdict"][forged]


def test_predictions_have_the_accuracy_of_their_run(world: World) -> None:  # noqa: F811
    forged, good = world.score(world.candidate(14, 0, "B2"), world.candidate(24, 0, "B2"))
    run = world.store.run(forged)
    table = pd.read_csv(io.StringIO(world.store.read(run, "predictions.csv")))
    assert run.metrics["accuracy"] < 0.999
    perfect = table.assign(label=table["Target"], probability=table["Target"])
    world.forge(forged, "predictions.csv", perfect.to_csv(index=False))
    lines: list[str] = []
    result = competition.compete(
        world.command(rule="best"), TOYLAND, world.archive, world.store, lines.append
    )
    assert result.selected.members[0].run.run_id == good and result.n_tried == 1
    fault = f"has an accuracy of 1.0000, the run says {run.metrics['accuracy']:.4f}"
    assert fault in result.table["verdict"][forged] and fault in lines[0]


def cut(path: Path) -> None:
    path.write_text(path.read_text()[:40])


@pytest.mark.parametrize("damage", [cut, Path.unlink], ids=["cut", "lost"])
def test_a_run_of_a_damaged_configuration_is_left_out(
    world: World,  # noqa: F811
    damage: Callable[[Path], None],
) -> None:
    damaged, good = world.score(world.candidate(12), world.candidate(14))

    def harm(run_id: str) -> None:
        folder = Path(world.store.run(run_id).artifact_uri.removeprefix("file://"))
        damage(folder / "config.yaml")

    harm(damaged)
    lines: list[str] = []
    result = competition.compete(
        world.command(rule="best"), TOYLAND, world.archive, world.store, lines.append
    )
    assert result.selected.members[0].run.run_id == good
    assert any(f"run {damaged} is left out: it cannot be read: " in line for line in lines)
    harm(good)
    line = refused(world.compete)
    assert line.startswith("no candidate of toyland can be promoted: run ")
    assert "score them again: cropland train with the same settings and force=true" in line


@pytest.mark.parametrize("where", ["file:///etc", "http://127.0.0.1:1/x", "s3://bucket/x", "../x"])
def test_a_run_names_no_file_elsewhere(world: World, where: str) -> None:  # noqa: F811
    (good,) = world.score(world.candidate(14))
    forged = replace(world.store.run(good), artifact_uri=where)
    line = refused(lambda: world.store.read(forged, "config.yaml"))
    assert "is not among the files of its experiment" in line


def test_a_file_of_a_run_is_no_link_elsewhere(world: World, tmp_path: Path) -> None:  # noqa: F811
    (good,) = world.score(world.candidate(14))
    run = world.store.run(good)
    path = Path(run.artifact_uri.removeprefix("file://")) / "config.yaml"
    (tmp_path / "x").mkdir()
    path.rename(tmp_path / "x" / "secret.yaml")
    path.symlink_to(tmp_path / "x" / "secret.yaml")
    assert "is not among the files" in refused(lambda: world.store.read(run, "config.yaml"))


@pytest.mark.parametrize(
    "forged",
    [
        {"accuracy": 7.0},
        {"accuracy": float("nan")},
        {"n_points": -1.0},
        {"fit_seconds": float("inf")},
    ],
    ids=str,
)
def test_a_run_with_numbers_that_cannot_be_is_scored_again(
    world: World,  # noqa: F811
    forged: dict[str, float],
) -> None:
    candidate = world.candidate(14)
    (good,) = world.score(candidate)
    archives = {TOYLAND.name: world.archive}
    assert len(resume.known_outcomes([candidate], archives, world.store)) == 1
    for name, value in forged.items():
        world.store.client.log_metric(good, name, value, step=10**7)
    assert resume.known_outcomes([candidate], archives, world.store) == {}


@pytest.mark.parametrize(
    ("make", "kind"), [(os.mkfifo, "pipe"), (os.mkdir, "folder")], ids=["pipe", "folder"]
)
def test_a_database_that_is_no_file_is_said_at_once(
    tmp_path: Path, make: Callable[[Path], None], kind: str
) -> None:
    path = tmp_path / "mlflow.db"
    make(path)
    uri = f"sqlite:///{path}"
    expected = f"{path} is not a file but a {kind}; remove it, or name a database in tracking.uri"
    opened = Tracking("local", uri, str(tmp_path / "artifacts"))
    assert expected in refused(lambda: open_store(opened, "simulated"))
    assert expected in refused(lambda: client_of(uri))
    assert not (tmp_path / "mlflow.db.lock").exists()
