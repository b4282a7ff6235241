"""The real series of the challenge: what they are like, and how well the forest does on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from omegaconf import OmegaConf

from cropland.config import countries
from cropland.config.groups import Features, Paths, Validation
from cropland.config.model import Model
from cropland.config.sources import Files
from cropland.features import matrix as features
from cropland.features import series
from cropland.features.window import Window
from cropland.learning import classifiers, cross_validation
from cropland.observations.bands import BandSet
from cropland.sources import opening

CONF = Path(__file__).parents[2] / "conf"
SOURCE = Files("files", "COPERNICUS_S2_SR_HARMONIZED", "Train.csv", "Test.csv")
FLAT = Features("flat", True, ())


def opened(name: str, challenge: Path, folder: Path) -> tuple[countries.Country, Any]:
    values = OmegaConf.to_container(OmegaConf.load(CONF / "country" / f"{name}.yaml"))
    country = countries.country(values)
    return country, opening.archive_of(SOURCE, Paths(str(challenge), str(folder), "runs"), country)


@pytest.mark.parametrize(
    ("name", "span", "expected"),
    [("sudan", 48, 0.966), ("afghanistan", 56, 0.868), ("iran", 48, 0.955)],
)
def test_a_year_of_real_series_is_as_accurate_as_it_was_measured_elsewhere(
    challenge: Path, tmp_path: Path, name: str, span: int, expected: float
) -> None:
    country, archive = opened(name, challenge, tmp_path)
    window = Window.of(country.reference, span, 0)
    window.check_inside(archive)
    band_set = BandSet.of(["B2", "B3", "B4", "B8", "NDVI"])
    aligned = series.aligned(archive, window, band_set, step_days=5, clear=False)
    matrix = features.labelled(
        features.matrix(aligned, band_set, FLAT, reference_end=country.reference.last)
    )
    assert matrix.sizes["sample"] == 400
    forest = Model(
        "forest",
        "sklearn.ensemble.RandomForestClassifier",
        False,
        {"n_estimators": 100, "max_depth": 10},
    )
    found = [
        cross_validation.cross_validate(
            classifiers.build(forest, seed),
            matrix,
            Validation("kfold", 5),
            seed=seed,
            n_jobs=2,
        ).accuracy
        for seed in (2023, 2024, 2025)
    ]
    assert np.mean(found) == pytest.approx(expected, abs=0.015)


def test_the_one_point_without_an_observation_is_named(challenge: Path, tmp_path: Path) -> None:
    country, archive = opened("iran", challenge, tmp_path)
    window = Window.of(country.reference, 48, 0)
    aligned = series.aligned(archive, window, BandSet.of(["NDVI"]), step_days=5, clear=False)
    assert features.unobserved(aligned) == ["ID_P9J9QII4K724"]
    assert archive.dataset.sizes["point"] == 1000
