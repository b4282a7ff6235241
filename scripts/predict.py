"""Predict points by the champion of each country.

See ``python scripts/predict.py --help`` for the groups and values of the configuration.
"""

import hydra
from omegaconf import DictConfig

from cropland import cli
from cropland.errors import answering


@hydra.main(version_base="1.3", config_path="../conf", config_name="predict")
def predict(config: DictConfig) -> None:
    """Predict, one country after the other, and write one file."""
    with answering():
        from hydra.core.hydra_config import HydraConfig

        from cropland.config import composition
        from cropland.config.commands.predict import Predict

        command, countries = composition.command(Predict, config, HydraConfig.get())

        from cropland.commands import predict as predicting

        predicting.run(command, countries)


if __name__ == "__main__":
    cli.launch(predict)
