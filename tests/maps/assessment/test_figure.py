from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from matplotlib import colors, image
from numpy.typing import NDArray

from cropland.maps.assessment import figure as assessment
from cropland.support.figure_style import CROPLAND, PALETTE

NAN = float("nan")
COUNTED = PALETTE[3]


def drawn(**changes: Any) -> bytes:
    values: dict[str, Any] = {
        "estimate": (150.0, 140.0, 160.0),
        "counted": 170.0,
        "true": 149.0,
        "overall": (0.9, 0.87, 0.93),
    } | changes
    areas = [
        ("cropland", values["estimate"], values["counted"], values["true"]),
        ("other", (50.0, 40.0, 60.0), 30.0, None if values["true"] is None else 51.0),
    ]
    accuracies = {"overall accuracy": values["overall"], "user's accuracy": (0.8, 0.7, 0.9)}
    return assessment.assessment(areas, accuracies, title="Iran", remark="300 units")


def seen(png: bytes, colour: str) -> NDArray[np.bool_]:
    picture = image.imread(io.BytesIO(png))[..., :3]
    return np.asarray(np.abs(picture - colors.to_rgb(colour)).max(axis=-1) < 0.02)


def middle(png: bytes, colour: str) -> float:
    """The mean column of a colour in the upper half, as a share of the picture."""
    mask = seen(png, colour)
    mask = mask[: len(mask) // 2]
    return float(np.nonzero(mask)[1].mean()) / mask.shape[1]


def test_what_was_counted_lies_on_its_side_of_the_estimate() -> None:
    assert middle(drawn(counted=170.0), COUNTED) > middle(drawn(counted=170.0), CROPLAND)
    assert middle(drawn(counted=130.0), COUNTED) < middle(drawn(counted=130.0), CROPLAND)


def test_a_wider_interval_is_drawn_longer() -> None:
    narrow, wide = (
        seen(drawn(estimate=(150.0, 150 - half, 150 + half)), CROPLAND).sum() for half in (3, 15)
    )
    assert wide > 1.5 * narrow


def test_the_truth_is_drawn_where_it_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    figures = []
    monkeypatch.setattr(assessment, "png", lambda figure: figures.append(figure) or b"")
    drawn()
    drawn(true=None)
    rows = [[label.get_text() for label in figure.axes[0].get_yticklabels()] for figure in figures]
    assert rows[0] == [*rows[1], "true"]


def test_no_count_is_drawn_where_it_is_of_other_land() -> None:
    upper, without = (seen(each, COUNTED)[:200] for each in (drawn(), drawn(counted=None)))
    assert upper.any()
    assert not without.any()


def test_an_accuracy_without_units_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    figures = []
    monkeypatch.setattr(assessment, "png", lambda figure: figures.append(figure) or b"")
    drawn(overall=(NAN, NAN, NAN))
    (panel,) = [axes for axes in figures[0].axes if len(axes.get_yticks()) == 2]
    assert [text.get_text() for text in panel.texts] == ["no unit", "80.0 %"]
