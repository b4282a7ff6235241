"""Texts that others wrote: names, titles, notes and answers, on their way to a page, a report or a terminal.

In: any text. Out: the same text, which is shown as it is and does nothing: it is no element of HTML, no
markup of Markdown, no script, and no command of a terminal. Control characters, line breaks and what turns
the direction of writing are shown as escapes (`cropland.errors.visible`).
"""

from __future__ import annotations

import html
import json
import re

from cropland.errors import visible
from cropland.secret_text import without_secrets

_MARKDOWN = re.compile(r"[\\`*\[\]#~]|(?<![^\W_])_|_(?![^\W_])")
"""Signs that Markdown may take for markup; an underscore inside a word is none, and a bar only in a table."""
_BLOCK = re.compile(r"^(\s*\d*)([-+=.)])(?=\s|$|[-=]+\s*$)")
"""The start of a list or of a line below a heading."""
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "&#64;", "$": "&#36;"})
_LINK = re.compile(r":(?=//)|(?<=www)\.", re.IGNORECASE)
_IN_SCRIPT = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


def html_text(text: str) -> str:
    """Return a text for the content or a quoted attribute of an HTML element."""
    return html.escape(visible(text))


def script_json(value: object) -> str:
    """Return plain values as JSON for ``<script type="application/json">``, which no text in it can end.

    Raises
    ------
    ValueError
        A number that JSON lacks, such as NaN.
    """
    return json.dumps(value, allow_nan=False, separators=(",", ":")).translate(_IN_SCRIPT)


def markdown_text(text: str) -> str:
    r"""Return a text for a line of Markdown: without emphasis, links, headings, lists and HTML.

    Signs are escaped as both CommonMark and the MLflow UI (Showdown) read them. Bars of a table's cell are
    escaped by `cropland.support.words.markdown_table`.

    >>> print(markdown_text("<b>*a* `b` s2_points.csv [c](http://d)"))
    &lt;b&gt;\*a\* \`b\` s2_points.csv \[c\](http&#58;//d)
    """
    line = _BLOCK.sub(r"\1\\\2", _MARKDOWN.sub(r"\\\g<0>", _reportable(text)))
    return _LINK.sub(lambda sign: f"&#{ord(sign[0])};", line.translate(_ENTITIES))


def markdown_code(text: str) -> str:
    """Return a text as code in a line of Markdown; backticks in it do not end it.

    >>> markdown_code("span=24"), markdown_code("a`b")
    ('`span=24`', '`` a`b ``')
    """
    line = _reportable(text) or " "
    fence = "`" * (1 + max(map(len, re.findall("`+", line)), default=0))
    pad = " " if "`" in line or (line.strip(" ") and line[0] == line[-1] == " ") else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def terminal_text(text: str) -> str:
    """Return lines for a terminal: all control characters but line ends and tabs are shown as escapes."""
    return re.sub(r"[^\n\t]+", lambda part: visible(part[0]), text)


def _reportable(text: str) -> str:
    """Return a text for a report: in an escaped address nobody would find the password any more."""
    return visible(without_secrets(text))
