from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from cropland.config import filling
from cropland.config.countries import Choice, Country
from cropland.config.groups import Configuration, Tracking
from cropland.errors import TrackingError
from cropland.observations.archive import Archive
from cropland.tracking.opening import open_store
from cropland.tracking.store import Store
from cropland.training import chosen_windows

Found = Callable[..., tuple[Choice, str]]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """One store for all tests: each has data of its own, by the archive's fingerprint."""
    folder = tmp_path_factory.mktemp("mlruns")
    local = Tracking("local", f"sqlite:///{folder}/mlflow.db", str(folder / "artifacts"))
    return open_store(local, "files")


@pytest.fixture
def opened(toy_archive: Archive, request: pytest.FixtureRequest) -> Archive:
    return marked(toy_archive, request.node.name)


def marked(archive: Archive, fingerprint: str) -> Archive:
    return Archive(archive.dataset.assign_attrs(fingerprint=fingerprint))


@pytest.fixture
def found(
    composed: Callable[..., dict[str, Any]], toyland: Country, opened: Archive, store: Store
) -> Found:
    """Gives the toy country's window and what was said of it; the configuration's is 48 weeks, +0."""

    def find(in_file: Choice | None = None, archive: Archive = opened) -> tuple[Choice, str]:
        said: list[str] = []
        country = replace(toyland, chosen=in_file)
        windows = chosen_windows.windows(
            {"toyland": archive},
            {"toyland": country},
            store,
            filling.command(Configuration, composed()),
            said.append,
        )
        (line,) = said
        return windows["toyland"], line

    return find


def study(store: Store, archive: Archive, choice: Choice, **changes: str) -> None:
    """A study of time ranges that has finished and chosen a window."""
    tags = {
        chosen_windows.STUDY: "time_range",
        **chosen_windows.tags({"toyland": choice}, {"toyland": archive}),
    }
    status = changes.pop("status", "FINISHED")
    run = store.start("study", tags | changes)
    store.client.set_terminated(run, status=status)


def test_without_any_it_is_the_configurations(found: Found) -> None:
    assert found() == (
        Choice(48, 0),
        "window of toyland: span=48 period=0, the configuration's; study=time_range chooses one",
    )


def test_the_countrys_file_wins_over_the_configuration(found: Found) -> None:
    choice, said = found(Choice(12, -2))
    assert choice == Choice(12, -2)
    assert "chosen in conf/country/toyland.yaml" in said


def test_a_window_of_the_file_outside_the_archive_is_not_used(found: Found) -> None:
    # The archive ends with the reference season and is two years long.
    for outside in (Choice(12, 1), Choice(105, 0)):
        assert found(outside)[0] == Choice(48, 0)


@pytest.mark.parametrize("choice", [Choice(24, -1), Choice(24, "2020-08-31")])
def test_the_study_wins_over_the_file(
    found: Found, store: Store, opened: Archive, choice: Choice
) -> None:
    study(store, opened, choice)
    picked, said = found(Choice(12, -2))
    assert picked == choice
    assert "chosen by study=time_range" in said


def test_the_last_study_counts(found: Found, store: Store, opened: Archive) -> None:
    study(store, opened, Choice(24, 0))
    study(store, opened, Choice(36, 0))
    assert found()[0] == Choice(36, 0)


def test_a_study_of_other_data_or_that_did_not_finish_or_of_something_else_does_not_count(
    found: Found, store: Store, opened: Archive
) -> None:
    other = marked(opened, "f01")
    study(store, other, Choice(24, 0))
    study(store, opened, Choice(25, 0), status="FAILED")
    study(store, opened, Choice(26, 0), study="bands")
    study(store, opened, Choice(27, 0), **{"chosen.toyland": "{}"})
    assert found()[0] == Choice(48, 0)
    assert found(archive=other)[0] == Choice(24, 0)


@pytest.mark.parametrize(
    "tag",
    ["[1]", "{", "[" * 3_000, '{"archive": "%s"}', '{"archive": "%s", "span": "9", "period": 0}'],
)
def test_a_tag_that_is_no_window_is_named_with_its_run(
    found: Found, store: Store, opened: Archive, tag: str
) -> None:
    tags = {
        chosen_windows.STUDY: "time_range",
        "chosen.toyland": tag.replace("%s", opened.fingerprint),
    }
    run = store.start("study", tags)
    store.client.set_terminated(run)
    with pytest.raises(TrackingError, match=f"the tag chosen.toyland of run {run} is not a window"):
        found()
    store.client.delete_run(run)
