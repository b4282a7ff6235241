"""How near a download comes to what a service's limit allows: 1,000 points × 3 years, 20 requests at once.

The stand-in of Earth Engine answers each request in 2 s, from a process of its own; so the ideal is
requests ÷ 20 × 2 s. The plan for 100,000 points is timed too.
"""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).parent.parent
POINTS, LATENCY_SECONDS, LIMIT = 1_000, 2.0, 20
MANY = 100_000
BOX = {"south": 32.0, "north": 32.5, "west": 48.1, "east": 48.6}
"""Of conf/country/iran.yaml."""


def points(count: int, folder: Path) -> None:
    """Write a points file."""
    random = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "ID": [f"P{number}" for number in range(count)],
            "Lat": random.uniform(BOX["south"], BOX["north"], count).round(7),
            "Lon": random.uniform(BOX["west"], BOX["east"], count).round(7),
            "Target": np.arange(count) % 2,
        }
    )
    folder.mkdir()
    table.to_csv(folder / "Train.csv", index=False)


def plan_seconds() -> tuple[int, float]:
    """Plan a download of many points; give the number of requests and how long it took."""
    from cropland.sources.download import chunks

    random = np.random.default_rng(0)
    places = chunks.pack(random.uniform(30, 40, MANY), random.uniform(30, 40, MANY))
    began = time.perf_counter()
    days = (date(2018, 7, 1), date(2021, 6, 30))
    planned = [
        chunk
        for some, gap in chunks.missing(places, days, [])
        for chunk in chunks.cut(some, gap, 25, 12)
    ]
    return len(planned), time.perf_counter() - began


def download(folder: Path, url: str) -> str:
    """Download by command; give what it said."""
    command = [sys.executable, str(ROOT / "scripts" / "download.py"), "country=iran"]
    command += ["source=earthengine", "source.project=standin", f"source.endpoint={url}"]
    command += [f"paths.data={folder / 'points'}", f"source.workers={LIMIT}"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return done.stdout + done.stderr


def main() -> None:
    """Run both and print how they did."""
    planned, seconds = plan_seconds()
    print(f"plan of {MANY:,} points × 3 years: {planned:,} requests in {seconds:.2f} s")
    standin = [sys.executable, str(ROOT / "tests" / "standins" / "earthengine.py"), "iran"]
    standin += ["2018-07-01", "2021-06-30", f"--latency={LATENCY_SECONDS}", f"--limit={LIMIT}"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        points(POINTS, folder / "points")
        with subprocess.Popen(standin, stdout=subprocess.PIPE, text=True) as service:
            assert service.stdout is not None
            url = service.stdout.readline().strip()
            before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
            began = time.perf_counter()
            said = download(folder, url)
            took = time.perf_counter() - began
            peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
            service.terminate()
    answered = re.search(r"(\d+) requests answered, (\d+) retries, (\d+) s", said)
    assert answered is not None
    requests, retries, inside = map(int, answered.groups())
    ideal = requests / LIMIT * LATENCY_SECONDS
    print(f"{POINTS:,} points × 3 years: {requests} requests, {retries} retries in {took:.1f} s")
    print(f"ideal {ideal:.1f} s; {inside} s within the command, ratio {inside / ideal:.2f}")
    print(f"with the start of Python and its imports ratio {took / ideal:.2f}")
    print(f"peak memory {max(before, peak) / 1024:.0f} MB on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
