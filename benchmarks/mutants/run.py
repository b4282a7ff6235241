"""Measure whether the fast tests notice small faults in the core.

Each fault is put into one module, in memory, in a process of its own. Then those tests run that touch its
line, the nearest and quickest first, until one fails. Which tests touch a line is measured once and kept in
``build/mutants`` until code or tests change. The seed decides the order of the faults, the minutes how many
are tried. ``survivors.yaml`` lists faults that no test notices, with the reason; those that are equivalent
change no result and do not count.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import importlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import yaml
from faults import Fault, faults
from processes import outcomes
from touched import Touched

ROOT = Path(__file__).parents[2]
CORE = (
    *(
        "observations",
        "features",
        "learning",
        "training/identity.py",
        "models/competition.py",
        "models/selection.py",
    ),
    *("maps/extent.py", "maps/assessment/area.py"),
)
LIBRARIES = (
    *(
        "dask.array",
        "hydra",
        "joblib",
        "matplotlib.figure",
        "mlflow.store.tracking.sqlalchemy_store",
    ),
    *(
        "pandas",
        "pyarrow.csv",
        "pydantic",
        "rich.table",
        "scipy.stats",
        "sklearn.ensemble",
        "spyndex",
    ),
    *("sklearn.model_selection", "xarray", "zarr"),
)
"""Imported once. Nothing that loads GDAL or PROJ: their state does not outlive a fork."""
NOTICED = 0.95
"""Share of the faults that is to be noticed."""
SURVIVORS = Path(__file__).with_name("survivors.yaml")


def main() -> int:
    """Try faults until the time is over; print those that survive, and the share that is noticed."""
    options = _options()
    chosen = _chosen(options.only, options.since, options.seed)
    _prepare()
    touched = Touched.measured(options.workers)
    listed = {(entry["module"], entry["old"], entry["new"]): entry for entry in _listed()}
    mutants = (touched.mutant(module, fault) for module, fault in chosen)
    started = time.monotonic()
    counts = dict.fromkeys(("noticed", "equivalent", "listed", "survived"), 0)
    for mutant, is_noticed in outcomes(mutants, options.workers, 60 * options.minutes):
        entry = listed.get((mutant.module, mutant.fault.old, mutant.fault.new))
        if is_noticed and entry:
            print(f"noticed, take it from the list: {mutant}")
        elif not is_noticed and not entry:
            print(f"survived {sum(map(len, mutant.tests))} tests: {mutant}", flush=True)
        kind = "equivalent" if entry and entry["equivalent"] else "listed" if entry else "survived"
        counts["noticed" if is_noticed else kind] += 1
        if sum(counts.values()) % 50 == 0:
            print(f"{sum(counts.values())} faults: {counts}", flush=True)
    tried = sum(counts.values())
    share = counts["noticed"] / max(tried - counts["equivalent"], 1)
    minutes = (time.monotonic() - started) / 60
    print(f"{tried} of {len(chosen)} faults in {minutes:.1f} minutes: {counts}")
    print(f"noticed, without the equivalent ones: {share:.1%}")
    return int(share < NOTICED)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Put small faults into the core and run its tests."
    )
    parser.add_argument("--minutes", type=float, default=10, help="how long faults are tried")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes at once")
    parser.add_argument("--seed", type=int, default=2023, help="decides the order of the faults")
    parser.add_argument("--since", help="only lines that have changed since this commit")
    parser.add_argument("--only", nargs="+", default=CORE, help="modules and packages of cropland/")
    return parser.parse_args()


def _chosen(only: list[str], since: str | None, seed: int) -> list[tuple[str, Fault]]:
    """Return faults of some modules, shuffled; what is not edited keeps its place among the others."""
    changed = _changed(since) if since else None
    package = ROOT / "cropland"
    paths = sorted(
        path
        for name in only
        for path in ([package / name] if name.endswith(".py") else (package / name).rglob("*.py"))
    )
    keyed = {}
    for path in paths:
        module = path.relative_to(package).as_posix()
        for fault in faults(path.read_text()):
            if changed is None or fault.line in changed.get(module, ()):
                words = f"{seed} {module} {fault.old} {fault.new}"
                keyed[hashlib.blake2b(words.encode()).digest()] = module, fault
    return [keyed[key] for key in sorted(keyed)]


def _changed(since: str) -> dict[str, set[int]]:
    """Return the lines of each module that have changed since a commit."""
    command = ["git", "diff", "--unified=0", since, "--", "cropland"]
    text = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    changed: dict[str, set[int]] = {}
    module = ""
    for line in text.splitlines():
        if line.startswith("+++ "):
            module = line.removeprefix("+++ b/cropland/")
        elif match := re.match(r"@@ .* \+(\d+)(?:,(\d+))? @@", line):
            first, count = int(match[1]), int(match[2] or 1)
            changed.setdefault(module, set()).update(range(first, first + count))
    return changed


def _listed() -> Iterator[dict[str, str]]:
    """Read the list of survivors; say which are of code that is no longer there."""
    for entry in yaml.safe_load(SURVIVORS.read_text()) or []:
        path = ROOT / "cropland" / entry["module"]
        known = faults(path.read_text()) if path.is_file() else ()
        if any((fault.old, fault.new) == (entry["old"], entry["new"]) for fault in known):
            yield entry
        else:
            print(f"no longer in {entry['module']}, take it from the list: {entry['old']}")


def _prepare() -> None:
    """Import what all processes need but the package itself; examples of tests are the same each time."""
    os.chdir(ROOT)
    phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
    hypothesis.settings.register_profile(
        "mutants", derandomize=True, database=None, deadline=None, phases=phases
    )
    hypothesis.settings.load_profile("mutants")
    for name in LIBRARIES:
        importlib.import_module(name)
    gc.freeze()


if __name__ == "__main__":
    sys.exit(main())
