"""Landcover."""
