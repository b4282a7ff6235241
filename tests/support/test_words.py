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
