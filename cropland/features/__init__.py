"""Features: from the observations of a window to a named matrix, the same way for points and pixels.

In: an `Archive`, or `Images` in memory, and a `Window`. Out: a series, and the ``(sample, feature)`` matrix
made of it. Memory only: no file, no network, no store.

``window`` (which days) → ``series`` of points (by ``interpolation``), ``pixel_series`` of pixels
(both aligned on a grid of days) → ``matrix``. A ``recipe`` is all three as one value, which a model keeps.
"""
