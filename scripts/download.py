"""Fetch the observations of each country's points from Earth Engine or a STAC catalogue.

See ``python scripts/download.py --help`` for the groups and values of the configuration.
"""

import hydra
from omegaconf import DictConfig

from cropland import cli
from cropland.errors import answering


@hydra.main(version_base="1.3", config_path="../conf", config_name="download")
def download(config: DictConfig) -> None:
    """Fetch what is missing, one country after the other."""
    with answering():
        from hydra.core.hydra_config import HydraConfig

        from cropland.config import composition
        from cropland.config.commands import WHERE
        from cropland.config.commands.download import Download

        hydra_node = HydraConfig.get()
        command, countries = composition.command(Download, config, hydra_node)
        where = [word for word in hydra_node.overrides.task if word.startswith(WHERE)]

        from cropland.commands import download as downloading

        downloading.run(command, countries, where)


if __name__ == "__main__":
    cli.launch(download)
