"""The folders of configuration and their files, read without Hydra, which takes long to import."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cropland.support.words import option
from cropland.untrusted import documents

_PACKAGE = Path(__file__).parents[1]
SHIPPED = next(
    folder for folder in (_PACKAGE / "conf", _PACKAGE.parent / "conf") if folder.is_dir()
)
"""The project's own ``conf/``: inside an installed package, beside that of a checkout."""


_LINE = re.compile(
    r"(?P<indent> *)(?:- )?(?P<key>[\w/]+)(?:@\w+)?:(?: +[^#\s].*?)?(?: +# +(?P<comment>.*))?"
)
_MORE = re.compile(r" {16,}# +(?P<comment>.*)")


def folders() -> list[Path]:
    """Return the folders of configuration, in the order in which Hydra looks for a file."""
    hydra = local().get("hydra")
    searched = hydra.get("searchpath") if isinstance(hydra, dict) else None
    more = _given()
    if isinstance(searched, list):  # anything else the command itself refuses
        more += [Path(str(place).removeprefix("file://")) for place in searched]
    return [folder for folder in (Path("conf"), SHIPPED, *more) if folder.is_dir()]


def local() -> dict[str, Any]:
    """Return the user's own defaults."""
    files = (folder / "local.yaml" for folder in (Path("conf"), SHIPPED, *_given()))
    return next((values_of(file) for file in files if file.is_file()), {})


def _given() -> list[Path]:
    """Return the folder of ``--config-dir``, if there is one."""
    given = option("--config-dir", "-cd")
    return [Path(given)] if given else []


def path_in(folders: Iterable[Path], name: str) -> Path:
    """Return where a file of ``conf/`` is."""
    return next(folder / name for folder in folders if (folder / name).is_file())


def files_of(folders: Iterable[Path], group: str) -> dict[str, Path]:
    """Return the files of a group by name; that of the first folder counts."""
    files: dict[str, Path] = {}
    for folder in folders:
        for path in sorted(folder.glob(f"{group}/*.yaml")):
            files.setdefault(path.stem, path)
    return dict(sorted(files.items()))


def values_of(path: Path) -> dict[str, Any]:
    """Return the values of a file; none of one that is no YAML, which the command itself refuses."""
    try:
        values = documents.plain_yaml(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def purpose(path: Path) -> str:
    """Return the comment at the top of a file, as one paragraph."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    end = next((at for at, line in enumerate(lines) if not line.startswith("#")), len(lines))
    text = (line.lstrip("# ") for line in lines[:end])
    return " ".join(" ".join(line for line in text if not line.startswith("@package")).split())


def comments(path: Path) -> dict[str, str]:
    """Return the comments behind the keys of a file, by dotted key; those of groups by their names."""
    found: dict[str, str] = {}
    parents: list[tuple[int, str]] = []
    last = ""
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if more := _MORE.fullmatch(line):
            found[last] = f"{found.get(last, '')} {more['comment']}".strip()
        elif match := _LINE.fullmatch(line):
            indent = len(match["indent"])
            parents = [parent for parent in parents if parent[0] < indent]
            inside = [name for _, name in parents if name != "defaults"]
            last = ".".join([*inside, match["key"]])
            parents.append((indent, match["key"]))
            if match["comment"]:
                found[last] = match["comment"]
    return found
