"""Configuration: ``conf/`` and the command line become frozen dataclasses and jobs, checked before any work.

In: YAML files and words of the command line, as Hydra composes them. Out: `jobs.Job`,
`groups.Configuration`, `countries.Country`, the command's dataclass in `commands`. Touches neither data
nor the tracking store, and no ``DictConfig`` leaves it.
"""
