"""Predict points with the champion of each country.

See ``python scripts/predict.py --help``.
"""

from cropland import cli

if __name__ == "__main__":
    cli.main("predict")
