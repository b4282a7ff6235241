"""Hydra on Dask: ``hydra/launcher=dask`` runs jobs on a cluster, ``hydra/sweeper=lean`` composes them.

It serves any Hydra application. What it leans on beneath Hydra's surface (1.3) is in `config.job_templates`.
"""
