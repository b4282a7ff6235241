"""What resolvers give as text, as the environment does, is read as in a file."""

from __future__ import annotations

import pytest
from hostile.claims import refused
from omegaconf import OmegaConf
from standins.configuration import jobs

from cropland.config.groups import Configuration, Tracking
from cropland.config.plain_values import resolved
from cropland.config.schema import text_keys


def configuration(*words: str) -> Configuration:
    (job,) = jobs("country=iran", *words)
    return job.configuration


def test_numbers_and_booleans_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"SPAN": "24", "SEED": "7", "FORCE": "true", "DEPTH": "null", "RATE": "1e-1"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("PERIOD", raising=False)
    found = configuration(
        *("span=${oc.env:SPAN}", "period=${oc.env:PERIOD,-2}", "seed=${oc.env:SEED}"),
        *("force=${oc.env:FORCE}", "model.max_depth=${oc.env:DEPTH}"),
        *("+model.min_weight_fraction_leaf=${oc.env:RATE}", "series.step_days=${span}"),
    )
    assert (found.span, found.period, found.seed, found.force) == (24, -2, 7, True)
    assert found.series.step_days == 24
    expected = {"n_estimators": 100, "max_depth": None, "min_weight_fraction_leaf": 0.1}
    assert found.model.parameters == expected


def test_a_list_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BANDS", "[B4, B8]")
    assert configuration("bands.names=${oc.env:BANDS}").bands.names == ("B4", "B8")


def test_text_of_the_environment_stays_text(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"END": "2020-03-31", "FOLDER": "2024", "CRITERION": "entropy", "DATA": "true"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    found = configuration(
        *("period=${oc.env:END}", "paths.archive=${oc.env:FOLDER}", "paths.runs=${oc.env:DATA}"),
        "+model.criterion=${oc.env:CRITERION}",
    )
    assert (found.period, found.paths.archive, found.paths.runs) == ("2020-03-31", "2024", "true")
    assert found.model.parameters["criterion"] == "entropy"


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("span='48'", "span must be a whole number, got '48'"),
        ("span=${oc.env:SPAN}", "span must be a whole number, got 'many'"),
        ("span=${oc.env:EMPTY}", "span must be a whole number, got ''"),
        ("span=${oc.env:NONE_OF_THIS_NAME}", "Environment variable 'NONE_OF_THIS_NAME' not found"),
    ],
)
def test_other_text_is_no_number(word: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPAN", "many")
    monkeypatch.setenv("EMPTY", "")
    assert message in refused(lambda: configuration(word))


@pytest.mark.parametrize("text", ["a: b", "{a: 1}", "#5", "4\n5", "[", "1 # 2", "'48'", "!!int x"])
def test_what_yaml_reads_otherwise_stays_text(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXT", text)
    assert resolved(OmegaConf.create({"x": "${oc.env:TEXT}"})) == {"x": text}


def test_text_that_another_key_holds_stays_text() -> None:
    values = {"x": "${y}", "y": "48", "z": "${a.b}", "a": {"b": "1e3"}}
    assert resolved(OmegaConf.create(values)) == {
        "x": "48",
        "y": "48",
        "z": "1e3",
        "a": {"b": "1e3"},
    }


def test_keys_of_texts_are_known_by_the_schema() -> None:
    keys = text_keys(Configuration)
    assert {"paths.data", "output", "bands.name", "study.title", "source.project"} <= keys
    assert not {"span", "period", "bands.names", "model.parameters", "source"} & keys
    assert "uri" in text_keys(Tracking)


@pytest.mark.parametrize("group", ["local", "server"])
def test_variables_of_mlflow_say_where_runs_are_kept(
    group: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://host:5000")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "2024")
    found = configuration(f"tracking={group}", "tracking.tags={team: maps}").tracking
    assert (found.uri, found.folder, found.experiment) == ("http://host:5000", None, "2024")
    assert found.tags == {"team": "maps"}
    assert configuration("tracking.uri=sqlite:///a.db").tracking.uri == "sqlite:///a.db"


def test_without_variables_of_mlflow_runs_are_kept_in_this_folder() -> None:
    expected = Tracking("local", "sqlite:///mlruns/mlflow.db", "mlruns/artifacts")
    assert configuration().tracking == expected


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("TRACKING_URI", "http://me:secret@host:5000", "tracking.uri has a password"),
        ("TRACKING_URI", "", "tracking.uri is empty; give the address of a server"),
        ("TRACKING_URI", "mlruns", "tracking.uri must be an address"),
        ("EXPERIMENT_NAME", "a-simulated", "ends as experiments of simulated data do"),
        ("EXPERIMENT_NAME", "..", "must be a name"),
    ],
)
def test_variables_of_mlflow_are_checked_as_keys_are(
    variable: str, value: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"MLFLOW_{variable}", value)
    said = refused(configuration)
    assert message in said and "secret" not in said.partition(",")[0]


def test_numbers_and_truth_values_are_tags_as_mlflow_writes_them() -> None:
    found = configuration("+tracking.tags={year: 2024, share: 0.5, final: true}").tracking
    assert found.tags == {"year": "2024", "share": "0.5", "final": "True"}


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ("{kind: mine}", "kind is a tag that runs have by themselves"),
        ("{mlflow.runName: x}", "mlflow.runName is a tag that runs have by themselves"),
        ("{chosen.iran: x}", "chosen.iran is a tag that runs have by themselves"),
        ("{year: [2024]}", "tracking.tags.year must be a text, got [2024]"),
        ("{a@b: x}", "expected names of letters"),
    ],
)
def test_tags_that_runs_cannot_be_given(tags: str, message: str) -> None:
    assert message in refused(lambda: configuration(f"+tracking.tags={tags}"))
