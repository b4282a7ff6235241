from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module, metadata
from pathlib import Path

import pytest
from hydra.errors import HydraException

from cropland import cli
from cropland.errors import ConfigError

CONF = Path(__file__).parents[1] / "conf"


@pytest.fixture(autouse=True)
def process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep the test runner's environment and garbage collector."""
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
    thresholds = gc.get_threshold()
    yield
    gc.enable()
    gc.unfreeze()
    gc.set_threshold(*thresholds)


def test_an_error_that_a_user_can_correct_is_one_line() -> None:
    def main() -> None:
        raise ConfigError("expected a,\n got b")

    with pytest.raises(SystemExit) as caught:
        cli.launch(main)
    assert caught.value.code == "cropland: expected a, got b"


def test_an_interruption_is_seen_behind_another_error() -> None:
    def main() -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
        except KeyboardInterrupt:
            raise HydraException("wrapped") from None

    with pytest.raises(SystemExit) as caught:
        cli.launch(main)
    assert caught.value.code == cli.INTERRUPTED


def test_an_interruption_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.launch(lambda: os.kill(os.getpid(), signal.SIGINT))
    assert caught.value.code == 130
    assert capsys.readouterr().err == (
        "cropland: interrupted; run the same command again to continue\n"
    )


def test_an_interruption_of_the_first_import_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Finder:
        """Interrupts the import of Hydra."""

        def find_spec(self, name: str, *_: object) -> None:
            if name == "hydra.errors":
                os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.delitem(sys.modules, "hydra.errors")
    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
    with pytest.raises(SystemExit) as caught:
        cli.launch(lambda: None)
    assert caught.value.code == 130
    assert capsys.readouterr().err.startswith("cropland: interrupted;")


def test_a_sweep_that_is_interrupted_says_so_itself(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("cropland.commands.train.abandon", lambda reason: reason == "interrupted")
    with pytest.raises(SystemExit) as caught:
        cli.launch(lambda: os.kill(os.getpid(), signal.SIGINT))
    assert (caught.value.code, capsys.readouterr().err) == (130, "")


@pytest.mark.parametrize("early", [False, True])
def test_every_error_shows_its_traceback_when_asked(
    monkeypatch: pytest.MonkeyPatch, early: bool
) -> None:
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")

    def main() -> None:
        error = ConfigError("expected a")
        if early:  # as the sweep's callback stops
            raise SystemExit("cropland: expected a") from error
        raise error

    with pytest.raises(ConfigError):
        cli.launch(main)


class Reached(Exception):
    """The work of a command would begin."""


def reach(*_: object) -> None:
    raise Reached(f"collector on: {gc.isenabled()}, frozen: {gc.get_freeze_count() > 0}")


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_garbage_is_collected_while_a_command_works(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    name: str,
) -> None:
    module = (
        "cropland.training.sweep"
        if name == "train"
        else f"cropland.commands.{cli.module_name(name)}"
    )
    monkeypatch.setattr(import_module(module), "prepare" if name == "train" else "run", reach)
    needed = {"assess": ["map=maps"], "compare": ["raster=x.tif", "landcover=worldcover"]}
    needed["new-country"] = ["kenya", "points=x.csv", "season=2023-07-01/2024-06-30"]
    words = ["country=iran"] if name not in ("new-country", "ui") else []
    words += [f"paths.runs={tmp_path}"] if name == "train" else []
    monkeypatch.setattr(sys, "argv", ["cropland", name, *words, *needed.get(name, [])])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        cli.main()
    assert "Reached: collector on: True, frozen: True" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["trian"], "cropland: unknown command 'trian'; did you mean 'train'?", ""),
        (["spam"], "cropland: unknown command 'spam'; there are: assess, compare, download", ""),
        (["--version"], 0, f"cropland {metadata.version('cropland')}\n"),
        (["--help"], 0, "usage: cropland COMMAND"),
        ([], 1, "usage: cropland COMMAND"),
        (["train", "--version"], 0, f"cropland {metadata.version('cropland')}\n"),
        (["help"], 0, "usage: cropland COMMAND"),
        (["help", "train"], 0, "usage: cropland train [-m] [KEY=VALUE …]\n"),
        (["train", "span=24", "--help"], 0, "usage: cropland train [-m] [KEY=VALUE …]\n"),
        (["predict", "–help"], 0, "usage: cropland predict [KEY=VALUE …]\n"),
        (["map", "-h", "source"], 0, "source=NAME: "),
    ],
)
def test_what_names_no_command_is_answered_at_once(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    code: int | str,
    text: str,
) -> None:
    monkeypatch.setattr(sys, "argv", ["cropland", *words])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert str(caught.value.code).startswith(str(code))
    assert capsys.readouterr().out.startswith(text)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["span=24", "48"], "48: several values are separated by commas: -m span=24,48"),
        (
            ["span=[24,48]"],
            "span must be a whole number, got [24, 48]; for a run with each, -m span=24,48",
        ),
        (
            ["period=0.5"],
            "period must be a whole number of months or a date like 2020-06-30, got 0.5",
        ),
        (["seed=abc"], "seed must be a whole number, got 'abc'"),
        (["span=range(4,9)"], "span=range(4,9) is a sweep; add -m"),
        (
            ["bands=[NDVI,scl]"],
            "bands takes one file, got [ndvi,scl]; sweep over them: -m bands=ndvi,scl",
        ),
        (
            ["-m", "seed=1,2", 'tracking.tags={j: "job ${hydra:job.num}"}'],
            "tracking.tags differ between jobs; a tag is the same for every run of a sweep",
        ),
        (["bands=NVDI"], "unknown bands 'NVDI'; did you mean 'ndvi'?"),
        (
            ["bands.name=5"],
            "bands.name must be a text, got 5; write it in quotes: bands.name=\"'5'\"",
        ),
        (["country=IRAN", "span=4", "-m", "seed=1,x"], "seed must be a whole number, got 'x'"),
        (
            ["country=iran", "model.n_estimators=1e3"],
            "model: sklearn.ensemble.RandomForestClassifier cannot be made: The 'n_estimators' parameter of "
            "RandomForestClassifier must be an int in the range [1, inf). Got 1000.0 instead.",
        ),
    ],
)
def test_a_slip_is_answered_in_one_line_before_any_work(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    words: list[str],
    line: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["cropland", "train", *words])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == f"cropland: {line}"
    assert capsys.readouterr() == ("", "") and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("cropland ", " ".join(cli.COMMANDS)),
        ("cropland tr", "train"),
        ("cropland train", "train"),
        ("cropland train country=iran bands=nd", "bands=ndvi"),
        ("cropland assess country=su", "country=sudan"),
        ("cropland spam coun", ""),
    ],
)
def test_a_shell_completes_commands_and_their_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], line: str, answer: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["cropland", "-sc", "query=bash"])
    monkeypatch.setenv("COMP_LINE", line)
    with suppress(SystemExit):
        cli.main()
    assert capsys.readouterr().out.strip() == answer


@pytest.mark.parametrize("words", [["train", "-sc"], ["-sc"]])
def test_completion_is_installed_for_the_program(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["cropland", *words, "install=bash"])
    cli.main()
    assert capsys.readouterr().out.endswith(" -F hydra_bash_completion cropland\n")


def test_help_fits_a_terminal() -> None:
    assert max(map(len, cli._help().splitlines())) <= 80


def test_a_script_answers_help_and_version_before_hydra_is_imported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "launch", lambda _: pytest.fail("Hydra was started"))
    for word, text in (
        ("--help", "usage: python scripts/train.py [-m] "),
        ("--version", "cropland "),
    ):
        monkeypatch.setattr(sys, "argv", ["scripts/train.py", word])
        with pytest.raises(SystemExit) as caught:
            cli.main("train")
        assert caught.value.code == 0 and capsys.readouterr().out.startswith(text)


def test_every_command_has_a_script_a_configuration_and_a_line_of_help() -> None:
    scripts = {path.stem for path in (CONF.parent / "scripts").glob("*.py")}
    assert (
        scripts
        == {path.stem for path in CONF.glob("*.yaml")} - {"local"}
        == set(map(cli.module_name, cli.COMMANDS))
    )


@pytest.mark.parametrize("words", [["--help"], ["train", "--help"], ["train", "--cfg", "all"]])
def test_help_into_a_pipe_that_nobody_reads_ends_quietly(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    monkeypatch.setattr(sys, "argv", ["cropland", *words])
    with os.fdopen(writing, "w", buffering=1) as pipe, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", pipe)
        with pytest.raises(SystemExit) as caught:
            cli.main()
    assert (caught.value.code, capsys.readouterr().err) == (141, "")
