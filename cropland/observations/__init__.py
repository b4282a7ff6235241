"""Observations of points: bands and their values, points files, and the archive that holds both.

In: tables and arrays that sources read. Out: an `archive.Archive`, checked against the contract at its top.
Touches the disk (points files, archives) and no network.
"""
