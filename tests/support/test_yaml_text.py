from __future__ import annotations

import time

import pytest
import yaml

from cropland.support import yaml_text

BOMB = "a0: &a0 [x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
)


def test_what_is_written_is_read_again_in_its_order() -> None:
    twice = ["B4", "B8"]
    values = {"z": twice, "a": twice, "title": "Österreich", "share": 0.5, "none": None}
    text = yaml_text.dump(values)
    assert "&" not in text and "Österreich" in text
    assert yaml_text.load_foreign(text) == values
    assert list(yaml_text.load(text)) == list(values)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOMB, "expected plain values, got an alias"),
        ("a: " + "x" * yaml_text.MOST_CHARACTERS, "at most 1,000,000 characters"),
        ("a: !!python/object/apply:os.system [touch x]", "could not determine a constructor"),
        ("[" * 3, "expected (the )?node content"),
    ],
)
def test_a_text_from_elsewhere_is_read_only_as_plain_values(text: str, message: str) -> None:
    start = time.monotonic()
    with pytest.raises(yaml.YAMLError, match=message):
        yaml_text.load_foreign(text)
    assert time.monotonic() - start < 2
