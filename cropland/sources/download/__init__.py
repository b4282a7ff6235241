"""Downloads: what is missing of a country's points is fetched from a service, kept in parts, and read again.

In: points, days and a `service.Service`. Out: parts on disk, a Parquet file a chunk; of them an archive.
Touches the folder of downloads, and the network by way of the service.
"""
