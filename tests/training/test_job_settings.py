"""What the jobs of a sweep read, in one file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cropland.config import filling
from cropland.config.countries import Choice, Country
from cropland.config.groups import Configuration
from cropland.config.jobs import Job
from cropland.errors import DataError
from cropland.training import job_settings
from cropland.training.candidates import candidates_of
from cropland.training.job_settings import JobSettings


@pytest.fixture
def job(composed: Callable[..., dict[str, Any]], toyland: Country) -> Job:
    return Job(filling.command(Configuration, composed()), (toyland,))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    settings = JobSettings(
        parent_run="0123456789abcdef",
        returns_results=True,
        fast=False,
        windows={"iran": Choice(96, 0), "sudan": Choice(4, "2021-03-31")},
        known={"a": 0.9, "b": 0.875},
        varied=("model.max_depth", "series.step_days"),
    )
    settings.write(tmp_path / "run")
    assert job_settings.read(tmp_path / "run") == settings


def test_a_folder_that_cannot_be_seen_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="in a folder that every machine sees"):
        job_settings.read(tmp_path / "elsewhere")


def test_candidates_whose_outcome_is_known_are_not_scored(job: Job) -> None:
    (candidate,) = candidates_of(job)
    assert JobSettings("run").divide(job) == ([candidate], [])
    known = {candidate.fingerprint: 0.9}
    assert JobSettings("run", known=known).divide(job) == ([], [0.9])


def test_windows_of_an_earlier_study_reach_candidates(job: Job) -> None:
    (found,) = JobSettings("run", windows={"toyland": Choice(4, -2)}).candidates_of(job)
    assert (found.configuration.span, found.configuration.period) == (4, -2)


def test_where_the_fast_forest_cannot_be_used_candidates_have_the_plain_one(
    composed: Callable[..., dict[str, Any]], toyland: Country
) -> None:
    target = "sklearnex.ensemble.RandomForestClassifier"
    model = {"name": "forest_fast", "estimator": {"_target_": target}, "scale": False}
    job = Job(filling.command(Configuration, composed(model=model)), (toyland,))
    (candidate,) = JobSettings("run", fast=False).candidates_of(job)
    assert candidate.configuration.model.name == "forest"
    assert candidate.configuration.model.target == "sklearn.ensemble.RandomForestClassifier"


def test_what_a_sweep_varies_is_in_names_and_params_of_its_runs(job: Job) -> None:
    settings = JobSettings("parent", varied=("span", "model.n_estimators", "series.step_days"))
    (candidate,) = settings.candidates_of(job)
    assert candidate.name.endswith(" forest n_estimators=100 step_days=5")
    assert candidate.params()["series.step_days"] == 5
    (plain,) = candidates_of(job)
    assert "series.step_days" not in plain.params()
    assert candidate.fingerprint == plain.fingerprint
