"""The whole study: ``study=time_range`` with all tracking against plain pandas and scikit-learn, in one run.

The reference does what the notebooks of the original study do for each country × window: read the country's
export, choose the window, align each point's series (group by point, reindex by day, interpolate, every
fifth day) and cross-validate a forest in two folds. It tracks nothing. Both see the same simulated
observations, and the sweep is timed as its user sees it: from the command to its last line, imports and a new
database included.

    python benchmarks/study.py              the reference on every third configuration
    python benchmarks/study.py --every 1    on all of them
"""

from __future__ import annotations

import argparse
import json
import os
import runpy
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import psutil

from cropland.learning import fast_forest

if TYPE_CHECKING:
    from cropland.config.countries import Country
    from cropland.features.window import Window
    from cropland.observations.archive import Archive

ROOT = Path(__file__).parent.parent
BANDS = ["B2", "B3", "B4", "B8"]
MODELS = {"forest": 5.0, "forest_fast": 12.0}
"""What is measured, and the ratio that is asked of it."""
SPANS, PERIODS = (4, 12, 24, 48, 96), range(-22, 13, 2)
"""Of conf/study/time_range.yaml."""


def archives(folder: Path) -> dict[str, tuple[Country, Archive]]:
    """Make the simulated archives of all countries, by a sweep's own first configuration."""
    from hydra import compose, initialize_config_dir
    from rich.console import Console

    from cropland.config import composition
    from cropland.training import preflight

    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        composed = compose(
            "train", [f"paths.archive={folder}/data/archive"], return_hydra_config=True
        )
        job = composition.job(composed, composed.hydra)
    made = preflight.open_archives(job.configuration, job.countries, Console(stderr=True))
    return {country.name: (country, made[country.name]) for country in job.countries}


def export(archive: Archive, folder: Path) -> Path:
    """Write an archive as Earth Engine would have exported it, with its labels beside it."""
    points = archive.points.to_dataframe().reset_index(drop=True)
    rows = pd.DataFrame({name: archive.raw(name) for name in BANDS})
    rows.insert(0, "ID", points["ID"].repeat(archive.dataset["row_size"].to_numpy()).to_numpy())
    rows["Timestamp"] = archive.times
    path = folder / f"{archive.country}.csv"
    rows.to_csv(path, index=False)
    points[points["Target"] >= 0].to_csv(folder / f"{archive.country}_labels.csv", index=False)
    return path


def reference(path: Path, window: Window) -> float:
    """Score one country × window as the notebooks do."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.model_selection import KFold, cross_val_score

    rows = pd.read_csv(path, parse_dates=["Timestamp"])
    labels = pd.read_csv(path.with_name(f"{path.stem}_labels.csv"), usecols=["ID", "Target"])
    rows = rows[rows["ID"].isin(labels["ID"])]
    first, last = pd.Timestamp(window.first), pd.Timestamp(window.last)
    rows = rows[(rows["Timestamp"] >= first) & (rows["Timestamp"] < last + pd.Timedelta(days=1))]
    rows = rows.assign(day=rows["Timestamp"].dt.normalize()).drop_duplicates(["ID", "day"])
    days = pd.date_range(first, last)

    def aligned(one: pd.DataFrame) -> pd.DataFrame:
        by_day = one.set_index("day")[BANDS].reindex(days)
        return by_day.interpolate(limit_direction="both").iloc[::5]

    series = pd.concat({name: aligned(one) for name, one in rows.groupby("ID")}, names=["ID"])
    flat = series.unstack().astype("float32")
    target = labels.set_index("ID")["Target"].loc[flat.index]
    forest = RandomForestClassifier(100, max_depth=10, random_state=2023)
    folds = KFold(2, shuffle=True, random_state=2023)
    return float(cross_val_score(forest, flat.to_numpy(), target, cv=folds).mean())


def windows_of(country: Country, archive: Archive) -> list[Window]:
    """Return the windows of the study that are inside an archive."""
    from cropland.errors import WindowError
    from cropland.features.window import Window

    found = []
    for span in SPANS:
        for period in PERIODS:
            window = Window.of(country.reference, span, period)
            try:
                window.check_inside(archive)
            except WindowError:
                continue
            found.append(window)
    return found


def sweep(folder: Path, model: str) -> dict[str, float]:
    """Run the study in a Python of its own; give its seconds by stage and its peak memory."""
    store = folder / model
    store.mkdir()
    command = [sys.executable, __file__, "--stages", str(store / "stages.json"), "study=time_range"]
    command += [f"model={model}", f"paths.archive={folder}/data/archive"]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    log = store / "said.txt"
    started = time.perf_counter()
    with log.open("w") as said:
        process = subprocess.Popen(command, cwd=store, stdout=said, stderr=said, env=environment)
        peak = peak_memory(process)
    if process.returncode != 0:
        raise SystemExit(log.read_text())
    stages: dict[str, float] = json.loads((store / "stages.json").read_text())
    return {"total": time.perf_counter() - started, "peak": peak, **stages, **_in_runs(store)}


def peak_memory(process: subprocess.Popen[bytes]) -> float:
    """Watch a process and all below it; give the most memory that they had, MB (shared pages once)."""
    watched, peak = psutil.Process(process.pid), 0.0
    while process.poll() is None:
        try:
            family = [watched, *watched.children(recursive=True)]
            peak = max(peak, sum(each.memory_full_info().pss for each in family) / 1e6)
        except psutil.NoSuchProcess:
            pass
        time.sleep(3)  # looking slows down the processes that are measured
    return peak


def _in_runs(store: Path) -> dict[str, float]:
    """Add up what the runs say of themselves: seconds for data and for fits, wherever they were spent."""
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{store}/mlruns/mlflow.db")
    experiment = client.get_experiment_by_name("cropland-simulated")
    assert experiment is not None
    runs = client.search_runs(
        [experiment.experiment_id],
        "params.span != '' and attributes.status = 'FINISHED'",
        max_results=5000,
    )
    folds = int(runs[0].data.params["validation.folds"])
    return {
        "runs": float(len(runs)),
        "data": sum(run.data.metrics["features_seconds"] for run in runs),
        "fit": sum(run.data.metrics["fit_seconds"] for run in runs) * folds,
    }


def timed(owner: Any, name: str, stage: str, seconds: dict[str, float]) -> None:
    """Replace a function by one that adds its processor time to a stage."""
    original: Callable[..., Any] = getattr(owner, name)

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if threading.current_thread() is not threading.main_thread():
            return original(*args, **kwargs)
        started = time.thread_time()
        try:
            return original(*args, **kwargs)
        finally:
            seconds[stage] += time.thread_time() - started

    setattr(owner, name, wrapper)


def with_stages(path: Path, words: list[str]) -> None:
    """Run ``scripts/train.py``, and write down what this process spends on Hydra and on tracking."""
    from cropland.commands import train
    from cropland.config import composition, job_templates
    from cropland.tracking.store import Store

    seconds: dict[str, float] = defaultdict(float)
    timed(composition, "jobs", "Hydra", seconds)
    timed(Store, "keep", "tracking", seconds)
    timed(train, "begin", "begin", seconds)
    timed(train, "end", "end", seconds)
    sys.argv = ["train.py", *words]
    composed = job_templates.Templates.composed

    def launching(self: Any, *given: Any) -> Any:
        if not train._sessions:
            return composed(self, *given)  # within composition.jobs, which is timed
        started = time.thread_time()
        try:
            return composed(self, *given)
        finally:
            seconds["Hydra"] += time.thread_time() - started

    job_templates.Templates.composed = launching  # type: ignore[method-assign]
    runpy.run_path(str(ROOT / "scripts" / "train.py"), run_name="__main__")
    path.write_text(json.dumps(seconds))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--every", type=int, default=3)
    parser.add_argument("--stages", type=Path)
    options, words = parser.parse_known_args()
    if options.stages:
        with_stages(options.stages, words)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found = archives(folder)
        exports = {name: export(archive, folder) for name, (_, archive) in found.items()}
        work = [(exports[name], each) for name in found for each in windows_of(*found[name])]
        chosen = work[:: options.every]
        started = time.perf_counter()
        for path, window in chosen:
            reference(path, window)
        plain = (time.perf_counter() - started) / len(chosen) * len(work)
        print(f"{len(work)} country-windows, {os.cpu_count()} cores")
        print(f"plain pandas and scikit-learn: {plain:.0f} s (measured on {len(chosen)} of them)")
        for model, asked in MODELS.items():
            if model == "forest_fast" and not fast_forest.has_fast():
                print(f"model={model} cannot be used here ({fast_forest.REMEDY}); not measured")
                continue
            _tell(model, asked, plain, sweep(folder, model))


def _tell(model: str, asked: float, plain: float, spent: dict[str, float]) -> None:
    """Print the ratio of a sweep and where its time went."""
    runs = spent["runs"]
    overhead = (spent["Hydra"] + spent["tracking"]) / runs * 1e3
    print(
        f"model={model}: {spent['total']:.1f} s, ratio {plain / spent['total']:.1f} (asked: {asked:.0f}), "
        f"peak memory {spent['peak']:.0f} MB of all processes together"
    )
    here = {name: spent[name] for name in ("Hydra", "begin", "tracking", "end")}
    there = {name: spent[name] for name in ("data", "fit")}
    where_and_what = (("in the first process, of a processor", here), ("in its workers", there))
    for where, stages in where_and_what:
        listed = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in stages.items())
        print(f"  {where}: {listed}")
    print(f"  Hydra and tracking together: {overhead:.0f} ms of a processor a candidate")
    cores = os.cpu_count() or 1
    longer = spent["total"] / (spent["fit"] / cores)
    print(f"  {longer:.2f} times the seconds of its fits, shared by {cores} cores")


if __name__ == "__main__":
    main()
