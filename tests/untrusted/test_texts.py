"""Texts of others, for pages, reports and terminals: shown as they are."""

from __future__ import annotations

import json

import pytest
from hostile.claims import BRIEFLY, TEXTS
from hypothesis import given
from hypothesis import strategies as st
from standins.markdown import Reader, rendered

from cropland.errors import visible
from cropland.secret_text import without_secrets
from cropland.untrusted.texts import (
    html_text,
    markdown_code,
    markdown_text,
    script_json,
    terminal_text,
)

SIGNS = st.text(st.sampled_from("\\`*_[]()<>&#~!|$@:/.-+=1w \n\tax{}\"'"), max_size=12)
ANY = st.one_of(SIGNS, TEXTS)


@BRIEFLY
@given(ANY)
def test_a_text_is_no_html(text: str) -> None:
    page = Reader(f'<p title="{html_text(text)}">{html_text(text)}</p>')
    assert page.text == visible(text) and page.elements == ["p"]


@BRIEFLY
@given(ANY)
def test_a_text_is_no_markdown(text: str) -> None:
    page = rendered(markdown_text(text))
    assert page.text.strip() == visible(without_secrets(text)).strip()
    assert page.elements in (["p"], [])
    inside = rendered(f"- **a** {markdown_text(text)} b")
    assert inside.elements == ["ul", "li", "strong"]


@BRIEFLY
@given(ANY)
def test_code_ends_where_its_text_does(text: str) -> None:
    page = rendered(f"a {markdown_code(text)} *b*")
    assert page.elements == ["p", "code", "em"]
    assert page.text.strip() == f"a {visible(without_secrets(text)) or ' '} b"


@BRIEFLY
@given(st.recursive(ANY, lambda part: st.lists(part) | st.dictionaries(ANY, part), max_leaves=4))
def test_json_ends_no_script_and_stays_what_it_is(value: object) -> None:
    text = script_json(value)
    assert text.isascii() and not set(text) & set("<>&")
    assert json.loads(text) == value


def test_a_report_does_not_repeat_a_password() -> None:
    address = "https://ada:geheim-1234@example.org/?token=geheim-1234"
    for shown in (markdown_text(address), markdown_code(address)):
        assert "geheim" not in shown and "example.org" in shown


def test_json_has_no_number_that_a_browser_cannot_read() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        script_json([float("nan")])


def test_lines_of_a_terminal_keep_their_ends_and_nothing_else() -> None:
    assert terminal_text("a\n\tb\r\x1b[31m\x9b\u202e") == "a\n\tb\\r\\x1b[31m\\x9b\\u202e"


@pytest.mark.parametrize(
    "text", ["می‌شود", "हिन्दी", "中文", "é", "e\u0301", "12\u00a0%", "العربية", "🌾", "a b"]
)
def test_letters_of_every_script_stay(text: str) -> None:
    assert visible(text) == terminal_text(text) == html_text(text) == markdown_text(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\u202etxt.exe\u2069", "\\u202etxt.exe\\u2069"),
        ("a\nb\rc\0", "a\\nb\\rc\\x00"),
        ("\u2028\u2029\ufeff\u200b\u200f", "\\u2028\\u2029\\ufeff\\u200b\\u200f"),
        ("\ud800\U000e0041", "\\ud800\\U000e0041"),
    ],
)
def test_what_commands_a_terminal_is_shown(text: str, shown: str) -> None:
    assert visible(text) == shown
