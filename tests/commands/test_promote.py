"""Promotion and prediction: in this process, by command, and killed in between."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from skops.io import get_untrusted_types
from standins.runs import runs
from standins.shell import Shell, refusal, screen
from standins.toyland import SOURCE, TOYLAND

from cropland.commands import predict as predicting
from cropland.commands import promote as promoting
from cropland.config.commands.predict import Predict
from cropland.config.commands.promote import Promote
from cropland.config.countries import Country
from cropland.config.groups import Paths, Promotion, Tracking, Validation
from cropland.errors import ConfigError, CroplandError
from cropland.learning import fast_forest
from cropland.models import fitting, model_files, registry
from cropland.sources import opening
from cropland.tracking.mlflow_session import mlflow_at
from cropland.training.candidate import Candidate

NAME = "cropland-toyland"
QUICK = ("n_jobs=1", "validation.folds=3", "promotion.figures=false", "promotion.bootstraps=100")


@dataclass(frozen=True)
class Toy:
    """The sweep's candidates in a store of their own, promoted and predicted in this process."""

    folder: Path
    exports: Path
    tracking: Tracking
    screen: Callable[[], str]

    @property
    def paths(self) -> Paths:
        return Paths(str(self.exports), str(self.folder / "data/archive"), "runs")

    @property
    def archive(self) -> Any:
        return opening.archive_of(SOURCE, self.paths, TOYLAND)

    def promote(self, *countries: Country, **changes: Any) -> str:
        """Promote; give what is on screen."""
        rules = Promotion("one_standard_error", "allow", 5, 100, 5.0, figures=False)
        groups = {name: changes.pop(name) for name in ("rule", "figures") if name in changes}
        given = {
            "validation": Validation("kfold", 3),
            "source": SOURCE,
            "tracking": self.tracking,
            "paths": self.paths,
            "promotion": replace(rules, **groups),
            "seed": 2023,
            "n_jobs": 1,
            "force": False,
        }
        promoting.run(Promote(**given | changes), countries or [TOYLAND], ["source=files"])
        return self.screen()

    def predict(self, path: Path, *countries: Country, **changes: Any) -> str:
        """Predict; give what is on screen."""
        given = {
            "source": SOURCE,
            "tracking": self.tracking,
            "paths": self.paths,
            "output": str(path),
            "points": None,
            "probabilities": False,
            "missing": "empty",
            "reference_end": None,
            "alias": "champion",
        }
        predicting.run(Predict(**given | changes), countries or [TOYLAND])
        return self.screen()

    @property
    def client(self) -> MlflowClient:
        return MlflowClient(self.tracking.uri)

    @property
    def aliases(self) -> dict[str, str]:
        aliases = self.client.get_registered_model(NAME).aliases
        return {name: str(version) for name, version in aliases.items()}

    @property
    def versions(self) -> list[Any]:
        """All versions of the model, the newest first."""
        found = self.client.search_model_versions(f"name = '{NAME}'")
        return sorted(found, key=lambda version: -int(version.version))

    def runs(self, kind: str) -> list[Any]:
        return list(self.client.search_runs(["1"], f"tags.kind = '{kind}'"))

    def artifacts(self, run_id: str) -> Path:
        return Path(self.client.get_run(run_id).info.artifact_uri.removeprefix("file://"))

    def loads(self, alias: str = "champion") -> bool:
        """Load a version and let it predict."""
        with mlflow_at(self.tracking.uri):
            loaded = mlflow.pyfunc.load_model(f"models:/{NAME}@{alias}")
        fitted = loaded.unwrap_python_model().fitted
        return bool(fitted.predict_archive(self.archive)["label"].notna().all())


@pytest.fixture
def toy(swept: Shell, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Toy:
    mine = swept.copy(tmp_path / "toy")
    local = Tracking("local", mine.database, str(tmp_path / "artifacts"))

    def printed() -> str:
        said = capsys.readouterr()
        return said.out + said.err

    return Toy(mine.folder, mine.exports, local, printed)


@pytest.fixture
def mine(swept: Shell, tmp_path: Path) -> Shell:
    """A copy of the sweep's folder."""
    return swept.copy(tmp_path / "mine")


def test_by_command_from_a_sweep_to_predictions(mine: Shell) -> None:
    first = screen(mine.run(*mine.here, *QUICK, script="promote"))
    assert "registered as version 1, now champion" in first
    predicted = screen(mine.run(*mine.here, "output=sub/mine.csv", script="predict"))
    assert f"sub/mine.csv: 20 points, 10 of 20 cropland, by {NAME} version 1" in predicted
    written = (mine.folder / "sub" / "mine.csv").read_text()
    assert written.startswith("ID,Target\nP060,0\nP061,1\n")


def test_a_version_has_its_card_its_table_and_its_marks(toy: Toy) -> None:
    toy.promote()
    assert toy.aliases == {"champion": "1"}
    (version,) = toy.versions
    run, artifacts = toy.client.get_run(version.run_id), toy.artifacts(version.run_id)
    card = (artifacts / "card.md").read_text()
    assert version.description == card
    assert run.data.tags["mlflow.note.content"] == card
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
    assert set(version.tags) == {"identity", "comparison", "candidate", "archive"}
    table = pd.read_csv(artifacts / "candidates.csv")
    assert sorted(table["span"]) == [12, 24]
    assert (table["verdict"] == "selected").sum() == 1
    assert table["verdict"].notna().all()


def test_a_promotion_repeated_makes_nothing_new(toy: Toy) -> None:
    toy.promote()
    runs = len(toy.client.search_runs(["1"]))
    out = toy.promote()
    assert "version 1 stays champion: it is of the selected candidate already" in out
    assert len(toy.versions) == 1
    assert len(toy.client.search_runs(["1"])) == runs


def test_only_a_better_candidate_takes_the_place_of_a_champion(toy: Toy) -> None:
    toy.promote()
    # The folds of another seed are another comparison: a worse candidate is alone there.
    kept = toy.promote(seed=5)
    assert "version 1 stays champion: it is 0." in kept
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


def lose_configuration(toy: Toy) -> None:
    (toy.artifacts(toy.versions[0].run_id) / "config.yaml").unlink()


def lose_run(toy: Toy) -> None:
    toy.client.delete_run(toy.versions[0].run_id)
    shutil.rmtree(toy.artifacts(toy.versions[0].run_id))


@pytest.mark.parametrize("lose", [lose_configuration, lose_run])
def test_a_champion_that_cannot_be_compared_is_replaced_and_that_is_said(
    toy: Toy, lose: Callable[[Toy], None]
) -> None:
    toy.promote()
    lose(toy)
    out = toy.promote(seed=5)
    assert "in place of version 1, which could not be compared: run 'promote toyland'" in out
    assert toy.aliases == {"champion": "2", "previous": "1"}
    card = (toy.artifacts(toy.versions[0].run_id) / "card.md").read_text()
    assert "The champion before could not be compared: run 'promote toyland' has lost" in card


def test_a_country_that_cannot_be_promoted_does_not_keep_the_others_from_it(toy: Toy) -> None:
    nowhere = replace(TOYLAND, name="nowhere", title="Nowhere")
    with pytest.raises(CroplandError, match="no archive of nowhere"):
        toy.promote(nowhere, TOYLAND)
    assert "registered as version 1, now champion" in toy.screen()
    assert toy.aliases == {"champion": "1"}


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
    (config_file,) = list((swept.folder / "mlruns").rglob("config.yaml"))[:1]
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


@pytest.mark.skipif(not fast_forest.has_fast(), reason="scikit-learn-intelex is not installed")
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
    assert "version 1 stays champion: it is of the selected candidate already" in again
    anew = of_shell(shell, "promote", "force=true", *RULES)
    assert "in place of version 1 (+0.0000 on the same points" in anew


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
    only = "1 candidates of greenhouse.Bayes are excluded: a registered model holds classes of"
    assert "candidates: 1 finished" in allowed("train", "allow=[greenhouse.Bayes]")
    done = shell.run(*shell.toy[:3], "validation.folds=3", "n_jobs=1", *RULES, script="promote")
    out = screen(done, 1)
    assert only in out
    assert "none of 1 candidates of toyland may be promoted: the best of them is of gree" in out
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
    toy: Toy, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    where, name, instead, versions, aliases = MOMENTS[moment]
    toy.promote(seed=5)
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(where, name, instead)
        toy.promote()
    assert len(toy.versions) == versions
    assert toy.aliases == aliases
    assert "in place of version 1" in toy.promote()
    assert toy.aliases == {"champion": "2", "previous": "1"}
    assert len(toy.versions) == 2
    assert toy.loads()


def test_a_first_promotion_that_is_stopped_leaves_no_champion(
    toy: Toy, monkeypatch: pytest.MonkeyPatch
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


def test_a_killed_command_is_taken_up_by_the_next_one(mine: Shell, toy: Toy) -> None:
    tracked = f"tracking.uri={toy.tracking.uri}"
    _, *words = mine.words(*mine.here, *QUICK, tracked, script="promote")
    killed = mine.run_program(KILL.format(words=words))
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert toy.client.search_registered_models() == []
    assert "registered as version 1, now champion" in toy.promote()
    assert toy.loads()


@pytest.fixture
def promoted(toy: Toy) -> Iterator[Toy]:
    toy.promote()
    yield toy


def table(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype={"ID": str}, keep_default_na=False)


def test_predictions_are_those_of_the_fitted_model(promoted: Toy, tmp_path: Path) -> None:
    out = tmp_path / "own.csv"
    promoted.predict(out, probabilities=True)
    found = pd.read_csv(out)
    asked = pd.read_csv(promoted.exports / "Test.csv")
    assert found["ID"].tolist() == asked["ID"].tolist()
    assert found["Target"].tolist() == [0, 1] * 10
    with mlflow_at(promoted.tracking.uri):
        loaded = mlflow.pyfunc.load_model(f"models:/{NAME}@champion")
    own = loaded.unwrap_python_model().fitted.predict_archive(promoted.archive).set_index("ID")
    expected = own.loc[asked["ID"], "probability"].to_numpy()
    np.testing.assert_allclose(found["probability"], expected, atol=5e-7)
    (run,) = promoted.runs("prediction")
    assert run.data.params["model.toyland"] == f"{NAME}/1"
    assert run.data.params["archive.toyland"] == promoted.archive.fingerprint
    assert run.data.metrics["n_points"] == 20
    assert (promoted.artifacts(run.info.run_id) / "own.csv").read_text() == out.read_text()


def test_points_of_a_file_come_back_in_its_order(promoted: Toy, tmp_path: Path) -> None:
    asked = pd.DataFrame(
        {
            "ID": ["P061", 'a,"b"', "../../x", "P000", "NA", "P060"],
            "Lat": [10.2, 10.2, 10.2, 10.2, 50.0, 10.2],
            "Lon": 20.2,
            "Target": ["x", "", "", 1, "", ""],
        }
    )
    asked.to_csv(tmp_path / "points.csv", index=False)
    out = tmp_path / "out.csv"
    said = promoted.predict(out, points=str(tmp_path / "points.csv"), missing="empty")
    found = table(out)
    assert found["ID"].tolist() == asked["ID"].tolist()
    assert found["Target"].tolist() == ["1", "", "", "0", "", "0"]
    assert 'note 2 points without observations in the window got an empty Target: a,"b"' in said
    assert "note 1 points outside every country's box got an empty Target: NA" in said
    said = promoted.predict(out, points=str(tmp_path / "points.csv"), missing="majority")
    assert table(out)["Target"].tolist() == ["1", "1", "1", "0", "", "0"]
    assert "got the majority class" in said


def test_points_of_no_country_are_all_named(promoted: Toy, tmp_path: Path) -> None:
    (tmp_path / "points.csv").write_text("ID,Lat,Lon\nfar,50,8\n")
    out = tmp_path / "out.csv"
    said = promoted.predict(out, points=str(tmp_path / "points.csv"))
    assert table(out).to_numpy().tolist() == [["far", ""]]
    assert "outside every country's box got an empty Target: far" in said


def test_another_season_is_looked_at_where_it_was_observed(promoted: Toy, tmp_path: Path) -> None:
    promoted.predict(tmp_path / "a.csv", reference_end="2019-12-31")
    assert pd.read_csv(tmp_path / "a.csv")["Target"].tolist() == [0, 1] * 10
    with pytest.raises(CroplandError, match=r"reference_end=2018-12-31.*choose another"):
        promoted.predict(tmp_path / "b.csv", reference_end="2018-12-31")
    with pytest.raises(CroplandError, match="leaves the calendar"):
        promoted.predict(tmp_path / "b.csv", reference_end="0001-01-01")
    assert not (tmp_path / "b.csv").exists()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"points": "nowhere.csv"},
            "expected a points file at nowhere.csv, there is none; set points",
        ),
        ({"output": "."}, "output . is a folder"),
        ({"output": "/proc/none/p.csv"}, "cannot write /proc/none/p.csv"),
        ({"alias": "best"}, "no version .* 'best' .*; alias=champion is the one in use"),
    ],
)
def test_what_cannot_be_predicted_is_one_line(
    promoted: Toy, tmp_path: Path, changes: dict[str, Any], expected: str
) -> None:
    with pytest.raises(CroplandError, match=expected):
        promoted.predict(tmp_path / "p.csv", **changes)


def test_without_a_champion_the_command_that_makes_one_is_named(toy: Toy, tmp_path: Path) -> None:
    with pytest.raises(CroplandError, match=r"make one: python scripts/promote\.py source=files"):
        toy.predict(tmp_path / "p.csv")


def test_a_champion_that_is_gone_or_of_other_code_is_told_of(
    promoted: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(model_files, "code_hash", lambda: "other")
        assert "warning the model of toyland was made by other code" in promoted.predict(
            tmp_path / "p.csv"
        )
    _, _, made = promoted.versions[0].source.rpartition("/")
    assert made.startswith("m-")
    shutil.rmtree(promoted.client.get_logged_model(made).artifact_location.removeprefix("file://"))
    with pytest.raises(CroplandError, match="version 1 of cropland-toyland cannot be loaded"):
        promoted.predict(tmp_path / "q.csv")


def test_a_disk_that_is_full_loses_no_prediction(
    promoted: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "p.csv").write_text("of before")

    def full(*_: Any, **__: Any) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(CroplandError, match=r"cannot write .*No space left"):
        promoted.predict(tmp_path / "p.csv")
    assert (tmp_path / "p.csv").read_text() == "of before"
    assert not list(tmp_path.glob(".p.csv*"))
    (run,) = promoted.runs("prediction")
    assert (promoted.artifacts(run.info.run_id) / "p.csv").read_text().startswith("ID,Target\nP060")
