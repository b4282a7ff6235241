"""Choose, refit and register the best candidate of each country.

See ``python scripts/promote.py --help`` for the groups and values of the configuration.
"""

import hydra
from omegaconf import DictConfig

from cropland import cli
from cropland.errors import answering


@hydra.main(version_base="1.3", config_path="../conf", config_name="promote")
def promote(config: DictConfig) -> None:
    """Promote, one country after the other."""
    with answering():
        from hydra.core.hydra_config import HydraConfig

        from cropland.config import composition
        from cropland.config.commands import WHERE
        from cropland.config.commands.promote import Promote

        hydra_node = HydraConfig.get()
        command, countries = composition.command(Promote, config, hydra_node)
        where = [word for word in hydra_node.overrides.task if word.startswith(WHERE)]

        from cropland.commands import promote as promoting

        promoting.run(command, countries, where)


if __name__ == "__main__":
    cli.launch(promote)
