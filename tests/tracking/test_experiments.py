from __future__ import annotations

from cropland.tracking.experiments import experiment_of


def test_real_and_simulated_never_mix() -> None:
    assert experiment_of("simulated") == "cropland-simulated"
    assert {experiment_of(name) for name in ("files", "stac")} == {"cropland"}
