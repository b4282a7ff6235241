from __future__ import annotations

import os
from pathlib import Path

import pytest
from standins.shell import Warm

from cropland.config.groups import Tracking
from cropland.errors import TrackingError
from cropland.tracking.opening import open_store


@pytest.mark.parametrize("uri", ["http://127.0.0.1:9", "https://nowhere.invalid"])
def test_a_server_that_does_not_answer_is_said_at_once(uri: str) -> None:
    with pytest.raises(TrackingError, match="does not answer .* tracking=local"):
        open_store(Tracking("server", uri), "files")


def test_a_store_that_cannot_be_opened_is_said(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("this is no database, whatever its name says")
    broken = Tracking("local", f"sqlite:///{tmp_path}/mlflow.db", str(tmp_path))
    with pytest.raises(TrackingError, match="cannot be opened"):
        open_store(broken, "files")


MAKE = """
import os, sys
from cropland.tracking.opening import open_store
from cropland.config.groups import Tracking

where = Tracking("local", "sqlite:///new/mlflow.db", "artifacts")
for process in range(3):
    if os.fork() == 0:
        code = 1
        try:
            print(open_store(where, "files").experiment_id, flush=True)
            code = 0
        finally:
            os._exit(code)
sys.exit(max(os.waitstatus_to_exitcode(os.wait()[1]) for _ in range(3)))
"""


def test_commands_that_make_the_same_database_at_once_do_not_disturb_each_other(
    warm: Warm, tmp_path: Path
) -> None:
    program = tmp_path / "make.py"
    program.write_text(MAKE)
    done = warm.run([str(program)], tmp_path, dict(os.environ))
    assert (done.returncode, done.stdout.split()) == (0, ["1"] * 3), done.stderr


def test_what_stands_behind_the_question_mark_of_an_address_is_no_part_of_its_file(
    tmp_path: Path,
) -> None:
    uri = f"sqlite:///{tmp_path}/asked.db?timeout=30"
    store = open_store(Tracking("local", uri, str(tmp_path / "artifacts")), "files")
    store.tidy()
    assert {path.name for path in tmp_path.iterdir()} >= {"asked.db", "asked.db.lock"}
    assert not [path for path in tmp_path.iterdir() if "?" in path.name]
