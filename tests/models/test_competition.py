"""Candidates of a small country compete: nearest-mean models of toy points, scored and tracked for real."""

from __future__ import annotations

import io
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from cropland.config.commands.promote import Promote
from cropland.config.countries import Box, Country, Reference
from cropland.config.groups import (
    Bands,
    Configuration,
    Features,
    Paths,
    Promotion,
    Series,
    Tracking,
    Validation,
)
from cropland.config.model import Model
from cropland.config.sources import Files
from cropland.errors import DataError
from cropland.learning.statistics import Estimate
from cropland.models import competition, contenders, other_rules, stored_runs, verdicts
from cropland.models import finalists as finalists_of
from cropland.sources import opening
from cropland.support.fingerprint import fingerprint
from cropland.tracking.opening import open_store
from cropland.tracking.records import ARCHIVE, CHECKSUM, COMPARISON, IDENTITY
from cropland.tracking.store import Store
from cropland.training import out_of_fold, scoring
from cropland.training.candidate import Candidate
from cropland.training.candidate_data import CandidateData
from cropland.training.identity import comparison

# Cropland greens around 19 July; the reference season ends soon after, the archive four months later.
TOYLAND = Country(
    "toyland", "Toyland", Box(10.0, 10.4, 20.0, 20.4), Reference("2019-09-01", "2020-08-31")
)
KFOLD = Validation("kfold", 3)
PROMOTION = Promotion(
    "one_standard_error", "allow", 5, 100, 5.0, figures=False, repeats=1, calibration="none"
)
GROUPS = (
    *("rule", "future", "finalists", "bootstraps", "block_km"),
    *("members", "repeats", "calibration", "confidence"),
)


@dataclass(frozen=True)
class World:
    """A toy country with its archive and an empty store."""

    store: Store
    common: dict[str, Any]

    @property
    def archive(self) -> Any:
        return opening.archive_of(self.common["source"], self.common["paths"], TOYLAND)

    def command(self, **changes: Any) -> Promote:
        """The command that promotes, with changes to it or to its group promotion."""
        rules = {name: changes.pop(name) for name in GROUPS if name in changes}
        given = {"validation": KFOLD, "seed": 2023, "n_jobs": 1, "force": False} | self.common
        return Promote(**given | {"promotion": replace(PROMOTION, **rules)} | changes)

    def candidate(self, span: int, period: int = 0, *bands: str, **changes: Any) -> Candidate:
        names = bands or ("NDVI",)
        chosen = {
            "bands": Bands("_".join(names).lower(), names),
            "series": Series("raw", clear=False, step_days=5),
            "features": Features("flat", flat=True, statistics=()),
            "model": Model("nb", "sklearn.naive_bayes.GaussianNB", scale=False, parameters={}),
            "training": "own",
            "validation": KFOLD,
            "seed": 2023,
            "n_jobs": 1,
            "force": False,
            "promotion": PROMOTION,
        }
        made = Configuration(span=span, period=period, **chosen | self.common | changes)
        return Candidate(made, TOYLAND)

    def score(self, *all_of_them: Candidate) -> list[str]:
        """Score candidates as a sweep does; give their runs."""
        outcomes = [scoring.score(each).track(self.store, None) for each in all_of_them]
        assert [outcome.status for outcome in outcomes] == ["finished"] * len(outcomes)
        return [outcome.run_id for outcome in outcomes]

    def pretend(self, name: str, *, accuracy: float = 0.99, **params: Any) -> str:
        """Track a candidate that was never scored: its scores and params are what is said here."""
        like = self.candidate(params.pop("span", 12))
        tags = {
            IDENTITY: name,
            COMPARISON: comparison(self.archive, TOYLAND, KFOLD, 2023),
            ARCHIVE: self.archive.fingerprint,
            "uses_future": "false",
            **like.window_tags(),
        } | params.pop("tags", {})
        with self.store.running(name, tags, None) as record:
            record.params |= like.params() | {"n_features": 17, "n_samples": 60} | params
            record.metrics |= {"accuracy": accuracy, "accuracy_se": 0.01, "brier": 0.1}
        return record.run_id

    def forge(self, run_id: str, name: str, text: str) -> None:
        """Replace a file of a run, and the checksum that the run has of it."""
        folder = Path(self.store.run(run_id).artifact_uri.removeprefix("file://"))
        (folder / name).write_text(text)
        self.store.client.set_tag(run_id, CHECKSUM + name, fingerprint(text.encode()))

    def compete(self, **changes: Any) -> competition.Result:
        command = self.command(**changes)
        return competition.compete(command, TOYLAND, self.archive, self.store, lambda _: None)


@pytest.fixture(scope="session")
def toy_exports(
    toy_points: pd.DataFrame, toy_rows: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The toy observations as exports, an archive of them, and a store without runs."""
    folder = tmp_path_factory.mktemp("toy")
    known = toy_points["Target"] >= 0
    toy_points[known].to_csv(folder / "Train.csv", index=False)
    toy_points[~known].drop(columns="Target").to_csv(folder / "Test.csv", index=False)
    rows = toy_rows.rename(columns={"time": "Timestamp"})
    rows.to_csv(folder / "S2_Toyland_2019-01-01_2020-12-31.csv", index=False)
    local = Tracking("local", f"sqlite:///{folder}/empty.db", str(folder / "artifacts"))
    open_store(local, "files")
    with closing(sqlite3.connect(folder / "empty.db")) as database:  # a copy is of this file only
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return folder


@pytest.fixture
def world(toy_exports: Path, tmp_path: Path) -> World:
    """The toy country with a store of its own."""
    shutil.copy(toy_exports / "empty.db", tmp_path / "mlflow.db")
    uri, artifacts = f"sqlite:///{tmp_path}/mlflow.db", str(tmp_path / "artifacts")
    local = Tracking("local", uri, artifacts)
    common = {
        "source": Files("files", "S2", "Train.csv", "Test.csv"),
        "paths": Paths(str(toy_exports), str(toy_exports / "archive"), "runs"),
        "tracking": local,
    }
    return World(open_store(local, "files"), common)


def verdicts_of(result: competition.Result) -> dict[str, str]:
    return dict(zip(result.table["name"], result.table["verdict"], strict=True))


def test_the_planted_window_wins_and_each_loser_knows_why(world: World) -> None:
    season, long, spring, bare = (
        world.candidate(14),
        world.candidate(48),
        world.candidate(14, -4),
        world.candidate(14, 0, "B3"),
    )
    world.score(long, spring, bare, season)
    result = world.compete()
    assert result.selected.material.candidate.name == season.name
    assert result.n_tried == 4
    found = verdicts_of(result)
    assert found[season.name] == "selected"
    assert found[long.name] == "has 68 features over 48 weeks, the selected one 20 over 14"
    limit = result.selected.scores.accuracy - result.selected.scores.accuracy_se
    assert found[spring.name] == f"is more than one standard error below the best ({limit:.4f})"
    assert found[bare.name].startswith("is more than one standard error below")


def test_the_score_of_a_finalist_is_the_one_that_was_tracked(world: World) -> None:
    world.score(world.candidate(14), world.candidate(24, 0, "B2"), world.candidate(24))
    table = world.compete(rule="best").table
    assert table["accuracy_again"].tolist() == pytest.approx(table["accuracy"].tolist(), abs=1e-6)


def test_of_two_within_one_standard_error_the_simpler_wins_unless_the_best_is_asked_for(
    world: World,
) -> None:
    short, long = world.candidate(14, 0, "B2"), world.candidate(24, 0, "B2")
    world.score(short, long)
    result = world.compete()
    scores = result.table.set_index("name")["accuracy"]
    assert 0 < scores[long.name] - scores[short.name] < 0.04  # else it is no such pair
    assert result.selected.material.candidate.name == short.name
    best = world.compete(rule="best")
    assert best.selected.material.candidate.name == long.name
    gap = scores[long.name] - scores[short.name]
    assert verdicts_of(best)[short.name] == f"is {gap:.4f} less accurate than the selected one"


def test_of_equals_the_shorter_span_wins(world: World) -> None:
    statistics = Features("statistics", flat=False, statistics=("max",))
    short, long = world.candidate(16, features=statistics), world.candidate(24, features=statistics)
    world.score(long, short)
    result = world.compete(rule="best")
    assert result.table["accuracy"].nunique() == 1
    assert result.selected.material.candidate.name == short.name
    assert verdicts_of(result)[long.name] == (
        "has 1 features over 24 weeks, the selected one 1 over 16"
    )


def test_without_the_future_the_best_of_the_past_wins(world: World) -> None:
    past, future = world.candidate(48), world.candidate(16, 1)
    world.score(past, future)
    assert world.compete().selected.material.candidate.name == future.name
    result = world.compete(future="forbid")
    assert result.selected.material.candidate.name == past.name
    assert result.n_tried == 1
    assert verdicts_of(result)[future.name] == (
        "has a window that ends after the reference season (future=forbid)"
    )


@pytest.mark.parametrize(
    ("pretended", "reason"),
    [
        ({"training": "others"}, "learns from other countries only"),
        ({"n_samples": 58}, "was scored on 58 of 60 points only"),
        ({}, "run 'best' has lost its predictions.csv"),
    ],
)
def test_what_may_not_win_is_barred_with_its_reason(
    world: World, pretended: dict[str, Any], reason: str
) -> None:
    modest = world.candidate(14)
    world.score(modest)
    world.pretend("best", accuracy=1.0, **pretended)
    result = world.compete()
    assert result.selected.material.candidate.name == modest.name
    assert result.n_tried == 1
    assert verdicts_of(result)["best"].startswith(reason)


def test_points_that_only_the_future_knows_do_not_bar_the_past(world: World) -> None:
    modest = world.candidate(12)
    world.score(modest)
    world.pretend("future", n_samples=90, tags={"uses_future": "true"})
    assert world.compete(future="forbid").selected.material.candidate.name == modest.name


def test_nothing_that_may_win_is_one_line(world: World) -> None:
    world.pretend("others", training="others")
    with pytest.raises(DataError, match=r"none of 1 candidate of toyland .* other countries only"):
        world.compete()


def test_a_finalist_without_its_configuration_is_named(world: World) -> None:
    (run_id,) = world.score(world.candidate(12))
    folder = Path(world.store.run(run_id).artifact_uri.removeprefix("file://"))
    (folder / "config.yaml").unlink()
    with pytest.raises(DataError, match=r"run 'toyland 12w .* has lost its config\.yaml"):
        world.compete()


def test_what_was_run_again_counts_once(world: World) -> None:
    (first,) = world.score(world.candidate(12))
    (second,) = world.score(world.candidate(12, force=True))
    result = world.compete()
    assert first != second
    assert result.table.index.tolist() == [second]


def other_seed(world: World) -> None:
    world.score(world.candidate(12, seed=7))


def other_folds(world: World) -> None:
    world.score(world.candidate(12, validation=Validation("repeated", 2, repeats=2)))


def in_blocks(world: World) -> None:
    world.score(world.candidate(12, validation=Validation("blocks", 2, block_km=12.0)))


def other_data(world: World) -> None:
    world.pretend("old", tags={COMPARISON: "old", ARCHIVE: "old"})


def other_code(world: World) -> None:
    world.pretend("old", tags={COMPARISON: "old"})


@pytest.mark.parametrize(
    ("there", "found"),
    [
        (lambda _: None, "there are none at all; run cropland train with the same settings"),
        (other_seed, "there are some by validation=kfold validation.folds=3 seed=7; promote with"),
        (
            other_folds,
            "some by validation=repeated validation.folds=2 validation.repeats=2 seed=2023;",
        ),
        (in_blocks, "by validation=blocks validation.folds=2 validation.block_km=12.0 seed=2023;"),
        (other_data, "there is 1 on other observations; run"),
        (other_code, "the existing ones were scored by another version of the code; run"),
    ],
)
def test_candidates_that_cannot_be_compared_are_told_of(
    world: World, there: Callable[[World], None], found: str
) -> None:
    there(world)
    with pytest.raises(DataError) as caught:
        world.compete()
    start = "no finished candidate of toyland by validation=kfold validation.folds=3 seed=2023"
    assert str(caught.value).startswith(start)
    assert found in str(caught.value)


def test_candidates_that_cannot_be_compared_are_counted_beside_one_that_can(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.score(world.candidate(12))
    world.compete()
    assert "left out" not in capsys.readouterr().err
    for name in ("first", "second"):
        world.pretend(name, tags={COMPARISON: "old", ARCHIVE: "old"})
    other_seed(world)
    other_code(world)
    world.compete()
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "left out" in line]
    start = "note 4 other finished candidates of toyland are left out: 2 on other observations, "
    assert line.startswith(start)
    assert set(line.removeprefix(start).split(", ")) == {
        "1 by validation=kfold validation.folds=3 seed=7",
        "1 by another version of the code",
    }


def test_the_score_is_corrected_by_what_all_candidates_had_right(world: World) -> None:
    runs = world.score(world.candidate(14), world.candidate(16, -3), world.candidate(24))
    result = world.compete()
    read = [world.store.read(world.store.run(run), out_of_fold.FILE) for run in runs]
    assert {len(out_of_fold.right(text)) for text in read} == {60}
    estimate = result.estimate
    assert estimate.low <= estimate.value <= estimate.high
    assert abs(estimate.value - result.selected.scores.accuracy) < 0.05


BLOCKS = Validation("blocks", 2, block_km=12.0)


def block_numbers(archive: Any) -> dict[str, tuple[float, float]]:
    """Row and column of each point's block of 12 km, of the labelled points."""
    points = archive.points.isel(point=archive.points["Target"].to_numpy() >= 0)
    lat, lon = points["Lat"].to_numpy(), points["Lon"].to_numpy()
    rows = (lat - lat.min()) * 111.195 // 12
    columns = (lon - lon.min()) * 111.195 * np.cos(np.radians(lat.mean())) // 12
    places = zip(rows.tolist(), columns.tolist(), strict=True)
    return dict(zip(points["ID"].to_numpy().tolist(), places, strict=True))


def correction(
    world: World, monkeypatch: pytest.MonkeyPatch, **changes: Any
) -> tuple[dict[str, Any], pd.DataFrame]:
    """What a score is corrected by, and the table of the competition."""
    found: dict[str, Any] = {}

    def note(probability: Any, labels: Any, rank: Any, rule: str, **given: Any) -> Estimate:
        right = ((probability > 0.5) == labels[:, None, None]).mean(axis=2)
        if not found:  # the other rules follow
            found.update(given, right=right, rank=rank, rule=rule)
        return Estimate(0.5, 0.4, 0.6)

    monkeypatch.setattr(other_rules.correction, "bbc_cv", note)
    result = world.compete(**changes)
    assert result.estimate == Estimate(0.5, 0.4, 0.6)
    return found, result.table


def test_seed_and_bootstraps_of_the_promotion_decide_the_correction(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.score(*(world.candidate(span, seed=7) for span in (24, 14)))
    found, table = correction(world, monkeypatch, seed=7, bootstraps=123, rule="best")
    assert (found["seed"], found["bootstraps"], found["rule"]) == (7, 123, "best")
    assert found["groups"] is None
    assert found["right"].shape == (60, 2)
    assert found["right"].mean(axis=0) == pytest.approx(table["accuracy"].to_numpy())
    assert found["rank"].tolist() == [[14, 24].index(span) for span in table["span"]]


def test_where_blocks_were_left_out_blocks_are_drawn_for_the_correction(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.score(*(world.candidate(span, 0, "B3", validation=BLOCKS) for span in (14, 24)))
    found, _ = correction(world, monkeypatch, validation=BLOCKS)
    expected = block_numbers(world.archive)
    pairs = set(zip(found["groups"].tolist(), (expected[n] for n in sorted(expected)), strict=True))
    assert 12 < len(pairs) == len(set(expected.values())) == len(set(found["groups"].tolist()))


def test_points_on_one_pixel_are_drawn_together_for_the_correction(
    world: World, toy_exports: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second point, of the other class, lies where the first one does."""
    folder = tmp_path / "copies"
    shutil.copytree(toy_exports, folder)
    table = pd.read_csv(folder / "Train.csv")
    table.loc[1, ["Lat", "Lon"]] = table.loc[0, ["Lat", "Lon"]]
    table.to_csv(folder / "Train.csv", index=False)
    paths = Paths(str(folder), str(folder / "archive"), "runs")
    copies = replace(world, common=world.common | {"paths": paths})
    copies.score(*(copies.candidate(span) for span in (14, 24)))
    found, _ = correction(copies, monkeypatch)
    groups = found["groups"].tolist()
    assert groups[0] == groups[1] and len(set(groups)) == len(groups) - 1 == 59


def test_finalists_are_compared_by_the_standard_error_over_blocks() -> None:
    # Right on the two points of one of two blocks: sqrt(2/1 x (1 + 1)) / 4.
    values = np.array([[0.9], [0.9], [0.2], [0.2]])
    coords = {"ID": ("sample", list("abcd")), "Target": ("sample", [1, 1, 1, 1])}
    again = xr.Dataset({"probability": (("sample", "repeat"), values)}, coords)
    predicted = SimpleNamespace(out_of_fold=again)
    row = {"accuracy": 0.9, "accuracy_se": 0.1, "n_features": 3, "span": 4, "name": "one"}
    table = pd.DataFrame([row], ["run"]).assign(brier=0.1)
    labels = pd.Series(1, list("abcd"))
    probability = contenders.on_common_points({"run": pd.DataFrame(values, labels.index)}, labels)
    field = contenders.Field(table, probability, np.array([5, 5, 7, 7]))
    finalist: Any = SimpleNamespace(run=SimpleNamespace(run_id="run"), scores=predicted)
    scored = competition._scored_again(field, [finalist]).loc["run"]
    found = scored[["accuracy", "accuracy_se", "brier"]].tolist()
    assert found == pytest.approx([0.5, 0.5, (0.1**2 + 0.8**2) / 2])


@pytest.mark.parametrize(
    ("rule", "finalists"),
    # Within one standard error the fewest features, then the shortest span, then the best.
    [
        ("one_standard_error", ["best", "few", "short", "fit"]),
        ("best", ["best", "fit", "near", "few"]),
    ],
)
def test_finalists_are_the_best_and_who_the_rule_would_take_next(
    world: World, rule: str, finalists: list[str]
) -> None:
    rows = {
        "best": (0.90, 50, 48),
        "fit": (0.89, 20, 24),
        "near": (0.885, 20, 24),
        "few": (0.884, 10, 96),
        "short": (0.882, 20, 12),
        "poor": (0.87, 5, 4),
    }
    table = pd.DataFrame(rows, ["accuracy", "n_features", "span"]).T
    table = table.assign(accuracy_se=0.02, eligible=True, verdict="")
    field = contenders.Field(table, contenders.on_common_points({}, pd.Series()), None)
    command = world.command(rule=rule, finalists=4)
    assert finalists_of.finalist_ids(field, command, TOYLAND) == finalists


def test_one_class_of_another_package_among_the_finalists_is_excluded(world: World) -> None:
    foreign = Model("nb", "toys.Bayes", scale=False, parameters={}, allow=("toys.Bayes",))
    runs = world.score(world.candidate(12), world.candidate(14), world.candidate(24))
    world.forge(runs[0], "config.yaml", world.candidate(12, model=foreign).as_yaml())
    result = world.compete(rule="best")
    reason = "is of toys.Bayes: a registered model holds only the classes that docs/models.md lists"
    assert result.table["verdict"][runs[0]] == reason
    assert result.n_tried == 2


def test_a_finalist_is_made_again_of_the_classes_of_scikit_learn_alone(world: World) -> None:
    model = Model("nb", "sklearn.naive_bayes.GaussianNB", False, {}, allow=("toys.Bayes",))
    text = world.candidate(14, model=model).as_yaml()
    found = stored_runs.rebuilt(text, world.command(), TOYLAND).candidate.configuration
    assert (found.model.target, found.model.allow) == ("sklearn.naive_bayes.GaussianNB", ())


@pytest.mark.parametrize(("finalists", "scored"), [(2, 2), (3, 3)])
def test_at_least_the_best_and_the_simplest_are_scored_again(
    world: World, finalists: int, scored: int
) -> None:
    world.score(*(world.candidate(span) for span in (14, 16, 24, 36)))
    result = world.compete(finalists=finalists)
    again = result.table["accuracy_again"].notna()
    assert again.sum() == scored
    assert result.selected.material.candidate.configuration.span == min(
        int(span)
        for span, accuracy in zip(result.table["span"], result.table["accuracy"], strict=True)
        if accuracy >= result.table["accuracy"].max() - result.table["accuracy_se"].iloc[0]
    )


def test_what_differs_among_candidates_is_a_column(world: World) -> None:
    models = [
        Model("nb", "sklearn.naive_bayes.GaussianNB", scale=False, parameters={"var_smoothing": v})
        for v in (1e-9, 1e9)
    ]
    world.score(*[world.candidate(12, model=model) for model in models])
    result = world.compete(rule="best")
    assert result.table["model.var_smoothing"].tolist() == ["1e-09", "1000000000.0"]


def test_params_of_anybody_are_no_columns_that_break_a_table(world: World) -> None:
    world.score(world.candidate(12))
    world.pretend("other", accuracy=0.1, **{"model.a": "x\ny" * 1000, "verdict": "selected"})
    table = world.compete().table
    assert all(text.isprintable() and len(text) <= 500 for text in table["model.a"])
    assert (table["verdict"] == "selected").sum() == 1


def predictions_of(world: World, run_id: str) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(world.store.read(world.store.run(run_id), out_of_fold.FILE)))


def forbid_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    def scores(*_: Any) -> None:
        raise AssertionError("nothing is to be fitted")

    monkeypatch.setattr(CandidateData, "scores", scores)


def test_an_average_takes_the_lowest_brier_scores_and_fits_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = [
        world.candidate(14, 0, "B2"),
        world.candidate(24, 0, "B2"),
        world.candidate(48),
        world.candidate(14, -4),
    ]
    tables = {run_id: predictions_of(world, run_id) for run_id in world.score(*every)}
    brier = {
        run_id: ((table["probability"] - table["Target"]) ** 2).mean()
        for run_id, table in tables.items()
    }
    first, second, *others = sorted(brier, key=lambda run_id: brier[run_id])
    forbid_fits(monkeypatch)
    result = world.compete(rule="average", members=2)
    selected = result.selected
    assert [member.run.run_id for member in selected.members] == [first, second]
    mean = (tables[first]["probability"] + tables[second]["probability"]) / 2
    target = tables[first]["Target"]
    assert selected.scores.accuracy == pytest.approx(((mean > 0.5) == target).mean())
    assert selected.scores.brier == pytest.approx(((mean - target) ** 2).mean())
    identities = sorted(member.run.tags[IDENTITY] for member in selected.members)
    assert selected.identity == fingerprint(identities, "none", 0.95)
    verdict = result.table["verdict"]
    assert (verdict[[first, second]] == "selected").all()
    for run_id in others:
        assert verdict[run_id] == (
            f"is not a member: Brier score {brier[run_id]:.4f} against at most {brier[second]:.4f}"
        )
    assert verdicts.difference(result, "average") == (
        f"the rule averages the 2 candidates with the lowest Brier scores: their mean has "
        f"{selected.scores.brier:.4f}, the best tried {result.best['brier']:.4f}"
    )
    best = result.others["best"]
    assert best.names == (result.best["name"],)
    assert best.accuracy == pytest.approx(result.best["accuracy"])


def test_a_member_that_is_lost_or_not_what_it_says_gives_way_to_the_next(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost, deleted, first, second = world.score(
        *(world.candidate(14), world.candidate(16), world.candidate(24), world.candidate(36))
    )
    world.pretend("other archive", tags={COMPARISON: "old", ARCHIVE: "old"})
    world.store.client.delete_run(deleted)
    Path(world.store.run(lost).artifact_uri.removeprefix("file://"), "config.yaml").unlink()
    forbid_fits(monkeypatch)
    lines: list[str] = []
    command = world.command(rule="average", members=3)
    result = competition.compete(command, TOYLAND, world.archive, world.store, lines.append)
    assert {member.run.run_id for member in result.selected.members} == {first, second}
    assert any(f"run {lost} is left out: it cannot be read: " in line for line in lines)
    assert (
        "toyland: 2 candidates; the mean probability of 2, fewer than promotion.members=3" in lines
    )
    assert result.n_tried == 2


def test_an_average_of_one_is_that_candidate(world: World) -> None:
    (only,) = world.score(world.candidate(14))
    average, best = world.compete(rule="average"), world.compete(rule="best")
    assert average.selected.identity == best.selected.identity
    assert average.selected.identity == world.store.run(only).tags[IDENTITY]
    np.testing.assert_allclose(
        average.selected.scores.out_of_fold["probability"],
        best.selected.scores.out_of_fold["probability"],
        atol=1e-6,
    )
    # A model of other prediction sets is another model.
    assert world.compete(rule="best", confidence=0.8).selected.identity != best.selected.identity


def test_candidates_without_probabilities_are_left_out_with_a_line(world: World) -> None:
    without, good = world.score(world.candidate(12), world.candidate(14))
    table = predictions_of(world, without)
    world.forge(without, out_of_fold.FILE, table.drop(columns="probability").to_csv(index=False))
    lines: list[str] = []
    result = competition.compete(world.command(), TOYLAND, world.archive, world.store, lines.append)
    assert result.selected.members[0].run.run_id == good
    assert "has no column probability" in result.table["verdict"][without]
    assert any("has no column probability" in line for line in lines)


def test_finalists_are_scored_in_repeats_of_which_the_first_is_that_of_their_runs(
    world: World,
) -> None:
    runs = world.score(world.candidate(14, 0, "B2"), world.candidate(24, 0, "B2"))
    result = world.compete(rule="best", repeats=4, calibration="auto")
    for finalist in result.finalists:
        stored = predictions_of(world, finalist.run.run_id).set_index("ID")["probability"]
        scored = finalist.scores.out_of_fold
        assert scored.sizes["repeat"] == 4
        first = scored["probability"].isel(repeat=0).to_numpy()
        np.testing.assert_allclose(first, stored[scored["ID"].to_numpy()], atol=1e-5)
    again = result.table["accuracy_again"]
    assert result.selected.members[0].run.run_id == again.idxmax()
    assert result.selected.validation.repeats == 4
    assert set(again.index) == set(runs)


def test_a_member_of_a_faster_class_is_scored_again_by_scikit_learn(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = world.score(world.candidate(14), world.candidate(24))
    monkeypatch.setattr(competition, "is_fast", lambda run, _: run.run_id == runs[1])
    scored: list[Any] = []
    again = competition.score_again
    monkeypatch.setattr(
        competition,
        "score_again",
        lambda *given, **fast: scored.append(given) or again(*given, **fast),
    )
    result = world.compete(rule="average", members=2)
    ((run, _, validation),) = scored
    assert (run.run_id, validation) == (runs[1], KFOLD)
    assert {member.run.run_id: member.fast for member in result.selected.members} == {
        runs[0]: False,
        runs[1]: True,
    }
