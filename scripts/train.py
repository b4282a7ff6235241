"""Train and score candidates: one configuration, or with -m a sweep of them.

See ``python scripts/train.py --help`` for the groups and values of the configuration.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import hydra

from cropland import cli

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from cropland.training.scoring import Scored


@hydra.main(version_base="1.3", config_path="../conf", config_name="train")
def train(config: DictConfig) -> list[Scored]:
    """Run one job, a configuration for one or more countries; give what is not tracked yet."""
    from hydra.core.hydra_config import HydraConfig

    from cropland.commands import train as sweep
    from cropland.config import composition

    hydra_node = HydraConfig.get()
    job = composition.job(config, hydra_node)
    return sweep.run_job(job, hydra_node.runtime.output_dir)


if __name__ == "__main__":
    cli.launch(train)
