from __future__ import annotations

import pytest

from cropland.errors import LONGEST_MESSAGE, CroplandError
from cropland.secret_text import is_secret, secrets_of, without_secrets


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://a:b@host/x.git?token=c", "https://…@host/x.git?token=…"),
        ("https://host/x", "https://host/x"),
        ("ada:2024/secret@h", "…@h"),
        (
            "(Background on 'postgresql://ada:pw@h/db': no)",
            "(Background on 'postgresql://…@h/db': no)",
        ),
        ("http://ada:p w@h is away", "http://…@h is away"),
        ("http://h:80 is away, ask ada@h.org", "http://h:80 is away, ask ada@h.org"),
        ("https://h/?a=1&sig=abc&b=2#token=x", "https://h/?a=1&sig=…&b=2#token=…"),
        ("https://h/p/https%3A%2F%2Fada%3Apw%40h and on", "https://h/p/https…@ and on"),
        ("http://a:b@g http://c:d@h", "http://…@g http://…@h"),
    ],
)
def test_a_text_without_its_secrets(text: str, expected: str) -> None:
    assert without_secrets(text) == expected
    assert without_secrets(expected) in (expected, expected.replace("https…@", "https…@"))


def test_a_secret_is_found_with_its_place_and_kind() -> None:
    text = "see HTTP://ada:pw@host/?api_key=abc"
    first, second = secrets_of(text)
    assert (text[first.start : first.end], first.scheme, first.parameter) == ("ada:pw@", "http", "")
    assert (text[second.start : second.end], second.parameter) == ("abc", "api_key")


def test_names_of_secrets() -> None:
    assert all(
        map(is_secret, ("password", "MLFLOW_TRACKING_TOKEN", "clientSecret", "aws-secret-key"))
    )
    assert not any(map(is_secret, ("key", "tokens", "keyboard", "project", "sign", "code")))


def test_a_message_holds_no_secret_and_is_short() -> None:
    said = str(CroplandError("could not reach postgresql://ada:pw@h/db; start it"))
    assert said == "could not reach postgresql://…@h/db; start it"
    long = str(CroplandError(f"{'x' * 1_500_000} http://ada:{'p' * 300}@h"))
    assert len(long) <= LONGEST_MESSAGE + 3 and "pp" not in long
