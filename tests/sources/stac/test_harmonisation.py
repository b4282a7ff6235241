from __future__ import annotations

import numpy as np
import pytest

from cropland.errors import DataError
from cropland.sources.stac.harmonisation import (
    baseline_of,
    carries_offset,
    claims_offset,
    harmonised,
)

BASELINE = "s2:processing_baseline"
APPLIED = "earthsearch:boa_offset_applied"
RANDOM = np.random.default_rng(3)
CLEAR = RANDOM.integers(300, 2500, (3, 50, 50)).astype(np.uint16)
CLOUDS = RANDOM.integers(4000, 7000, (3, 50, 50)).astype(np.uint16)


@pytest.mark.parametrize(
    ("properties", "baseline"),
    [
        ({BASELINE: "02.14"}, 2.14),
        ({BASELINE: "05.09"}, 5.09),
        ({BASELINE: "4.0"}, 4.0),
        ({"processing:version": "N0511"}, 5.11),
        (
            {"s2:product_uri": "S2B_MSIL2A_20220103T071209_N0301_R020_T39SUV_20220103T085811.SAFE"},
            3.01,
        ),
    ],
)
def test_the_baseline_is_read_as_catalogues_write_it(
    properties: dict[str, str], baseline: float
) -> None:
    assert baseline_of("item", properties) == baseline


def test_a_baseline_may_stand_in_the_items_own_name() -> None:
    assert baseline_of("S2A_MSIL2A_20220103T071209_N0400_R020_T39SUV_20220103T085811", {}) == 4.0


def test_without_a_baseline_nothing_is_guessed() -> None:
    with pytest.raises(DataError, match=r"thing says no processing baseline.*source\.collection"):
        claims_offset("thing", {"datetime": "2022-02-01T00:00:00Z"})


@pytest.mark.parametrize(
    ("baseline", "applied", "claims"),
    [
        ("03.01", None, False),
        ("03.99", False, False),
        ("04.00", None, True),
        ("05.09", False, True),
        ("05.09", True, False),
    ],
)
def test_an_image_claims_the_offset_by_baseline_unless_it_was_applied(
    baseline: str, applied: bool | None, claims: bool
) -> None:
    properties = {BASELINE: baseline} | ({} if applied is None else {APPLIED: applied})
    assert claims_offset("item", properties) is claims


def test_dark_samples_prove_that_the_offset_was_subtracted() -> None:
    assert carries_offset(CLEAR + 1000)
    assert not carries_offset(CLEAR)


def test_a_few_dark_samples_prove_nothing() -> None:
    raw = CLEAR + 1000
    raw[:, 0, :] = 900  # 2 % of 50 rows
    raw[:, 0, 0] = 1000  # and one pixel less
    assert carries_offset(raw)
    raw[:, 0, 0] = 900
    assert not carries_offset(raw)


def test_no_data_are_no_samples() -> None:
    raw = CLEAR + 1000
    raw[:, :25] = 0
    assert carries_offset(raw)
    assert carries_offset(np.zeros((3, 4, 4), np.uint16))
    assert carries_offset([])


def test_clouds_that_carry_it_are_believed_and_clouds_that_do_not_cannot_be_told() -> None:
    assert carries_offset(CLOUDS + 1000)
    assert carries_offset(CLOUDS)  # the limit of the rule


def test_an_offset_leaves_data_data_and_no_data_no_data() -> None:
    stored = np.array([0, 1, 999, 1000, 1001, 1002, 65535], np.uint16)
    taken = harmonised(stored, 1000)
    assert taken.dtype == np.uint16
    assert taken.tolist() == [0, 1, 1, 1, 1, 2, 64535]
    assert harmonised(stored, 0).tolist() == stored.tolist()
