"""Cropland: from labelled points to a validated cropland model of any country."""
