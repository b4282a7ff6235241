"""A Python that has imported everything and forks for each command: a start costs milliseconds, not seconds.

Reads a JSON line a command on standard input (``script``, ``words``, ``cwd``, ``environment``, ``out``,
``err``), runs it as ``python script words…`` would in a child of its own, and answers with a line, the
exit code.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import sys
import traceback
from typing import Any

# Nothing that loads GDAL or PROJ: their state does not outlive a fork, and a child now and then dies of it.
PRELOADED = (
    "cropland.commands.train",
    "cropland.commands.predict",
    "cropland.commands.promote",
    "cropland.commands.download",
    "cropland.config.composition",
    "cropland.models.fitted",
    "cropland.models.diagnostics",
    "cropland.reproduction.study",
    "cropland.sources.simulation.source",
    "cropland.training.studies.conclude",
    "mlflow.pyfunc",
    "mlflow.store.tracking.sqlalchemy_store",
    "mlflow.store.model_registry.sqlalchemy_store",
    "sklearn.ensemble",
    "sklearn.model_selection",
    "matplotlib.figure",
    "spyndex",
    "zarr",
    "hydra._internal.hydra",
    "alembic",
)


def main() -> None:
    """Answer commands until standard input ends."""
    for name in PRELOADED:
        importlib.import_module(name)
    gc.freeze()  # a child that collects garbage need not copy what is none
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os._exit(_command(**json.loads(line)))
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _command(
    script: str, words: list[str], cwd: str, environment: dict[str, str], out: str, err: str
) -> int:
    """Be the command: give its exit code, as Python's own exit would."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    for number, path in ((0, os.devnull), (1, out), (2, err)):
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.dup2(file, number)
        os.close(file)
    sys.argv = [script, *words]
    given = environment.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:1] = [os.path.dirname(script), *filter(None, given)]  # noqa: PTH120
    code: Any = 0
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as ending:
        code = ending.code
    except BaseException:
        traceback.print_exc()
        code = 1
    if isinstance(code, str):
        sys.stderr.write(f"{code}\n")
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return int(code or 0)


if __name__ == "__main__":
    main()
