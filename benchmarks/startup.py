"""Wall time of one configuration of one country with its data already there, imports included."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
RUNS = 5


def seconds(folder: str, *overrides: str) -> float:
    """Time one command."""
    command = [sys.executable, str(ROOT / "scripts" / "train.py"), *overrides]
    started = time.perf_counter()
    # Without compiled bytecode imports take much longer; an installed project has it.
    variables = {
        key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"
    }
    subprocess.run(command, cwd=folder, env=variables, check=False, capture_output=True)
    return time.perf_counter() - started


def main() -> None:
    """Print medians."""
    with tempfile.TemporaryDirectory() as folder:
        seconds(folder, "country=iran")  # makes archive and database
        for name, overrides in {
            "one configuration, fitted": ("country=iran", "force=true"),
            "one configuration, already there": ("country=iran",),
            "a typo": ("country=iran", "span=abc"),
        }.items():
            taken = [seconds(folder, *overrides) for _ in range(RUNS)]
            spread = f"{min(taken):.2f} … {max(taken):.2f}"
            print(f"{name}: median {statistics.median(taken):.2f} s of {RUNS} ({spread})")


if __name__ == "__main__":
    main()
