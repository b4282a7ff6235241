"""Warnings of libraries that tell a user nothing to act on."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_NOISE = (
    # Where forests are fitted in several threads: scikit-learn's own threads then see each other's warning
    # filters emptied. It concerns settings of scikit-learn that are not used here.
    "`sklearn.utils.parallel.delayed` should be used with",
    # scikit-learn-intelex outside the main thread, where it is kept to one thread by other means.
    "'Threading' parallel backend is not supported",
    # Zarr of version 3 whose coordinates are text: other libraries may not read it, this one does.
    "The data type (FixedLengthUTF32",
    # Images without a place on Earth are an error, in one line that names them.
    "Dataset has no geotransform, gcps, or rpcs",
    # MLflow, of the class that serves a model, whose file it takes the warning to be raised in.
    "Add type hints to the `predict` method",
    "Type hint used in the model's predict function",
)
"""How the warnings begin."""
_LIBRARIES = ("mlflow", "alembic")
"""Packages whose warnings are about their own interfaces and installation, which are not the user's."""
_COLOUR = re.compile(r"\x1b\[\d+m")


def is_noise(message: object, filename: str) -> bool:
    """Return whether a warning, raised in a file, tells a user nothing to act on."""
    text = _COLOUR.sub("", str(message))
    return text.startswith(_NOISE) or bool({*_LIBRARIES} & {*Path(filename).parts[:-1]})


@contextmanager
def without_noise() -> Iterator[None]:
    """Hide these warnings; all others are shown as before."""
    show = warnings.showwarning

    def show_others(
        message: Warning | str, category: type[Warning], filename: str, *args: Any, **kwargs: Any
    ) -> None:
        if not is_noise(message, filename):
            show(message, category, filename, *args, **kwargs)

    # Filters would not do: the library resets them.
    warnings.showwarning = show_others
    try:
        yield
    finally:
        warnings.showwarning = show
