from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from cropland.tracking import provenance
from cropland.tracking.provenance import code_tags, is_alive, process_mark


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine on which process 42, called "a) b", was started 900 ticks after boot."""
    (tmp_path / "sys" / "kernel" / "random").mkdir(parents=True)
    (tmp_path / "sys" / "kernel" / "random" / "boot_id").write_text("boot-1\n")
    (tmp_path / "self" / "ns").mkdir(parents=True)
    (tmp_path / "self" / "stat").touch()
    (tmp_path / "self" / "ns" / "pid").symlink_to("pid:[1]")
    started(tmp_path, 900)
    monkeypatch.setattr(provenance, "_PROC", tmp_path)
    return tmp_path


def started(proc: Path, ticks: int, state: str = "S") -> None:
    (proc / "42").mkdir(exist_ok=True)
    before = " ".join(map(str, range(4, 22)))
    (proc / "42" / "stat").write_text(f"42 (a) b) {state} {before} {ticks} 0 0")


def test_a_process_that_took_over_a_number_is_not_taken_for_the_old_one(proc: Path) -> None:
    mark = process_mark(42)
    assert mark == "42@900 in pid:[1] of boot-1"
    assert is_alive(mark)
    started(proc, 901)
    assert not is_alive(mark)


def test_a_process_of_an_earlier_boot_is_gone(proc: Path) -> None:
    mark = process_mark(42)
    (proc / "sys" / "kernel" / "random" / "boot_id").write_text("boot-2\n")
    assert not is_alive(mark)


def test_a_sandbox_that_shows_neither_boot_nor_namespace_is_no_obstacle(proc: Path) -> None:
    (proc / "sys" / "kernel" / "random" / "boot_id").unlink()
    (proc / "self" / "ns" / "pid").unlink()
    mark = process_mark(42)
    assert mark == "42@900 in - of -" and is_alive(mark)
    started(proc, 901)
    assert not is_alive(mark)


def test_a_process_of_another_container_may_live(proc: Path) -> None:
    mark = process_mark(42)
    (proc / "self" / "ns" / "pid").unlink()
    (proc / "self" / "ns" / "pid").symlink_to("pid:[2]")
    started(proc, 1)  # another process of that number, in this container
    assert is_alive(mark)
    assert not is_alive(process_mark(42).replace("@1 ", "@2 "))


def test_a_process_that_has_ended_and_was_not_waited_for_is_gone(proc: Path) -> None:
    mark = process_mark(42)
    started(proc, 900, "Z")
    assert not is_alive(mark)


@pytest.mark.processes
def test_a_process_that_is_gone_is_not_alive() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        mark, old = process_mark(process.pid), f"{process.pid}@1795870394.68"
        assert is_alive(mark)
        process.kill()
    assert not is_alive(mark)
    assert not is_alive(old)


def test_a_process_of_which_nothing_is_shown_may_live(
    proc: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = process_mark(42)
    (proc / "42" / "stat").unlink()

    def kill(pid: int, number: int) -> None:
        assert (pid, number) == (42, 0)
        raise PermissionError

    monkeypatch.setattr(os, "kill", kill)
    assert is_alive(mark)


@pytest.mark.parametrize("mark", ["", "x", "0@1", "-1@1", "9" * 5_000 + "@1", "42@", "42@1 in of"])
def test_a_mark_that_is_none_is_of_no_process(mark: str) -> None:
    assert not is_alive(mark)


def test_without_proc_a_process_is_known_by_its_stored_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provenance, "_PROC", tmp_path)
    mark = process_mark(os.getpid())
    assert mark == f"{os.getpid()}@{psutil.Process().create_time():.2f}"
    assert is_alive(mark)
    assert not is_alive(f"{os.getpid()}@1.00")


def test_mlflow_still_tells_user_and_source() -> None:
    """`resolve_tags` is not of MLflow's public API."""
    tags = code_tags()
    assert {"mlflow.user", "mlflow.source.name", "mlflow.source.type", "git_dirty"} <= set(tags)
