"""Commands on what somebody sent: where they write, and what they do not run."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pandas as pd
import pytest
from hostile.claims import check_line, tree
from standins.shell import Shell

NAMES = (
    "../../x",
    "/etc/passwd",
    "a/b",
    "CON",
    "[/red]",
    "=cmd()",
    "🌾",
    "\u202ex",
    "${oc.env:HOME}",
    "`id`",
)
OURS = {"mlruns", "data", "output.csv", "conf"}


def renamed(folder: Path) -> None:
    """Give the first points of each file names of another kind."""
    for path in folder.glob("*.csv"):
        table = pd.read_csv(path, dtype={"ID": str})
        names = {f"P{number:03d}": name for number, name in enumerate(NAMES[:5])}
        names |= {f"P{number + 60:03d}": name for number, name in enumerate(NAMES[5:])}
        table["ID"] = table["ID"].replace(names)
        table.to_csv(path, index=False)


def test_no_name_of_a_point_leads_a_command_out_of_its_folders(shell: Shell) -> None:
    renamed(shell.exports)
    before = tree(shell.exports)
    where = ["source=files", f"paths.data={shell.exports}", "country=toyland"]
    commands = {
        "train": ["model.n_estimators=5", "validation.folds=3", "n_jobs=1"],
        "promote": [
            "validation.folds=3",
            "n_jobs=1",
            "promotion.bootstraps=100",
            "promotion.figures=false",
        ],
        "predict": ["output=output.csv"],
    }
    for script, words in commands.items():
        done = shell.run(*where, *words, script=script)
        assert done.returncode == 0, done.stderr
    assert tree(shell.exports) == before
    assert {path.name for path in shell.folder.iterdir()} <= OURS
    assert {path.name for path in shell.folder.parent.iterdir()} <= {"work", "exports"}
    written = list(csv.DictReader(io.StringIO((shell.folder / "output.csv").read_text())))
    assert set(NAMES[5:]) <= {row["ID"] for row in written}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["points=/dev/zero"],
            "expected a points file at /dev/zero, what is there is no regular file",
        ),
        (["points=/proc/self/mem"], "/proc/self/mem cannot be read as CSV: Input/output error"),
        (["output=/etc"], "/etc has no ending: expected .csv, .geojson, .gpkg, .parquet"),
        (["output=" + "x" * 300], "output must be a path of printable characters"),
        (["reference_end=0001-01-32"], "reference_end must be a date"),
        (["alias=../x"], "has the alias '../x'"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_cannot_be_predicted_is_said(shell: Shell, words: list[str], said: str) -> None:
    done = shell.run("country=iran", *words, script="predict")
    assert done.returncode == 1 and said in done.stderr
    line, *others = done.stderr.splitlines()
    assert not others
    check_line(line)


def test_a_folder_that_is_none_is_said_in_one_line(shell: Shell) -> None:
    done = shell.run(*shell.toy, "paths.runs=/proc/none")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("cropland: /proc/none")
