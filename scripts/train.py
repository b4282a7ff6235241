"""Train and score candidates: one configuration, or with -m a sweep of them.

See ``python scripts/train.py --help`` for the groups and values of the configuration.
"""

from cropland import cli

if __name__ == "__main__":
    cli.main("train")
