from __future__ import annotations

import pytest

from cropland.config import secrets
from cropland.errors import ConfigError


@pytest.mark.parametrize(
    "address",
    [
        "http://ada:pw@host:5000",
        "https://token@host/path",
        "http://ada:p/w@host",
        "http://ada:p@w@host",
        "postgresql+psycopg://ada:pw@host/db",
        "postgresql+psycopg://host/db?user=ada&password=pw",
        "https://host/data.tif?se=2030&SIG=abc",
        "https://host/stac?subscription-key=abc",
        "https://host/stac?api_key=abc",
        "s3://key:secret@bucket",
        "read from https://host/?token=abc now",
    ],
)
def test_an_address_that_lets_in_is_refused_wherever_it_stands(address: str) -> None:
    with pytest.raises(ConfigError, match=r"^paths\.data has a (password|secret)") as refused:
        secrets.check({"paths": {"data": ["data", address]}}, "")
    assert "abc" not in str(refused.value) and "pw" not in str(refused.value)


@pytest.mark.parametrize(
    "value",
    [
        "http://host:5000",
        "http://host:5000/a@b",
        "http://[::1]:5000/a@b",
        "postgresql+psycopg://ada@host/db?sslmode=require",
        "sqlite:///mlruns/mlflow.db",
        "https://host/?monkey=banana&token=",
        "ada:pw@host",
        "data/exports",
        None,
        3,
    ],
)
def test_what_lets_nobody_in_is_taken(value: object) -> None:
    secrets.check({"paths": {"data": value}}, "")


def test_words_of_a_command_are_looked_at_by_their_keys() -> None:
    secrets.check_words(["scripts/train.py", "-m", "+span=4", "source=files"])
    with pytest.raises(ConfigError, match="^hydra.launcher.scheduler has a password"):
        secrets.check_words(["++hydra.launcher.scheduler='tcp://ada:pw@host:8786'"])
    with pytest.raises(ConfigError, match="^the command has a secret"):
        secrets.check_words(["http://host/?token=a"])


def test_who_logs_in_and_the_query_are_left_out_of_an_address() -> None:
    assert secrets.without_secrets("https://a:b@host/x.git?token=c") == "https://host/x.git"
    assert secrets.without_secrets("https://host/x") == "https://host/x"
