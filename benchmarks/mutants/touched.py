"""Which fast tests touch which lines of the package, and how long each takes."""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import coverage
import pytest
from processes import PACKAGE, Mutant, forked, run_tests

if TYPE_CHECKING:
    from faults import Fault

ROOT = PACKAGE.parent
_KEPT = ROOT / "build" / "mutants"
_MEASURED = (
    *("features/", "learning/", "maps/", "models/", "observations/", "support/", "training/"),
    *("sources/test_exports.py", "test_public.py"),
)
"""Tests about single modules; those of commands are slow, and claim little about numbers."""
_LIMIT = 900.0
"""Seconds that a file of tests may take while it is measured."""
_SECONDS = 40.0
"""The most that the tests of one mutant may take."""


class _Watch:
    """A plugin of pytest: the time of each test, and the lines that are touched meanwhile."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._failed: set[str] = set()
        self._coverage = coverage.Coverage(data_file=None, include=[f"{PACKAGE}/*"])
        self._coverage.start()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Name what is touched by the test, its fixtures included."""
        self._coverage.switch_context(item.nodeid)
        return (yield)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the time of a test; one that does not pass without a fault notices none."""
        self._seconds[report.nodeid] = self._seconds.get(report.nodeid, 0.0) + report.duration
        if not report.passed:
            self._failed.add(report.nodeid)

    def save(self, path: Path) -> None:
        """Write the times of tests, and of each module the tests of each line."""
        self._coverage.stop()
        data = self._coverage.get_data()
        lines = {
            Path(file).relative_to(PACKAGE).as_posix(): data.contexts_by_lineno(file)
            for file in data.measured_files()
        }
        seconds = {name: t for name, t in self._seconds.items() if name not in self._failed}
        failed = sorted(self._failed)
        path.write_text(json.dumps({"seconds": seconds, "failed": failed, "lines": lines}))


@dataclass(frozen=True)
class Touched:
    """Tests of lines.

    Attributes
    ----------
    seconds : dict of str to float
        What each test takes, of those that pass.
    lines : dict of str to dict of int to set of str
        By module and line, the tests that touch it.
    """

    seconds: dict[str, float]
    lines: dict[str, dict[int, set[str]]]

    @classmethod
    def measured(cls, workers: int) -> Touched:
        """Measure the files of tests that have changed, or all where the code has; read the others."""
        _KEPT.mkdir(parents=True, exist_ok=True)
        kept = {path: _KEPT / f"{mark}.json" for path, mark in _marks().items()}
        for old in set(_KEPT.iterdir()) - set(kept.values()):
            old.unlink()
        jobs = (
            (path, lambda folder, pair=(path, file): _measure(*pair, folder), _LIMIT)
            for path, file in kept.items()
            if not file.exists()
        )
        for path, code in forked(jobs, workers):
            if not kept[path].exists():
                print(f"{path} was not measured (exit code {code}): its tests are left out")
        seconds: dict[str, float] = {}
        lines: dict[str, dict[int, set[str]]] = {}
        for file in filter(Path.exists, kept.values()):
            found = json.loads(file.read_text())
            seconds |= found["seconds"]
            for test in found["failed"]:
                print(f"fails or is skipped without a fault, left out: {test}")
            for module, tests_of in found["lines"].items():
                for line, tests in tests_of.items():
                    lines.setdefault(module, {}).setdefault(int(line), set()).update(tests)
        return cls(seconds, lines)

    def mutant(self, module: str, fault: Fault) -> Mutant:
        """Return a mutant with the tests that touch its line: the nearest first, of these the quickest."""
        package, _, name = module.rpartition("/")
        nearest = f"tests/{package}/test_{name}"

        def order(test: str) -> tuple[int, float]:
            file = test.partition("::")[0]
            rank = 0 if file == nearest else 1 if file.startswith(f"tests/{package}/") else 2
            return rank, self.seconds[test]

        stages: dict[bool, list[str]] = {True: [], False: []}
        total = 0.0
        for test in sorted(self._tests(module, fault.line) & self.seconds.keys(), key=order):
            if total + self.seconds[test] <= _SECONDS:
                total += self.seconds[test]
                stages[test.startswith(f"{nearest}::")].append(test)
        tests = tuple(tuple(stage) for stage in stages.values() if stage)
        return Mutant(module, fault, tests, total)

    def _tests(self, module: str, line: int) -> set[str]:
        """Return the tests of a line; of one that an import touches, those of what it defines."""
        statement, is_in_function = _statement(module, line)
        tests = self._of(module, range(statement.lineno, line + 1))
        if is_in_function:
            return tests
        if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
            return self._of(module, range(statement.lineno, (statement.end_lineno or 0) + 1))
        targets = getattr(statement, "targets", [getattr(statement, "target", None)])
        parts = [part for target in targets if target for part in ast.walk(target)]
        users = [self._users(part.id) for part in parts if isinstance(part, ast.Name)]
        return tests.union(*users) if users else self._of(module, self.lines.get(module, ()))

    def _of(self, module: str, lines: Iterable[int]) -> set[str]:
        touched = self.lines.get(module, {})
        return set().union(*(touched.get(line, ()) for line in lines)) - {""}

    def _users(self, name: str) -> set[str]:
        """Return the tests of all lines in which a name stands."""
        tests: set[str] = set()
        for module in self.lines:
            code = enumerate(_text(module).splitlines(), start=1)
            tests |= self._of(module, [at for at, line in code if re.search(rf"\b{name}\b", line)])
        return tests


def _measure(tests: str, file: Path, folder: Path) -> int:
    watch = _Watch()
    code = run_tests([tests], folder, plugins=[watch])
    watch.save(file)
    return code


def _marks() -> dict[str, str]:
    """Return each file of tests, with a hash of it and of all that it may use."""
    files = sorted((ROOT / "tests").rglob("*.py"))
    common = hashlib.blake2b()
    for path in [*sorted(PACKAGE.rglob("*.py")), *files]:
        if not path.name.startswith("test_"):
            common.update(path.read_bytes())
    marks: dict[str, str] = {}
    for path in files:
        name = path.relative_to(ROOT / "tests").as_posix()
        if path.name.startswith("test_") and name.startswith(_MEASURED):
            content = name.encode() + path.read_bytes() + common.digest()
            marks[f"tests/{name}"] = hashlib.blake2b(content, digest_size=12).hexdigest()
    return marks


@cache
def _text(module: str) -> str:
    return (PACKAGE / module).read_text()


def _statement(module: str, line: int) -> tuple[ast.stmt, bool]:
    """Return the innermost statement that a line belongs to, and whether a function has it in its body."""
    within = [
        node
        for node in ast.walk(_tree(module))
        if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or 0)
    ]
    innermost = max(within, key=lambda node: node.lineno)
    return innermost, any(
        isinstance(node, ast.FunctionDef) for node in within if node is not innermost
    )


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse(_text(module))
