"""Descriptions of runs and reports show what others wrote as it is: no markup, no HTML, no other table."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from standins import maps
from standins.markdown import rendered

from cropland.config.groups import Study
from cropland.errors import visible
from cropland.maps.assessment import report as assessment
from cropland.maps.assessment import sample
from cropland.maps.assessment.result import AssessmentResult
from cropland.maps.landcover.comparison import MapComparison
from cropland.sources import grid as grids
from cropland.training import report
from cropland.training.outcome import Outcome
from cropland.training.studies import comparison
from cropland.training.studies.conclude import conclude

STRANGE = "<img src=x onerror=alert(1)> [a](http://b) `c` | **d**\n# e \x1b[31m _f_"
PLAIN = "plain"


def outcomes(text: str) -> list[Outcome]:
    """Two scored candidates whose settings have a name."""
    common = {"series": "raw", "features": "flat", "training": "own", "validation": "kfold"}
    numbers = {"span": 12, "period": 0, "n_features": 10, "n_points": 500, "accuracy_se": 0.01}
    return [
        Outcome(
            country=name, bands=text, model=text, window_end="2020-06-30", uses_future=False,
            status="finished", accuracy=accuracy, **common, **numbers,
        )
        for name, accuracy in ((text, 0.9), ("iran", 0.8))
    ]  # fmt: skip


def of_a_sweep(text: str, _folder: Path) -> str:
    return report.note(outcomes(text))


def of_a_study(text: str, _folder: Path) -> str:
    table = pd.DataFrame([vars(outcome) for outcome in outcomes(text)])
    right = pd.Series([1.0, 0.0, 1.0], index=["a", "b", "c"])
    other = table.assign(bands=f"{text} 2", accuracy=0.7)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comparison, "draw", lambda *_, **__: b"")
        study = Study("toy", text, figure="comparison", by=("bands",), baseline=text)
        found = conclude(
            study,
            pd.concat([table, other], ignore_index=True),
            references={"iran": date(2020, 6, 30), text: date(2020, 6, 30)},
            simulated=False,
            samples=SimpleNamespace(right=lambda _run: right),
        )
    return found.note


def of_a_comparison(text: str, _folder: Path) -> str:
    points = pd.DataFrame({"ID": ["a", text], "Lat": 10.0, "Lon": 20.0, "Target": [1, 0]})
    points = points.assign(**{"class": pd.array([40, 10], "Int64")}, landcover=[1, 0], inside=True)
    points = points.assign(contradiction=["", text], unit=[0, 1])
    return MapComparison(text, text, points, text).as_markdown()


def assessed(text: str, folder: Path) -> AssessmentResult:
    made = maps.write(folder, maps.HALF, source="stac")
    tags = made.facts.tags | {"COUNTRY": text, "MODEL": text}
    strata = sample.count_strata(made, [(1,), (0,)])
    design = sample.draw(made, strata, np.array([40, 40]), seed=1, allocation="equal")
    labels = dict(zip(design.units, [None, *[0, 1] * 40], strict=False))
    rows, columns, _ = grids.pixels(made.grid, design.lon, design.lat)
    mapped = maps.HALF[rows, columns]
    return AssessmentResult(replace(made.facts, tags=tags), design, labels, mapped)


def of_an_assessment(text: str, folder: Path) -> str:
    return assessment.markdown(assessed(text, folder))


Writer = Callable[[str, Path], str]


@pytest.mark.parametrize("write", [of_a_sweep, of_a_study, of_a_comparison, of_an_assessment])
def test_a_report_shows_texts_as_they_are(write: Writer, tmp_path: Path) -> None:
    strange = rendered(write(STRANGE, tmp_path / "strange"))
    plain = rendered(write(PLAIN, tmp_path / "plain"))
    shown = visible(STRANGE)
    assert shown in strange.text
    assert strange.elements == plain.elements


def test_the_page_of_an_assessment_shows_texts_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assessment, "picture", lambda _: b"PNG")
    page = assessment.files_of(assessed(STRANGE, tmp_path))[assessment.REPORT_PAGE]
    assert isinstance(page, str)
    (image,) = re.findall("<img[^>]*>", page)
    assert 'src="data:image/png;base64,UE5H"' in image
    assert "&lt;img src=x onerror=alert(1)&gt; [a](http" in page
    assert "<a " not in page and "<script" not in page
