"""Promotion of three simulated countries, four candidates each, with diagnostic figures and without.

python benchmarks/promotion.py              one of each
python benchmarks/promotion.py --rounds 3   three pairs, in turns
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

ROOT = Path(__file__).parent.parent
SWEEP = ("-m", "country=all", "span=24,48", "bands=ndvi,visible_nir_ndvi", "model=forest")


class Cost(NamedTuple):
    """What a command took, in seconds, and in seconds of a processor."""

    seconds: float
    processor: float


def run(folder: Path, script: str, *words: str) -> Cost:
    """Run a command of Cropland in a process of its own."""
    before, started = os.times(), time.perf_counter()
    command = [sys.executable, str(ROOT / "scripts" / script), *words]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    seconds, after = time.perf_counter() - started, os.times()
    return Cost(seconds, sum(after[2:4]) - sum(before[2:4]))


def promote(folder: Path, figures: str) -> Cost:
    """Promote in a copy of a folder, where no champion is yet."""
    with tempfile.TemporaryDirectory() as parent:
        copy = shutil.copytree(folder, Path(parent) / "copy")
        words = ("country=all", "tracking.moved=true", f"promotion.figures={figures}")
        return run(copy, "promote.py", *words)


def main() -> None:
    """Print what each promotion took."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--rounds", type=int, default=1)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run(folder, "train.py", *SWEEP)
        for _ in range(rounds):
            for figures in ("true", "false"):
                cost = promote(folder, figures)
                print(
                    f"promotion.figures={figures}: {cost.seconds:.1f} s, "
                    f"{cost.processor:.1f} s of a processor",
                    flush=True,
                )


if __name__ == "__main__":
    main()
