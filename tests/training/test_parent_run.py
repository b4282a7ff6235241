from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from cropland.training import parent_run, sweep
from cropland.training.outcome import Outcome, Status


def outcome(country: str, accuracy: float, status: Status = "finished", **changes: Any) -> Outcome:
    fields: dict[str, Any] = {"span": 24, "period": 0, "bands": "ndvi", "series": "raw"}
    fields |= {"features": "flat", "model": "forest", "training": "own", "validation": "kfold"}
    fields |= {"window_end": "2020-06-30", "uses_future": False, "run_id": f"{country}{accuracy}"}
    fields |= {
        "accuracy_se": 0.01,
        "settings": {"source": "files", "seed": 5, "model.max_depth": 2},
    }
    return Outcome(country, status=status, accuracy=accuracy, **fields | changes)


SWEPT = [
    outcome("iran", 0.8, span=72),
    outcome("iran", 0.9, settings={"source": "files", "seed": 5, "model.max_depth": 16}),
    outcome("sudan", 0.6),
    outcome("sudan", float("nan"), "failed", span=72, run_id=""),
]
SESSION: Any = SimpleNamespace(parent_run="abc")


def test_a_sweep_has_what_its_candidates_share_and_the_values_of_what_it_swept() -> None:
    params = parent_run.params(SWEPT, ["country", "span", "bands", "source"])
    expected = {"country": "iran, sudan", "span": "24, 72", "bands": "ndvi", "source": "files"}
    assert params == expected | {"model.max_depth": "2, 16"}


def test_a_sweep_has_the_best_accuracy_of_each_country_and_their_mean() -> None:
    scores = parent_run.scores(SWEPT)
    assert scores == {"accuracy": 0.75, "accuracy_iran": 0.9, "accuracy_sudan": 0.6}
    assert next(iter(scores)) == "accuracy"
    assert parent_run.scores(SWEPT[3:]) == {}


@pytest.mark.parametrize(
    ("n_known", "condition"),
    [
        (0, "tags.mlflow.parentRunId = 'abc'"),
        (1, "attributes.run_id IN ('iran0.8', 'iran0.9', 'sudan0.6', 'known')"),
        (
            200,
            "tags.kind = 'candidate' and params.source = 'files' and params.training = 'own' and "
            "params.seed = '5' and "
            "params.bands = 'ndvi' and params.series = 'raw' and params.features = 'flat' and "
            "params.model = 'forest' and params.validation = 'kfold'",
        ),
    ],
)
def test_the_runs_of_a_sweep_are_found_below_it_or_below_earlier_ones(
    n_known: int, condition: str
) -> None:
    known = [outcome("iran", 0.7, "already there", run_id="known")] * n_known
    assert parent_run.filter_of(SESSION, [*SWEPT, *known]) == condition


def test_a_long_note_leaves_its_filter_whole() -> None:
    text = parent_run.described("x" * 9000, "tags.kind = 'sweep'")
    assert text.endswith("x…\n\nIts runs, by the search box: `tags.kind = 'sweep'`")
    assert len(text) < 8000
    assert parent_run.described("x", "y") == "x\n\nIts runs, by the search box: `y`"


def test_runs_that_are_found_by_settings_alone_may_be_of_other_sweeps() -> None:
    many = [outcome("iran", 0.7, "already there", run_id="known")] * 101
    condition = parent_run.filter_of(SESSION, many)
    assert condition.startswith("tags.kind = 'candidate' and params.country = 'iran' and ")
    text = parent_run.described("x", condition)
    assert (
        text == f"x\n\nRuns of its settings, also of other sweeps, by the search box: `{condition}`"
    )


@pytest.mark.parametrize(
    ("option", "words", "name"),
    [
        (["--config-name", "saved.yaml"], [], "saved"),
        (["-cn=saved"], ["span=22,23", "country=all"], "saved span=22,23"),
        ([], [], "defaults"),
    ],
)
def test_a_sweep_has_the_name_of_its_configuration(
    monkeypatch: pytest.MonkeyPatch, option: list[str], words: list[str], name: str
) -> None:
    monkeypatch.setattr("sys.argv", ["cropland train", *option, *words])
    assert sweep._name(words) == name
