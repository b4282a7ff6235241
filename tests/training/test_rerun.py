"""Runs that are named to be made again: which are found, what is taken of them, what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock, patch

import pytest
from hydra.core.config_store import ConfigStore
from standins import configuration
from standins.runs import candidates
from standins.shell import Shell

from cropland.config import filling, local_file, run_group
from cropland.config.countries import Country
from cropland.config.groups import Configuration
from cropland.config.saved import OVERRIDES
from cropland.errors import ConfigError, CroplandError
from cropland.support import yaml_text
from cropland.tracking import runs
from cropland.tracking.records import ARCHIVE, CHECKSUM, IDENTITY, LIBRARIES, TrackedRun
from cropland.tracking.sqlite_file import replace_locations
from cropland.tracking.store import Store
from cropland.training import rerun
from cropland.training.candidate import Candidate
from cropland.training.identity import libraries

ID = "0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def files_of_runs() -> Iterator[None]:
    """Forget the files that were made of runs."""
    yield
    repo = ConfigStore.instance().repo
    repo.pop("run", None)
    repo.pop(local_file.GROUP, None)
    for group in run_group.GROUPS:
        repo.get(group, {}).pop("run", None)


@pytest.fixture
def store(swept: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A copy of a sweep's store, in its working folder."""
    mine = swept.copy(tmp_path / "mine")
    monkeypatch.chdir(mine.folder)
    local_file.store("train", [])
    client = runs.client_of(mine.database)
    experiment = client.get_experiment_by_name("cropland")
    assert experiment is not None
    return Store(client, experiment.experiment_id, "cropland")


def run_of(store: Store) -> Any:
    return candidates(str(store.client.tracking_uri))[0]


def expanded(store: Store, *words: str) -> tuple[list[str], list[str]]:
    """Look words up in a store, whose address MLflow keeps open by its name; leave that out of the answer.

    Return too the words of files to which ``local.yaml`` gives way.
    """
    where = f"tracking.uri='{store.client.tracking_uri}'"
    with patch.object(local_file, "store") as stored:
        found = rerun.expanded([*words, where])
    _, given = stored.call_args.args
    return [word for word in found if word != where], given[: -len(found)]


def refused(*words: str, store: Store | None = None) -> str:
    with pytest.raises(CroplandError) as error:
        rerun.expanded(words) if store is None else expanded(store, *words)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_words_that_name_no_run_stay() -> None:
    assert rerun.expanded(["span=4", "-m"]) == ["span=4", "-m"]


@pytest.mark.parametrize("text", ["", "best", "0123", "0123456G", f"{ID}0", "[01234567]"])
def test_what_can_be_no_id_is_refused(text: str) -> None:
    assert "expected the id of a run, or its first characters" in refused(f"run={text}")


def test_a_run_is_found_by_its_first_signs(store: Store) -> None:
    id_ = run_of(store).info.run_id
    words, choices = expanded(store, f"run={id_[:8]}", "span=4")
    assert words == [f"run={id_}", "span=4"]
    assert f"bands=run/{id_}" in choices


def test_a_user_s_own_defaults_give_way_to_what_a_run_was_made_of(store: Store) -> None:
    Path("conf").mkdir(exist_ok=True)
    Path("conf", "local.yaml").write_text("bands: scl\npromotion: default\n")
    where = f"tracking.uri='{store.client.tracking_uri}'"
    local_file.store("train", [where])
    rerun.expanded([f"run={run_of(store).info.run_id}", where])
    defaults = ConfigStore.instance().load("local/yaml.yaml").node.defaults
    assert list(defaults) == [{"override /promotion": "default"}]


def test_what_is_not_there_is_said_with_its_store(store: Store) -> None:
    assert f"run {ID} is not in {store.client.tracking_uri}; give tracking.uri" in refused(
        f"run={ID}", store=store
    )
    id_ = run_of(store).info.run_id
    line = refused(f"run={id_}", "tracking.uri=sqlite:///other.db")
    assert "expected a tracking store at" in line and "other.db" in line
    store.client.delete_run(id_)
    assert "; restore it: mlflow runs restore --run-id" in refused(f"run={id_}", store=store)
    assert "is not in sqlite" in refused(f"run={id_[:8]}", store=store)


def test_a_run_of_another_experiment_names_it(store: Store) -> None:
    number = store.client.create_experiment("mine")
    other = replace(store, experiment_id=number).start("x", {"kind": "candidate"})
    assert "is in experiment mine of sqlite:///" in refused(f"run={other}", store=store)


def test_a_run_of_a_folder_that_was_moved_is_found(store: Store, tmp_path: Path) -> None:
    id_ = run_of(store).info.run_id
    here = tmp_path / "mine" / "mlruns" / "artifacts"
    elsewhere = (tmp_path / "gone" / "cropland").as_uri()
    replace_locations(str(store.client.tracking_uri), (here / "cropland").as_uri(), elsewhere)
    assert "run the same command once with tracking.moved=true" in refused(
        f"run={id_}", store=store
    )
    words, _ = expanded(store, f"run={id_}", "tracking.moved=true")
    assert words == [f"run={id_}", "tracking.moved=true"]


@pytest.mark.parametrize(
    ("tags", "kind"),
    [
        ({"kind": "map"}, "map"),
        ({f"{CHECKSUM}card.md": "f00", IDENTITY: "f00"}, "promotion"),
        ({}, "run of another kind"),
    ],
    ids=str,
)
def test_a_run_of_another_kind_is_refused(store: Store, tags: dict[str, str], kind: str) -> None:
    line = refused(f"run={store.start('x', tags)}", store=store)
    assert line.endswith(f"is a {kind}; expected the run of a candidate, or of one sweep")


def test_a_configuration_that_cannot_be_read_is_said(store: Store) -> None:
    id_ = store.start("x", {"kind": "candidate"})
    store.add_files(id_, {"config.yaml": "country: 5\nmodel: {estimator: {}}\n"})
    assert f"run {id_} cannot be made again: " in refused(f"run={id_}", store=store)


def swept_by(store: Store, *words: str) -> str:
    """Return the id of a sweep of some words."""
    id_ = store.start("x", {"kind": "sweep"})
    store.add_files(id_, {OVERRIDES: yaml_text.dump([*words])})
    return id_


def test_words_beside_the_id_of_a_sweep_count_more(store: Store) -> None:
    id_ = swept_by(
        store,
        "span=12,24",
        "+model.x=1",
        "tracking.uri=sqlite:///x.db",
        "hydra.searchpath=[/x]",
        "hydra.mode=MULTIRUN",
    )
    words, choices = expanded(store, f"run={id_}", "span=4", "seed=1")
    assert words == ["+model.x=1", "hydra.mode=MULTIRUN", "span=4", "seed=1"]
    assert choices == []


def test_a_word_beside_the_id_of_a_sweep_has_the_plus_of_the_sweep_s_own(store: Store) -> None:
    id_ = swept_by(store, "+model.x=1,2", "span=12")
    words, _ = expanded(store, f"run={id_}", "model.x=5", "seed=1")
    assert words == ["span=12", "+model.x=5", "seed=1"]


def test_what_is_shown_of_a_sweep_is_its_first_job(store: Store) -> None:
    id_ = swept_by(
        store, "span=12,24", "+model.x=range(3,9)", "seed=interval(1,9)", "bands=glob(n*)", "~study"
    )
    words, _ = expanded(store, f"run={id_}", "--cfg", "job")
    assert words == ["span=12", "+model.x=3", "~study", "--cfg", "job"]


def test_folders_of_configuration_of_a_sweep_are_said(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("my").mkdir()
    id_ = swept_by(store, "study=odd", "hydra.searchpath=[my]")
    expanded(store, f"run={id_}", "hydra.searchpath=[my]")
    assert capsys.readouterr().err == ""
    expanded(store, f"run={id_}")
    line = " ".join(capsys.readouterr().err.split())
    assert f"run {id_[:8]} was started with hydra.searchpath=[my]: add it where" in line


def test_a_sweep_of_candidates_names_these(store: Store) -> None:
    id_ = run_of(store).info.run_id
    words, choices = expanded(store, f"run={swept_by(store, f'run={id_}', 'span=4')}")
    assert words == [f"run={id_}", "span=4"]
    assert choices


def named_sweep(store: Store, *words: str, **values: object) -> str:
    """Return the id of a sweep of a configuration that its user had saved."""
    saved = configuration.compose(span=22, **values) | {"country": {"name": "all"}, "windows": {}}
    tags = {"kind": "sweep", "command": "cropland train --config-name saved " + " ".join(words)}
    id_ = store.start("x", tags)
    store.add_files(
        id_, {OVERRIDES: yaml_text.dump([*words]), "config.yaml": yaml_text.dump(saved)}
    )
    return id_


def test_a_sweep_of_a_saved_configuration_is_made_of_that(store: Store) -> None:
    id_ = named_sweep(store, "seed=1,2", bands__names=["NDVI"])
    words, choices = expanded(store, f"run={id_}")
    assert words == [f"run={id_}", "seed=1,2"]
    assert f"bands=run/{id_}" in choices
    job, _ = configuration.jobs("-m", *words)
    assert (job.configuration.span, job.configuration.bands.names) == (22, ("NDVI",))
    assert len(job.countries) > 1
    again = swept_by(store, *words)
    assert expanded(store, f"run={again}", "seed=3")[0] == [f"run={id_}", "seed=3"]
    assert list(rerun.differences(words, [], {}, store)) == []


def test_a_configuration_that_is_named_beside_a_sweep_counts_more(store: Store) -> None:
    id_ = named_sweep(store, "seed=1,2")
    words, choices = expanded(store, f"run={id_}", "--config-name", "train")
    assert (words, choices) == (["seed=1,2", "--config-name", "train"], [])


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"span": "${oc.env:HOME}"}, "must hold plain values"),
        ({"paths": {"data": "${oc.env:HOME}"}}, "must hold plain values"),
        ({}, "its configuration lacks country, bands"),
    ],
    ids=["span", "paths", "none"],
)
def test_a_saved_configuration_of_a_store_is_checked(
    store: Store, values: dict[str, Any], line: str
) -> None:
    whole = configuration.compose() | {"country": {"name": "all"}} | values if values else {"x": 1}
    id_ = store.start("x", {"kind": "sweep", "command": "train --config-name saved"})
    store.add_files(id_, {OVERRIDES: "[]\n", "config.yaml": yaml_text.dump(whole)})
    assert line in refused(f"run={id_}", store=store)


@pytest.mark.parametrize(
    "word",
    [
        "+hydra.callbacks.x={_target_:os.system}",
        "hydra.launcher._target_=os.system",
        "hydra.sweeper.sampler={_target_:os.system}",
        "hydra/launcher=../x",
        "allow=[os.]",
        "span=${oc.env:HOME}",
        "--config-dir=/tmp",
    ],
)
def test_a_store_decides_no_code(store: Store, word: str) -> None:
    assert "which is not read from a store; add" in refused(
        f"run={swept_by(store, word)}", store=store
    )


def test_a_sweep_of_before_is_said(store: Store) -> None:
    id_ = store.start("x", {"command": "train.py span=4"})
    assert f"is a sweep of an earlier version, which stored no {OVERRIDES}" in refused(
        f"run={id_}", store=store
    )


@pytest.fixture
def candidate(toyland: Country) -> Candidate:
    values = configuration.compose(source__points=30, span=12, model__estimator__max_depth=3)
    return Candidate(filling.command(Configuration, values), toyland)


def test_what_was_made_again_has_the_run_s_values_under_the_words(candidate: Candidate) -> None:
    values = filling.values_of(candidate.configuration)
    country = {
        "name": "iran",
        "title": "Iran",
        "box": {"south": 1, "north": 2, "west": 3, "east": 4},
    }
    season = {"start": "2019-07-01", "end": "2020-06-30"}
    values["country"] = country | {"reference": season}
    choices = run_group.store(ID, values, [])
    assert "source=simulated" in choices and f"model=run/{ID}" in choices
    (job,) = configuration.jobs(f"run={ID}")
    assert job.countries[0].box.south == 1
    of_here = {name: getattr(job.configuration, name) for name in ("promotion", "tracking")}
    assert job.configuration == replace(candidate.configuration, **of_here)
    (other,) = configuration.jobs(f"run={ID}", "model=svm", "span=4", "country=sudan")
    assert other.configuration.span == 4
    assert set(other.configuration.model.parameters) == {"ensemble", "cv", "estimator"}
    assert other.countries[0].name == "sudan"


def test_values_that_refer_to_others_are_refused(candidate: Candidate) -> None:
    values = filling.values_of(candidate.configuration) | {"country": {"name": "${oc.env:HOME}"}}
    with pytest.raises(ConfigError, match="must hold plain values"):
        run_group.store(ID, values, [])


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({ARCHIVE: "f02"}, "its archive differs"),
        ({LIBRARIES: "numpy 1.0"}, "it was scored by numpy 1.0; installed are numpy"),
        ({}, "it was scored by versions that it did not store"),
        ({LIBRARIES: libraries()}, "the code that decides scores has changed"),
    ],
    ids=str,
)
def test_why_an_identity_differs_is_said(
    candidate: Candidate, monkeypatch: pytest.MonkeyPatch, tags: dict[str, str], reason: str
) -> None:
    monkeypatch.setattr(rerun, "_identity", lambda *_: "f00")
    monkeypatch.setattr(rerun.candidates, "from_run", lambda *_: candidate)
    store = Store(MagicMock(), "1", "cropland")
    monkeypatch.setattr(Store, "run", lambda *_: TrackedRun(ID, "x", {}, tags, {}, ""))
    archives: Any = {"toyland": SimpleNamespace(fingerprint="f01")}
    words = [f"run={ID}"]
    (line,) = rerun.differences(words, [candidate], archives, store)
    assert line.startswith(f"this is not run 01234567 again: {reason}")
    other = replace(candidate, configuration=replace(candidate.configuration, span=24, seed=1))
    (line,) = rerun.differences(words, [other], archives, store)
    assert line.endswith("again: span 24 (was 12), seed 1 (was 2023)")
    monkeypatch.setattr(Store, "run", lambda *_: TrackedRun(ID, "x", {}, {IDENTITY: "f00"}, {}, ""))
    assert list(rerun.differences(words, [candidate], archives, store)) == []


def test_a_run_on_real_data_is_compared_with_what_is_simulated(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_ = run_of(store).info.run_id
    candidate = rerun.candidates.from_run(store, store.run(id_))
    number = store.client.create_experiment("cropland-simulated", artifact_location="file:///x")
    monkeypatch.setattr(rerun, "_identity", lambda *_: "")
    other = replace(candidate, configuration=replace(candidate.configuration, seed=1))
    simulated = replace(store, experiment_id=number, experiment="cropland-simulated")
    (line,) = rerun.differences([f"run={id_}"], [other], {}, simulated)
    assert line.startswith(f"this is not run {id_[:8]} again: seed 1 (was ")
