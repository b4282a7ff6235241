from __future__ import annotations

from typing import Any

import pytest
from standins import maps

from cropland.config.commands.assess import Assess
from cropland.config.schema import filled
from cropland.errors import ConfigError


@pytest.mark.parametrize(
    ("changes", "word", "said"),
    [
        (
            {},
            "min_distance=5",
            "min_distance is given to choose what to label next, and this is to draw a sample",
        ),
        ({}, "tracking.uri=x", "tracking is given to estimate from labels, and this is to draw"),
        (
            {"labels": "x.csv"},
            "seed=3",
            "seed is given to draw a sample or choose what to label next",
        ),
        ({"labels": "x.csv"}, "+force=true", "force is given to"),
        (
            {"next": 5},
            "sample_size=300",
            "sample_size is given to draw a sample, and this is to choose",
        ),
        (
            {"sample_size": 300},
            "users_accuracy.cropland=0.7",
            "sample_size .* so users_accuracy would not be used",
        ),
        ({"labels": "landscape"}, "source.points=7", "source.points has no effect here"),
    ],
)
def test_what_would_not_be_used_is_refused(changes: dict[str, Any], word: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        maps.assess_command(**changes).check_given(["map=maps/iran", word])


def test_what_is_used_is_taken() -> None:
    maps.assess_command(sample_size=300).check_given(
        ["sample_size=300", "allocation=equal", "minimum=20", "country=iran"]
    )
    maps.assess_command(next=9).check_given(["next=9", "min_distance=50", "seed=1", "source=stac"])
    maps.assess_command(labels="x").check_given(
        ["labels=x", "design=y", "tracking=server", "source.profiles.iran.cloud=0.1"]
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"labels": "x.csv", "next": 4}, "labels and next are both given"),
        ({"next": 9, "candidates": 8}, "candidates must be at least as many as next: 9, got 8"),
    ],
)
def test_values_that_cannot_be_are_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        maps.assess_command(**changes)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"next": 0}, "next must be 1 or more, got 0"),
        ({"sample_size": 3}, "sample_size must be 4 or more, got 3"),
        ({"standard_error": 0.0}, "standard_error must be above 0, got 0.0"),
        (
            {"users_accuracy": {"cropland": 0.9, "other": 1.0}},
            "users_accuracy.other must be below 1, got 1",
        ),
    ],
)
def test_numbers_out_of_range_are_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        filled(Assess, {**maps.ASSESS, **changes})
