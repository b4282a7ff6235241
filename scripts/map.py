"""Map the cropland of an area by the champion of a country.

See ``python scripts/map.py --help`` for the groups and values of the configuration.
"""

import hydra
from omegaconf import DictConfig

from cropland import cli
from cropland.errors import answering


@hydra.main(version_base="1.3", config_path="../conf", config_name="map")
def map_cropland(config: DictConfig) -> None:
    """Map an area, tile by tile, and write its layers."""
    with answering():
        from hydra.core.hydra_config import HydraConfig

        from cropland.config import composition
        from cropland.config.commands.map import Map

        hydra_node = HydraConfig.get()
        command, countries = composition.command(Map, config, hydra_node)
        command.check_given(hydra_node.overrides.task)

        from cropland.commands import map

        map.run(command, countries)


if __name__ == "__main__":
    cli.launch(map_cropland)
