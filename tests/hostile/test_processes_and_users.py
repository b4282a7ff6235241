"""Clocks that step, and other users of the machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import psutil
import pytest
from hostile.claims import refused

from cropland.sources.download.parts import Parts
from cropland.tracking.provenance import is_alive, process_mark


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_step_of_the_clock_closes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    mark, old = process_mark(os.getpid()), f"{os.getpid()}@{psutil.Process().create_time():.2f}"
    create_time = psutil.Process.create_time
    monkeypatch.setattr(psutil.Process, "create_time", lambda self: create_time(self) + 1)
    assert is_alive(mark)
    assert is_alive(old)  # as earlier versions have stored it
    assert process_mark(os.getpid()) == mark


def test_a_link_in_a_shared_folder_of_downloads_leads_to_no_other_file(tmp_path: Path) -> None:
    precious, folder = tmp_path / "precious.txt", tmp_path / "downloads"
    folder.mkdir()
    precious.write_text("mine")
    (folder / ".lock.holder").symlink_to(precious)
    with Parts(folder).locked():
        assert (folder / ".lock.holder").read_text().startswith(f"process {os.getpid()} on ")
    assert precious.read_text() == "mine"


def test_a_pipe_in_a_shared_folder_of_downloads_is_not_waited_for(tmp_path: Path) -> None:
    with Parts(tmp_path).locked():
        (tmp_path / ".lock.holder").unlink()
        os.mkfifo(tmp_path / ".lock.holder")
        said = refused(lambda: Parts(tmp_path).locked().__enter__())
    assert "is being downloaded to by another process" in said
