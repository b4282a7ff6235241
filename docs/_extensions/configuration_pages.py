"""Pages of the reference of commands and configuration, from ``conf/`` and its dataclasses."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from configuration_keys import (
    CONF,
    LONGEST_DEFAULT,
    Key,
    UndocumentedError,
    cell,
    of_file,
    read,
    typed,
    without_file,
)

from cropland.config.commands.assess import Assess
from cropland.config.commands.compare import Compare, LandCover
from cropland.config.commands.download import Download
from cropland.config.commands.map import Map
from cropland.config.commands.new_country import NewCountry
from cropland.config.commands.predict import Predict
from cropland.config.commands.promote import Promote
from cropland.config.commands.ui import Ui
from cropland.config.conf_folders import comments, purpose
from cropland.config.countries import Country
from cropland.config.groups import (
    Bands,
    Configuration,
    Features,
    Paths,
    Promotion,
    Series,
    Study,
    Tracking,
    Validation,
)
from cropland.config.model import Model
from cropland.config.sources import EarthEngine, Files, Simulated, Stac
from cropland.sources.simulation.profile import Profile
from hydra_plugins.cropland_dask.launcher import DaskLauncherConf
from hydra_plugins.cropland_search.sweeper import OptunaSweeperConf

COMMANDS: dict[str, type] = {
    "new_country": NewCountry,
    "download": Download,
    "compare": Compare,
    "train": Configuration,
    "ui": Ui,
    "promote": Promote,
    "predict": Predict,
    "map": Map,
    "assess": Assess,
}
GROUPS: dict[str, dict[str, type]] = {
    "country": {"iran": Country},
    "bands": {"visible_nir_ndvi": Bands},
    "series": {"raw": Series},
    "features": {"flat": Features},
    "model": {"forest": Model},
    "validation": {"kfold": Validation},
    "source": {"files": Files, "earthengine": EarthEngine, "stac": Stac, "simulated": Simulated},
    "tracking": {"local": Tracking},
    "paths": {"default": Paths},
    "promotion": {"default": Promotion},
    "landcover": {"worldcover": LandCover},
    "study": {"bands": Study},
}
"""The files whose values are shown as defaults, and the schema, of each group of ``conf/``."""
OTHERS = {
    "experiment": "Settings kept in a file: `experiment=NAME`.",
    "hparams_search": "A search kept in a file: `hparams_search=NAME`, see [search](../searches.md).",
    "debug": "A trial in seconds: `debug=default`.",
}
"""Groups whose files hold settings of other groups."""
TABLE = "| key | values | default | meaning |\n|---|---|---|---|"


def commands_page() -> str:
    """Return the page of the commands."""
    parts = [
        "# Commands\n\nEvery key of every command; a group links to its keys and to the values that "
        "ship with Cropland. `cropland COMMAND` and `python scripts/COMMAND.py` are the same.\n"
    ]
    for name, schema in COMMANDS.items():
        file = CONF / f"{name}.yaml"
        groups = [_group_row(*each) for each in _groups(file)]
        keys = [key.row for key in (*of_file(schema, file), *_read_elsewhere(file, schema))]
        table = "\n".join([TABLE, *groups, *keys])
        parts.append(f"## {name.replace('_', '-')}\n\n{purpose(file)}\n\n{table}\n")
    return "\n".join(parts)


def configuration_page() -> str:
    """Return the page of the groups."""
    parts = [
        "# Configuration\n\nEvery group of `conf/`, its keys and the values that ship with Cropland. "
        "A file of your own, `conf/GROUP/NAME.yaml` in the folder in which you give commands, is a "
        "value too. Defaults are those of the first value named in a heading, or of the value that "
        "the commands take by default.\n"
    ]
    for group, files in GROUPS.items():
        parts.append(f"## {group}\n")
        for name, schema in files.items():
            title = f"### {group}={name}\n\n" if len(files) > 1 else ""
            keys = of_file(schema, CONF / group / f"{name}.yaml", f"{group}.")
            parts.append(f"{title}{_first_line(schema)}\n\n{_table(keys)}")
        if group == "source":
            profile = _table(without_file(Profile, "source.profiles.COUNTRY."))
            parts.append(f"#### Profile of a simulated country\n\n{profile}")
        parts.append(_values(group))
    parts += [f"## {group}\n\n{about}\n\n{_values(group)}" for group, about in OTHERS.items()]
    for title, prefix, plugin in (
        ("hydra/launcher=dask", "hydra.launcher.", DaskLauncherConf),
        ("hydra/sweeper=optuna", "hydra.sweeper.", OptunaSweeperConf),
    ):
        parts.append(f"## {title}\n\n{_table(without_file(plugin, prefix))}")
    return "\n".join(parts)


def _groups(file: Path) -> Iterator[tuple[str, str, str]]:
    """Yield the groups of a command's file: name, default, comment."""
    said = comments(file)
    for entry in read(file)["defaults"]:
        if isinstance(entry, dict):
            ((group, default),) = entry.items()
            if not group.startswith(("hydra", "optional")):
                about = _first_line(next(iter(GROUPS[group].values()))) if group in GROUPS else ""
                yield group, default or "null", said.get(group) or about


def _group_row(group: str, default: str, comment: str) -> str:
    """Return the row of a group."""
    if not comment:
        raise UndocumentedError(f"the group {group} has no comment")
    linked = group in (*GROUPS, *OTHERS)
    name = f"[`{group}`](configuration.md#{group})" if linked else f"`{group}`"
    return f"| {name} | a name | `{default}` | {cell(comment)} |"


def _read_elsewhere(file: Path, schema: type) -> Iterator[Key]:
    """Yield the keys of a command's file that its schema does not have."""
    said, known = comments(file), {"defaults", *(entry.name for entry in fields(schema))}
    for name, value in read(file).items():
        if name not in known:
            kinds = {bool: "`true`, `false`", dict: "keys", list: "list of text"}
            default = f"`{typed(value)}`"
            yield Key(name, kinds.get(type(value), "text"), default, said.get(name, ""))


def _table(keys: list[Key]) -> str:
    """Return a table of keys."""
    return "\n".join([TABLE, *(key.row for key in keys)]) + "\n"


def _values(group: str) -> str:
    """Return the table of the files of a group."""
    files = sorted((CONF / group).glob("*.yaml"))
    rows = [f"| `{group}={path.stem}` | {cell(_content(path))} |" for path in files]
    return "\n".join(["| value | what it is |", "|---|---|", *rows]) + "\n"


def _content(path: Path) -> str:
    """Return what a file of a group says: the comment at its top, its question, its values."""
    values = {
        key: value for key, value in read(path).items() if key not in ("name", "defaults", "hydra")
    }
    study = values.pop("study", {})
    swept = read(path).get("hydra", {}).get("sweeper", {}).get("params", {})
    estimator = values.pop("estimator", {})
    target = estimator.pop("_target_", "")
    settings = [f"`{key}: {typed(value)}`" for key, value in (estimator | values).items()]
    parts = [
        purpose(path),
        study.get("title", ""),
        f"`{target}`" if target else "",
        *(each for each in settings if len(each) <= 2 * LONGEST_DEFAULT),
        *(f"`{key}={value}`" for key, value in swept.items()),
    ]
    return " ".join(filter(None, parts))


def _first_line(schema: type) -> str:
    """Return the first line of a docstring, as Markdown."""
    return inspect.cleandoc(schema.__doc__ or "").partition("\n")[0].replace("``", "`")
