"""What ``--help`` prints, held against the files of ``conf/`` that it is made of."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig

from cropland import cli
from cropland.config import composition, conf_folders, shell_words
from cropland.config import help as help_text
from cropland.errors import ConfigError

HELP = help_text.HELP


def test_every_command_has_a_help() -> None:
    assert set(HELP) == set(cli.COMMANDS)


@pytest.mark.parametrize("command", HELP)
def test_help_has_two_dozen_short_lines_a_comment_for_each_key_and_three_examples(
    command: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["cropland", command, "--help"])
    text = help_text.text(command, ["--help"])
    lines = text.splitlines()
    assert len(lines) <= 36 and max(map(len, lines)) <= 80
    for key in HELP[command].keys:
        assert re.search(rf"^  {re.escape(key)}=\S+(  +| \(needed\) +)\S", text, re.MULTILINE), key
    file = (conf_folders.SHIPPED / f"{cli.module_name(command)}.yaml").read_text()
    for comment in re.findall(
        rf"^(?:  - )?(?:{'|'.join(HELP[command].keys)}): .*?# (.*)", file, re.M
    ):
        assert " ".join(comment.split()) in " ".join(text.split())
    assert len(re.findall(rf"^  cropland {command}\b", text, re.MULTILINE)) == 3
    assert (conf_folders.SHIPPED.parent / HELP[command].page).is_file()


def test_a_comment_of_two_lines_is_shown_whole(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    text = " ".join(help_text.text("promote", ["--help"]).split())
    assert "then fewer features); one_standard_error: the simplest within one s.e." in text


@pytest.mark.parametrize(
    ("command", "example"),
    [(command, example) for command, entry in HELP.items() for example in entry.examples],
)
def test_an_example_of_the_help_is_a_command(
    command: str, example: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    command = cli.module_name(command)
    words = shell_words.hydra_words(shlex.split(example), command)
    multirun = "-m" in words
    words = [word for word in words if word != "-m"]
    with initialize_config_dir(str(conf_folders.SHIPPED), version_base="1.3"):
        if command == "train":
            single = [word for word in words if not re.search(r"=(range|[^{\[]*,)", word)]
            composed = compose(command, [*single, "hydra.mode=MULTIRUN"], return_hydra_config=True)
            composed.hydra.overrides.task = words
            composition.prepare_sweep(composed)
            jobs = composition.jobs(composed)
            assert (len(jobs) > 1) == (multirun or "study=" in example)
        else:
            from importlib import import_module

            schema = import_module(f"cropland.config.commands.{command}")
            composed = compose(command, words, return_hydra_config=True)
            HydraConfig.instance().set_config(composed)
            assert composition.command(
                getattr(schema, command.title().replace("_", "")), composed, composed.hydra
            )


def test_choices_of_a_group_have_files_of_the_user(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder, name in (("conf", "mine"), ("more", "searched"), ("shared", "given")):
        path = tmp_path / folder / "bands" / f"{name}.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(f"name: {name}\nnames: [B4, B8]\n")
    # Hydra looks there last.
    (tmp_path / "shared" / "bands" / "visible_nir.yaml").write_text("names: [B5]\n")
    (tmp_path / "conf" / "local.yaml").write_text("hydra: {searchpath: [more]}\nsource: files\n")
    monkeypatch.setattr(
        "sys.argv", ["cropland", "train", "--help", "bands", "--config-dir", "shared"]
    )
    text = help_text.text("train", ["--help", "bands", "--config-dir", "shared"])
    for name in ("mine", "searched", "given"):
        assert re.search(rf"^  {name} +B4 B8$", text, re.MULTILINE)
    assert re.search(r"^  visible_nir +B2 B3 B4 B8$", text, re.MULTILINE)
    assert "  source=files " in help_text.text("train", ["--help"])


def test_help_of_a_key_is_its_line_and_an_unknown_one_is_corrected(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert help_text.text("train", ["span"]) == "  span=48  window length in weeks"
    with pytest.raises(ConfigError, match="unknown key 'bnds'; did you mean 'bands'"):
        help_text.text("train", ["bnds"])


def test_the_help_of_a_new_country_may_stand_beside_its_name() -> None:
    assert help_text.text("new-country", ["kenya", "--help"]).startswith("usage: ")
    assert help_text.text("new-country", ["season", "--help"]).startswith("  season=")


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("local.yaml", "paths: /a/folder"),
        ("local.yaml", "hydra: {searchpath: 5}"),
        ("predict.yaml", "output: mine.csv  # caf\xe9"),
        ("predict.yaml", ""),
    ],
)
def test_help_is_shown_whatever_files_of_the_user_hold(
    file: str, content: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / file).write_bytes(content.encode("latin-1"))
    text = help_text.text("predict", ["--help"])
    assert "cropland predict country=iran" in text
    assert ("output=mine.csv" in text) == ("mine" in content)


def test_help_shows_the_users_own_defaults_as_they_are_typed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "local.yaml").write_text("quiet: true\npaths.data: /a/folder\n")
    text = help_text.text("predict", ["--help"])
    assert "  quiet=true " in text and "  paths.data=/a/folder " in text
