"""Commands in a folder of any name, with paths of any name."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from standins.shell import Shell, Warm, screen

FOLDER, DATA = "Ernte 2024 (Süd), A=1", "Daten, B=2 [x] {y} $5 #1 'q'"


def test_what_a_folder_or_a_file_is_called_does_not_matter(
    tmp_path: Path, exports: Path, empty_store: Path, warm: Warm
) -> None:
    shell = Shell.make(tmp_path / FOLDER, exports.rename(tmp_path / DATA), warm, empty_store)
    words = [
        *(
            "source=files",
            f"paths.data=../{DATA}",
            "country=TOYLAND",
            "paths.archive=Archiv (ä), C=3",
        ),
        *("tracking.artifacts=Akten (ö), D=4", "tracking.uri=sqlite:///mlruns/mlflow.db"),
    ]
    small = ["model.n_estimators=10", "validation.folds=3", "n_jobs=1", "promotion.bootstraps=100"]
    done = shell.run(*words, *small, "span=12,24", "-m", "promote=true", "promotion.figures=false")
    assert "candidates: 2 finished" in screen(done)
    assert f"\"paths.data='../{DATA}'\"" not in done.stdout  # it has a dollar and quotes of its own
    assert "\"paths.archive='Archiv (ä), C=3'\"" in done.stdout
    output = "Vorhersage (ß), F=6.csv"
    screen(shell.run(*words, f"output={output}", script="predict"))
    assert len(pd.read_csv(shell.folder / output)) == len(pd.read_csv(tmp_path / DATA / "Test.csv"))
    expected = {"mlruns", "conf", output, "Archiv (ä), C=3", "Akten (ö), D=4"}
    assert {path.name for path in shell.folder.iterdir()} == expected
