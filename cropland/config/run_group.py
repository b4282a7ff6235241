"""The group ``run`` of ``train``: ``run=<run id>`` chooses what a candidate's run was made of.

Its files are made when they are named: the group itself, and in each other group that decides scores a file
``run/<run id>``, so that a word beside it chooses another file as ever.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf

from cropland.config import secrets
from cropland.config.compose import composed
from cropland.config.groups import Tracking
from cropland.config.plain_values import mapping
from cropland.config.schema import filled, require
from cropland.errors import ConfigError

_WORD = "run="
_ID = re.compile(r"[0-9a-f]{8,32}")
GROUPS = ("country", "bands", "series", "features", "model", "validation", "source")
_VALUES = ("span", "period", "training", "seed")
_OF_SWEEPS = ("windows", "study")
"""What a run decides: not which classes may be made (`allow`), nor where anything is written."""


def ids_of(words: Sequence[str]) -> list[str]:
    """Return the ids of runs that the words of a command name, or the first signs of them.

    Raises
    ------
    ConfigError
        One that can be none.
    """
    ids = [id_ for word in words if word.startswith(_WORD) for id_ in word[len(_WORD) :].split(",")]
    for id_ in ids:
        require(
            _ID.fullmatch(id_) is not None,
            f"run={id_}: expected the id of a run, or its first characters: 8 to 32 of 0 to 9 and a to f",
        )
    return ids


def with_ids(words: Sequence[str], ids: Sequence[str]) -> list[str]:
    """Return words that name runs with whole ids in their place."""
    return replaced(words, [f"{_WORD}{','.join(ids)}"]) if ids else list(words)


def replaced(words: Sequence[str], others: Sequence[str]) -> list[str]:
    """Return words with others in the place of that which names runs."""
    at = next(number for number, word in enumerate(words) if word.startswith(_WORD))
    return [*words[:at], *others, *without_ids(words[at:])]


def without_ids(words: Sequence[str]) -> list[str]:
    """Return words that name no run."""
    return [word for word in words if not word.startswith(_WORD)]


def tracking_of(words: Sequence[str]) -> Tracking:
    """Compose where runs are kept for the words of ``train``.

    Raises
    ------
    ConfigError, HydraException
        Words that cannot be composed.
    """
    # Beside a sweep's run, a parameter of the model may be one that the sweep adds.
    lenient = [f"++{word}" if word.startswith("model.") else word for word in without_ids(words)]
    with composed(lenient) as config:
        require("tracking" in config, "expected tracking, where run=… is looked for; found none")
        values = mapping(OmegaConf.to_container(config.tracking, resolve=True))
    secrets.check(values, "tracking")
    return filled(Tracking, values, "tracking.")


def store(run_id: str, values: Mapping[str, Any], words: Sequence[str]) -> list[str]:
    """Make the files of a run; return the words that choose them, which `conf/local.yaml` gives way to.

    Parameters
    ----------
    run_id : str
        Its id.
    values : mapping
        Its configuration in the form of ``conf/``.
    words : sequence of str
        Those of the command.

    Raises
    ------
    ConfigError
        A text in it would be read as a reference to another value.
    """
    missing = [key for key in (*GROUPS, *_VALUES, "paths") if key not in values]
    require(not missing, f"run {run_id}: its configuration lacks {', '.join(missing)}")
    content = {key: values[key] for key in (*GROUPS, *_VALUES)}
    left_out = ("study",) if any(word.startswith("study=") for word in words) else ()
    content |= {key: values[key] for key in _OF_SWEEPS if values.get(key) and key not in left_out}
    if "${" in f"{content}{values['paths']}":
        raise ConfigError(f"run {run_id}: its configuration must hold plain values, got ${{…}}")
    for group in GROUPS:
        _store(f"{group}/run", run_id, content[group], group)
    chosen = dict.fromkeys(GROUPS, f"run/{run_id}")
    node: dict[str, Any] = {key: content[key] for key in content if key not in GROUPS}
    node["defaults"] = [{f"override /{group}": file} for group, file in chosen.items()]
    source = content["source"]["name"]
    if source == "simulated":
        chosen["source"] = source
    elif not any(word.startswith("source=") for word in words):
        node["paths"] = {"data": values["paths"]["data"]}
    _store("run", run_id, node, "_global_")
    return [f"{group}={file}" for group, file in chosen.items()]


def _store(group: str, name: str, node: Mapping[str, Any], package: str) -> None:
    ConfigStore.instance().store(name, OmegaConf.create(dict(node)), group=group, package=package)
