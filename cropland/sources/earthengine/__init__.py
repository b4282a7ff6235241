"""Google Earth Engine: points by computeFeatures, cubes by computePixels.

In: places or a grid, days and bands. Out: a `service.Seen` or a lazy cube. Touches the network, and the
credentials that the user stored.
"""
