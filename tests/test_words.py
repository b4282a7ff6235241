"""Plain words: what people read, and the first words of docstrings, as the field's textbooks say it."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PLAIN = {
    r"made-up landscape|speaks? of (no|the) (real )?(country|season)|the labels speak": (
        "Simulated data: not valid for any real country; describe"
    ),
    r"answers for itself": "a documented, validated model",
    r"slips? of the pen|\bslips?\b(?! in)": "typing error",
    r"power cord|by ctrl-c or": "You can interrupt a sweep at any time",
    r"lies the future|ends? in the future|what is the future worth": "after the reference season",
    r"knows of a country|that it has not seen|places it has not": "transfer to another country",
    r"tells? (cropland|crops?|one class|it|them) from": "separates … from, distinguishes",
    r"\bportraits?\b": "diagnostics",
    r"\bteachers?\b|\bteach(es)?\b": "training countries, training samples; train",
    r"of the cropland points .* are found": "Recall (producer's accuracy)",
    r"labels count as right": "Label errors are not included",
    r"they do not assess": "Use them for training only, not for accuracy or area",
    r"it knows the land": "Valid within …; validate elsewhere before use",
    r"where the share is another": "error rates change with prevalence",
    r"commoner class": "majority class",
    r"\bobserved on:": "mean observations per pixel",
    r"unlike the training points:": "outside the area of applicability",
    r"can be defended": "an area estimate with its confidence interval",
    r"\bwinners?\b": "selected; champion",
    r"% of a bit\b": "entropy (0–100 %)",
    r"bit by bit": "identical",
    r"\bmend(s|ed|ing)?\b": "fix",
    r"\bheed(s|ed)?\b": "check",
    r"\bleft aside\b|\bpassed over\b": "excluded, ignored",
    r"\blooked at\b": "checked, used",
    r"\bspoken (of|to)\b|\bspeaks? with\b": "called, connected to",
    r"\b(is|are|was|were) told\b|\btold (apart|otherwise)\b|can(not)? be told": "used, passed, known",
    r"\b(runs?|sweeps?|models?|those|products) of before\b": "of earlier versions",
    r"give the (same )?command": "run the same command",
    r"\bof the house\b|\bthe house's\b": "of this project",
    r"\bthence\b|\bthereof\b|\bwhereof\b|\bthereby\b|\bwherefore\b": "shorter sentences",
}
"""Phrases that only this project used, and what to write."""
LABELS = {
    "blocks": "spatial block CV",
    "card": "model card",
    "corrected": "bias-corrected (BBC-CV)",
    "ill": "FAILED",
    "of": "tried",
    "taught": "training samples",
    "unlike": "dissimilarity",
    "winner": "selected",
}
"""Common words that are not clear as the heading of a column, the name of a fact or the label of a figure."""
VERBS = re.compile(
    r"(Be|Bring|Do|Give|Go|Have|Heed|Lay|Let|Mend|Put|Say|Settle|Take|Teach|Tell|Turn),?"
)
"""How no docstring of a function begins: Return, Compute, Read, Write, Check, Draw, Raise, Make say more."""
MODULES = frozenset(("assessed", "chosen", "found", "looked", "made", "said", "settled", "told"))
NAMES = frozenset(("heed", "told", "theirs", "mended", "teacher", "teachers", "portrait", "winner"))
"""Names of modules, and of functions, classes and values, that do not say what they hold."""
HASHED = re.compile(
    r"cropland/(observations/|features/|training/candidate_data|sources/(download|exports|simulation)/"
    r"|sources/service|support/(reading|columns|coordinates|vector_files)"
    r"|models/(request|fitted|member|prediction)|learning/(?!correction|learning_curve))"
    r"|tests/(observations/test_point_counts|sources/download|hostile/test_(broken_archives|pulled_plug))"
)
"""Code by which results are named, comments included: a plainer comment would make them anew.

And the tests that quote its messages."""
_NOT_READ = re.compile(r"\.(lock|png|ico)$|^CHANGELOG\.md$|^LICENSE|^tests/test_words\.py$")
_DRAWN = re.compile(
    r"add_(column|row)|annotate|legend|markdown_table|(sup|set_)?title|set(_[xy]label)?|text"
)


def sources(pattern: str = ".") -> Iterator[tuple[str, str]]:
    """Yield names and texts of the files in git that people read."""
    found = subprocess.run(
        ["git", "ls-files", "-z", pattern],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, found.stdout.split("\0")):
        if not _NOT_READ.search(name) and (ROOT / name).is_file():
            yield name, (ROOT / name).read_text(encoding="utf-8")


@cache
def trees() -> list[tuple[str, ast.Module]]:
    """Return the syntax trees of all modules but tests."""
    return [
        (name, ast.parse(text)) for name, text in sources("*.py") if not name.startswith("tests/")
    ]


def report(faults: list[str]) -> None:
    assert not faults, "\n" + "\n".join(faults)


def phrases(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield line, phrase and plain words; a line break, or that of a string literal, counts as a blank."""
    joined = re.sub(r"[\"'][ \t]*\n[ \t]*f?[\"']", lambda found: " " * len(found[0]), text)
    joined = joined.lower()  # in which patterns are found in two thirds of the time
    for pattern, plain in PLAIN.items():
        for found in re.finditer(pattern.replace(" ", r"\s+(?:# )?"), joined):
            yield text.count("\n", 0, found.start()) + 1, found[0], plain


def test_texts_have_plain_words() -> None:
    report(
        [
            f"{name}:{line}: {phrase!r}, write: {plain}"
            for name, text in sources()
            if not HASHED.match(name)
            for line, phrase, plain in phrases(text)
        ]
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('f"a map that is "\n    f"not looked at"', (2, "checked, used")),
        ('"a map that is looked "\n    f"at"', (1, "checked, used")),
        ("one\nruns of before", (2, "of earlier versions")),
        ("teaches", (1, "training countries, training samples; train")),
    ],
)
def test_phrases_are_found_across_lines(text: str, expected: tuple[int, str]) -> None:
    ((line, _, plain),) = phrases(text)
    assert (line, plain) == expected


def test_headings_and_labels_are_clear_alone() -> None:
    report(
        [
            f"{name}:{text.lineno}: {text.value!r} as a heading or a label, write: {LABELS[text.value]}"
            for name, tree in trees()
            for call in ast.walk(tree)
            if isinstance(call, ast.Call)
            and _DRAWN.fullmatch(getattr(call.func, "attr", getattr(call.func, "id", "")))
            for text in ast.walk(call)
            if isinstance(text, ast.Constant)
            and isinstance(text.value, str)
            and text.value in LABELS
        ]
    )


def test_docstrings_begin_with_verbs_that_everybody_uses() -> None:
    report(
        [
            f"{name}:{node.lineno}: {doc.split()[0]!r} begins a docstring, write: Return, Compute, Read, "
            f"Write, Check, Draw, Raise, Make, Print"
            for name, tree in trees()
            if not HASHED.match(name)
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef) and (doc := ast.get_docstring(node))
            if VERBS.fullmatch(doc.split()[0])
        ]
    )


def test_names_say_what_they_hold() -> None:
    faults = []
    for name, tree in trees():
        if Path(name).stem in MODULES:
            faults.append(f"{name}: {Path(name).stem!r} names a module, write: a noun")
        for node in ast.walk(tree):
            given = getattr(node, "id", getattr(node, "arg", getattr(node, "name", None)))
            if isinstance(given, str) and given in NAMES:
                line = getattr(node, "lineno", 1)
                faults.append(
                    f"{name}:{line}: {given!r} is a name, write: the noun of what it holds"
                )
    report(faults)
