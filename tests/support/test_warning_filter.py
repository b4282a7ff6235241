"""Warnings that are left out, and those that are not."""

from __future__ import annotations

import warnings

import pytest

from cropland.support.warning_filter import quieten

NOISE = "`sklearn.utils.parallel.delayed` should be used with `sklearn.utils.parallel.Parallel` to"


def test_only_noise_is_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown: list[str] = []
    monkeypatch.setattr(
        warnings, "showwarning", lambda message, *_, **__: shown.append(str(message))
    )
    quieten()
    quieten()  # again changes nothing
    with warnings.catch_warnings():
        warnings.resetwarnings()
        warnings.warn(NOISE, UserWarning, stacklevel=1)
        warnings.warn("the disk is nearly full", UserWarning, stacklevel=1)
    assert shown == ["the disk is nearly full"]
