"""Open STAC catalogues of Sentinel-2 L2A: items are searched for, their COGs read at points or as cubes."""
