"""Write the file of a country from its labelled points.

See ``python scripts/new_country.py --help`` for the values of the configuration.
"""

from cropland import cli

if __name__ == "__main__":
    cli.main("new_country")
