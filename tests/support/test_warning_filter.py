"""Warnings that are left out, and those that are not."""

from __future__ import annotations

import warnings

import pytest

from cropland.support.warning_filter import is_noise, without_noise

NOISE = "`sklearn.utils.parallel.delayed` should be used with `sklearn.utils.parallel.Parallel` to"


def test_only_noise_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []

    def show(message: Warning | str, *_: object, **__: object) -> None:
        shown.append(str(message))

    monkeypatch.setattr(warnings, "showwarning", show)
    with warnings.catch_warnings():
        warnings.resetwarnings()
        warnings.showwarning = show
        with without_noise(), without_noise():
            warnings.warn(NOISE, UserWarning, stacklevel=1)
            warnings.warn("the disk is nearly full", UserWarning, stacklevel=1)
        assert warnings.showwarning is show
        warnings.warn(NOISE, UserWarning, stacklevel=1)
    assert shown == ["the disk is nearly full", NOISE]


@pytest.mark.parametrize(
    ("message", "filename", "expected"),
    [
        ("\x1b[33mAdd type hints to the `predict` method to enable", "/models/serving.py", True),
        ("something about an interface", "/lib/site-packages/mlflow/pyfunc/utils.py", True),
        ("something about an interface", "/elsewhere/mlflow.py", False),
        ("the model of toyland was made by other code", "/models/serving.py", False),
    ],
)
def test_what_libraries_say_of_themselves_is_left_out(
    message: str, filename: str, *, expected: bool
) -> None:
    assert is_noise(message, filename) is expected
