"""Where things enter that others have made: files that were sent, answers of services, models of a registry.

In: texts, addresses, rasters, stores and answers that nobody here has checked. Out: plain values, or an error
of one line. Nothing of what enters runs as code, or opens another file or host; sizes have bounds where they
are known before. Whoever reads such a thing reads it through a module of this package; ``docs/security.md``
says what is trusted and what is not.

It imports nothing else of Cropland but `cropland.errors` and `cropland.secret_text`.
"""
