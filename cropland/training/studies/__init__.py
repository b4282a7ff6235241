"""Studies: a file a question, with its answer, its table and its figure.

In: a table of scored candidates, see `tables`. Out: a `Conclusion`. Memory only.
"""
