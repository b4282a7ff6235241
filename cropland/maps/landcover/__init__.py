"""Land cover: existing maps on labelled points, beside the champion's out-of-fold predictions.

In: raster files, labelled points, out-of-fold predictions. Out: a `MapComparison` with its scores and
report. May touch raster files.

``raster`` (the class at points) → ``agreement`` (scores with intervals: arrays in, numbers out) →
``comparison``.
"""
