"""Assessment: a finished map and labels of a random sample become hectares with their intervals.

In: a `FinishedMap`, labels of people. Out: the files of a sample, an `AssessmentResult` and its report;
points to label next. May touch the map's layers; writes nothing itself.

``sampling`` (how many units, which) → ``sample`` (drawn from a map) → ``labels`` → ``area`` (error matrix →
hectares: arrays in, numbers out) → ``result`` → ``report``, ``figure``; ``next_points`` beside them.
"""
