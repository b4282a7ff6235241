"""Where a run comes from: its process, its user and the state of the code."""

from __future__ import annotations

import os
import re
import subprocess
from functools import cache
from pathlib import Path

from cropland.secret_text import without_secrets

_CHECKOUT = Path(__file__).parents[2]
"""The project's own folder, where it is a checkout of git."""
_MOST_CHARACTERS = 500_000
"""Of changes: what is longer is data that came in by mistake."""
_PROC = Path("/proc")
"""What Linux shows of its processes."""
_MARK = re.compile(
    r"(?P<pid>[1-9]\d{0,9})@(?P<start>\d+|(?P<seconds>\d+\.\d\d))"
    r"(?: in (?P<namespace>\S+) of (?P<boot>\S+))?"
)


def process_mark(pid: int) -> str:
    """Return a mark of a process that no other one has, on this host.

    On Linux: its number and its start in ticks since boot, which no clock changes, the namespace of its
    number (that of a container), and the boot; a dash for what a sandbox does not show of these. Elsewhere:
    its number and its start in seconds, as the system has stored it.

    Raises
    ------
    OSError, psutil.Error
        There is no such process.
    """
    if not (_PROC / "self" / "stat").exists():
        import psutil

        return f"{pid}@{psutil.Process(pid).create_time():.2f}"
    return f"{pid}@{_state_and_ticks(pid)[1]} in {_namespace()} of {_boot()}"


def is_alive(mark: str) -> bool:
    """Return whether the process of a mark may still run on this host.

    It may where that cannot be seen: in another container, and for marks of seconds on Linux, where a step of
    the clock changes what the system answers.
    """
    parts = _MARK.fullmatch(mark)
    if parts is None:
        return False
    pid = int(parts["pid"])
    if not (_PROC / "self" / "stat").exists():
        return _has_mark(pid, mark)
    if parts["boot"] and parts["boot"] != _boot():
        return False
    if parts["namespace"] and parts["namespace"] != _namespace():
        return True
    try:
        state, ticks = _state_and_ticks(pid)
    except OSError:
        return _is_of_another_user(pid)
    return state not in ("Z", "X") and (parts["seconds"] is not None or parts["start"] == ticks)


def _has_mark(pid: int, mark: str) -> bool:
    import psutil

    try:
        return process_mark(pid) == mark
    except psutil.Error:
        return False


def _state_and_ticks(pid: int) -> tuple[str, str]:
    """Read the state of a process and its start in ticks since boot, see proc(5)."""
    fields = (_PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    return fields[0], fields[19]


def _namespace() -> str:
    """Return which processes this one sees."""
    try:
        return str((_PROC / "self" / "ns" / "pid").readlink())
    except OSError:
        return "-"


def _boot() -> str:
    try:
        return (_PROC / "sys" / "kernel" / "random" / "boot_id").read_text().strip()
    except OSError:
        return "-"


def _is_of_another_user(pid: int) -> bool:
    """Return whether a process is there of which /proc shows nothing (its option ``hidepid``)."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True


def changes() -> dict[str, str]:
    """Return what the project's own files differ by from their commit, as an artifact: none where nothing.

    Names of new files stand above the differences of the others.
    """
    if not (_CHECKOUT / ".git").exists():
        return {}
    try:
        new = _git("ls-files", "--others", "--exclude-standard")
        differences = _git("diff", "--no-ext-diff", "--no-textconv", "HEAD", "--", ".")
    except (OSError, subprocess.SubprocessError):
        return {}
    text = "".join(f"new file: {name}\n" for name in new.splitlines()) + differences
    if len(text) > _MOST_CHARACTERS:
        text = f"{text[:_MOST_CHARACTERS]}\n… {len(text):,} characters, cut here\n"
    return {"changes.diff": text} if text else {}


def _git(*words: str) -> str:
    """Return what git says of the project's own folder."""
    command = ["git", "-C", str(_CHECKOUT), *words]
    done = subprocess.run(command, capture_output=True, check=True, timeout=10)
    return done.stdout.decode(errors="replace")


@cache
def code_tags() -> dict[str, str]:
    """Return MLflow's own tags of user, source and git commit, and whether the work tree is dirty.

    The address of a git remote may hold a token, which is left out.
    """
    # There is no public way to the tags that MLflow's fluent half gives a run.
    from mlflow.tracking.context.registry import resolve_tags

    tags = {
        key: without_secrets(str(value)).replace("//…@", "//")  # MLflow links to the remote
        for key, value in resolve_tags().items()
    }
    try:
        changes = subprocess.run(
            ["git", "status", "--porcelain"], capture_output=True, text=True, check=True, timeout=10
        )
        tags["git_dirty"] = str(bool(changes.stdout.strip())).lower()
    except (OSError, subprocess.SubprocessError):
        tags["git_dirty"] = "unknown"
    return tags
