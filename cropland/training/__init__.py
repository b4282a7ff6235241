"""Training: candidates are scored, swept over, and compared by studies.

In: jobs of `cropland.config`. Out: one outcome and one run a candidate, the closing table, the conclusion
of a study. Touches the run folder (its ledger and job settings) and the tracking store.
"""
