"""Features: the observations of a window become an aligned series, and the series a matrix.

In: an archive of points or the images of pixels, a window. Out: a named matrix ``(sample, feature)``, the
same for training, points, REST and maps. Works in memory only.
"""
