"""The schema of each command, a file a script, named as its file at the top of ``conf/``."""

WHERE = ("source", "paths.", "tracking")
"""Overrides that say where a command works, not what it does."""
