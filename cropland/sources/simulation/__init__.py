"""A synthetic landscape and what Sentinel-2 would see of it: a field over place and time, without state.

In: a country, its profile and a seed. Out: the observations of points or the images of a grid, the same bytes
for the same input. Touches memory only.
"""
