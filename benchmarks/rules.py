"""The rules of a promotion on real data: what each selects, its scores, and its predictions.

Takes a working folder in which sweeps of candidates have finished, and promotes and predicts by each rule
in a copy of its store, so that champions of the folder stay as they are::

    cropland train -m source=files paths.data=DATA 'span=range(12,53,4)' model=forest,extra_trees,svm
    python benchmarks/rules.py DATA --store .

Keeps ``rules.csv``, ``rules.md`` and, of each rule, ``RULE/predictions.csv`` in ``data/rules/``. What is
finished is not made again: remove the folder of a rule for that. Other words go to ``promote``.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from itertools import combinations
from pathlib import Path
from typing import Any, get_args

import pandas as pd

from cropland.config.groups import Rule
from cropland.support.words import markdown_table

ROOT = Path(__file__).parent.parent
RULES: tuple[Rule, ...] = get_args(Rule)
NAMED = ("span", "period", "bands", "model", "features")
"""Params that a candidate is called by."""


def command(name: str, folder: Path, words: list[str]) -> None:
    """Run a command in a folder; what it prints is added to ``log.txt`` there."""
    with (folder / "log.txt").open("a") as log:
        done = subprocess.run(
            [sys.executable, str(ROOT / "scripts" / f"{name}.py"), *words],
            cwd=folder,
            stdout=log,
            stderr=log,
            check=False,
        )
    if done.returncode:
        raise SystemExit(f"{name} failed in {folder}: see log.txt there")


def promoted(rule: Rule, folder: Path, store: Path, words: list[str], own: list[str]) -> None:
    """Promote by a rule in a copy of a store, and predict every unlabelled point."""
    if (folder / "predictions.csv").exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copytree(store / "mlruns", folder / "mlruns")
    where = [*words, f"paths.archive={store / 'data' / 'archive'}"]
    choice = [f"promotion.rule={rule}", "force=true", "tracking.moved=true"]
    command("promote", folder, [*where, *choice, *own])
    command("predict", folder, [*where, "output=unfinished.csv"])
    (folder / "unfinished.csv").rename(folder / "predictions.csv")


def rows_of(rule: Rule, folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the scores of each country's champion in a store."""
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{folder}/mlruns/mlflow.db")
    for model in client.search_registered_models():
        version = client.get_model_version_by_alias(model.name, "champion")
        run = client.get_run(str(version.run_id)).data
        scores = {
            name: run.metrics.get(f"accuracy{suffix}")
            for name, suffix in (
                ("cross-validated", ""),
                ("corrected", "_corrected"),
                ("low", "_corrected_low"),
                ("high", "_corrected_high"),
                ("blocks", "_blocks"),
            )
        }
        others = {name: run.metrics.get(name) for name in ("n_candidates", "brier", "cannot_tell")}
        country = {"country": run.params["country"], "rule": rule}
        yield country | {"selected": "; ".join(members_of(run.params))} | scores | others


def members_of(params: Mapping[str, str]) -> list[str]:
    """Return the members of a model in words, of params that are joined where members differ."""
    count = int(params["members"])
    values = [params[name].split(" | ") for name in NAMED]
    columns = [value if len(value) == count else value * count for value in values]
    members = zip(*columns, strict=True)
    return [f"{span}w to {period}, {' '.join(words)}" for span, period, *words in members]


def table_of(scores: pd.DataFrame) -> str:
    """Return the table in Markdown, with the mean over countries of each rule."""
    names = ("country", "rule", "selected", "cross-validated", "corrected (95 %)", "blocks")
    rows = [cells(row) for _, row in scores.sort_values(["country", "rule"]).iterrows()]
    numbers = ["cross-validated", "corrected", "blocks"]
    for rule, means in scores.groupby("rule")[numbers].mean().iterrows():
        rows.append(("mean", f"`{rule}`", "", *(f"{value:.3f}" for value in means)))
    return markdown_table(names, rows)


def cells(row: pd.Series[Any]) -> tuple[str, ...]:
    """Return the cells of a row."""
    interval = f"{row['corrected']:.3f} ({row['low']:.3f}…{row['high']:.3f})"
    own, blocks = (f"{row[name]:.3f}" for name in ("cross-validated", "blocks"))
    return row["country"].capitalize(), f"`{row['rule']}`", row["selected"], own, interval, blocks


def predictions_in_words(folder: Path) -> Iterator[str]:
    """Yield how many points each rule predicts, and in how many two rules agree."""
    tables = {
        rule: pd.read_csv(folder / rule / "predictions.csv", index_col="ID") for rule in RULES
    }
    for rule, table in tables.items():
        doubtful = (table["cannot_tell"].astype(str) == "True").sum()
        yield (
            f"{rule}: {len(table):,} points, {table['Target'].notna().sum():,} with a label, "
            f"{(table['Target'] == 1).mean():.1%} cropland, {doubtful:,} cannot tell"
        )
    for one, other in combinations(RULES, 2):
        same = tables[one]["Target"].eq(tables[other]["Target"]).mean()
        yield f"{one} and {other}: {same:.1%} of the labels are equal"


def main() -> None:
    """Promote, predict, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="the folder of points and exports")
    parser.add_argument("--store", type=Path, default=Path(), help="the sweeps' working folder")
    parser.add_argument("--folder", type=Path, default=ROOT / "data" / "rules")
    parser.add_argument("--country", default="all")
    asked, own = parser.parse_known_args()
    words = ["source=files", f"paths.data={asked.data.resolve()}", f"country={asked.country}"]
    for rule in RULES:
        promoted(rule, asked.folder.resolve() / rule, asked.store.resolve(), words, own)
        print(f"{rule}: promoted and predicted", flush=True)
    scores = pd.DataFrame(
        row for rule in RULES for row in rows_of(rule, asked.folder.resolve() / rule)
    )
    scores.to_csv(asked.folder / "rules.csv", index=False)
    (asked.folder / "rules.md").write_text(f"{table_of(scores)}\n", "utf-8")
    print(table_of(scores), *predictions_in_words(asked.folder), sep="\n")


if __name__ == "__main__":
    main()
