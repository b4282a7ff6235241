"""Google Earth Engine: points by computeFeatures, cubes by computePixels."""
