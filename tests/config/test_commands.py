from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from cropland.config import filling
from cropland.config.commands import repeated
from cropland.config.commands.predict import Predict
from cropland.config.commands.promote import Promote
from cropland.config.commands.ui import Ui
from cropland.config.sources import Files, Simulated
from cropland.errors import ConfigError

CONF = Path(__file__).parents[2] / "conf"
GROUPS = ("validation", "source", "tracking", "promotion", "paths")


def read(group: str, name: str) -> Any:
    return yaml.safe_load((CONF / group / f"{name}.yaml").read_text())


def of_command(name: str, **changes: Any) -> dict[str, Any]:
    """What Hydra would compose of a command's file, without the country."""
    values = yaml.safe_load((CONF / f"{name}.yaml").read_text())
    entries = [entry for entry in values.pop("defaults") if isinstance(entry, dict)]
    chosen = {str(key): value for entry in entries for key, value in entry.items()}
    groups = {key: read(key, name) for key, name in chosen.items() if key in GROUPS}
    return {**values, **groups, **changes}


def test_the_files_of_conf_fill_the_schema_of_each_command() -> None:
    promote: Promote = filling.command(Promote, of_command("promote"))
    assert (promote.validation.name, promote.promotion.rule) == ("kfold", "best")
    predict: Predict = filling.command(Predict, of_command("predict"))
    assert (predict.alias, predict.missing, predict.points) == ("champion", "empty", None)
    assert isinstance(predict.source, Simulated)
    files = filling.command(Predict, of_command("predict", source=read("source", "files")))
    assert isinstance(files.source, Files)


def test_a_command_without_countries_does_not_offer_one() -> None:
    for given in ("country=iran", "dry_run=true"):
        with pytest.raises(ConfigError, match="there are: open, port, quiet, tracking, verbose"):
            filling.command(Ui, of_command("ui")).check_given([given])


def test_what_only_training_has_is_passed_over_but_a_slip_is_not() -> None:
    # conf/local.yaml serves all commands: a user's own span must not stop predictions.
    mine = filling.command(Predict, of_command("predict", span=12, bands=read("bands", "ndvi")))
    assert mine == filling.command(Predict, of_command("predict"))
    with pytest.raises(ConfigError, match="unknown key 'alais'; did you mean 'alias'"):
        filling.command(Predict, of_command("predict", alais="champion"))


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("predict", {"reference_end": 2021}, "reference_end must be a date like 2020-06-30"),
        ("predict", {"missing": "guess"}, "missing must be 'empty' or 'majority', got 'guess'"),
        ("predict", {"force": 1}, "force must be true or false, got 1"),
        ("predict", {"source": {"name": "gee"}}, "unknown source.name 'gee'"),
        ("promote", {"seed": "x"}, "seed must be a whole number, got 'x'"),
        ("promote", {"promotion": {"rule": "best"}}, "promotion.future has no value"),
    ],
)
def test_a_bad_value_is_one_line(name: str, change: dict[str, Any], message: str) -> None:
    schema = {"predict": Predict, "promote": Promote}[name]
    with pytest.raises(ConfigError) as caught:
        filling.command(schema, of_command(name, **change))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_only_training_has_is_refused_where_it_is_given_by_hand() -> None:
    predict: Predict = filling.command(Predict, of_command("predict"))
    predict.check_given(["country=iran", "source.points=9", "source=files", "paths.data=x"])
    with pytest.raises(ConfigError, match="unknown key 'span'; there are: alias, columns"):
        predict.check_given(["country=iran", "+span=24"])


def test_the_next_command_is_told_where_to_work_and_no_word_that_is_said_once() -> None:
    words = ["country=iran", "source=files", "paths.data=x", "tracking.moved=true", "seed=1"]
    assert repeated(words) == ["source=files", "paths.data=x"]
    added = "+source.profiles.kenya={}"
    assert repeated(["country=kenya", added, "+tracking.moved=true"]) == [added]
