"""Train and score candidates: one configuration, or with -m a sweep of them.

See ``python scripts/train.py --help``.
"""

from cropland import cli

if __name__ == "__main__":
    cli.main("train")
