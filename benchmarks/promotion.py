"""Promotion of three countries with figures: forests fitted by `learning.forest_fit`, and by scikit-learn.

    python benchmarks/promotion.py              4 candidates a country
    python benchmarks/promotion.py --rounds 3   three pairs, in turns

Both choose and register the same; that is checked by what they print.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

SWEEP = ("-m", "country=all", "span=24,48", "bands=ndvi,visible_nir_ndvi", "model=forest")
LAUNCH = """
import sys
from cropland.cli import main
from cropland.learning import forest_fit
if sys.argv.pop(1) == "own":  # no series of scikit-learn is known
    forest_fit._SERIES = "no version"
main()
"""


class Cost(NamedTuple):
    """What a command took, and the lines that it printed of the selected."""

    seconds: float
    processor: float
    selected: list[str]


def run(folder: Path, way: str, *words: str) -> Cost:
    """Run a command of Cropland in a process of its own."""
    before, started = os.times(), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", LAUNCH, way, *words],
        cwd=folder,
        env={**os.environ, "COLUMNS": "120"},
        check=True,
        capture_output=True,
        text=True,
    )
    seconds, after = time.perf_counter() - started, os.times()
    processor = sum(after[2:4]) - sum(before[2:4])
    lines = done.stdout.splitlines()
    return Cost(seconds, processor, [line for line in lines if " selected " in line])


def promote(folder: Path, way: str) -> Cost:
    """Promote in a copy of a folder, where no champion is yet."""
    with tempfile.TemporaryDirectory() as parent:
        copy = shutil.copytree(folder, Path(parent) / "copy")
        return run(copy, way, "promote", "country=all", "tracking.moved=true")


def main() -> None:
    """Print the cost of each promotion, and the ratio of each pair."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--rounds", type=int, default=1)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run(folder, "grown", "train", *SWEEP)
        for _ in range(rounds):
            costs = [promote(folder, way) for way in ("own", "grown")]
            own, grown = costs
            for way, cost in zip(("scikit-learn's own fits", "forest_fit"), costs, strict=True):
                print(f"{way}: {cost.seconds:.1f} s, {cost.processor:.1f} s of a processor")
            print(
                f"ratio {grown.seconds / own.seconds:.2f}, of a processor "
                f"{grown.processor / own.processor:.2f}; "
                f"the same selected: {own.selected == grown.selected}",
                flush=True,
            )


if __name__ == "__main__":
    main()
