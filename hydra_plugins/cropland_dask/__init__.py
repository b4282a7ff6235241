"""Hydra on Dask: ``hydra/launcher=dask`` runs jobs on a cluster, ``hydra/sweeper=lean`` composes them.

It serves any Hydra application. What it uses of Hydra's private names is in `config.hydra_internals`.
"""
