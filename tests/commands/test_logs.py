"""What commands log: ``train.log`` in the run folder, and ``hydra.verbose`` on the console."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from standins.shell import Shell, refusal, screen

SWEEP = ("-m", "span=12,24", "bands=ndvi")
LINE = re.compile(
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (DEBUG|INFO|WARNING|ERROR) \S+:(\d+) ([\w.]+): (.*)"
)


def logged(shell: Shell, folder: str = "mlruns/runs/*") -> list[tuple[str, str, str, str]]:
    """Level, process, logger and message of each line of ``train.log``."""
    (path,) = shell.folder.glob(f"{folder}/train.log")
    found = [LINE.fullmatch(line) for line in path.read_text().splitlines()]
    assert all(found)
    return [(match[1], match[2], match[3], match[4]) for match in found if match]


def messages(shell: Shell, logger: str) -> list[str]:
    return [message for _, _, name, message in logged(shell) if name == f"cropland.{logger}"]


def test_a_sweep_logs_its_steps_once_each_and_the_console_is_quiet(shell: Shell) -> None:
    done = shell.run(*shell.toy, *SWEEP)
    assert done.returncode == 0
    assert "INFO" not in done.stderr + done.stdout
    begins, candidates, archive = messages(shell, "training.sweep")
    assert re.fullmatch(r"sweep 'country=toyland .*' begins as run \w{32} of experiment .*", begins)
    assert candidates == "candidates known beforehand: 2, of which 0 need not be scored"
    assert re.fullmatch(r"archive of toyland: 80 points, \w{32}", archive)
    assert len(messages(shell, "sources.opening")) == 2  # made, opened
    scores = messages(shell, "training.scoring")
    assert [line.split()[:2] for line in scores] == [["toyland", "12w"], ["toyland", "24w"]]
    assert all(re.search(r": accuracy 0\.\d{4} in \d+\.\d\d s$", line) for line in scores)
    assert len(messages(shell, "tracking.store")) == 2
    (ends,) = messages(shell, "training.sweep_end")
    assert ends.endswith(" ends: 2 finished")
    assert {level for level, *_ in logged(shell)} == {"INFO"}


def test_one_configuration_is_logged_too(shell: Shell) -> None:
    assert shell.run(*shell.toy, "span=12", "hydra.run.dir=here").returncode == 0
    loggers = [name for _, _, name, _ in logged(shell, "here")]
    assert loggers.count("cropland.training.scoring") == 1
    assert loggers[-1] == "cropland.training.sweep_end"


def test_a_candidate_that_fails_is_an_error_of_the_log(shell: Shell) -> None:
    done = shell.run(*shell.toy[:3], "span=12", "model=knn", "model.n_neighbors=500")
    assert done.returncode == 1
    assert done.stderr.count("ValueError") == 1  # the command's own line
    (error,) = [message for level, _, _, message in logged(shell) if level == "ERROR"]
    assert re.match(r"toyland 12w .* failed after .* s: ValueError: .*n_neighbors", error)


def test_a_refused_command_leaves_no_folder(shell: Shell) -> None:
    refusal(shell.run(*shell.toy, "span=abc"))
    assert not (shell.folder / "mlruns" / "runs").exists()


def test_jobs_with_folders_of_their_own_have_logs_of_their_own(shell: Shell) -> None:
    words = ("hydra.sweep.dir=sweep", "hydra.sweep.subdir=${hydra.job.num}")
    assert shell.run(*shell.toy, *SWEEP, *words).returncode == 0
    for number in ("0", "1"):
        loggers = [name for _, _, name, _ in logged(shell, f"sweep/{number}")]
        assert loggers == ["cropland.training.scoring", "cropland.tracking.store"]
    assert logged(shell, "sweep")[-1][2] == "cropland.training.sweep_end"


@pytest.mark.parametrize(
    ("word", "shown", "hidden"),
    [
        ("hydra.verbose=true", ["DEBUG cropland.training.scoring: ", "INFO cropland.tr"], []),
        (
            "hydra.verbose=[cropland.training]",
            ["DEBUG cropland.training.scoring: ", "INFO cropland.training.sweep_end: "],
            ["cropland.tracking", "cropland.sources", "hydra"],
        ),
    ],
)
def test_the_console_shows_what_hydra_verbose_names(
    shell: Shell, word: str, shown: list[str], hidden: list[str]
) -> None:
    done = shell.run(*shell.toy, *SWEEP, word)
    assert done.returncode == 0
    assert all(text in done.stderr for text in shown)
    assert not any(text in done.stderr for text in hidden)
    assert done.stderr.count("DEBUG cropland.training.scoring: ") == 2
    assert [level for level, _, name, _ in logged(shell) if "scoring" in name].count("DEBUG") == 2


def test_other_commands_show_it_too(mine: Shell) -> None:
    given = (*mine.here, "validation.folds=3", "promotion.figures=false")
    done = mine.run(*given, "hydra.verbose=[cropland.models]", script="promote")
    said = screen(done)
    assert "INFO cropland.models.promotion: toyland: fitting the selected model" in said
    assert re.search(r"INFO cropland.models.promotion: toyland: version 1 of \S+, REGISTERED", said)
    assert not (mine.folder / "promote.log").exists()


def test_logging_of_hydra_s_own_can_be_chosen(shell: Shell) -> None:
    done = shell.run(*shell.toy, *SWEEP, "hydra/job_logging=default")
    assert "][cropland.training.scoring][INFO] - toyland 12w" in done.stdout
    (path,) = shell.folder.glob("mlruns/runs/*/train.log")
    assert path.read_text().count("][cropland.training.scoring][INFO] - toyland 12w") == 1
    path.unlink()
    done = shell.run(
        *shell.toy,
        *SWEEP,
        "force=true",
        "hydra/job_logging=disabled",
        "hydra/hydra_logging=disabled",
    )
    assert done.returncode == 0
    assert "cropland.training.scoring" not in done.stdout + done.stderr
    assert not list(shell.folder.glob("**/train.log"))


@pytest.mark.processes
@pytest.mark.parametrize(
    "words",
    [
        ("hydra.launcher.from_jobs=2",),
        ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2"),
        ("hydra/sweeper=basic", "hydra/launcher=basic"),
    ],
    ids=["dask", "joblib", "basic"],
)
def test_workers_log_to_the_same_file(shell: Shell, words: tuple[str, ...]) -> None:
    assert shell.run(*shell.toy, *SWEEP, *words).returncode == 0
    scored = [process for _, process, name, _ in logged(shell) if name.endswith("scoring")]
    (opener,) = {process for _, process, name, _ in logged(shell) if name.endswith("sweep_end")}
    assert len(scored) == 2
    assert (opener in scored) is ("hydra/launcher=basic" in words)


def test_what_is_logged_has_no_secret(shell: Shell, tmp_path: Path) -> None:
    """An error of a store that names its address with a password, as libraries do."""
    program = (
        "import logging, runpy, sys\n"
        "from cropland.training import scoring\n"
        "score = scoring.score\n"
        "def leaky(candidate):\n"
        "    logging.getLogger('library').warning('connecting to http://ada:secret@host')\n"
        "    return score(candidate)\n"
        "scoring.score = leaky\n"
        "from cropland import cli\n"
        "sys.argv = ['cropland', 'train', *sys.argv[1:]]\n"
        "cli.main()\n"
    )
    words = shell.words(*shell.toy, "span=12")[2:]
    done = shell.run_program(program, *words)
    assert done.returncode == 0, done.stderr
    (path,) = shell.folder.glob("mlruns/runs/*/train.log")
    for text in (done.stderr, path.read_text()):
        assert "connecting to http://…@host" in text
        assert "secret" not in text


def test_verbose_says_what_is_read_and_how_long_each_step_takes(mine: Shell) -> None:
    done = mine.run(*mine.toy, *SWEEP, "force=true", "verbose=true")
    assert "++" not in done.stdout  # the next command is not verbose
    for text in (
        r"DEBUG cropland.config.run_log: read train.yaml in .*; given: .*span=12,24",
        r"DEBUG cropland.tracking.opening: opened sqlite:\S+, experiment cropland: [\d.]+ s",
        r"INFO cropland.sources.opening: opened \S+toyland-\w+.zarr: \d+ points",
        r"DEBUG cropland.training.sweep: checked 2 candidates: [\d.]+ s",
        r"INFO cropland.training.scoring: toyland 12w .*: accuracy [\d.]+ in [\d.]+ s",
        r"DEBUG cropland.support.writing: wrote \S+job_settings.json",
    ):
        assert re.search(text, done.stderr), text
    assert "INFO hydra" not in done.stderr and "DEBUG mlflow" not in done.stderr


def test_quiet_leaves_the_result_and_failures(mine: Shell) -> None:
    done = mine.run(*mine.toy, *SWEEP, "force=true", "quiet=true", "hydra/launcher=basic")
    assert (done.returncode, done.stderr) == (0, "")
    assert "candidates: 2 finished" in done.stdout and "note" not in done.stdout
    done = mine.run(
        *mine.toy[:3], "force=true", "quiet=true", "span=12", "model=knn", "model.n_neighbors=500"
    )
    assert done.returncode == 1
    assert [line.split()[0] for line in done.stderr.splitlines()] == ["failed", "cropland:"]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["quiet=true", "verbose=true"], "verbose=true and quiet=true are both given; leave one"),
        (["-m", "quiet=true,false"], "quiet cannot be swept; give it one value"),
        (["quiet=5"], "quiet must be true or false, got 5"),
    ],
)
def test_quiet_and_verbose_are_refused_together(shell: Shell, words: list[str], line: str) -> None:
    assert line in refusal(shell.run(*words))
    if "-m" not in words:
        assert line in refusal(shell.run(*words, script="promote"))
