"""What a page of Bokeh holds, as plain values."""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Iterator
from typing import Any

import numpy as np


def content(page: str) -> Any:
    """The data of a page: ``item``, the document of Bokeh, and ``fields``, what the pointer shows."""
    [text] = re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', page, re.DOTALL)
    return json.loads(text)


def models(page: str, name: str) -> list[dict[str, Any]]:
    """The attributes of all models of a kind, in the order in which the document defines them."""
    return [node["attributes"] for node in _nodes(content(page)) if node.get("name") == name]


def sources(page: str) -> list[dict[str, Any]]:
    """The columns of all data sources with more than a place."""
    found = [plain(each["data"]) for each in models(page, "ColumnDataSource") if "data" in each]
    return [each for each in found if each]


def hosts(page: str) -> set[str]:
    """The hosts that a page's markup names, or that its policy lets it load from."""
    assert not re.search(r"<script[^>]*\bsrc=", page)
    markup = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    return set(re.findall(r"https?://([^/\s;\"']+)", markup))


def plain(node: Any) -> Any:
    """A value without the marks of its encoding."""
    if isinstance(node, list):
        return [plain(each) for each in node]
    if not isinstance(node, dict):
        return node
    if node.get("type") == "map":
        return {key: plain(value) for key, value in node.get("entries", [])}
    if node.get("type") == "ndarray":
        array = node["array"]
        if isinstance(array, list):
            return array
        raw = base64.b64decode(array["data"])
        raw = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
        return np.frombuffer(raw, node["dtype"]).reshape(node["shape"])
    return node


def _nodes(node: Any) -> Iterator[dict[str, Any]]:
    children = node if isinstance(node, list) else node.values() if isinstance(node, dict) else ()
    if isinstance(node, dict) and node.get("type") == "object":
        yield {"attributes": {}, **node}
    for child in children:
        yield from _nodes(child)
