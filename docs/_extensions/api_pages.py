"""Write the page of the public API from what ``cropland`` lists."""

from __future__ import annotations

import inspect
from pathlib import Path

import cropland

SECTIONS = {
    "Countries and windows": ("Country", "Box", "Reference", "read_country", "Window"),
    "Points and archives": ("read_points", "read_exports", "simulate", "open_archive", "Archive"),
    "Series and features": ("make_series", "make_features"),
    "Cross-validation": ("Validation", "cross_validate", "Scores", "calibrate"),
    "Sweeps": ("compose", "score"),
    "Runs and models": ("runs", "load_champion", "Fitted"),
    "Errors": ("CroplandError",),
}
NO_MEMBERS = ("Box", "Country", "CroplandError", "Validation")
"""Classes whose fields their docstrings list."""


def page() -> str:
    """Return the page: each name of the public API, by sections.

    Raises
    ------
    ValueError
        The sections are not what the package lists.
    """
    named = {name for names in SECTIONS.values() for name in names}
    if named != set(cropland.__all__):
        raise ValueError(f"docs/_extensions/api_pages.py: {named ^ set(cropland.__all__)} differ")
    parts = [
        "# Python API\n\nWhat `import cropland` offers; what is not named here may change without "
        "notice. [From Python](../python.md) shows how the parts go together.\n"
    ]
    for title, names in SECTIONS.items():
        parts.append(f"## {title}\n")
        for name in names:
            is_class = inspect.isclass(getattr(cropland, name))
            kind = "autoclass" if is_class else "autofunction"
            options = "   :members:\n" if is_class and name not in NO_MEMBERS else ""
            parts.append(f"```{{eval-rst}}\n.. {kind}:: cropland.{name}\n{options}```\n")
    return "\n".join(parts)


def write(folder: Path) -> None:
    """Write the page into a folder, where it is not there as it is."""
    path = folder / "api.md"
    text = page()
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
