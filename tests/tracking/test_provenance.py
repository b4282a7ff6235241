from __future__ import annotations

import os

from cropland.tracking.provenance import code_tags, is_alive, process_mark


def test_a_process_that_took_over_a_number_is_not_taken_for_the_old_one() -> None:
    mark = process_mark(os.getpid())
    assert is_alive(mark)
    assert not is_alive(f"{os.getpid()}@1.00")
    assert not is_alive("")


def test_mlflow_still_tells_user_and_source() -> None:
    """`resolve_tags` is not of MLflow's public API."""
    tags = code_tags()
    assert {"mlflow.user", "mlflow.source.name", "mlflow.source.type", "git_dirty"} <= set(tags)
