"""Cost curves: series against points, promotion and the UI's queries against candidates, sweeps against jobs.

``python benchmarks/curves.py series store sweep`` measures what is named, keeps the numbers in
``docs/cost_curves.csv`` beside the earlier ones, and draws all of them to ``docs/cost_curves.png``. Each
measurement has a process of its own, whose peak memory is that of the work.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from omegaconf import OmegaConf

import cropland
from cropland.support import figure_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes


ROOT = Path(__file__).parent.parent
TABLE, FIGURE = ROOT / "docs" / "cost_curves.csv", ROOT / "docs" / "cost_curves.png"
POINTS = (1_000, 10_000, 100_000, 1_000_000)
CANDIDATES = (1_000, 10_000)
JOBS = (10, 100, 1_000)
LAUNCHERS = ("basic",)
SPAN = 48
KEY = ["curve", "line", "count"]
PANELS = {
    "fill": ("Archive, simulated and stored", "points", "seconds"),
    "series": ("Series and features, 48 weeks × 5 bands", "points", "seconds"),
    "memory": ("Peak memory", "points", "MB"),
    "promotion": ("Promotion: the choice", "candidates", "seconds"),
    "query": ("Queries of MLflow's UI", "candidates", "seconds"),
    "sweep": ("Sweep of one country", "jobs", "seconds"),
}


def main() -> None:
    """Measure, keep, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", help="series, store, sweep; nothing: draw only")
    parser.add_argument("--most", type=int, default=POINTS[-1], help="most points of an archive")
    parser.add_argument("--launchers", nargs="+", default=LAUNCHERS, help="for sweep")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        gc.disable()  # as commands do
        print(json.dumps(WORK[asked.one[0]](int(asked.one[1]), Path(asked.one[2]))))
        return
    for what in asked.what:
        curves = {"series": lambda: series_curve(asked.most), "store": store_curve}
        curves["sweep"] = lambda: sweep_curve(asked.launchers)
        for row in curves[what]():
            print(f"{row['curve']:10} {row['line']:28} {row['count']:9,} {row['value']:10.3f}")
            keep(row)
    draw(pd.read_csv(TABLE))


def keep(row: dict[str, Any]) -> None:
    """Write a number into the table, in place of the earlier one."""
    rows = pd.DataFrame([row])
    table = pd.concat([pd.read_csv(TABLE), rows]) if TABLE.exists() else rows
    table = table.drop_duplicates(KEY, keep="last").sort_values(KEY)
    table.to_csv(TABLE, index=False, float_format="%.4g")


def alone(what: str, count: int, folder: Path) -> dict[str, float]:
    """Run one piece of work in a process of its own; return its seconds by stage and its peak memory."""
    command = [sys.executable, __file__, "--one", what, str(count), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def peak_megabytes() -> float:
    """Return the most memory that this process has used."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


# Points


def series_curve(most: int) -> Iterator[dict[str, Any]]:
    """Time how archives of more and more points are filled, and read into features."""
    for count in (each for each in POINTS if each <= most):
        with tempfile.TemporaryDirectory() as name:
            filled = alone("fill", count, Path(name))
            read = alone("read", count, Path(name))
        for curve, line, value in (
            ("fill", "simulate and store", filled["seconds"]),
            ("series", "first window", read["first"]),
            ("series", "each later window", read["later"]),
            ("memory", "simulate and store", filled["peak"]),
            ("memory", "series and features", read["peak"]),
            ("memory", "of these, the features", read["features"]),
        ):
            yield {"curve": curve, "line": line, "count": count, "value": value}


def group(name: str, choice: str) -> dict[str, Any]:
    """Read a file of the configuration."""
    found = OmegaConf.to_container(OmegaConf.load(ROOT / "conf" / name / f"{choice}.yaml"))
    assert isinstance(found, dict)
    return {str(key): value for key, value in found.items()}


def opened(points: int, folder: Path) -> tuple[cropland.Archive, cropland.Country]:
    """Open the simulated archive of Iran with so many points, half of them labelled; make it first."""
    from cropland.config.groups import Paths
    from cropland.config.sources import Simulated
    from cropland.sources import opening

    country = cropland.read_country(ROOT / "conf/country/iran.yaml")
    source = Simulated(**group("source", "simulated") | {"points": points // 2})
    paths = Paths(str(folder), str(folder), str(folder))
    return opening.archive_of(source, paths, country), country


def fill(points: int, folder: Path) -> dict[str, float]:
    """Make an archive."""
    began = time.perf_counter()
    opened(points, folder)
    return {"seconds": time.perf_counter() - began, "peak": peak_megabytes()}


def read(points: int, folder: Path) -> dict[str, float]:
    """Make the features of several windows of an archive that is there."""
    from cropland.config.groups import Features, Series
    from cropland.features.recipe import Recipe

    archive, country = opened(points, folder)
    seconds = []
    for months in range(3):
        recipe = Recipe(
            reference_end=country.reference.last.isoformat(),
            span=SPAN,
            end_offset_days=-30 * months,
            bands=("B2", "B3", "B4", "B8", "NDVI"),
            series=Series("raw", clear=False, step_days=5),
            features=Features("flat", flat=True, statistics=()),
        )
        began = time.perf_counter()
        size = recipe.samples(archive).matrix.nbytes
        seconds.append(time.perf_counter() - began)
    later, peak = float(np.median(seconds[1:])), peak_megabytes()
    return {"first": seconds[0], "later": later, "peak": peak, "features": size / 1e6}


# Candidates


def store_curve() -> Iterator[dict[str, Any]]:
    """Time the choice among more and more candidates, and what the UI asks for."""
    with tempfile.TemporaryDirectory() as name:
        first = Path(name) / "first"
        first.mkdir()
        words = ["country=iran", "model.n_estimators=10", f"span={SPAN}"]
        command = [sys.executable, str(ROOT / "scripts" / "train.py"), *words]
        subprocess.run(command, cwd=first, check=True, capture_output=True)
        for count in CANDIDATES:
            folder = Path(name) / str(count)
            shutil.copytree(first, folder)
            multiply(folder, count)
            promotion, queries = (alone(what, count, folder) for what in ("promote", "ask"))
            with contextlib.closing(sqlite3.connect(folder / "mlruns" / "mlflow.db")) as database:
                database.execute("ANALYZE")
            queries["the best 100, after ANALYZE"] = alone("ask", count, folder)["the best 100"]
            shutil.rmtree(folder)
            yield row("memory", "promotion", count, promotion.pop("peak"))
            for line, value in promotion.items():
                yield row("promotion", line, count, value)
            for line, value in queries.items():
                yield row("query", line, count, value)


def row(curve: str, line: str, count: int, value: float) -> dict[str, Any]:
    """Name a number."""
    return {"curve": curve, "line": line, "count": count, "value": value}


def multiply(folder: Path, count: int) -> None:
    """Write many runs like the one that is there, with spans, scores and predictions of their own."""
    database = sqlite3.connect(folder / "mlruns" / "mlflow.db")
    (like,) = database.execute("SELECT run_uuid FROM params LIMIT 1").fetchone()
    (artifacts,) = (folder / "mlruns" / "artifacts").glob(f"*/{like}/artifacts")
    table = pd.read_csv(artifacts / "predictions.csv")
    truth, random = table["Target"].to_numpy(), np.random.default_rng(0)
    hard = random.beta(0.4, 2.5, len(truth))  # the same points are difficult for all
    runs: list[tuple[str, dict[str, Any]]] = []
    for number in range(count):
        run = uuid.UUID(int=int(random.integers(2**62))).hex
        wrong = random.random(len(truth)) < hard * random.uniform(0.4, 1)
        place = artifacts.parents[1] / run / "artifacts"
        place.mkdir(parents=True)
        shutil.copy(artifacts / "config.yaml", place)
        table.assign(label=truth ^ wrong).to_csv(place / "predictions.csv", index=False)
        right = 1 - wrong.mean()
        changes = {"identity": run, "accuracy": right, "span": str(4 + number % 90)}
        changes["n_features"] = str(5 * (1 + 7 * (4 + number % 90) // 5))
        changes["accuracy_se"] = (right * (1 - right) / len(truth)) ** 0.5
        runs.append((run, changes | {"artifact_uri": place.as_uri()}))
    for name in ("runs", "params", "tags", "metrics", "latest_metrics"):
        copy_rows(database, name, like, runs)
    database.commit()
    database.close()


def copy_rows(
    database: sqlite3.Connection, table: str, like: str, runs: Iterable[tuple[str, dict[str, Any]]]
) -> None:
    """Copy what a table has of a run to others, with changes."""
    found = database.execute(f"SELECT * FROM {table} WHERE run_uuid = ?", [like])
    names = [column[0] for column in found.description]
    rows = [dict(zip(names, each, strict=True)) for each in found]
    copies = []
    for run, changes in runs:
        for each in rows:
            new = each | {"run_uuid": run}
            if table == "runs":
                new["artifact_uri"] = changes["artifact_uri"]
            elif each["key"] in changes:
                new["value"] = changes[each["key"]]
            copies.append(tuple(new.values()))
    marks = ", ".join("?" * len(names))
    database.executemany(f"INSERT INTO {table} VALUES ({marks})", copies)


def promote(_: int, folder: Path) -> dict[str, float]:
    """Choose among all candidates of a store; stages are timed by wrapping what they call."""
    os.chdir(folder)
    from cropland.learning import correction
    from cropland.models import competition, contenders, verdicts

    seconds: dict[str, float] = defaultdict(float)
    stages = {
        "search": (contenders, "comparable"),
        "tabulate": (contenders, "tabulated"),
        "read predictions": (contenders, "predictions"),
        "score on common points": (contenders.Field, "on_common_points"),
        "finalists again": (competition, "score_again"),
        "verdicts": (verdicts, "with_verdicts"),
        "BBC-CV": (correction, "bbc_cv"),
    }
    for stage, (owner, name) in stages.items():
        timed(owner, name, stage, seconds)
    command, country, archive, store = asked_to_promote()
    began = time.perf_counter()
    competition.compete(command, country, archive, store, lambda _: None)
    return {"all": time.perf_counter() - began, **seconds, "peak": peak_megabytes()}


def timed(owner: Any, name: str, stage: str, seconds: dict[str, float]) -> None:
    """Replace a function by one that adds its time to a stage."""
    original: Callable[..., Any] = getattr(owner, name)

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        began = time.perf_counter()
        try:
            return original(*args, **kwargs)
        finally:
            seconds[stage] += time.perf_counter() - began

    setattr(owner, name, wrapper)


def asked_to_promote() -> tuple[Any, cropland.Country, Any, Any]:
    """Return the configuration of ``scripts/promote.py country=iran``."""
    from cropland.config.commands.promote import Promote
    from cropland.config.groups import Paths, Promotion, Tracking, Validation
    from cropland.config.sources import Simulated
    from cropland.sources import opening
    from cropland.tracking.opening import open_store

    country = cropland.read_country(ROOT / "conf/country/iran.yaml")
    source = Simulated(**group("source", "simulated"))
    paths = Paths(**group("paths", "default"))
    local = Tracking(**group("tracking", "local"))
    command = Promote(
        source=source,
        paths=paths,
        tracking=local,
        validation=Validation(**group("validation", "kfold")),
        promotion=Promotion(**group("promotion", "default")),
        seed=2023,
        n_jobs=-1,
        force=False,
    )
    store = open_store(local, source.name)
    return command, country, opening.archive_of(source, paths, country), store


def ask(_: int, folder: Path) -> dict[str, float]:
    """Ask what the UI asks: a page of the shared view, and every run."""
    os.chdir(folder)
    *_, store = asked_to_promote()
    where, seconds = [store.experiment_id], {}
    questions: dict[str, Callable[[], object]] = {
        "the best 100": lambda: store.client.search_runs(
            where, order_by=["metrics.accuracy DESC"], max_results=100
        ),
        "every run": lambda: sum(1 for _ in store.search("")),
    }
    for line, question in questions.items():
        began = time.perf_counter()
        question()
        seconds[line] = time.perf_counter() - began
    return seconds


# Jobs


def sweep_curve(launchers: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Time whole commands: sweeps of more and more jobs over Iran with a small forest."""
    for launcher in launchers:
        for count in JOBS:
            spans = ",".join(map(str, range(4, 4 + min(count, 10))))
            periods = ",".join(str(-month) for month in range(min(count // 10, 10)))
            seeds = ",".join(map(str, range(max(count // 100, 1))))
            words = [f"span={spans}", f"period={periods}", f"seed={seeds}", "model.n_estimators=10"]
            words += ["country=iran", f"hydra/launcher={launcher}"]
            with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
                command = [sys.executable, str(ROOT / "scripts" / "train.py"), "-m", *words]
                began = time.perf_counter()
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                seconds = time.perf_counter() - began
            if done.returncode:
                raise SystemExit(done.stderr)
            yield row("sweep", launcher, count, seconds)


# Drawing


def draw(table: pd.DataFrame) -> None:
    """Draw a panel a curve on logarithmic axes, with a line of slope 1 to compare with."""
    # How much a promotion takes has another axis.
    table = table[(table["curve"] != "memory") | (table["line"] != "promotion")]
    curves = [name for name in PANELS if (table["curve"] == name).any()]
    drawing = figure_style.new(4.2 * 3, 4.1 * -(-len(curves) // 3))
    said = f"{os.cpu_count()} cores; in brackets: slope between the last two sizes"
    drawing.suptitle(said, x=0.01, ha="left", fontsize=9, color="0.3")
    panels = drawing.subplots(-(-len(curves) // 3), 3, squeeze=False).ravel()
    for panel, name in zip(panels, curves, strict=False):
        draw_lines(panel, table[table["curve"] == name])
        title, x, y = PANELS[name]
        panel.set_title(title, loc="left", fontsize=10)
        panel.set_xlabel(x)
        panel.set_ylabel(y)
    for panel in panels[len(curves) :]:
        panel.set_visible(False)
    FIGURE.write_bytes(figure_style.png(drawing))


def draw_lines(panel: Axes, table: pd.DataFrame) -> None:
    """Draw the lines of one curve, the dearest first, each with its slope over the last step."""
    panel.set_xscale("log")
    panel.set_yscale("log")
    order = table.groupby("line")["value"].max().sort_values(ascending=False).index
    for number, line in enumerate(order):
        own = table[table["line"] == line].sort_values("count")
        label = f"{line} ({slope(own):.2f})" if len(own) > 1 else line
        colour = figure_style.PALETTE[number % len(figure_style.PALETTE)]
        marker = figure_style.MARKERS[number % len(figure_style.MARKERS)]
        panel.plot(own["count"], own["value"], color=colour, marker=marker, ms=4, label=label)
    top = table[table["line"] == order[0]].sort_values("count")
    x = np.array([top["count"].min(), top["count"].max()])
    panel.plot(x, top["value"].iloc[-1] * x / x[-1], color="0.6", ls="--", lw=1, label="slope 1")
    figure_style.plain(panel, grid="both")
    panel.legend(
        loc="upper center", bbox_to_anchor=(0.45, -0.17), ncols=2, fontsize=8, frameon=False
    )


def slope(line: pd.DataFrame) -> float:
    """Return the slope on logarithmic axes between the last two numbers of a line."""
    x, y = np.log(line["count"].to_numpy()[-2:]), np.log(line["value"].to_numpy()[-2:])
    return float((y[1] - y[0]) / (x[1] - x[0]))


WORK: dict[str, Callable[[int, Path], dict[str, float]]] = {
    "fill": fill,
    "read": read,
    "promote": promote,
    "ask": ask,
}

if __name__ == "__main__":
    main()
