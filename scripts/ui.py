"""Show the runs and models of a tracking store in a browser, in MLflow's pages.

See ``python scripts/ui.py --help`` for the values of the configuration.
"""

from cropland import cli

if __name__ == "__main__":
    cli.main("ui")
