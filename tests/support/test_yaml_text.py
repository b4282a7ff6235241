from __future__ import annotations

from cropland.support import yaml_text
from cropland.untrusted import documents


def test_what_is_written_is_read_again_in_its_order() -> None:
    twice = ["B4", "B8"]
    values = {"z": twice, "a": twice, "title": "Österreich", "share": 0.5, "none": None}
    text = yaml_text.dump(values)
    assert "&" not in text and "Österreich" in text
    read = documents.plain_yaml(text)
    assert read == values and list(read) == list(values)
