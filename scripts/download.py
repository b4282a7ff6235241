"""Fetch the observations of each country's points from Earth Engine or a STAC catalogue.

See ``python scripts/download.py --help`` for the groups and values of the configuration.
"""

from cropland import cli

if __name__ == "__main__":
    cli.main("download")
