"""Score a land-cover raster on the labelled points of each country, beside its champion.

See ``python scripts/compare.py --help`` for the groups and values of the configuration.
"""

import hydra
from omegaconf import DictConfig

from cropland import cli
from cropland.errors import answering


@hydra.main(version_base="1.3", config_path="../conf", config_name="compare")
def compare(config: DictConfig) -> None:
    """Score each raster in each country, and say which is nearer to the labels."""
    with answering():
        from hydra.core.hydra_config import HydraConfig

        from cropland.config import composition
        from cropland.config.commands.compare import Compare

        command, countries = composition.command(Compare, config, HydraConfig.get())

        from cropland.commands import compare as comparing

        comparing.run(command, countries)


if __name__ == "__main__":
    cli.launch(compare)
