"""Settings of Sphinx; ``make docs`` builds the site."""

import sys
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_extensions"), str(HERE.parent)]

import api_pages  # noqa: E402
import configuration_pages  # noqa: E402


def _write_reference(folder: Path) -> None:
    """Write the pages that are made from the code, where they are not there as they are."""
    folder.mkdir(exist_ok=True)
    for name, make in {
        "commands": configuration_pages.commands_page,
        "configuration": configuration_pages.configuration_page,
        "api": api_pages.page,
        "modules": api_pages.modules_page,
    }.items():
        path, text = folder / f"{name}.md", make()
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


_write_reference(HERE / "reference")

project = "Cropland"
author = "The Cropland maintainers"
copyright = f"2026, {author}"
release = version = metadata.version("cropland")
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
]
exclude_patterns = ["_build", "_extensions", "**.ipynb_checkpoints"]
templates_path: list[str] = []

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4
nb_execution_mode = "force"
nb_execution_in_temp = True  # nothing of the clone is at hand, as for a reader elsewhere
nb_execution_raise_on_error = True
nb_execution_timeout = 120
nb_merge_streams = True

default_role = "literal"  # as docstrings use backticks
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
autodoc_typehints = "none"  # docstrings have the types
autodoc_member_order = "bysource"
highlight_language = "none"
suppress_warnings = ["misc.highlighting_failure"]  # lines with … are no whole program

html_theme = "pydata_sphinx_theme"
html_title = "Cropland"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_sidebars = {"index": [], "changelog": [], "genindex": [], "search": []}
html_theme_options = {
    "header_links_before_dropdown": 7,
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "navbar_persistent": ["search-button"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
    "show_toc_level": 2,
    "pygments_light_style": "tango",
    "pygments_dark_style": "monokai",
}
copybutton_selector = "div.highlight-bash pre, div.highlight-python pre, div.highlight-ipython3 pre"


def _within_the_site(_app: object, _docname: str, source: list[str]) -> None:
    """Make links to the files beside ``README.md`` lead to pages of the site."""
    source[0] = source[0].replace("](../CONTRIBUTING.md", "](contributing.md")
    source[0] = source[0].replace("](../CHANGELOG.md", "](changelog.md")
    source[0] = source[0].replace("](../README.md", "](index.md")


def _without_type(
    _app: object, what: str, _name: str, _value: object, _options: object, lines: list[str]
) -> None:
    """Make napoleon, which comes after, take no text before a colon for a type."""
    if what in ("attribute", "data", "property"):
        lines.insert(0, "")


def setup(app: object) -> None:
    """Connect what this file adds to Sphinx."""
    app.connect("source-read", _within_the_site)  # type: ignore[attr-defined]
    app.connect("autodoc-process-docstring", _without_type, priority=400)  # type: ignore[attr-defined]
