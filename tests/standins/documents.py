"""The commands of the documents: lines of their ``bash`` blocks, as script and words."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).parents[2]


def text(name: str) -> str:
    """Return a document by its path in the project."""
    return (ROOT / name).read_text()


def commands(document: str) -> list[str]:
    """Return the commands of a text, in order, without comments.

    >>> commands("```bash\\nmake ui  # runs\\n\\ncropland map 'box=[1,2]'\\n```")
    ['make ui', "cropland map 'box=[1,2]'"]
    """
    blocks = re.findall(r"```bash\n(.*?)```", document, re.DOTALL)
    lines = (line.partition(" #")[0].strip() for block in blocks for line in block.splitlines())
    return [line for line in lines if line]


def parsed(command: str) -> tuple[str, list[str]]:
    """Return the script of a command and its words.

    >>> parsed("cropland new-country kenya 'points=a b.csv'")
    ('new_country', ['kenya', 'points=a b.csv'])
    """
    program, name, *words = shlex.split(command)
    assert program == "cropland", command
    return name.replace("-", "_"), words
