"""Assess a map: draw a random sample, estimate hectares from its labels, or choose what to label next.

See ``python scripts/assess.py --help`` for the groups and values of the configuration.
"""

from cropland import cli

if __name__ == "__main__":
    cli.main("assess")
