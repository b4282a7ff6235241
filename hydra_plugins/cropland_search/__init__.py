"""Search on Hydra: ``hydra/sweeper=optuna`` asks Optuna which jobs to run next, and tells it their results.

It serves any Hydra application whose task returns a number. Its keys are those of Hydra's published plugin,
which demands an Optuna of before 2022. What it uses of Hydra's private names is in `config.hydra_internals`.
"""
