"""Fetch the observations of each country's points from Earth Engine or a STAC catalogue.

See ``python scripts/download.py --help``.
"""

from cropland import cli

if __name__ == "__main__":
    cli.main("download")
