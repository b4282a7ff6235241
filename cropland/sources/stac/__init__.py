"""Open STAC catalogues of Sentinel-2 L2A: items are searched for, their COGs read at points or as cubes.

In: places or a grid, days and bands. Out: a `service.Seen` or a lazy cube. Touches the network, or a folder
of items and COGs.
"""
