from __future__ import annotations

import sys

import pytest

from cropland.errors import CroplandError, exit_on_error, nearest, unknown_key


def test_a_message_is_one_line() -> None:
    assert str(CroplandError("expected a,\n  got b")) == "expected a, got b"


@pytest.mark.parametrize(
    ("name", "known", "said"),
    [
        ("NVDI", ["NDWI", "NDMI", "NDVI", "EVI"], "did you mean 'NDVI'"),
        ("iran", ["Iran", "Sudan"], "did you mean 'Iran'?"),
        ("zzz", ["a", "b"], "there are: a, b"),
        ("zzz", list("abcdefghij"), "there are: a, b, c, d, e, f, g, h, …"),
    ],
)
def test_the_nearest_names_are_said(name: str, known: list[str], said: str) -> None:
    assert nearest(name, known).startswith(said)


def test_an_unknown_key_is_answered_with_its_neighbours_or_how_to_add_one() -> None:
    assert unknown_key("spam", ["span"]) == "unknown key 'spam'; did you mean 'span'?"
    assert unknown_key("windows.iran", []).endswith("add it with a plus, as in +windows.iran=…")


def test_a_path_that_the_shell_cannot_write_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "getfilesystemencoding", lambda: "ascii")
    with pytest.raises(SystemExit) as caught, exit_on_error():
        "/a/Süd".encode("ascii")
    assert caught.value.code == (
        "cropland: '/a/Süd' cannot be a path in ascii, the encoding of this shell; set PYTHONUTF8=1"
    )


@pytest.mark.parametrize("path", [None, "mlruns/x"])
def test_a_disk_without_room_is_said(path: str | None) -> None:
    with pytest.raises(SystemExit) as caught, exit_on_error():
        raise OSError(28, "No space left on device", path)
    assert caught.value.code == (
        f"cropland: there is no room for {path or 'what was to be written'}: No space left on device; make "
        f"room, there and in TMPDIR"
    )
