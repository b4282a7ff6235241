"""Train and score candidates: one configuration, or with -m a sweep of them.

See ``python scripts/train.py --help`` for the groups and values of the configuration.
"""

import hydra
from omegaconf import DictConfig

from cropland import cli


@hydra.main(version_base="1.3", config_path="../conf", config_name="train")
def train(config: DictConfig) -> None:
    """Run one job: a configuration, for one or more countries."""
    from hydra.core.hydra_config import HydraConfig

    from cropland import composition, sweep

    hydra_node = HydraConfig.get()
    job = composition.job(config, hydra_node)
    sweep.run_job(job, hydra_node.runtime.output_dir)


if __name__ == "__main__":
    cli.launch(train)
