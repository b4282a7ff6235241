"""Image cubes that users have on disk: Zarr and NetCDF stores, and folders of GeoTIFFs.

In: a path. Out: a `cube.Cube`, whose parts are read into memory by the contract of `service.Service.cube`.
Touches these files and nothing else.
"""
