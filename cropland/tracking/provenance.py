"""Where a run comes from: its process, its user and the state of the code."""

from __future__ import annotations

import subprocess
from functools import cache

from cropland.config.secrets import without_secrets


def process_mark(pid: int) -> str:
    """Return a mark of a process that a later one with the same number does not share."""
    import psutil

    return f"{pid}@{psutil.Process(pid).create_time():.2f}"


def is_alive(mark: str) -> bool:
    """Return whether the process of a mark still runs on this host."""
    import psutil

    try:
        return process_mark(int(mark.partition("@")[0])) == mark
    except (psutil.Error, ValueError):
        return False


@cache
def code_tags() -> dict[str, str]:
    """Return MLflow's own tags of user, source and git commit, and whether the work tree is dirty.

    The address of a git remote may hold a token, which is left out.
    """
    # There is no public way to the tags that MLflow's fluent half gives a run.
    from mlflow.tracking.context.registry import resolve_tags

    tags = {
        key: without_secrets(str(value)) if "://" in str(value) else str(value)
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
