"""The schema of ``conf/``: frozen dataclasses, filled and checked before any work starts."""
