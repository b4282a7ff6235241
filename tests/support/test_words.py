from __future__ import annotations

import sys

import pytest

from cropland.support.words import command_line


@pytest.mark.parametrize(
    ("started", "following"),
    [
        ("/home/scripts/train.py", "python scripts/promote.py country=iran 'span=range(4,9)'"),
        ("cropland train", "cropland promote country=iran 'span=range(4,9)'"),
        ("/somewhere/notebook.py", "cropland promote country=iran 'span=range(4,9)'"),
    ],
)
def test_a_next_command_is_started_as_the_present_one(
    monkeypatch: pytest.MonkeyPatch, started: str, following: str
) -> None:
    monkeypatch.setattr(sys, "argv", [started])
    assert command_line("promote", "country=iran", "span=range(4,9)") == following


@pytest.mark.parametrize(
    ("words", "suggested"),
    [
        (["--config-dir", "D", "bands=mine"], "cropland promote --config-dir D span=4"),
        (["--config-dir=a b", "-m"], "cropland promote --config-dir 'a b' span=4"),
        (["-cp", "/conf", "-cn", "mine"], "cropland promote -cp /conf span=4"),
        (["hydra.searchpath=[a]"], "cropland promote span=4 'hydra.searchpath=[a]'"),
    ],
)
def test_a_next_command_has_the_options_that_say_where_its_configuration_is(
    monkeypatch: pytest.MonkeyPatch, words: list[str], suggested: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["cropland train", *words])
    assert command_line("promote", "span=4") == suggested


def test_the_same_command_again_has_all_its_options(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["-m", "--config-name", "mine", "--config-dir", "D"]
    monkeypatch.setattr(sys, "argv", ["cropland train", *words])
    assert command_line("train", "hydra.searchpath=[a]") == (
        "cropland train -m --config-name mine --config-dir D 'hydra.searchpath=[a]'"
    )
