"""Where configuration files are looked for: ``conf/`` of the working folder, then the package's own."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from hydra.core.config_search_path import ConfigSearchPath, SearchPathQuery
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin

from cropland.config.conf_folders import SHIPPED as SHIPPED
from cropland.support.words import SEARCH_PATH

_SIMPLE = re.compile(r"[\w./:@%+-]+", re.ASCII)
"""What stands in a list of Hydra's without quotes."""


class WorkingFolder(SearchPathPlugin):
    """Puts ``conf/`` of the working folder, where there is one, before the project's own."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Prepend the folder; the project's own stands there already."""
        folder = Path("conf").absolute()
        if folder.is_dir() and not folder.samefile(SHIPPED):
            search_path.prepend("working folder", f"file://{folder}", SearchPathQuery("main"))


def words(folders: Iterable[str] | None) -> list[str]:
    """Return the override that names further folders of configuration; none where there are none."""
    listed = [text if _SIMPLE.fullmatch(text) else _quoted(text) for text in folders or ()]
    return [f"{SEARCH_PATH}[{','.join(listed)}]"] if listed else []


def _quoted(text: str) -> str:
    quoted: str = QuotedString(text, Quote.single).with_quotes()
    return quoted


def register() -> None:
    """Add the working folder to Hydra's search path, in this process only."""
    Plugins.instance().register(WorkingFolder)
