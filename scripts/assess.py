"""Assess a map: draw a random sample, estimate hectares from its labels, or choose what to label next.

See ``python scripts/assess.py --help`` for the groups and values of the configuration.
"""

import hydra
from omegaconf import DictConfig

from cropland import cli
from cropland.errors import answering


@hydra.main(version_base="1.3", config_path="../conf", config_name="assess")
def assess(config: DictConfig) -> None:
    """Draw a sample of a map; with labels=, estimate from it; with next=, choose what to label."""
    with answering():
        from hydra.core.hydra_config import HydraConfig

        from cropland.config import composition
        from cropland.config.commands.assess import Assess

        hydra_node = HydraConfig.get()
        command, countries = composition.command(Assess, config, hydra_node)
        command.check_given(hydra_node.overrides.task)

        from cropland.commands import assess as assessing

        assessing.run(command, countries)


if __name__ == "__main__":
    cli.launch(assess)
