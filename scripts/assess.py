"""Assess a map: draw a random sample, estimate hectares from its labels, or choose what to label next.

See ``python scripts/assess.py --help``.
"""

from cropland import cli

if __name__ == "__main__":
    cli.main("assess")
