"""Warnings of libraries that tell a user nothing they could act on."""

from __future__ import annotations

import warnings
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
"""How warnings begin that are left out."""


def quieten() -> None:
    """Leave noise out of what is shown; all other warnings come as before."""
    show = warnings.showwarning
    if getattr(show, "quiet", False):
        return

    def without_noise(message: Warning | str, *args: Any, **kwargs: Any) -> None:
        if not str(message).startswith(_NOISE):
            show(message, *args, **kwargs)

    without_noise.quiet = True  # type: ignore[attr-defined]
    # Filters would not do: the library resets them.
    warnings.showwarning = without_noise
