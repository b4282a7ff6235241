"""Formats in which users have image cubes: Zarr and NetCDF stores, and GeoTIFF time steps."""
