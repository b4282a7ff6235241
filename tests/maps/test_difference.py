"""Two maps of one area: hectares that differ, and which maps cannot be compared."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from standins import maps, pages

from cropland.commands import compare
from cropland.config.commands.compare import Compare
from cropland.errors import ConfigError, DataError
from cropland.maps import layers as rasters
from cropland.maps.difference import difference
from cropland.maps.extent import hectares

OTHER_HALF = np.where(maps.HALF == rasters.NO_DATA, rasters.NO_DATA, 1 - maps.HALF)
OTHER_HALF[:, :30] = maps.HALF[:, :30]
"""As `maps.HALF`, but for the ten columns on the right, which are cropland too."""


def test_hectares_are_counted_where_maps_differ(tmp_path: Path) -> None:
    left = maps.write(tmp_path / "a", maps.HALF)
    right = maps.write(tmp_path / "b", OTHER_HALF, key="another")
    result, pixel = difference(left, right), hectares(left.grid)
    expected = {3: 39 * 20 * pixel, 2: 0.0, 1: 39 * 10 * pixel, 0: 39 * 10 * pixel}
    assert result.hectares == pytest.approx(expected)
    assert result.no_class == pytest.approx(40 * pixel)
    lines = dict(result.lines())
    assert lines[f"cropland only in {tmp_path / 'b'}"] == "3.90 ha"
    assert lines["different class"] == "25.0% of the area where both have one"


def test_what_lies_outside_the_outline_is_no_area_without_a_class(tmp_path: Path) -> None:
    padded = np.pad(maps.HALF, 10, constant_values=rasters.NO_DATA)
    both = []
    for name in ("a", "b"):
        one = maps.write(tmp_path / name, padded, key=name)
        pixels = one.facts.pixels | {"no data": 40}
        area = {kind: number * hectares(one.grid) for kind, number in pixels.items()}
        both.append(replace(one, facts=replace(one.facts, pixels=pixels, hectares=area)))
    result = difference(*both)
    assert result.no_class == pytest.approx(40 * hectares(both[0].grid))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"key": maps.KEY}, "hold the same map; name two maps of different models or windows"),
        ({"source": "stac"}, "a is simulated, the other map is not; compare two real or two sim"),
        (
            {"classes": maps.HALF[:20]},
            "a has 40 x 40 pixels of 10 m .*/b has 20 x 40 pixels .* one grid",
        ),
    ],
)
def test_maps_that_cannot_be_compared_are_refused(
    tmp_path: Path, changes: dict[str, object], said: str
) -> None:
    left = maps.write(tmp_path / "a", maps.HALF)
    values: dict[str, object] = {"classes": OTHER_HALF, "key": "another", **changes}
    right = maps.write(tmp_path / "b", **values)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=said):
        difference(left, right)


def test_the_command_writes_a_page_of_both_maps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    percent = np.full(maps.HALF.shape, 30)
    maps.write(tmp_path / "a", maps.HALF, probability=percent)
    maps.write(tmp_path / "b" / "iran", OTHER_HALF, key="another", probability=percent)
    compare._compare_maps(tmp_path / "a", tmp_path / "b" / "iran")
    text = (tmp_path / "a" / "beside_b_iran.html").read_text()
    assert dict(pages.content(text)["fields"]).keys() == {
        *("class, left", "class, right", "difference"),
        *("probability, left", "probability, right"),
    }
    [choice] = pages.models(text, "RadioGroup")
    assert choice["labels"] == ["class", "difference (on the right)", "probability"]
    assert "SIMULATED" in text and len(text) < 2_500_000
    screen = capsys.readouterr().out.splitlines()
    assert screen[-1] == "Simulated data: not valid for any real country"
    assert any("a/beside_b_iran.html" in line.replace("\n", "") for line in screen)


@pytest.mark.parametrize(
    ("given", "words", "said"),
    [
        ({"map": "a"}, [], "expected the folders of two maps, got one"),
        ({"map": "a", "against": "b", "raster": ("c.tif",)}, [], "raster and map are both given"),
        (
            {"map": "a", "against": "b"},
            ["country=iran"],
            "country has no effect on the comparison of two maps",
        ),
    ],
)
def test_words_that_a_comparison_of_maps_does_not_use_are_refused(
    given: dict[str, object], words: list[str], said: str
) -> None:
    unused = dict.fromkeys(("landcover", "source", "tracking", "paths", "band", "alias"))
    with pytest.raises(ConfigError, match=said):
        Compare(**{**unused, "raster": (), **given}).check_given(words)  # type: ignore[arg-type]
