from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
import xarray as xr

from cropland.config.groups import Features
from cropland.errors import ConfigError, WindowError
from cropland.features import matrix, series
from cropland.features.harmonics import HARMONICS, fit_harmonics
from cropland.features.window import Window
from cropland.observations import archive
from cropland.observations.bands import BandSet

DAYS = np.arange(-364, 1, 5)
ANGLE = 2 * np.pi / 365.25 * DAYS
TERMS = np.stack([DAYS**0, np.cos(ANGLE), np.sin(ANGLE), np.cos(2 * ANGLE), np.sin(2 * ANGLE)])
COURSE = np.array([0.4, -0.3, 0.1, 0.05, -0.1])
"""Of an NDVI with a season."""


def fitted(values: np.ndarray) -> dict[str, float]:
    """Return the harmonics of one series on `DAYS`, by name."""
    features = fit_harmonics(values.astype(np.float32)[None, :, None], DAYS)
    return dict(zip(HARMONICS, features[0, :, 0].tolist(), strict=True))


def test_a_course_of_two_waves_is_found_but_for_the_shrinkage_of_the_penalties() -> None:
    found = fitted(COURSE @ TERMS)
    # A wave's normal matrix is 73 / 2 beside penalties of 73 / 12 × .05 and × .2.
    shrunk = COURSE / (1 + np.array([0, 1, 1, 4, 4]) * 0.05 / 6)
    np.testing.assert_allclose([*found.values()][:5], shrunk, atol=0.003)
    assert found["amplitude1"] == pytest.approx(np.hypot(*shrunk[1:3]), abs=0.003)
    assert found["amplitude2"] == pytest.approx(np.hypot(*shrunk[3:]), abs=0.003)
    assert found["residual"] < 0.005


@pytest.mark.parametrize(("scenes", "share"), [(15, 0.8), (40, 0.4)])
def test_a_cloudy_scene_moves_the_curve_by_a_share_of_what_least_squares_does(
    scenes: int, share: float
) -> None:
    random = np.random.default_rng(4)
    seen = np.linspace(-364, 0, scenes).round()
    clear = np.interp(seen, DAYS, COURSE @ TERMS) + random.normal(0, 0.02, (40, scenes))
    cloudy = clear.copy()
    cloudy[np.arange(40), random.integers(2, scenes - 2, 40)] = -0.1
    both = np.array([[np.interp(DAYS, seen, row) for row in rows] for rows in (clear, cloudy)])

    def moved(curves: np.ndarray) -> float:
        return float(np.abs(curves[1] - curves[0]).max(axis=1).mean())

    robust = np.array([fit_harmonics(one[..., None], DAYS)[:, :5, 0] for one in both]) @ TERMS
    assert moved(robust) < share * moved(both @ np.linalg.pinv(TERMS) @ TERMS)


def test_what_does_not_vary_has_no_amplitude_and_no_residual() -> None:
    for value in (0.0, 0.1, 3000.0):
        still = dict.fromkeys(HARMONICS, 0.0) | {"constant": float(np.float32(value))}
        assert fitted(np.full(len(DAYS), value)) == still
    assert np.isfinite([*fitted(np.eye(len(DAYS))[30]).values()]).all()  # a single day of a class


def test_a_season_a_year_later_has_the_same_harmonics_by_the_same_names(
    toy_archive: archive.Archive,
) -> None:
    end, later = date(2020, 12, 31), date(2021, 12, 31)
    bands = BandSet.of(["B4", "NDVI", "Lat"])
    window = Window(end - timedelta(7 * 40), end, uses_future=False)
    aligned = series.aligned(toy_archive, window, bands, step_days=5, clear=False)
    moved = aligned.assign_coords(time=aligned["time"] + np.timedelta64(365, "D"))
    kind = Features("harmonics", False, (), 2)
    found = matrix.matrix(aligned, bands, kind, reference_end=end)
    assert found.identical(matrix.matrix(moved, bands, kind, reference_end=later))
    names = [f"{band}_{name}" for name in HARMONICS for band in ("B4", "NDVI")]
    assert found["feature"].to_numpy().tolist() == [*names, "Lat"]
    values = aligned["values"].to_numpy()
    days = (aligned["time"].to_numpy() - np.datetime64(end)) // np.timedelta64(1, "D")
    # The bits of a point do not depend on the others, so that blocks and tiles give the same.
    expected = np.concatenate([fit_harmonics(values[[n]], days) for n in range(len(values))])
    np.testing.assert_array_equal(found[:, :-1], expected.reshape(len(values), -1))


def test_harmonics_of_less_than_nine_months_are_one_line(toy_archive: archive.Archive) -> None:
    def features(span: int, order: int = 2) -> xr.DataArray:
        end = date(2020, 12, 31)
        window = Window(end - timedelta(7 * span), end, uses_future=False)
        made = series.make_series(toy_archive, window, ["B4"], step_days=5)
        return matrix.make_features(made, reference_end=end, flat=False, harmonics=order)

    assert features(39).shape == (80, 8)
    with pytest.raises(WindowError, match="need a window of 39 weeks or more, got span=38; choose"):
        features(38)
    with pytest.raises(ConfigError, match="features.harmonics"):
        features(39, order=3)
