"""Composing the words of ``train`` without its command line: what it would hand to callbacks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode

from cropland.config.hydra_internals import parsed_arguments
from cropland.config.search_path import SHIPPED

if TYPE_CHECKING:
    from omegaconf import DictConfig


@contextmanager
def composed(words: Sequence[str]) -> Iterator[DictConfig]:
    """Compose a command line as a sweep, whose several values are not in what is composed.

    Raises
    ------
    HydraException
        Words that cannot be composed.
    """
    arguments, _ = parsed_arguments(words)
    overrides = list(arguments.overrides)
    if arguments.config_dir:
        overrides.append(f"hydra.searchpath=['file://{Path(arguments.config_dir).absolute()}']")
    folder = Path(arguments.config_path or SHIPPED).absolute()
    with initialize_config_dir(str(folder), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        yield loader.load_configuration(
            arguments.config_name or "train", overrides, run_mode=RunMode.MULTIRUN
        )
