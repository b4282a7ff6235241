from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cropland.config import filling
from cropland.config.countries import Country
from cropland.config.groups import Configuration
from cropland.observations import ragged_array
from cropland.observations.archive import Archive
from cropland.observations.point_counts import POINTS_FILES
from cropland.sources import opening
from cropland.training import scoring
from cropland.training.candidate import Candidate

Score = Callable[..., scoring.Scored]


@pytest.fixture
def score(
    composed: Callable[..., dict[str, Any]], toyland: Country, monkeypatch: pytest.MonkeyPatch
) -> Score:
    """Gives the scores of the toy country's candidate on an archive."""

    def scored(archive: Archive, **changes: Any) -> scoring.Scored:
        monkeypatch.setattr(opening, "archive_of", lambda *_: archive)
        tree = {"_target_": "sklearn.tree.DecisionTreeClassifier", "max_depth": 3}
        model = {"name": "tree", "scale": False, "estimator": tree}
        changes = {"span": 40} | changes
        values = composed(bands__names=["B4", "B8"], model=model, **changes)
        return scoring.score(Candidate(filling.command(Configuration, values), toyland))

    return scored


def test_what_became_of_labelled_points_is_kept(score: Score, toy_archive: Archive) -> None:
    """Two of 60 labelled points, of both classes, on one pixel; ten more were outside the box."""
    dataset = toy_archive.dataset.load()
    for name in ("Lat", "Lon"):
        dataset[name][1] = dataset[name][0]
    facts = {"labelled": 70, "outside": 10}
    done = score(Archive(dataset.assign_attrs({POINTS_FILES: facts})))
    assert done.outcome.n_points == 60
    counts = {"n_points": 60, "n_outside": 10, "n_unobserved": 0}
    counts |= {"n_shared_pixel": 2, "n_contradicting": 2}
    assert counts.items() <= done.done.record.metrics.items()


@pytest.mark.parametrize(("period", "months"), [(0, 0), (-2, -2), ("2020-11-02", -2)])
def test_accuracy_comes_first_at_its_months_from_the_seasons_end(
    score: Score, toy_archive: Archive, period: int | str, months: int
) -> None:
    record = score(toy_archive, period=period).done.record
    assert next(iter(record.metrics)) == "accuracy"
    assert record.steps == {"accuracy": months}
    assert record.metrics["span_weeks"] == 40


def test_a_window_of_clouds_says_so(score: Score, toy_archive: Archive) -> None:
    """Clouds in the whole window, clear ground before it."""
    dataset = toy_archive.dataset.load()
    cloudy = dataset["time"].to_numpy() >= np.datetime64("2020-01-01")
    dataset["SCL"][:] = np.where(cloudy, 9, 4)
    clear = {"name": "clear", "clear": True, "step_days": 5}
    outcome = score(Archive(dataset), series=clear).outcome
    assert outcome.status == "failed"
    assert "of 60 labelled points 60 have no clear observation in the window" in outcome.message


def test_what_was_found_in_the_numbers_of_an_archive_is_kept(
    score: Score, toy_archive: Archive
) -> None:
    counts = {"n_fill_values": 7, "n_rows_repeated": 3}
    notes = ["a.csv: 7 values are no data", "3 rows are there twice"]
    done = score(Archive(toy_archive.dataset.assign_attrs(counts=counts, notes=notes))).done
    assert {name: done.record.metrics[name] for name in counts} == counts
    title = "Toyland, 40 weeks to 31 December 2020, B4 B8, DecisionTreeClassifier"
    lead, *others = done.record.note.split("\n\n")
    assert lead.startswith(f"**{title}**: accuracy {done.record.metrics['accuracy']:.3f} ± ")
    assert lead.endswith(
        "`cropland promote country=toyland` selects the best of all and registers it."
    )
    assert others == notes


def test_eleven_monthly_means_are_said_to_be_eleven(
    score: Score, toy_points: pd.DataFrame, toy_rows: pd.DataFrame
) -> None:
    """Of 68 days of the grid 11 were observed, of one point's 5: 57 and 63 are interpolated."""
    days = pd.date_range("2020-01-30", periods=11, freq="30D")
    rows = toy_rows.groupby("ID").head(11).assign(time=np.tile(days, 80))
    rows = rows.drop(index=rows[rows["ID"] == "P007"].index[5:])
    marks = {"source": "files", "country": "toyland", "fingerprint": "f00"}
    marks |= {"time_coverage_start": "2020-01-01", "time_coverage_end": "2020-12-31"}
    archive = Archive(ragged_array.from_table(toy_points, rows).assign_attrs(marks))
    done = score(archive, span=48)
    assert done.done.record.metrics["n_features"] == 2 * 68
    expected = {
        "observations_per_point": 11,
        "observations_least": 5,
        "interpolated_share": pytest.approx((59 * 57 + 63) / (60 * 68), abs=1e-6),
    }
    for name, value in expected.items():
        assert done.done.record.metrics[name] == getattr(done.outcome, name) == value
