"""The log of a run: what the process that opens it logs goes to its folder too, as that of its jobs does."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.utils import configure_log
from omegaconf import OmegaConf, open_dict, read_write

from cropland.config.plain_values import overrides_of

if TYPE_CHECKING:
    from omegaconf import DictConfig

log = logging.getLogger(__name__)
_QUIET = "quiet"
"""The file of ``conf/hydra/hydra_logging/``, in the place of which jobs' logging is put."""


def log_into(config: DictConfig, folder: Path) -> None:
    """Log by ``hydra.job_logging`` from here on, to the folder of a run or sweep.

    Hydra configures logging for a job only when its folder is there. Of ``hydra.hydra_logging``, which it
    takes between jobs, a choice of the user's own is kept.

    Parameters
    ----------
    config : DictConfig
        What Hydra composed, with its own node.
    folder : Path
        Its ``hydra.run.dir`` or ``hydra.sweep.dir``.
    """
    hydra = config.hydra
    if hydra.runtime.choices.get("hydra/hydra_logging") != _QUIET:
        return
    if hydra.runtime.choices.get("hydra/job_logging") == "default":  # its file is opened at once
        folder.mkdir(parents=True, exist_ok=True)
    with read_write(hydra), open_dict(hydra):
        hydra.runtime.output_dir = str(folder.absolute())
        # Resolved once: it is taken anew around each job.
        hydra.hydra_logging = OmegaConf.to_container(hydra.job_logging, resolve=True)
    configure_log(hydra.hydra_logging, hydra.verbose)


def log_words(hydra: DictConfig) -> None:
    """Log the folders that a configuration was read from, and the words beside it."""
    folders = [source.path for source in hydra.runtime.config_sources if source.schema == "file"]
    words = " ".join(overrides_of(hydra))
    log.debug("read %s.yaml in %s; given: %s", hydra.job.config_name, ", ".join(folders), words)
