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
        "http://ada:12345678@h",
        "http://ada:2024/abc@h",
        "ada:2024/abc@h",
        "ada:pw@host",
        "//ada:pw@host:8786",
        "s3://abc@bucket",
        "HTTP://ADA:pw@HOST",
        "http://ada%3Apw@host",
        "http://ada:pw%40host",
        "https://host/stac?%74oken=abc",
        "https://host/?url=https%3A%2F%2Fada%3Apw%40host",
        "https://host/x;jsessionid=abc",
        "https://host/x?code=abc",
        "https://host/x?auth=abc",
        "https://host/x#token=abc",
        "https://host/x#access_token=abc",
        "https://host/x?accessToken=abc",
        "https://host/x?X-Amz-Signature=abc",
        "mssql+pyodbc:///?odbc_connect=DRIVER%3DX%3BUID%3Da%3BPWD%3Dabc",
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
        "http://host/a@b",
        "http://host:5000/a%40b",
        "http://127.0.0.1:5000/a@b",
        "http://localhost:5000/a@b",
        "http://[::1]:5000/a@b",
        "postgresql+psycopg://ada@host/db?sslmode=require",
        "sqlite:///mlruns/mlflow.db",
        "https://host/?monkey=banana&token=",
        "data/exports",
        "C:\\data\\x@2x.png",
        "C:/data/a:b@2x",
        "Farmer, ada@host.org",
        "Contact: ada@host.org",
        "mailto:ada@host.org",
        "file:///home/ada/x@2",
        "s3://bucket/key@2x",
        "https://host/stac?filter=eo:cloud_cover<10 AND code='x'&country_code=IR",
        "ssh://git@host:22/x.git",
        "git@github.com:org/x.git",
        "abfss://container@account.dfs.core.windows.net/x",
        "models:/cropland-iran@champion",
        "key=value",
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


def test_an_at_sign_in_a_path_behind_a_port_is_to_be_encoded() -> None:
    with pytest.raises(ConfigError, match=r"^x has a password .* an @ in the path .* written %40$"):
        secrets.check("http://host:5000/a@b", "x")


def test_words_whose_key_is_no_key_are_looked_at_whole() -> None:
    with pytest.raises(ConfigError, match="^the command has a password") as refused:
        secrets.check_words(["ada:pass=word@host"])
    assert "pass" not in str(refused.value).partition("has a password")[2].partition(",")[0]


def test_a_key_that_is_named_as_a_secret_has_no_value() -> None:
    secrets.check({"model": {"password": ""}}, "")
    with pytest.raises(
        ConfigError, match=r"^model\.api_key looks like a secret by its name"
    ) as refused:
        secrets.check({"model": {"api_key": "abc"}}, "")
    assert "abc" not in str(refused.value)
    with pytest.raises(
        ConfigError, match=r"^hydra\.job\.env_set\.MLFLOW_TRACKING_TOKEN looks like a secret"
    ):
        secrets.check_words(["+hydra.job.env_set.MLFLOW_TRACKING_TOKEN=abc"])
