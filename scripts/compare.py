"""Score a land-cover raster on the labelled points of each country, beside its champion.

See ``python scripts/compare.py --help``.
"""

from cropland import cli

if __name__ == "__main__":
    cli.main("compare")
