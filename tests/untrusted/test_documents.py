from __future__ import annotations

from typing import Any

import pytest
from hostile.claims import BRIEFLY, check_line, damaged, quickly
from hypothesis import given
from hypothesis import strategies as st

from cropland.untrusted import documents
from cropland.untrusted.documents import plain_json, plain_yaml

BOMB = "a0: &a0 [x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
)
GEOJSON = b'{"type": "FeatureCollection", "features": [{"geometry": {"coordinates": [1.5, -2e3]}}]}'
RECIPE = b"recipe: {bands: [B4, NDVI], step_days: 5}\ncountry: 'iran'\nfacts:\n- 0.93\n- null\n"


def refused(read: Any, content: object) -> str:
    with quickly(), pytest.raises(ValueError) as caught:
        read(content)
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[" * 200_000, "nested deeper than 64 levels"),
        ("[" * 65 + "]" * 65, "nested deeper than 64 levels"),
        ('{"a":' * 70 + "1" + "}" * 70, "nested deeper than 64 levels"),
        (f"[{'9' * 5_000}]", "a number of 5,000 digits"),
        (f"[0.{'1' * 5_000}]", "too long or too large"),
        ('{"numberMatched": 1e400}', "the number 1e400, which is too long or too large"),
        ("[NaN]", "it has NaN"),
        ("[-Infinity]", "it has -Infinity"),
        ('{"a": 1, "b": {"c": 2, "c": 3}}', "the key 'c' twice"),
        (r'["\ud800"]', "half a character"),
        (r'{"\udc00": 1}', "half a character"),
        ("[\ud800]", "not UTF-8 text, see byte 2"),
        (b'["\xe9"]', "not UTF-8 text, see byte 3"),
        ('"' + r"\"" * 200_000, "Unterminated string"),
        ("", "Expecting value"),
    ],
)
def test_json_that_no_program_should_read_is_refused(content: bytes | str, message: str) -> None:
    assert message in refused(plain_json, content)


@pytest.mark.parametrize(
    ("content", "values"),
    [
        ("[" * 64 + "1" + "]" * 64, None),
        ('["[[[[", "{\\""]', ["[[[[", '{"']),
        (r'["\ud83c\udf3e"]', ["🌾"]),
        (b"\xef\xbb\xbf[1, 2.5, null]", [1, 2.5, None]),
        ("7", 7),
    ],
)
def test_json_is_read_as_it_is_written(content: bytes | str, values: object) -> None:
    assert values is None or plain_json(content) == values


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOMB, "expected plain values, got an alias"),
        ("a: " + "x" * documents.MOST_YAML_BYTES, "more than 1 MB"),
        ("a: !!python/object/apply:os.system [touch x]", "got the tag"),
        ("a: !!binary QQ==", "got the tag"),
        ("[" * 3, "expected (the )?node content|did not find"),
        ("[" * 200_000, "nest"),
        ("- " * 70 + "1", "nested deeper than 64 levels"),
        ("a: " + "9" * 5_000, "a number of 5,000 digits"),
        ("a: " + "1:" * 100_000 + "1", "a number of 200,001 digits"),
        ("a: 1\nb: {c: 1, c: 2}", "a key twice"),
        ("a: 2001-99-99", "month must be in"),
        (b"a: \xe9", "not UTF-8 text"),
        ("a: \ud800", "half a character"),
        ("{? [1]: 2}", "unhashable key"),
    ],
)
def test_yaml_from_elsewhere_is_read_only_as_plain_values(text: bytes | str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plain_yaml(text)


@BRIEFLY
@given(content=st.one_of(st.binary(max_size=60), damaged(GEOJSON), damaged(RECIPE)))
def test_whatever_the_bytes(content: bytes) -> None:
    for read in (plain_json, plain_yaml):
        with quickly():
            try:
                read(content)
            except ValueError as error:
                check_line(str(error))
