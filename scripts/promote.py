"""Choose, refit and register the best candidate of each country.

See ``python scripts/promote.py --help`` for the groups and values of the configuration.
"""

from cropland import cli

if __name__ == "__main__":
    cli.main("promote")
