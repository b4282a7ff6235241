"""What is composed of ``conf/``: by Hydra, and without it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode

from cropland.config import composition
from cropland.config.jobs import Job
from cropland.config.model import full_key

CONF = Path(__file__).parents[2] / "conf"
GROUPS = {
    "bands": "visible_nir_ndvi",
    "series": "raw",
    "features": "flat",
    "model": "forest",
    "validation": "kfold",
    "source": "simulated",
    "tracking": "local",
    "promotion": "default",
    "paths": "default",
}


def compose(**changes: Any) -> dict[str, Any]:
    """Return the values of the default configuration, with dotted keys (``a__b``) changed."""
    values: dict[str, Any] = {
        group: yaml.safe_load((CONF / group / f"{name}.yaml").read_text())
        for group, name in GROUPS.items()
    }
    values |= {"span": 48, "period": 0, "training": "own"}
    values |= {"seed": 2023, "n_jobs": -1, "force": False}
    for key, value in changes.items():
        inner = values
        *outer, last = key.split("__")
        for name in outer:
            inner = inner[name]
        inner[last] = value
    return values


def jobs(*words: str, conf: Path = CONF, beside: Path | None = None) -> list[Job]:
    """Return the jobs of a command of ``scripts/train.py``, its configuration composed by Hydra.

    Parameters
    ----------
    *words : str
        Overrides, and ``-m`` for a sweep.
    conf : Path
        The configuration.
    beside : Path, optional
        Another folder of configuration, as of ``--config-dir``.
    """
    mode = RunMode.MULTIRUN if "-m" in words else RunMode.RUN
    overrides = [full_key(word) for word in words if word != "-m"]
    if beside is not None:
        overrides.append(f"hydra.searchpath=[file://{beside}]")
    with initialize_config_dir(str(conf), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        composed = loader.load_configuration("train", overrides, run_mode=mode)
        if mode is RunMode.MULTIRUN:
            return composition.jobs(composed)
        return [composition.job(composed, composed.hydra)]
