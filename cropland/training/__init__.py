"""Training: candidates are scored and tracked; a sweep of them ends with a report, a study with an answer.

In: checked jobs (`cropland.config.jobs`). Out: a run a candidate, their outcomes in the ledger of the run
folder, a conclusion. May touch the run folder, archives and, by `cropland.tracking`, the store; consoles are
handed in.

``candidates`` → ``sweep`` (checked by ``preflight``, without what ``resume`` knows) → ``job_settings`` →
``scoring`` of ``candidate_data`` → ``outcome`` in the ``ledger`` → ``sweep_end`` with ``report`` or
``studies``.
"""
