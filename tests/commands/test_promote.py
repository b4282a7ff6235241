"""Promotion: by command, in this process, and stopped in between."""

from __future__ import annotations

import json
import re
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest
from mlflow import MlflowClient
from skops.io import get_untrusted_types
from standins.fast import needs_fast
from standins.runs import runs
from standins.shell import ROOT, Shell, refusal, screen
from standins.toy_models import NAME, TITLE, ToyModels
from standins.toyland import TOYLAND

from cropland.config.commands.promote import Promote
from cropland.config.groups import Validation
from cropland.errors import ConfigError, CroplandError
from cropland.models import fitting, promotion, registry
from cropland.tracking import artifacts
from cropland.tracking.mlflow_session import mlflow_at
from cropland.tracking.notes import spaced
from cropland.training.candidate import Candidate

QUICK = ("n_jobs=1", "validation.folds=3", "promotion.figures=false", "promotion.bootstraps=100")


def test_by_command_from_a_sweep_to_predictions(mine: Shell) -> None:
    first = screen(mine.run(*mine.here, *QUICK, script="promote"))
    assert "registered as version 1, now champion" in first
    predicted = screen(mine.run(*mine.here, "output=sub/mine.csv", script="predict"))
    assert f"sub/mine.csv: 20 points, 10 of 20 cropland, by {NAME} version 1" in predicted
    written = (mine.folder / "sub" / "mine.csv").read_text()
    lines = written.splitlines()
    assert lines[0].startswith("ID,Target,Lat,Lon,probability,n_observations,inside_applicability,")
    assert lines[1].startswith("P060,0,") and lines[2].startswith("P061,1,")


def test_a_version_has_its_card_its_table_and_its_marks(toy: ToyModels) -> None:
    toy.promote()
    assert toy.aliases == {"champion": "1"}
    (version,) = toy.versions
    run, artifacts = toy.client.get_run(version.run_id), toy.artifacts(version.run_id)
    card = (artifacts / "card.md").read_text()
    assert version.description == run.data.tags["mlflow.note.content"]
    sections = spaced(card[card.index("## Scores") :])
    assert version.description.endswith(sections) and sections.count("&emsp; |")
    page = (artifacts / "card.html").read_text()
    assert page.startswith("<!DOCTYPE html>") and "<h2>Limits</h2>" in page
    assert "Selected from 2 candidates" in card
    assert "There was no champion before." in card
    metrics = run.data.metrics
    corrected = [metrics[f"accuracy_corrected{end}"] for end in ("_low", "", "_high")]
    assert corrected == sorted(corrected)
    assert (
        f"| **{corrected[1]:.3f}** | 95 %: {corrected[0]:.3f} … {corrected[2]:.3f}, 2 candidates"
        in card
    )
    assert f"| spatial block CV | {metrics['accuracy_blocks']:.3f} ± " in card
    assert {"identity", "comparison", "candidate", "archive", "checksum.recipe.yaml"} <= set(
        version.tags
    )
    table = pd.read_csv(artifacts / "candidates.csv")
    assert sorted(table["span"]) == [12, 24]
    assert (table["verdict"] == "selected").sum() == 1
    assert table["verdict"].notna().all()


def test_the_selected_candidate_is_named_as_its_run_is_everywhere(toy: ToyModels) -> None:
    toy.promote()
    (version,) = toy.versions
    run_id = toy.client.get_run(version.run_id).data.tags["candidate"]
    toy.client.set_tag(run_id, "mlflow.runName", "toy [renamed]")
    printed = " ".join(toy.promote(force=True).split())
    assert "fitting the selected model on all labelled points" in printed
    assert "Candidate `toy [renamed]`." in toy.versions[0].description


def test_a_logged_model_is_found_by_what_it_is_and_how_good_it_is(toy: ToyModels) -> None:
    toy.promote()
    (version,) = toy.versions
    run = toy.client.get_run(version.run_id)
    for words in (
        "metrics.accuracy > 0.5",
        "metrics.accuracy_blocks > 0",
        "params.country = 'toyland'",
        "params.span = '24'",
        "tags.country = 'toyland' and tags.kind = 'promotion'",
        f"name = '{NAME}' and model_type = 'KNeighborsClassifier'",
    ):
        (model,) = toy.client.search_logged_models(["1"], words)
        assert f"models:/{model.model_id}" == version.source, words
    assert toy.client.search_logged_models(["1"], "metrics.accuracy > 1") == []
    assert json.loads(model.tags["mlflow.modelVersions"]) == [{"name": NAME, "version": "1"}]
    assert model.params == run.data.params
    assert {metric.key: metric.value for metric in model.metrics} == run.data.metrics
    points = "toyland points", toy.archive.fingerprint
    for metric in model.metrics:
        is_score = metric.key.startswith("accuracy")
        dataset = metric.dataset_name, metric.dataset_digest
        assert dataset == (points if is_score else (None, None)), metric.key
    condition = {"dataset_name": points[0], "dataset_digest": points[1]}
    found = toy.client.search_logged_models(["1"], "metrics.accuracy > 0.5", datasets=[condition])
    assert [one.model_id for one in found] == [model.model_id]
    counts = {"n_points", "span_weeks", "n_features", "n_samples", "n_candidates"}
    assert counts <= run.data.metrics.keys() and not counts & run.data.params.keys()


def test_a_version_says_in_the_table_of_versions_what_it_is(toy: ToyModels) -> None:
    toy.promote()
    (version,) = toy.versions
    run = toy.client.get_run(version.run_id)
    for name in ("country", "span", "period", "bands", "model"):
        assert version.tags[name] == run.data.params[name]
    for name in ("accuracy", "accuracy_corrected", "accuracy_blocks"):
        assert float(version.tags[name]) == pytest.approx(run.data.metrics[name], abs=5e-5)
    assert version.tags["n_points"] == "60"
    assert version.tags["window"] == "2020-07-16 … 2020-12-31"
    first, _, rest = version.description.partition("\n")
    assert first == (
        f"**{TITLE}**: accuracy {run.data.metrics['accuracy']:.3f}, "
        f"bias-corrected {run.data.metrics['accuracy_corrected']:.3f}, "
        f"spatial block CV {run.data.metrics['accuracy_blocks']:.3f}, 60 points"
    )
    use, purpose = rest.strip().split("\n\n")[:2]
    assert use == (
        "To use the champion: `cropland predict country=toyland source=files`, "
        "`cropland map country=toyland source=files cube=CUBE`."
    )
    assert purpose.startswith(f"The model `{NAME}` predicts")
    described = toy.client.get_registered_model(NAME).description
    for words in (
        f"mlflow.pyfunc.load_model('models:/{NAME}@champion')",
        f"mlflow models serve --model-uri models:/{NAME}@champion",
        "cropland predict country=toyland source=SOURCE",
    ):
        assert words in described


def test_sweeps_and_promotions_name_the_points_that_they_learn_from(toy: ToyModels) -> None:
    toy.promote()
    mark = toy.archive.fingerprint
    found = toy.client.search_runs(["1"], f"datasets.digest = '{mark}'")
    assert {run.info.run_id for run in found} == {
        run.info.run_id for run in toy.client.search_runs(["1"], "dataset.name = 'toyland points'")
    }
    # A candidate names none: that would cost as much as its other tracking.
    assert sorted(run.data.tags["kind"] for run in found) == ["promotion", "sweep", "sweep"]
    for run in found:
        (entry,) = run.inputs.dataset_inputs
        assert [(tag.key, tag.value) for tag in entry.tags] == [("mlflow.data.context", "training")]


def test_the_input_example_is_small_and_has_a_label(toy: ToyModels) -> None:
    toy.promote()
    (version,) = toy.versions
    folder = toy.artifacts_of_model(version.source)
    example = json.loads((folder / "input_example.json").read_text())
    table = pd.DataFrame(example["data"], columns=example["columns"])
    assert len(table) <= 60 and table["ID"].nunique() <= 2
    assert table["Timestamp"].min() >= "2020-07-16" and table["Timestamp"].max() < "2021"
    with mlflow_at(toy.tracking.uri):
        predicted = mlflow.pyfunc.load_model(version.source).predict(table)
    assert predicted["label"].isin([0, 1]).all()
    assert (predicted["reason"] == "").all()


def test_the_search_of_the_document_finds_model_and_points(
    toy: ToyModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy.promote()
    monkeypatch.chdir(toy.folder)
    text = (ROOT / "docs" / "models.md").read_text()
    block, *_ = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    for before, after in (
        ("sqlite:///mlruns/mlflow.db", toy.tracking.uri),
        ("cropland-simulated", "cropland"),
        ("iran", "toyland"),
        ("metrics.accuracy > 0.8", "metrics.accuracy > 0.5"),
    ):
        assert before in block
        block = block.replace(before, after)
    found: dict[str, Any] = {}
    with mlflow_at(toy.tracking.uri):
        exec(block, found)
    assert found["model"].model_uri == toy.versions[0].source
    assert found["archive"].fingerprint == toy.archive.fingerprint
    assert found["long"]["params.span"].tolist() == ["24"]


def test_a_promotion_repeated_makes_nothing_new(toy: ToyModels) -> None:
    toy.promote()
    runs = len(toy.client.search_runs(["1"]))
    out = toy.promote(sweep=set())
    assert "24w +0m ndvi knn folds=3 of an earlier sweep" in out
    out = toy.promote(sweep={toy.versions[0].tags["candidate"]})
    assert "of an earlier sweep" not in out
    assert "version 1 stays champion: it was made from the selected candidate" in out
    assert len(toy.versions) == 1
    assert len(toy.client.search_runs(["1"])) == runs


def test_only_a_better_candidate_takes_the_place_of_a_champion(toy: ToyModels) -> None:
    toy.promote()
    # The folds of another seed are another comparison: a worse candidate is alone there.
    kept = toy.promote(seed=5)
    assert "version 1 stays champion: on the same points the selected is less accurate (-0." in kept
    assert "force=true replaces it" in kept
    assert len(toy.versions) == 1
    forced = toy.promote(seed=5, force=True)
    assert "registered as version 2, now champion in place of version 1 (-0." in forced
    assert toy.aliases == {"champion": "2", "previous": "1"}
    card = (toy.artifacts(toy.versions[0].run_id) / "card.md").read_text()
    assert "Against the champion before, on the same points: -0." in card
    assert "McNemar's exact test" in card
    back = toy.promote()
    assert "version 1, registered before, is champion in place of version 2 (+0." in back
    assert toy.aliases == {"champion": "1", "previous": "2"}
    assert len(toy.versions) == 2


def average(toy: ToyModels, **changes: Any) -> str:
    """Promote the calibrated mean of both candidates."""
    return toy.promote(rule="average", members=2, calibration="sigmoid", **changes)


def test_an_average_is_registered_whole_and_found_again(toy: ToyModels) -> None:
    toy.promote()
    assert "toyland: 2 candidates; the mean probability of 2" in average(toy, force=True)
    assert toy.aliases == {"champion": "2", "previous": "1"}
    version, *_ = toy.versions
    run = toy.client.get_run(version.run_id)
    params, tags = run.data.params, version.tags
    assert (params["rule"], params["members"], params["calibration"]) == ("average", "2", "sigmoid")
    assert sorted(params["span"].split(" | ")) == ["12", "24"]
    assert (params["bands"], tags["span"]) == ("ndvi", params["span"])
    files = {path.name for path in toy.artifacts(version.run_id).iterdir()}
    assert {"config_1.yaml", "config_2.yaml"} < files and "config.yaml" not in files
    assert len(tags["candidate"].split(", ")) == 2
    scores = {"coverage_cropland", "cannot_tell_blocks", "brier_uncalibrated"}
    assert scores <= run.data.metrics.keys()
    assert toy.loads()
    same = average(toy)
    assert "toyland: other rules would select: by best: toyland 24w" in same.replace("\n", " ")
    assert "version 2 stays champion: it was made from the selected candidates" in same
    # The champion's two members are scored again on the folds of the single candidate, and calibrated.
    kept = toy.promote()
    assert "version 2 stays champion: on the same points the selected is " in kept
    toy.client.delete_registered_model_alias(NAME, "champion")
    assert "version 2, registered before, is champion" in average(toy)
    assert len(toy.versions) == 2


def test_an_average_that_is_killed_leaves_the_champion(
    toy: ToyModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy.promote(seed=5)
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(registry, "register", dying)
        average(toy, force=True)
    assert (toy.aliases, len(toy.versions)) == ({"champion": "1"}, 1)
    average(toy, force=True)
    assert toy.aliases == {"champion": "2", "previous": "1"}
    assert toy.loads()


def lose_configuration(toy: ToyModels) -> None:
    (toy.artifacts(toy.versions[0].run_id) / "config.yaml").unlink()


def lose_run(toy: ToyModels) -> None:
    toy.client.delete_run(toy.versions[0].run_id)
    shutil.rmtree(toy.artifacts(toy.versions[0].run_id))


@pytest.mark.parametrize("lose", [lose_configuration, lose_run])
def test_a_champion_that_cannot_be_read_is_replaced_by_force_only(
    toy: ToyModels, lose: Callable[[ToyModels], None]
) -> None:
    toy.promote()
    toy.client.set_tag(toy.versions[0].run_id, "mlflow.runName", "toy [/renamed]")
    lose(toy)
    with pytest.raises(CroplandError, match=r"champion, cannot be read and stays: .*config.yaml"):
        toy.promote(seed=5)
    assert (toy.aliases, len(toy.versions)) == ({"champion": "1"}, 1)
    out = toy.promote(seed=5, force=True)
    assert "in place of version 1, which could not be compared: run 'toy [/renamed]'" in out
    assert toy.aliases == {"champion": "2", "previous": "1"}
    card = (toy.artifacts(toy.versions[0].run_id) / "card.md").read_text()
    assert "The champion before could not be compared: run 'toy \\[/renamed\\]' has lost" in card


def test_a_model_that_fails_on_its_own_example_is_not_registered(
    toy: ToyModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy.promote()
    example = fitting.example

    def in_reflectance(*given: Any) -> pd.DataFrame:
        table = example(*given)
        bands = [name for name in table if name.startswith("B")]
        return table.assign(**{name: table[name] / 10_000 for name in bands})

    monkeypatch.setattr(fitting, "example", in_reflectance)
    with pytest.raises(CroplandError) as refused:
        toy.promote(seed=5, force=True)
    said = str(refused.value)
    assert said.startswith("the model of toyland is not registered: it cannot predict its own trai")
    assert "10000" in said and "\n" not in said
    assert (toy.aliases, len(toy.versions)) == ({"champion": "1"}, 1)
    newest, *_ = toy.runs("promotion")
    assert newest.info.status == "FAILED"
    models = toy.client.search_logged_models(["1"])
    assert sorted(str(model.status) for model in models) == ["FAILED", "READY"]


def test_a_model_that_another_process_registered_meanwhile_is_not_left_ready(
    toy: ToyModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy.promote()
    toy.client.delete_registered_model_alias(NAME, "champion")
    made_before, before = registry.made_before, iter([None])
    monkeypatch.setattr(registry, "made_before", lambda *given: next(before, made_before(*given)))
    toy.promote()
    assert (toy.aliases, len(toy.versions)) == ({"champion": "1"}, 1)
    models = toy.client.search_logged_models(["1"])
    assert sorted(str(model.status) for model in models) == ["FAILED", "READY"]


def test_a_registered_model_whose_page_cannot_be_written_is_ready(
    toy: ToyModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> None:
        raise CroplandError("the store is away")

    with monkeypatch.context() as patched, pytest.raises(CroplandError, match="is away"):
        patched.setattr(MlflowClient, "set_logged_model_tags", away)
        toy.promote()
    (model,) = toy.client.search_logged_models(["1"])
    assert (str(model.status), len(toy.versions)) == ("READY", 1)


def test_mlflow_prints_nothing_of_its_own(toy: ToyModels, tmp_path: Path) -> None:
    printed = toy.promote() + toy.predict(tmp_path / "p.csv")
    assert not re.search(r"mlflow\.(?!db)|pip", printed)
    assert "toyland: fitting the selected model" in printed


def test_a_country_that_cannot_be_promoted_does_not_keep_the_others_from_it(toy: ToyModels) -> None:
    nowhere = replace(TOYLAND, name="nowhere", title="Nowhere")
    with pytest.raises(CroplandError, match="no archive of nowhere"):
        toy.promote(nowhere, TOYLAND)
    assert "registered as version 1, now champion" in toy.screen()
    assert toy.aliases == {"champion": "1"}


def test_the_next_command_names_the_countries_that_were_promoted(
    toy: ToyModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, names = promotion.promote, iter(["one", "two"])

    def promote(*given: Any) -> Any:
        return replace(made(*given), country=next(names))

    monkeypatch.setattr(promotion, "promote", promote)
    nowhere = replace(TOYLAND, name="nowhere", title="Nowhere")
    with pytest.raises(CroplandError, match="no archive of nowhere"):
        toy.promote(TOYLAND, TOYLAND, nowhere)
    assert "predict source=files 'country=[one,two]'" in toy.screen()


def test_a_slip_in_the_name_of_the_experiment_makes_none(toy: ToyModels) -> None:
    expected = "has no experiment 'typo'; it has cropland, Default"
    with pytest.raises(CroplandError, match=expected):
        toy.promote(tracking=replace(toy.tracking, experiment="typo"))
    assert toy.client.get_experiment_by_name("typo") is None


def test_a_sweep_promotes_although_a_candidate_failed(shell: Shell) -> None:
    words = ("span=24", "bands=ndvi", "model=knn", "model.n_neighbors=3,500", *QUICK)
    out = screen(shell.run("-m", *shell.here, "promote=true", *words), 1)
    assert "1 finished, 1 failed" in out
    assert "registered as version 1, now champion" in out
    assert "cropland: some candidates failed" in out.splitlines()[-1]
    assert "promote.py" not in out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ({"validation": Validation("blocks", 3, block_km=5.0)}, "needs one validation,"),
        ({"seed": 1}, "promote=true needs one seed, the sweep has 2"),
    ],
)
def test_a_sweep_of_several_comparisons_cannot_promote(
    swept: Shell, words: dict[str, Any], expected: str
) -> None:
    config_file = next((swept.folder / "mlruns").rglob("predictions.csv")).with_name("config.yaml")
    from cropland.training.candidates import from_yaml

    made = from_yaml(config_file.read_text())
    other = Candidate(replace(made.configuration, **words), made.country)
    assert Promote.of([made.configuration] * 2).force is False
    with pytest.raises(ConfigError, match=expected):
        Promote.of([made.configuration, other.configuration])


def test_a_nested_sweep_cannot_promote_and_says_so_before_any_work(shell: Shell) -> None:
    words = ("span=24", "validation=nested", "promote=true")
    said = refusal(shell.run(*shell.here, *words))
    assert "promote=true and validation=nested do not go together" in said
    assert runs(shell.database) == []


def of_shell(shell: Shell, script: str, *words: str, **variables: str) -> str:
    """The screen of a command for the toy country, given through the shell of the tests."""
    small = (*shell.here, "n_jobs=1", "validation.folds=3")
    return screen(shell.run(*small, *words, script=script, **variables))


RULES = ("promotion.figures=false", "promotion.bootstraps=100")


@needs_fast
def test_what_the_fast_forest_chose_is_fitted_by_scikit_learn(shell: Shell) -> None:
    quick = ("model=forest_fast", "model.n_estimators=10", "span=24", "bands=ndvi")
    of_shell(shell, "train", *quick)
    assert "registered as version 1, now champion" in of_shell(shell, "promote", *RULES)
    version = MlflowClient(shell.database).get_model_version_by_alias(NAME, "champion")
    assert "Selected with the fast forest; scored again and fitted with" in version.description
    assert "Estimator: `sklearn.ensemble.RandomForestClassifier`" in version.description
    client = MlflowClient(shell.database)
    chosen = client.get_run(version.tags["candidate"])
    assert chosen.data.params["model"] == "forest_fast"
    assert version.tags["identity"] == chosen.data.tags["identity"]
    (stored,) = (shell.folder / "mlruns" / "artifacts").rglob("estimator.skops")
    assert not [name for name in get_untrusted_types(file=stored) if "sklearnex" in name]
    again = of_shell(shell, "promote", *RULES)
    assert "version 1 stays champion: it was made from the selected candidate" in again
    anew = of_shell(shell, "promote", "force=true", *RULES)
    assert "in place of version 1 (+0.0000 ± 0.0000 on the same points" in anew


@pytest.fixture
def allowed(shell: Shell, tmp_path: Path) -> Callable[..., str]:
    """Gives a command where a package with a classifier of somebody else's can be imported."""
    package = tmp_path / "package"
    package.mkdir()
    (package / "greenhouse.py").write_text(
        "from sklearn.naive_bayes import GaussianNB\nclass Bayes(GaussianNB): pass\n"
    )
    given = ("model=custom", "model._target_=greenhouse.Bayes", "span=24", "bands=ndvi")
    return lambda script, *words: of_shell(
        shell,
        script,
        *((*given, *words) if script == "train" else (*RULES, *words)),
        PYTHONPATH=str(package),
    )


def test_a_class_of_another_package_is_scored_but_not_promoted(
    allowed: Callable[..., str], shell: Shell
) -> None:
    only = "excluded: 1 candidate of greenhouse.Bayes: a registered model holds only the"
    assert "candidates: 1 finished" in allowed("train", "allow=[greenhouse.Bayes]")
    done = shell.run(*shell.toy[:3], "validation.folds=3", "n_jobs=1", *RULES, script="promote")
    out = screen(done, 1)
    assert only in out
    assert "none of 1 candidate of toyland may be promoted: the best of them is of gree" in out
    of_shell(shell, "train", "model=custom", NAIVE, "span=12", "bands=ndvi")
    out = of_shell(shell, "promote", *RULES)
    assert only in out
    assert "registered as version 1, now champion" in out


NAIVE = "model._target_=sklearn.naive_bayes.GaussianNB"


def test_a_class_of_another_package_is_refused_unless_it_is_named(
    allowed: Callable[..., str], shell: Shell
) -> None:
    conf = shell.folder / "conf"
    with pytest.raises(AssertionError, match="expected a class of scikit-learn, got _target_ 'gre"):
        allowed("train")
    conf.mkdir(exist_ok=True)
    (conf / "local.yaml").write_text("allow: [greenhouse.]\n")
    assert "candidates: 1 finished" in allowed("train")
    assert "no finished candidate" in screen(
        shell.run(*shell.toy[:3], "seed=1", *RULES, script="promote"), 1
    )


class Killed(BaseException):
    """Stands for whatever ends a process at once."""


def dying(*_: Any, **__: Any) -> Any:
    raise Killed


def dying_after(call: Callable[..., Any]) -> Callable[..., Any]:
    def last(*given: Any, **named: Any) -> Any:
        call(*given, **named)
        raise Killed

    return last


SET_ALIAS = MlflowClient.set_registered_model_alias
MOMENTS = {
    "during the fit": (fitting, "fit", dying, 1, {"champion": "1"}),
    "while the model is logged": (mlflow.models.Model, "log", dying, 1, {"champion": "1"}),
    "while its run is written": (artifacts, "write", dying, 1, {"champion": "1"}),
    "before it is registered": (registry, "register", dying, 1, {"champion": "1"}),
    "before it is champion": (registry, "crown", dying, 2, {"champion": "1"}),
    "between the aliases": (
        MlflowClient,
        "set_registered_model_alias",
        dying_after(SET_ALIAS),
        2,
        {"champion": "1", "previous": "1"},
    ),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_promotion_that_is_stopped_leaves_nothing_by_halves(
    toy: ToyModels, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    where, name, instead, versions, aliases = MOMENTS[moment]
    toy.promote(seed=5)
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(where, name, instead)
        toy.promote()
    assert len(toy.versions) == versions
    models = toy.client.search_logged_models(["1"])
    assert [str(model.status) for model in models].count("READY") == versions
    assert "PENDING" not in {str(model.status) for model in models}
    assert toy.aliases == aliases
    assert "in place of version 1" in toy.promote()
    assert toy.aliases == {"champion": "2", "previous": "1"}
    assert len(toy.versions) == 2
    assert toy.loads()


def test_a_first_promotion_that_is_stopped_leaves_no_champion(
    toy: ToyModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(registry, "crown", dying)
        toy.promote()
    assert toy.aliases == {}
    assert "version 1, registered before, is champion" in toy.promote()
    assert toy.aliases == {"champion": "1"}
    assert len(toy.versions) == 1


KILL = """
import os, runpy, signal, sys
from cropland.models import registry
registry.register = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
sys.argv = {words!r}
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_a_killed_command_is_taken_up_by_the_next_one(mine: Shell, toy: ToyModels) -> None:
    tracked = [f"tracking.uri={toy.tracking.uri}", f"tracking.artifacts={toy.tracking.artifacts}"]
    _, *words = mine.words(*mine.here, *QUICK, *tracked, script="promote")
    killed = mine.run_program(KILL.format(words=words))
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert toy.client.search_registered_models() == []
    assert "registered as version 1, now champion" in toy.promote()
    assert toy.loads()
