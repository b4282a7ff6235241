"""Pages of the public API, and of the functions inside the packages."""

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
PACKAGES = (
    "cropland.observations",
    "cropland.features",
    "cropland.learning",
    "cropland.maps.assessment",
    "cropland.maps.landcover",
)
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
            members = "   :members:\n   :exclude-members: selections\n"
            options = members if is_class and name not in NO_MEMBERS else ""
            parts.append(f"```{{eval-rst}}\n.. {kind}:: cropland.{name}\n{options}```\n")
    return "\n".join(parts)


def modules_page() -> str:
    """Return the page of the functions inside the packages that compute."""
    parts = [
        "# Functions inside the packages\n\nFor developers: what the packages that compute are made "
        "of, as their docstrings say it. It may change without notice; "
        "[Python API](api.md) is what stays. Which package does what: "
        "[Architecture](../architecture.md).\n"
    ]
    for package in PACKAGES:
        parts.append(f"## {package}\n")
        folder = Path(cropland.__file__).parent.joinpath(*package.split(".")[1:])
        for path in sorted(folder.glob("[a-z]*.py")):
            module = f"{package}.{path.stem}"
            parts.append(
                f"### {path.stem}\n\n```{{eval-rst}}\n.. automodule:: {module}\n   :members:\n"
                f"   :no-index:\n```\n"
            )
    return "\n".join(parts)
