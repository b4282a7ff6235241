from __future__ import annotations

import numpy as np
import pytest

from cropland.errors import DataError
from cropland.sources.stac.harmonisation import (
    baseline_of,
    claims_offset,
    harmonised,
)

BASELINE = "s2:processing_baseline"
APPLIED = "earthsearch:boa_offset_applied"


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


def test_an_offset_leaves_data_data_and_no_data_no_data() -> None:
    stored = np.array([0, 1, 999, 1000, 1001, 1002, 65535], np.uint16)
    taken = harmonised(stored, 1000)
    assert taken.dtype == np.uint16
    assert taken.tolist() == [0, 1, 1, 1, 1, 2, 0]
    assert harmonised(stored, 0).tolist() == [*stored[:-1].tolist(), 0]
