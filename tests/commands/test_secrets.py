"""No secret is stored or said: none of the environment, none that was written where it does not belong."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hostile.claims import refused
from standins.configuration import jobs
from standins.granules import Granules
from standins.shell import Shell, refusal, screen
from standins.stac import COLLECTION, StacStandin

from cropland.config.countries import Box, Country, Reference
from cropland.sources.simulation.profile import Profile
from cropland.tracking import provenance

FARMLAND = Country(
    "farmland", "Farmland", Box(10.0, 10.1, 23.95, 24.15), Reference("2020-11-01", "2020-11-30")
)
SECRETS = {
    "MLFLOW_TRACKING_PASSWORD": "mlflow-4c1f8e0b",
    "MLFLOW_TRACKING_TOKEN": "bearer-77aa19d3",
    "AWS_SECRET_ACCESS_KEY": "aws/9e2b7d+5f0c",
    "PC_SDK_SUBSCRIPTION_KEY": "pc-06d4e1c2b9f7",
    "PGPASSWORD": "pg-5a3e",
}
SECRET = "s3cr3t-in-an-address"
ADDRESSES = [
    ("tracking.uri=http://ada:{}@127.0.0.1:9", "tracking.uri has a password .*USERNAME and MLFLOW"),
    ("tracking.uri=http://{}@127.0.0.1:9", "tracking.uri has a password in its address"),
    ("tracking.uri=http://ada:{}/with/slashes@127.0.0.1:9", "tracking.uri has a password in"),
    ("tracking.uri='http://127.0.0.1:9/mlflow?token={}'", "has a secret in its address .token=…."),
    (
        "tracking.uri=postgresql+psycopg://ada:{}@127.0.0.1:9/db",
        "tracking.uri has a password in its address.*set PGPASSWORD, or keep it in ~/.pgpass",
    ),
    ("tracking.uri='postgresql+psycopg://127.0.0.1:9/db?password={}'", "address .password=…."),
    ("tracking.artifacts=s3://key:{}@bucket/artifacts", "tracking.artifacts has a password"),
    ("paths.data='https://host/exports?se=2030-01-01&sig={}'", "paths.data has a secret .*sig=…"),
    (
        "paths.data='https://host/e?X-Amz-Signature={}'",
        "paths.data has a secret .*X-Amz-Signature=…",
    ),
]
BY_COMMAND = [
    ADDRESSES[0],
    ADDRESSES[-1],
    ("hydra.launcher.scheduler=tcp://ada:{}@127.0.0.1:9", "hydra.launcher.scheduler has a pass"),
]


def planted() -> list[str]:
    return [SECRET, *SECRETS.values()]


def assert_clean(folder: Path, *said: str) -> None:
    """Look for every secret in all that was written and said, compressed files aside."""
    for secret in planted():
        for text in said:
            assert secret not in text
        for path in folder.rglob("*"):
            if path.is_file():
                assert secret.encode() not in path.read_bytes(), path


def sweep_with(word: str) -> list[str]:
    """The words of a sweep, with one that has something where it would be stored."""
    source: list[str] = []
    if "=postgresql" in word or "='postgresql" in word:
        source = ["tracking.artifacts=artifacts"]
    bands = [] if word.startswith("bands") else ["bands=ndvi"]
    return ["-m", *source, word.format(SECRET), *bands]


@pytest.mark.parametrize(("word", "message"), ADDRESSES, ids=lambda value: str(value)[:50])
def test_a_secret_where_it_would_be_stored_is_refused_without_being_repeated(
    monkeypatch: pytest.MonkeyPatch, word: str, message: str
) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    said = refused(lambda: jobs(*sweep_with(word)))
    assert re.search(message, said), said
    assert not [secret for secret in planted() if secret in said]


@pytest.mark.parametrize(("word", "message"), BY_COMMAND, ids=lambda value: str(value)[:50])
def test_a_command_with_a_secret_is_refused_before_anything_is_stored(
    shell: Shell, word: str, message: str
) -> None:
    done = shell.run(*sweep_with(word), **SECRETS)
    assert re.search(message, refusal(done))
    assert_clean(shell.folder, done.stdout, done.stderr)
    assert not list(shell.folder.glob("mlruns/runs/*"))


def test_the_other_commands_refuse_it_too(shell: Shell) -> None:
    word = f"tracking.uri=http://ada:{SECRET}@127.0.0.1:9"
    for script in ("promote", "predict"):
        done = shell.run(word, script=script)
        assert "tracking.uri has a password in its address" in done.stderr
        assert_clean(shell.folder, done.stdout, done.stderr)
    word = f"source.catalog='http://127.0.0.1:9/stac?subscription-key={SECRET}'"
    done = shell.run("source=stac", word, script="download")
    assert "source.catalog has a secret in its address (subscription-key=…)" in done.stderr
    assert_clean(shell.folder, done.stdout, done.stderr)


@pytest.mark.parametrize(
    "word",
    [
        "tracking.uri='postgresql+psycopg://ada@127.0.0.1:9/db?sslmode=require'",
        "tracking.uri=http://127.0.0.1:9/a@b",
        "tracking.uri='http://[::1]:9/x@y'",
        "tracking.uri='http://127.0.0.1:9/?monkey=banana'",
    ],
)
def test_an_address_without_a_secret_is_not_refused(shell: Shell, word: str) -> None:
    done = shell.run(word, "tracking.artifacts=artifacts", "source.points=20")
    assert "does not answer" in done.stderr


def test_the_address_of_a_git_remote_is_tracked_without_its_token(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    remote = f"https://oauth2:{SECRET}@example.org/crop/land.git"
    monkeypatch.setattr(
        "mlflow.tracking.context.registry.resolve_tags",
        lambda: {"mlflow.source.git.repoURL": remote, "mlflow.source.name": "scripts/train.py"},
    )
    provenance.code_tags.cache_clear()
    try:
        tags = provenance.code_tags()
    finally:
        provenance.code_tags.cache_clear()
    assert tags["mlflow.source.git.repoURL"] == "https://example.org/crop/land.git"
    assert tags["mlflow.source.name"] == "scripts/train.py"


def test_nothing_of_the_environment_is_kept_by_training_promoting_and_predicting(
    shell: Shell,
) -> None:
    where = [*shell.here, "validation.folds=3", "n_jobs=1"]
    sweep = ["-m", "span=12", "bands=ndvi", "model=knn", "model.n_neighbors=3,500,5"]
    said: list[str] = []

    def give(*words: str, script: str, code: int = 0) -> None:
        said.append(screen(shell.run(*words, script=script, **SECRETS), code))

    give(*where, *sweep, "hydra.launcher.from_jobs=1", script="train", code=1)  # one fails
    few = ["promotion.bootstraps=100", "promotion.figures=false"]
    give(*where, *few, script="promote")
    give(*shell.here, "output=predicted.csv", script="predict")
    # What is looked through is there: a traceback, the sweep's own file, the database, the model.
    for name in ("traceback.txt", "multirun.yaml", "mlflow.db", "MLmodel", "config.yaml"):
        assert list(shell.folder.rglob(name)), name
    assert_clean(shell.folder, *said)


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[StacStandin]:
    """A catalogue whose links are signed."""
    area = Box(10.045, 10.055, 24.1, 24.11)
    made = Granules(FARMLAND, Profile(), FARMLAND.reference.first, FARMLAND.reference.last)
    with StacStandin(made, area, tmp_path / "cogs", ("B4", "B8", "SCL")) as standin:
        for item in standin.items:
            for asset in item["assets"].values():
                asset["href"] += f"?sig={SECRET}"
        yield standin


def test_nothing_of_a_signed_link_is_kept_by_a_download(
    shell: Shell, catalogue: StacStandin, tmp_path: Path
) -> None:
    rows = ["ID,Lat,Lon,Target", "a,10.05,24.105,1", "b,10.051,24.104,0"]
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "Train.csv").write_text("\n".join([*rows, ""]))
    words = ["source=stac", f"source.catalog={catalogue.url}", f"source.collection={COLLECTION}"]
    words += ["source.bands=[B4,B8,SCL]", "source.margin_days=0", "source.wait_seconds=0.05"]
    words += ["country=farmland", f"paths.data={tmp_path / 'data'}", "source.sign=false"]
    done = replace(shell, country=FARMLAND).run(*words, script="download", **SECRETS)
    assert done.returncode == 0, done.stderr
    assert catalogue.asked("cogs/")
    assert list(shell.folder.rglob("*.parquet"))
    assert_clean(shell.folder, done.stdout, done.stderr)
