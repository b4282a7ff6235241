"""Sources fill archives and give images: exports, the simulation, Earth Engine, STAC, cubes on disk.

In: a source's settings, a country, its points or a grid. Out: the dataset of an `observations.archive`, or
the lazy image cube of `service.Service.cube`. The only package that touches the network, and files that users
or services wrote. `opening` knows all sources; no source knows another.
"""
