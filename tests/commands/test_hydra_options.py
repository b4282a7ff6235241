"""Options of Hydra: help, ``--cfg``, ``--info``, completion, configurations of one's own."""

from __future__ import annotations

import shlex

import pytest
import yaml
from standins.shell import ROOT, Shell, screen

SMALL = ("country=iran", "source.points=30", "model.n_estimators=2", "validation.folds=2")


def test_cfg_shows_keys_of_users_alone(shell: Shell) -> None:
    values = yaml.safe_load(screen(shell.run("--cfg", "job")))
    file = yaml.safe_load((ROOT / "conf" / "train.yaml").read_text())
    listed = {key for entry in file.pop("defaults") for key in entry}
    assert set(values) <= set(file) | listed
    (shell.folder / "conf" / "local.yaml").write_text("span: 7\n")
    assert "span: 7\n" in screen(shell.run("--cfg", "job"))


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("train.py coun", {"country=", "country."}),
        ("train.py country=i", {"country=iran"}),
        ("train.py l", {"landcover="}),
        ("train.py bands=nd", {"bands=ndvi"}),
    ],
)
def test_words_are_completed(shell: Shell, line: str, answer: set[str]) -> None:
    said = shell.run("-sc", "query=bash", COMP_LINE=f"python {line}", COMP_POINT=str(len(line) + 7))
    assert set(screen(said).split()) == answer


def test_cfg_shows_a_list_of_countries_as_it_runs(shell: Shell) -> None:
    text = screen(shell.run("--cfg", "job", "country=[Iran,sudan]"))
    assert yaml.safe_load(text)["country"] == {"name": "iran+sudan"}
    assert "hydra" not in yaml.safe_load(text)


@pytest.mark.parametrize("kind", ["all", "defaults-tree", "plugins", "searchpath"])
def test_info_is_shown(shell: Shell, kind: str) -> None:
    text = screen(shell.run("--info", kind))
    expected = {"plugins": "LeanSweeper", "searchpath": str(shell.folder / "conf")}
    assert expected.get(kind, "bands") in text


def test_a_configuration_may_extend_train_and_the_next_command_finds_it_too(shell: Shell) -> None:
    (shell.folder / "conf" / "bands").mkdir(parents=True)
    (shell.folder / "conf" / "bands" / "mine.yaml").write_text("name: mine\nnames: [B4, B8]\n")
    (shell.folder / "conf" / "mine.yaml").write_text(
        "defaults: [train, {override bands: mine}, _self_]\nspan: 4\n"
    )
    done = shell.run("--config-name", "mine", *SMALL)
    assert " mine " in screen(done)
    words = shlex.split(done.stdout.partition("labelled points: ")[2])
    assert words[:2] == ["python", "scripts/train.py"]
    options = ["--config-dir", str(shell.folder / "conf"), "--config-name", "mine"]
    assert words[2:6] == options
    again = screen(shell.run(*words[4:]))  # the shell gives the folder itself
    assert "candidates: 1 finished" in again


def test_a_sweep_suggests_its_folders_and_its_countries(shell: Shell) -> None:
    (shell.folder / "more" / "experiment").mkdir(parents=True)
    for name, span in (("short", 4), ("long", 8)):
        (shell.folder / "more" / "experiment" / f"{name}.yaml").write_text(
            f"# @package _global_\nspan: {span}\n"
        )
    words = ("country=[iran,sudan]", *SMALL[1:], "bands=ndvi", "hydra.searchpath=[more]")
    done = shell.run("-m", *words, "experiment=short,long")
    assert "candidates: 4 finished" in screen(done)
    following = shlex.split(done.stdout.partition("best of each country: ")[2])
    assert following[1] == "scripts/promote.py"
    assert {"hydra.searchpath=[more]", "country=[iran,sudan]"} <= set(following)
    assert str(shell.folder / "conf") in following


def test_a_command_that_is_no_sweep_leaves_no_file_of_one(shell: Shell) -> None:
    before = {path.name for path in shell.folder.iterdir()} | {"conf", "data"}
    text = screen(shell.run("-m", "country=iran", script="promote"), code=1)
    assert "no finished candidate of iran" in text
    assert {path.name for path in shell.folder.iterdir()} <= before
