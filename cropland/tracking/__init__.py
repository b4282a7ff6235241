"""Tracking: a record of finished work goes in, a run in MLflow comes out, and runs are found again.

MLflow's own classes stay here and in `cropland.models`; others get `records.TrackedRun` and `store.Store`.
It may touch the tracking store and read the state of the git work tree.
"""
