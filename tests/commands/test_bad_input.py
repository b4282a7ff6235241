"""Every bad input is answered in one line, with exit code 1, before any work."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from hostile.claims import refused
from standins.configuration import jobs
from standins.shell import Shell, refusal
from standins.toyland import SOURCE, TOYLAND, write_country

from cropland.config.groups import Paths
from cropland.sources import opening

CONFIGURATION = [
    (["country=toyalnd"], "unknown country 'toyalnd'; did you mean 'toyland'?"),
    (["-m", "country=sudan,irna"], "unknown country 'irna'; did you mean 'iran'?"),
    (["bands=ndwi"], "unknown bands 'ndwi'; did you mean 'ndvi'"),
    (["span=0"], "span must be a whole number of weeks, 1 or more, got 0"),
    (["span=abc"], "span must be a whole number, got 'abc'"),
    (["-m", "span=4,abc"], "span must be a whole number, got 'abc'"),
    (["-m", "span=range(4,100,0)"], "a sweep of .* cannot be made: range"),
    (["-m", "span=range(5,5)"], "has no job: a range in it is empty"),
    (["span=4,12"], "span=4,12 has several values; add -m to sweep over them"),
    (["period=2020-13-01"], "must be a date like 2020-06-30, got '2020-13-01'"),
    (["spam=3"], "unknown key 'spam'; did you mean 'span'?"),
    (
        ["-m", "model.depth=1,2"],
        "unknown key 'model.estimator.depth'; did you mean 'model.estimator.max_depth'",
    ),
    (["model=custom", "model._target_=os.system"], "expected a class of scikit-learn"),
    (["model=custom"], "model.estimator._target_ has no value"),
    (["tracking=server"], "tracking.uri is empty; give the address of a server"),
    (["source.points=1"], "source.points must be 2 or more"),
    (["study=nosuch"], "unknown study 'nosuch'; there are: bands, families, features, models"),
    (["study=bnads"], "unknown study 'bnads'; did you mean 'bands'"),
    (["-m", "training=own,both"], "training must be 'own', 'pooled' or 'others', got 'both'"),
    (["validation=nested", "validation.candidates.bands=[ndvi,nvdi]"], "unknown bands 'nvdi'; did"),
    (["validation=nested", "training=pooled"], "nested validation .* leave out training=pooled"),
    (["+windows.irna={span:9,period:0}"], "windows: unknown country 'irna'; did you mean 'iran'"),
    (["windows.iran={span:9,period:0}"], "not there yet; .* plus, as in .windows.iran=…"),
    (["+windows.iran={spam:9,period:0}"], "unknown key 'windows.iran.spam'; did you mean"),
]


@pytest.fixture(scope="module")
def conf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of configuration with the toy country."""
    folder = tmp_path_factory.mktemp("conf")
    write_country(TOYLAND, folder)
    return folder


@pytest.mark.parametrize(("words", "message"), CONFIGURATION, ids=lambda value: str(value)[:40])
def test_a_configuration_that_cannot_be_is_refused(
    conf: Path, words: list[str], message: str
) -> None:
    said = refused(lambda: jobs(*words, beside=conf))
    assert re.search(message, said), said


BY_COMMAND = [
    (["country=toyalnd"], "unknown country 'toyalnd'; did you mean 'toyland'?"),
    (["span=4,12"], "span=4,12 has several values; add -m to sweep over them"),
    (
        ["-m", "model.depth=1,2"],
        "unknown key 'model.estimator.depth'; did you mean 'model.estimator.max_depth'",
    ),
    (["study=bnads"], "unknown study 'bnads'; did you mean 'bands'"),
    (["bands.names=[B4,NVDI]"], "bands.names has 'NVDI', .* did you mean 'NDVI'"),
    (["+model.max_feature=3"], "has no such parameter; did you mean 'max_features'"),
    (["tracking=server", "tracking.uri=http://127.0.0.1:9"], "does not answer .* tracking=local"),
    (["-m", "source=simulated,files"], "source cannot be swept; run one command for each"),
    (["source=files", "paths.data=nowhere"], "expected a folder with exports at nowhere"),
    (["output=x.csv"], "output is for study=submission; the command predict writes predictions"),
    (
        ["-m", "model.max_depth=2,4", "+study={by: [model.max_dept]}"],
        "study.by: unknown key 'model.max_dept'; did you mean 'model.max_depth'",
    ),
]
"""Some of the above, and what is found out after the configuration."""


@pytest.mark.parametrize(("words", "message"), BY_COMMAND, ids=lambda value: str(value)[:40])
def test_a_command_that_cannot_be_run_is_answered_in_one_line(
    shell: Shell, words: list[str], message: str
) -> None:
    small = ["source.points=20"] if not any("source" in word for word in words) else []
    said = refusal(shell.run(*small, *words))
    assert re.search(message, said), said
    assert not shell.outcomes()


DATA = [
    ("span=200", "window .* of toyland is outside its archive .2019-01-01 … 2020-12-31."),
    ("bands=all", "has no B5, B6, B7, B8A, B11, B12; it has B2, B3, B4, B8, SCL"),
    ("validation.folds=40", "30 cropland and 30 other points, fewer than the 40 folds"),
    ("country=iran", "no archive of iran: expected exports named COPERNICUS"),
    ("training=pooled", "no archive of .*: expected exports named COPERNICUS"),
]


@pytest.mark.parametrize(("override", "message"), DATA)
def test_a_configuration_that_the_data_does_not_carry(
    shell: Shell, override: str, message: str
) -> None:
    name = override.partition("=")[0]
    kept = [word for word in shell.toy if not word.startswith(f"{name}=")]
    said = refusal(shell.run(*kept, override))
    assert re.search(message, said), said


def test_a_nested_validation_without_any_window_inside(shell: Shell) -> None:
    nested = ["validation=nested", "validation.inner=2", "validation.candidates.span=[150,200]"]
    said = refusal(shell.run(*shell.toy, *nested))
    assert "of toyland is outside its archive (2019-01-01 … 2020-12-31)" in said


def test_blocks_that_are_too_large(shell: Shell) -> None:
    said = refusal(shell.run(*shell.toy, "validation=blocks", "validation.block_km=100"))
    assert "fall into 1 blocks of 100.0 km, fewer than the 3 folds" in said


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"Target": 1}, "toyland has labels of one class only"),
        ({"Lat": -40}, "no labelled point of toyland can be used"),
    ],
)
def test_points_that_nothing_can_be_learnt_from(
    shell: Shell, changed: dict[str, int], message: str
) -> None:
    path = shell.exports / "Train.csv"
    pd.read_csv(path).assign(**changed).to_csv(path, index=False)
    assert message in refusal(shell.run(*shell.toy))


POINTS = {
    "a label other than 0 or 1: '5' in line 2": lambda table: table.assign(
        Target=[5, *table["Target"][1:]]
    ),
    "a duplicate ID: 'P000' in line 62": lambda table: pd.concat([table, table.iloc[:1]]),
    "needs the columns ID, Lat, Lon, Target": lambda table: table.drop(columns="Lat"),
}


def refused_archive(exports: Path, folder: Path) -> str:
    paths = Paths(str(exports), str(folder / "archive"), "runs")
    return refused(lambda: opening.archive_of(SOURCE, paths, TOYLAND))


@pytest.mark.parametrize("message", POINTS)
def test_a_points_file_that_is_not_one(exports: Path, tmp_path: Path, message: str) -> None:
    path = exports / "Train.csv"
    POINTS[message](pd.read_csv(path)).to_csv(path, index=False)
    assert message in refused_archive(exports, tmp_path)


def test_no_points_file(exports: Path, tmp_path: Path) -> None:
    (exports / "Train.csv").unlink()
    assert "expected a points file at" in refused_archive(exports, tmp_path)


def test_an_export_with_unreadable_dates(exports: Path, tmp_path: Path) -> None:
    (path,) = exports.glob("COPERNICUS*")
    path.write_text(path.read_text().replace("2019-", "19/", 1))
    assert "unreadable dates: Timestamp '19/" in refused_archive(exports, tmp_path)


def test_a_typo_is_answered_before_anything_heavy_is_imported(shell: Shell) -> None:
    command = shell.words("span=abc")
    program = (
        "import runpy, sys; sys.argv = sys.argv[1:]\n"
        "try: runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "finally: print(sorted({'mlflow', 'sklearn', 'pandas', 'xarray', 'zarr'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *command[1:]],
        cwd=shell.folder,
        env=shell.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "[]", done.stderr
