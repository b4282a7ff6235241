"""Predict points by the champion of each country.

See ``python scripts/predict.py --help`` for the groups and values of the configuration.
"""

from cropland import cli

if __name__ == "__main__":
    cli.main("predict")
