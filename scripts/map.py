"""Map the cropland of an area with the champion of a country.

See ``python scripts/map.py --help``.
"""

from cropland import cli

if __name__ == "__main__":
    cli.main("map")
