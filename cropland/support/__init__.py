"""Support: what every package may need and none owns: files, words, the terminal, progress, signals, Dask.

It imports no other package but `cropland.untrusted` and `cropland.errors`.
"""
