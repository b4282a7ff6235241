from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from cropland.errors import DataError
from cropland.training.study_samples import StudySamples


def test_a_run_that_has_lost_its_predictions_costs_its_paired_difference_only() -> None:
    said: list[str] = []

    class Lost:
        def run(self, run_id: str) -> str:
            return run_id

        def read(self, run: str, name: str) -> str:
            raise DataError(f"run {run} has lost its {name}")

    console = SimpleNamespace(print=lambda text, **_: said.append(text))
    session: Any = SimpleNamespace(store=Lost(), console=console)
    samples = StudySamples(session)
    assert samples.right("r1").empty and samples.scores("r1").empty
    line = "[yellow]note[/] no paired difference: run r1 has lost its predictions.csv"
    assert said == [line, line]
