"""Every bad input is answered in one line, with exit code 1, before any work."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest


def answer(done: subprocess.CompletedProcess[str]) -> str:
    """The one line that a failed command says of its failure."""
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if not line.startswith("making the archive")]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("cropland: ")
    assert done.stdout == ""
    return lines[0]


CONFIGURATION = [
    (["country=toyalnd"], "unknown country 'toyalnd'; did you mean 'toyland'?"),
    (["-m", "country=toyland,irna"], "unknown country 'irna'; did you mean 'iran'?"),
    (["bands=ndwi"], "unknown bands 'ndwi'; did you mean 'ndvi'"),
    (["bands.names=[B4,NVDI]"], "bands.names has 'NVDI', .* did you mean 'NDVI'"),
    (["span=0"], "span must be a whole number of weeks, 1 or more, got 0"),
    (["span=abc"], "span must be a whole number, got 'abc'"),
    (["-m", "span=4,abc"], "span must be a whole number, got 'abc'"),
    (["-m", "span=range(4,100,0)"], "a sweep of .* cannot be made: range"),
    (["-m", "span=range(5,5)"], "has no job: a range in it is empty"),
    (["span=4,12"], "span=4,12 has several values; add -m to sweep over them"),
    (["period=2020-13-01"], "must be a date like 2020-06-30, got '2020-13-01'"),
    (["spam=3"], "unknown key 'spam'; did you mean 'span'?"),
    (["-m", "model.depth=1,2"], "unknown key 'model.depth'; did you mean 'model.max_depth'"),
    (["+model.max_feature=3"], "has no such parameter; did you mean 'max_features'"),
    (["model=custom", "model._target_=os.system"], "expected a class of scikit-learn"),
    (["model=custom"], "model._target_ has no value"),
    (["tracking=server"], "tracking.uri has no value"),
    (["tracking=server", "tracking.uri=http://127.0.0.1:9"], "does not answer .* tracking=local"),
    (["-m", "source=simulated,files"], "source cannot be swept; give one command for each"),
    (["source=files", "paths.data=nowhere"], "expected a folder with exports at nowhere"),
    (["source.points=1"], "source.points must be 2 or more"),
    (["study=nosuch"], "unknown study 'nosuch'; there are: bands, features, models"),
    (["study=bnads"], "unknown study 'bnads'; did you mean 'bands'"),
    (["output=x.csv"], "output is for study=submission; scripts/predict.py writes predictions"),
    (["-m", "training=own,both"], "training: .*'own', 'pooled' or 'others'"),
    (["validation=nested", "validation.candidates.bands=[ndvi,nvdi]"], "unknown bands 'nvdi'; did"),
    (["validation=nested", "training=pooled"], "nested validation .* leave out training=pooled"),
    (["+windows.irna={span:9,period:0}"], "windows: unknown country 'irna'; did you mean 'iran'"),
    (["windows.iran={span:9,period:0}"], "not there yet; .* plus, as in .windows.iran=…"),
    (["+windows.iran={spam:9,period:0}"], "unknown key 'windows.iran.spam'; did you mean"),
]


@pytest.mark.parametrize(("overrides", "message"), CONFIGURATION, ids=lambda value: str(value)[:40])
def test_a_configuration_that_cannot_be_run(shell: Any, overrides: list[str], message: str) -> None:
    small = ["source.points=20"] if not any("source" in word for word in overrides) else []
    said = answer(shell.run(*small, *overrides))
    assert re.search(message, said), said
    assert not list(shell.folder.glob("mlruns/runs/*/outcomes.jsonl"))


DATA = [
    ("span=200", "window .* of toyland is outside its archive .2019-01-01 … 2020-12-31."),
    ("bands=all", "has no B5, B6, B7, B8A, B11, B12; it has B2, B3, B4, B8, SCL"),
    ("validation.folds=40", "30 cropland and 30 other points, fewer than the 40 folds"),
    ("country=iran", "no archive of iran: expected exports named COPERNICUS"),
    ("training=pooled", "no archive of .*: expected exports named COPERNICUS"),
]


@pytest.mark.parametrize(("override", "message"), DATA)
def test_a_configuration_that_the_data_does_not_carry(
    shell: Any, override: str, message: str
) -> None:
    name = override.partition("=")[0]
    kept = [word for word in shell.toy if not word.startswith(f"{name}=")]
    said = answer(shell.run(*kept, override))
    assert re.search(message, said), said


def test_a_nested_validation_without_any_window_inside(shell: Any) -> None:
    nested = ["validation=nested", "validation.inner=2", "validation.candidates.span=[150,200]"]
    said = answer(shell.run(*shell.toy, *nested))
    assert "of toyland is outside its archive (2019-01-01 … 2020-12-31)" in said


def test_blocks_that_are_too_large(shell: Any) -> None:
    said = answer(shell.run(*shell.toy, "validation=blocks", "validation.block_km=100"))
    assert "fall into 1 blocks of 100.0 km, fewer than the 3 folds" in said


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("labels", "a label other than 0 or 1: '5' in line 2"),
        ("duplicate", "a duplicate ID: 'P000' in line 62"),
        ("column", "needs the columns ID, Lat, Lon, Target"),
        ("box", "expected labelled points in the box of toyland"),
        ("class", "toyland has labels of one class only"),
        ("no file", "expected a points file at"),
    ],
)
def test_a_points_file_that_is_not_one(shell: Any, change: str, message: str) -> None:
    path: Path = shell.exports / "Train.csv"
    table = pd.read_csv(path)
    if change == "labels":
        table.loc[0, "Target"] = 5
    elif change == "duplicate":
        table = pd.concat([table, table.iloc[:1]])
    elif change == "column":
        table = table.drop(columns="Lat")
    elif change == "box":
        table["Lat"] = -40
    elif change == "class":
        table["Target"] = 1
    table.to_csv(path, index=False)
    if change == "no file":
        path.unlink()
    assert message in answer(shell.run(*shell.toy))


def test_an_export_with_unreadable_dates(shell: Any) -> None:
    (path,) = shell.exports.glob("COPERNICUS*")
    path.write_text(path.read_text().replace("2019-", "19/", 1))
    assert "unreadable dates: Timestamp '19/" in answer(shell.run(*shell.toy))


def test_a_typo_is_answered_before_anything_heavy_is_imported(shell: Any) -> None:
    command = shell.words("span=abc")
    program = (
        "import runpy, sys; sys.argv = sys.argv[1:]\n"
        "try: runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "finally: print(sorted({'mlflow', 'sklearn', 'pandas', 'xarray', 'zarr'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *command[1:]],
        cwd=shell.folder,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "[]", done.stderr
