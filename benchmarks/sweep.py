"""What a sweep costs beside its fits: 60 jobs × 3 countries, by stage, with peak memory.

The stages are measured inside one process, by timing what each candidate calls; Hydra is what is left of the
time between the first job and the last.
"""

from __future__ import annotations

import os
import resource
import runpy
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parent.parent
SWEEP = ("span=4,8,12,16,20,24,28,32,36,40", "period=0,-1,-2", "bands=ndvi,visible_nir_ndvi")
JOBS = 60


def timed(owner: Any, name: str, stage: str, seconds: dict[str, float]) -> None:
    """Replace a function by one that adds its time to a stage."""
    original: Callable[..., Any] = getattr(owner, name)

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        started = time.perf_counter()
        try:
            return original(*args, **kwargs)
        finally:
            seconds[stage] += time.perf_counter() - started

    setattr(owner, name, wrapper)


def main() -> None:
    """Run the sweep and print its stages."""
    from cropland import material, sweep, tracking

    seconds: dict[str, float] = defaultdict(float)
    timed(material, "cross_validate", "validation", seconds)
    timed(material.Material, "samples", "series and features", seconds)
    timed(tracking.Store, "finished", "tracking: look-up", seconds)
    timed(tracking.Store, "start", "tracking: create run", seconds)
    timed(tracking.Store, "_write", "tracking: write", seconds)
    timed(sweep, "run_job", "jobs", seconds)
    timed(sweep, "begin", "begin", seconds)
    timed(sweep, "end", "end", seconds)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        sys.argv = ["train.py", "-m", "country=all", *SWEEP]
        started = time.perf_counter()
        runpy.run_path(str(ROOT / "scripts" / "train.py"), run_name="__main__")
        total = time.perf_counter() - started
    inside = sum(seconds[key] for key in seconds if key not in ("jobs", "begin", "end"))
    seconds["the rest of a job"] = seconds["jobs"] - inside
    seconds["Hydra"] = total - seconds["jobs"] - seconds["begin"] - seconds["end"]
    print(f"\n{JOBS} jobs × 3 countries in {total:.1f} s")
    for stage, spent in sorted(seconds.items(), key=lambda item: -item[1]):
        print(f"{stage:22} {spent:7.2f} s  {spent / JOBS * 1e3:6.0f} ms a job")
    beside = (seconds["jobs"] - seconds["validation"]) / JOBS * 1e3
    print(f"beside validation and Hydra: {beside:.0f} ms a job")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory: {peak:.0f} MB")


if __name__ == "__main__":
    main()
