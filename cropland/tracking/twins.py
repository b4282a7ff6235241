"""Candidates that two sweeps have scored at once: in the end, each has one finished run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cropland.tracking.records import IDENTITY, KIND, PARENT

if TYPE_CHECKING:
    from cropland.tracking.records import TrackedRun
    from cropland.tracking.store import Store


def close(store: Store, parent: str) -> dict[str, str]:
    """Close, as KILLED, the runs of a sweep whose candidates another has scored at once and first.

    A sweep closes its own only: the other closes its own at its end, and knows then what became of them.

    Returns
    -------
    dict of str to str
        The run that stays, by each that was closed.
    """
    began = f"attributes.end_time >= {store.client.get_run(parent).info.start_time}"
    others = [
        run.run_id
        for condition in ("attributes.status = 'RUNNING'", began)
        for run in store.search(f"tags.{KIND} = 'sweep' and {condition}")
        if run.run_id != parent
    ]
    if not others:  # which is cheap to know
        return {}
    first: dict[str, TrackedRun] = {}
    twins: dict[str, str] = {}
    finished = f"tags.{KIND} = 'candidate' and attributes.status = 'FINISHED' and {began}"
    for run in list(store.search(finished, ("attributes.end_time", "attributes.run_id"))):
        stays = first.setdefault(run.tags.get(IDENTITY, run.run_id), run)
        if run.tags.get(PARENT) == parent and stays.tags.get(PARENT) != parent:
            twins[run.run_id] = stays.run_id
            store.close(run.run_id, f"run {stays.run_id} of another sweep is of the same candidate")
    return twins
