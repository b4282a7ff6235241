"""One HTML file that shows a report written in Markdown, with its figures in it.

Texts of others are escaped where the Markdown is written (`cropland.untrusted.texts`). What is HTML in it all
the same is shown as text, a picture is shown only where its bytes are given, and the page's policy lets it
run and load nothing.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from cropland.untrusted.texts import html_text

_HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline';
  img-src data:; base-uri 'none'; form-action 'none'">
<title>{title}</title>
<style>
body {{ margin: 2rem auto; max-width: 54rem; padding: 0 1.5rem; color: #222;
  font: 16px/1.55 system-ui, "Segoe UI", Roboto, "Liberation Sans", sans-serif }}
h1, h2 {{ line-height: 1.25; break-after: avoid }}
h1 {{ font-size: 1.7rem; margin-top: 0 }}
h2 {{ font-size: 1.2rem; margin-top: 2rem; border-bottom: 1px solid #ddd; padding-bottom: .25rem }}
table {{ border-collapse: collapse; margin: 1rem 0; font-size: .93rem; break-inside: avoid }}
th, td {{ padding: .35rem .9rem .35rem 0; border-bottom: 1px solid #e3e3e3; text-align: left;
  vertical-align: top }}
th {{ border-bottom: 2px solid #999 }}
td {{ font-variant-numeric: tabular-nums }}
blockquote {{ margin: 1rem 0; padding: .1rem 1rem; background: #fff4e0; border-left: 4px solid #e69f00 }}
code {{ font: .88em ui-monospace, "DejaVu Sans Mono", monospace; background: #f4f4f4;
  padding: .1em .3em; border-radius: 3px; overflow-wrap: break-word }}
pre {{ background: #f4f4f4; padding: .8rem 1rem; overflow-x: auto; border-radius: 4px }}
pre code {{ padding: 0; background: none; overflow-wrap: normal }}
figure {{ margin: 1.5rem 0; break-inside: avoid }}
figure img {{ max-width: 100%; height: auto }}
figcaption {{ font-size: .9rem; color: #555 }}
@media print {{ body {{ margin: 0; max-width: none; padding: 0; font-size: 10.5pt }}
  pre {{ white-space: pre-wrap }} }}
</style>
</head>
<body>
"""


def report_page(markdown: str, title: str, images: Mapping[str, bytes]) -> str:
    """Write the page of a report.

    Parameters
    ----------
    markdown : str
        The report: CommonMark with tables. A paragraph ``![caption](NAME)`` is a figure.
    title : str
        What the browser's tab says; any text.
    images : mapping of str to bytes
        PNG files by name. A picture of another name is left out, with its caption as text.

    Returns
    -------
    str
        A page that needs no network and no other file, for the screen and for paper.
    """
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    parser.add_render_rule("image", _image)
    body = parser.render(markdown, {"images": images})
    for before, after in (("<p><figure>", "<figure>"), ("</figure></p>", "</figure>")):
        body = body.replace(before, after)
    return f"{_HEAD.format(title=html_text(title))}{body}</body>\n</html>\n"


def _image(_: Any, tokens: Any, index: int, __: Any, environment: Any) -> str:
    """Return a figure with its picture in it."""
    token = tokens[index]
    caption, image = html_text(token.content), environment["images"].get(token.attrs["src"])
    if image is None:
        return caption
    source = f"data:image/png;base64,{base64.b64encode(image).decode()}"
    return (
        f'<figure><img alt="{caption}" src="{source}"><figcaption>{caption}</figcaption></figure>'
    )
