"""Exports that users have on disk, in the layout of the original study: `source=files`.

In: CSV or Parquet files of a country, with its points files beside them. Out: an archive, with what was found
in their numbers. Reads these files, and writes none.
"""
