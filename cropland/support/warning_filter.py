"""Warnings of libraries that tell a user nothing to act on."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_NOISE = (
    # Where forests are fitted in several threads: scikit-learn's own threads then see each other's warning
    # filters emptied. It concerns settings of scikit-learn that are not used here.
    "`sklearn.utils.parallel.delayed` should be used with",
    # scikit-learn-intelex outside the main thread, where it is kept to one thread by other means.
    "'Threading' parallel backend is not supported",
    # Zarr of version 3 whose coordinates are text: other libraries may not read it, this one does.
    "The data type (FixedLengthUTF32",
)
"""How the warnings begin."""


@contextmanager
def without_noise() -> Iterator[None]:
    """Hide these warnings; all others are shown as before."""
    show = warnings.showwarning

    def show_others(message: Warning | str, *args: Any, **kwargs: Any) -> None:
        if not str(message).startswith(_NOISE):
            show(message, *args, **kwargs)

    # Filters would not do: the library resets them.
    warnings.showwarning = show_others
    try:
        yield
    finally:
        warnings.showwarning = show
