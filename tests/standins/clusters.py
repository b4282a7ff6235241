"""A Dask cluster that is there already: a scheduler and two workers, in processes of their own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PROGRAM = """
import sys
from multiprocessing import set_forkserver_preload
import dask
from distributed import LocalCluster
dask.config.set({"distributed.scheduler.allowed-failures": 0})
if __name__ == "__main__":
    # Libraries only, once for both workers; the project is loaded by the jobs that bring it.
    dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"})
    set_forkserver_preload(["distributed", "mlflow", "sklearn.ensemble", "xarray", "zarr"])
    quiet = {"dashboard_address": "127.0.0.1:0", "silence_logs": 51, "scheduler_kwargs": {"dashboard": False}}
    with LocalCluster(n_workers=2, threads_per_worker=1, **quiet) as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()
"""


@contextmanager
def two_workers(folder: Path) -> Iterator[str]:
    """Start it, with its program in a folder; give the scheduler's address."""
    program = folder / "cluster.py"
    program.write_text(_PROGRAM)
    with subprocess.Popen(
        [sys.executable, str(program)],
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=folder,
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        try:
            yield process.stdout.readline().strip()
            process.stdin.close()
            process.wait(120)
        finally:
            process.kill()
