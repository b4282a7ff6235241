"""Score a land-cover raster on the labelled points of each country, beside its champion.

See ``python scripts/compare.py --help`` for the groups and values of the configuration.
"""

from cropland import cli

if __name__ == "__main__":
    cli.main("compare")
