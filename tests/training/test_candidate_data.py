"""What a candidate learns from: its own points, those of other countries, or both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin

from cropland.config import filling
from cropland.config.countries import Box, Country, Reference
from cropland.config.groups import Configuration
from cropland.errors import WindowError
from cropland.features import matrix
from cropland.observations import ragged_array
from cropland.observations.archive import Archive
from cropland.sources import opening
from cropland.training import candidate_data, preflight, resume
from cropland.training.candidate import Candidate
from cropland.training.candidate_data import CandidateData
from cropland.training.nested_candidate import NestedCandidate

Made = Callable[..., CandidateData]


class Spy(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier that notes the latitudes, its last column, that it learns from and predicts."""

    learnt: ClassVar[list[np.ndarray]] = []
    asked: ClassVar[list[np.ndarray]] = []

    def fit(self, x: np.ndarray, y: np.ndarray) -> Self:
        self.classes_ = np.unique(y)
        Spy.learnt.append(x[:, -1].copy())
        return self

    def predict_proba(self, x: np.ndarray) -> np.ndarray:
        Spy.asked.append(x[:, -1].copy())
        return np.full((len(x), 2), 0.5)


@pytest.fixture
def spied(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Spy]]:
    """Put the spy in place of every classifier."""
    Spy.learnt, Spy.asked = [], []
    monkeypatch.setattr(CandidateData, "classifier", lambda _: Spy())
    yield Spy
    Spy.learnt, Spy.asked = [], []


@pytest.fixture(scope="session")
def farland() -> Country:
    """The toy country again 30° further north, half a year earlier."""
    box, season = Box(40.0, 40.4, 20.0, 20.4), Reference("2019-07-05", "2020-07-04")
    return Country(name="farland", title="Farland", box=box, reference=season)


@pytest.fixture(scope="session")
def far_archive(toy_points: pd.DataFrame, toy_rows: pd.DataFrame) -> Archive:
    """The same observations of other places, 180 days earlier: as far from the season's end."""
    points = toy_points.assign(ID="F" + toy_points["ID"], Lat=toy_points["Lat"] + 30)
    rows = toy_rows.assign(ID="F" + toy_rows["ID"], time=toy_rows["time"] - pd.Timedelta(days=180))
    days = {"time_coverage_start": "2018-07-05", "time_coverage_end": "2020-07-04"}
    marks = {"source": "files", "country": "farland", "fingerprint": "f01"}
    return Archive(ragged_array.from_table(points, rows).assign_attrs(marks | days))


@pytest.fixture
def made(
    composed: Callable[..., dict[str, Any]],
    toyland: Country,
    farland: Country,
    toy_archive: Archive,
    far_archive: Archive,
    monkeypatch: pytest.MonkeyPatch,
) -> Made:
    """Gives the material of the toy country's candidate, with the other country as its training country."""
    opened = {"toyland": toy_archive, "farland": far_archive}
    monkeypatch.setattr(opening, "archive_of", lambda _, __, country: opened[country.name])

    def make(training: str, **changes: Any) -> CandidateData:
        values = composed(
            training=training,
            n_jobs=1,
            bands__names=["NDVI", "Lat"],
            validation__folds=3,
            model__estimator__n_estimators=5,
            **changes,
        )
        others = () if training == "own" else (farland,)
        return CandidateData.of(Candidate(filling.command(Configuration, values), toyland, others))

    return make


def test_where_boxes_overlap_no_point_of_the_country_is_taught(made: Made) -> None:
    chosen = made("pooled")
    everyone = matrix.labelled(chosen.samples.matrix)
    north = replace(chosen.candidate.country, box=Box(10.2, 10.4, 20.0, 20.4))
    narrowed = replace(chosen, candidate=replace(chosen.candidate, country=north))
    pooled = narrowed._elsewhere(everyone)
    assert 0 < pooled.sizes["sample"] < everyone.sizes["sample"]
    assert float(pooled["Lat"].max()) < 10.2


def labelled(chosen: CandidateData) -> Any:
    return matrix.labelled(chosen.samples.matrix)


def test_what_is_taught_bears_the_same_names_and_lies_as_far_from_its_own_season(
    made: Made,
) -> None:
    chosen = made("pooled")
    own, pooled = labelled(chosen), chosen.other_samples
    assert pooled is not None
    assert list(pooled["feature"].to_numpy()) == list(own["feature"].to_numpy())
    assert set(pooled["ID"].to_numpy()) == {f"F{name}" for name in own["ID"].to_numpy()}
    # The other country's observations are the same at the same distance from the end of the season.
    np.testing.assert_allclose(pooled[:, :-1], own[:, :-1], rtol=1e-5)
    assert made("own").other_samples is None


def test_pooled_uses_the_same_folds_and_learns_from_the_others_too(
    made: Made, spied: type[Spy]
) -> None:
    own = made("own")
    first = own.scores().out_of_fold
    learnt_alone, asked_alone = spied.learnt, spied.asked
    spied.learnt, spied.asked = [], []
    pooled = made("pooled")
    second = pooled.scores().out_of_fold
    assert second["fold"].equals(first["fold"])
    assert list(second["ID"].to_numpy()) == list(first["ID"].to_numpy())
    assert len(spied.learnt) == len(learnt_alone) == 3
    for more, fewer in zip(spied.learnt, learnt_alone, strict=True):
        np.testing.assert_array_equal(more[more < 30], fewer)
        assert len(more) == len(fewer) + 60
    for now, then in zip(spied.asked, asked_alone, strict=True):
        np.testing.assert_array_equal(now, then)


def test_others_never_learns_from_a_point_of_the_country(made: Made, spied: type[Spy]) -> None:
    chosen = made("others")
    found = chosen.scores().out_of_fold
    (learnt,), (asked,) = spied.learnt, spied.asked
    assert len(learnt) == 60 and (learnt > 30).all()
    assert len(asked) == 60 and (asked < 30).all()
    assert found.sizes["sample"] == 60
    assert not set(found["ID"].to_numpy()) & {f"F{n}" for n in found["ID"].to_numpy()}


def test_a_country_that_is_alike_teaches_well(made: Made) -> None:
    chosen = made("others", span=52)
    assert chosen.scores().accuracy > 0.9


def test_identities_differ_by_mode_and_by_the_teachers_data(
    made: Made, toy_archive: Archive, far_archive: Archive
) -> None:
    marks = {
        one.candidate.identity(one.archive, one.other_archives)
        for one in (made("own"), made("pooled"), made("others"))
    }
    assert len(marks) == 3
    pooled = made("pooled")
    other = Archive(far_archive.dataset.assign_attrs(fingerprint="f02"))
    assert pooled.candidate.identity(toy_archive, [other]) not in marks


def test_a_window_outside_a_teachers_archive_is_said(made: Made, toyland: Country) -> None:
    with pytest.raises(WindowError, match=r"of toyland is outside .* 2020-12-31"):
        made("own", period=1)
    fitting = made("pooled", period=0).candidate
    short = replace(
        fitting, other_countries=(replace(fitting.other_countries[0], reference=toyland.reference),)
    )
    with pytest.raises(WindowError, match=r"of farland is outside .* 2020-07-04"):
        CandidateData.of(short)


def test_alternatives_outside_the_archive_are_left_out(made: Made) -> None:
    chosen = made("own").candidate
    spans = [replace(chosen.configuration, span=span) for span in (12, 24, 200)]

    def nested(*alternatives: Configuration) -> NestedCandidate:
        return NestedCandidate(chosen.configuration, chosen.country, alternatives=alternatives)

    found = candidate_data.CandidateData.of(nested(*spans)).candidate
    assert [each.configuration.span for each in found.choices] == [12, 24]
    with pytest.raises(WindowError, match="of toyland is outside its archive"):
        CandidateData.of(nested(*spans[2:]))


def test_harmonics_of_a_short_window_are_left_out_as_windows_outside_the_archive_are(
    made: Made, toy_archive: Archive
) -> None:
    chosen = made("own").candidate
    features = replace(chosen.configuration.features, flat=False, harmonics=2)
    spans = [replace(chosen.configuration, features=features, span=span) for span in (38, 39)]
    short, long = (replace(chosen, configuration=configuration) for configuration in spans)
    archives = {"toyland": toy_archive}
    preflight.check([short, long], archives)
    (outcome,) = resume.known_outcomes([short, long], archives, None).values()
    message = "harmonics need a window of 39 weeks or more, got span=38"
    assert outcome.status == "outside" and message in outcome.message
    with pytest.raises(WindowError, match=message):
        preflight.check([short], archives)
    nested = NestedCandidate(chosen.configuration, chosen.country, alternatives=tuple(spans))
    assert nested.within(toy_archive).alternatives == (spans[1],)
