"""Maps: a champion and images become layers, a picture, a page and hectares.

In: a champion (`cropland.models`), the images of a grid (`cropland.sources`), an area. Out: a folder with a
GeoTIFF a layer, ``quicklook.png``, ``map.html`` and ``map.json``. May touch raster files, that folder and a
Dask cluster; no run and no registry, which commands give it.

``plan`` (what is mapped, and the hash of all that decides it) → ``extent``, ``outline`` (grid, tiles) →
``imagery`` → ``compute`` (tiles on a cluster) → ``tile_store`` → ``assemble`` → ``layers``, ``geotiff``,
``facts`` → ``quicklook``, ``page`` → ``finished_map``, which ``assessment`` reads.
"""
