"""A synthetic landscape and what Sentinel-2 would see of it: a field over place and time, without state."""
