"""Outcomes: what became of candidates, as the ledger of a sweep and its report hold it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any, Literal

Status = Literal["finished", "already there", "outside", "failed"]
SCORED: tuple[Status, ...] = ("finished", "already there")
KEY = (
    *("country", "span", "period", "bands", "series"),
    *("features", "model", "training", "validation"),
)
"""Settings that are fields, in their order."""
SCORES = ("accuracy", "accuracy_se", "brier", "fit_seconds", "features_mb")
"""Metrics of a run that are fields too."""
EVIDENCE = ("observations_per_point", "observations_least", "interpolated_share")
"""The same of a candidate with one window, see `cropland.features.evidence`."""


def objective(accuracies: Sequence[float]) -> float:
    """Return what a job is searched by: the mean accuracy of its candidates, NaN where one has none.

    >>> objective([0.5, 1.0])
    0.75
    >>> objective([0.5, float("nan")]), objective([])
    (nan, nan)
    """
    return fmean(accuracies) if accuracies else float("nan")


@dataclass(frozen=True)
class Outcome:
    """What became of a candidate: plain values, which a worker can send and JSON can hold.

    Attributes
    ----------
    country, span, period, bands, series, features, model, training, validation : str or int
        What was scored; what a nested validation chose anew in each fold is 0, empty or a dash.
    window_end : str
        Last day of its window.
    status : str
        ``finished``, ``already there``, ``outside`` its archive, or ``failed``.
    run_id : str
        Its MLflow run, empty where there is none.
    accuracy, accuracy_se, brier : float
        Its score, the standard error and the Brier score, NaN where there is none.
    n_features : int
        Features of its matrix.
    n_points : int
        Labelled points that it was scored on.
    fit_seconds : float
        Mean time to fit and predict one fold.
    features_mb : float
        Size of its matrix of features, 10⁶ bytes.
    observations_per_point, observations_least, interpolated_share : float
        See `cropland.features.evidence`; NaN of a nested choice, which has several windows.
    uses_future : bool
        Whether its window ends after the reference season.
    message : str
        Why it was skipped or failed; or what else to know of it.
    settings : mapping
        Its other settings, such as ``model.max_depth``, by the names of params: numbers, texts, true, false,
        null.
    """

    country: str
    span: int
    period: int | str
    bands: str
    series: str
    features: str
    model: str
    training: str
    validation: str
    window_end: str
    uses_future: bool
    status: Status
    run_id: str = ""
    accuracy: float = float("nan")
    accuracy_se: float = float("nan")
    brier: float = float("nan")
    n_features: int = 0
    n_points: int = 0
    fit_seconds: float = float("nan")
    features_mb: float = float("nan")
    observations_per_point: float = float("nan")
    observations_least: float = float("nan")
    interpolated_share: float = float("nan")
    message: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def every_setting(self) -> dict[str, Any]:
        """All its settings, fields among them."""
        return {**{name: getattr(self, name) for name in KEY}, **self.settings}

    @property
    def key(self) -> tuple[object, ...]:
        """What distinguishes it from the other outcomes of a sweep."""
        return tuple(sorted(self.every_setting.items()))
