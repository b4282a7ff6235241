"""Choose, refit and register the best candidate of each country.

See ``python scripts/promote.py --help``.
"""

from cropland import cli

if __name__ == "__main__":
    cli.main("promote")
