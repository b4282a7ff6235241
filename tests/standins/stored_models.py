"""Files of models as somebody else may have written them: a true one, of which something is changed."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np


def edited(
    path: Path,
    change: Callable[[dict[str, Any]], object] = lambda _: None,
    members: Callable[[dict[str, bytes]], object] = lambda _: None,
    compression: int = zipfile.ZIP_STORED,
) -> None:
    """Change the schema of a skops file, its members, or how they are packed."""
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    if "schema.json" in contents:
        schema = json.loads(contents["schema.json"])
        change(schema)
        contents["schema.json"] = json.dumps(schema).encode()
    members(contents)
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)


def entries(schema: Any, name: str) -> Iterator[dict[str, Any]]:
    """Yield the entries of a schema whose class has a name."""
    if isinstance(schema, dict):
        if schema.get("__class__") == name:
            yield schema
        for value in schema.values():
            yield from entries(value, name)
    elif isinstance(schema, list):
        for value in schema:
            yield from entries(value, name)


def plain(value: Any) -> dict[str, Any]:
    """Return the entry of a plain value."""
    kind = {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode"}
    return {**kind, "content": json.dumps(value), "is_json": True}


def entry(loader: str, name: str, **values: Any) -> dict[str, Any]:
    """Return the entry of a type, by its full name."""
    module, _, short = name.rpartition(".")
    return {"__class__": short, "__module__": module, "__loader__": loader, **values}


def npy(values: Any) -> bytes:
    """Return the bytes of an array's member."""
    stream = io.BytesIO()
    np.save(stream, values)
    return stream.getvalue()
