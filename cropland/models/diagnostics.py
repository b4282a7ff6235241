"""Diagnostics of a model: figures and tables by which a user judges it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cropland.errors import visible
from cropland.features import series
from cropland.learning.learning_curve import learning_curve
from cropland.models import diagnostic_figures as figures
from cropland.models import importance, label_check
from cropland.models.importance_figure import importance_figure
from cropland.models.label_figure import label_figure
from cropland.models.points_map import points_map
from cropland.models.profiles import profiles
from cropland.models.reliability import reliability_figure
from cropland.observations.bands import BandSet
from cropland.support.terminal import SIMULATED, titled
from cropland.training.out_of_fold import confusion, probability_of
from cropland.training.titles import candidate_title

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from cropland.config.groups import Validation
    from cropland.learning.cross_validation import Scores
    from cropland.models.fitted import Fitted
    from cropland.models.label_check import LabelCheck
    from cropland.models.selection import Selected
    from cropland.training.candidate_data import CandidateData

_GREENNESS = "NDVI"


def diagnostic_files(
    selected: Selected,
    fitted: Fitted,
    labels: LabelCheck,
    validation: Validation,
    *,
    simulated: bool,
) -> dict[str, str | bytes]:
    """Draw the diagnostic figures of a model.

    Parameters
    ----------
    selected : Selected
        What it was made of, with the out-of-fold predictions.
    fitted : Fitted
        The model, for the unlabelled points of the map.
    labels : LabelCheck
        The labels that all finalists contradict.
    validation : Validation
        The folds for importance and learning curve.
    simulated : bool
        Whether the data are, which the figures then say.

    Returns
    -------
    dict of str to str or bytes
        Files by name: confusion, reliability, map of points, profiles of both classes and, where there are
        any, of the labels to look at; of an average's first member importance and learning curve.
    """
    title = visible(selected.title)
    look: dict[str, Any] = {"title": title, "simulated": simulated}
    scores = selected.scores
    files: dict[str, str | bytes] = {
        "confusion_matrix.png": figures.confusion_figure(
            confusion(scores.out_of_fold),
            scores.out_of_fold.sizes["repeat"],
            **_named("Confusion matrix", look),
        ),
        "reliability.png": reliability_figure(
            _forecasts(selected),
            scores.out_of_fold["Target"].to_numpy(),
            **_named("Reliability", look),
        ),
        "points.html": points_map(
            points_table(selected.material, scores, fitted, labels),
            title=titled(title, simulated=simulated),
            box=selected.material.candidate.country.box,
            note=SIMULATED if simulated else "",
        ),
    }
    of_first = look | {"title": visible(candidate_title(selected.material.candidate))}
    files |= _files_of_fits(selected.material, validation, of_first)
    return files | _profile_files(selected.material, labels, look)


def _named(figure: str, look: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of a figure, whose title says first what the figure is."""
    return look | {"title": f"{figure}: {look['title']}"}


def _forecasts(selected: Selected) -> dict[str, NDArray[np.float64]]:
    """Return out-of-fold probabilities as they were, and cross-fitted where they are calibrated."""
    if selected.calibration.platt is None:
        return {"not calibrated": selected.uncalibrated}
    return {
        "before calibration": selected.uncalibrated,
        "after calibration, cross-fitted": selected.calibration.probability,
    }


def _files_of_fits(
    material: CandidateData, validation: Validation, look: dict[str, Any]
) -> dict[str, str | bytes]:
    """Draw importance and learning curve of a candidate, which is fitted again for them."""
    samples = (material.classifier(), material.labelled, validation)
    common: dict[str, Any] = {
        "seed": material.candidate.configuration.seed,
        "n_jobs": material.cores,
        "other_samples": material.other_samples,
    }
    season_end = material.candidate.country.reference.last
    measured = importance.measure(*samples, reference_end=season_end, **common)
    curve = learning_curve(*samples, **common)
    return {
        "importance.png": importance_figure(measured, **look),
        "importance.csv": measured.to_dataframe().to_csv(),
        "learning_curve.png": figures.learning_curve_figure(
            curve, **_named("Learning curve", look)
        ),
        "learning_curve.csv": curve.to_csv(index=False),
    }


def points_table(
    material: CandidateData, scores: Scores, fitted: Fitted, labels: LabelCheck
) -> pd.DataFrame:
    """Tabulate all points: labelled ones with their out-of-fold prediction, others with the model's.

    ``to_look_at`` is true where all finalists contradict the label.
    """
    archived = material.archive.points
    table = archived.to_dataframe().reset_index(drop=True)[["ID", "Lat", "Lon", "Target"]]
    table["Target"] = table["Target"].where(table["Target"] >= 0)
    left_out = probability_of(scores.out_of_fold)
    predicted = fitted.predict_archive(material.archive).set_index("ID")["probability"]
    probability = (
        table["ID"].map(left_out).where(table["Target"].notna(), table["ID"].map(predicted))
    )
    return table.assign(
        probability=probability,
        label=(probability > 0.5).astype(float).where(probability.notna()),
        to_look_at=table["ID"].isin(labels.ids),
    )


def _profile_files(
    material: CandidateData, labels: LabelCheck, look: dict[str, Any]
) -> dict[str, str | bytes]:
    """Draw the year of both classes by NDVI, and of the labels to look at, where its bands are there."""
    greenness = BandSet.of([_GREENNESS])
    if not set(greenness.measured(material.archive.stored)) <= set(material.archive.stored):
        return {}
    settings = material.candidate.configuration.series
    aligned = series.aligned(
        material.archive,
        material.candidate.window,
        greenness,
        step_days=settings.step_days,
        clear=settings.clear,
    )
    year = profiles(aligned, _GREENNESS)
    files: dict[str, str | bytes] = {
        "ndvi_profiles.png": figures.profile_figure(
            year, _GREENNESS, **_named(f"{_GREENNESS} of each class", look)
        )
    }
    if labels.table is not None and len(labels.table):
        look = _named("Labels to look at", look)
        files[label_check.FIGURE] = label_figure(labels.table, aligned, year, _GREENNESS, **look)
    return files
