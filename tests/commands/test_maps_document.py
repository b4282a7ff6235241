"""The worked example of docs/maps.md, and what the README says of it, run from points to hectares."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pandas as pd
from standins.documents import commands, parsed, text
from standins.shell import QUICK, Shell

DOCUMENT = text("docs/maps.md")
SMALL = "box=[48.300,32.200,48.304,32.2037]"
MORE = {
    "train": QUICK,
    "map": (SMALL,),
    "assess": (),
    "compare": (),
}


EXAMPLE = commands(DOCUMENT[: DOCUMENT.index("## What a map consists of")])
COMPARISON = commands(DOCUMENT.partition("## Compare two maps")[2].partition("\n## ")[0])
SAMPLES = [each for each in commands(DOCUMENT) if " assess " in each and each not in EXAMPLE]


def test_the_example_leads_from_points_to_hectares(iran: Shell, tmp_path: Path) -> None:
    shell = iran.copy(tmp_path / "work")
    said = {}
    for command in (*EXAMPLE, *SAMPLES, *COMPARISON):
        script, words = parsed(command)
        words = [word for word in words if not (script == "map" and word.startswith("box="))]
        near = ("min_distance=10",) if any(word.startswith("next=") for word in words) else ()
        done = shell.run(*words, *MORE[script], *near, script=script)
        assert done.returncode == 0, (command, done.stderr)
        said[command] = done.stdout
    folder = shell.folder / "maps" / "iran"
    facts = json.loads((folder / "map.json").read_text())
    true = sum(facts["truth"][1]) / sum(map(sum, facts["truth"])) * sum(facts["hectares"].values())
    estimated = re.search(r"cropland: ([\d.,]+) ± ([\d.,]+) ha", said[EXAMPLE[3]])
    assert estimated is not None
    value, margin = (float(each.replace(",", "")) for each in estimated.groups())
    assert abs(value - true) <= margin / 1.96 * 4  # 4 standard errors: a chance of 1 in 16,000
    assert len(pd.read_csv(folder / "next_points.csv")) <= 50
    assert "cropland only in maps_2021/iran" in said[COMPARISON[1]]
    assert (folder / "beside_maps_2021_iran.html").is_file()
    assert len(pd.read_csv(folder / "sample.csv")) == 600


def test_the_readme_and_make_show_the_same_example() -> None:
    shown = [each for each in commands(text("README.md")) if re.search(" (map|assess) ", each)]
    assert len(shown) == 3 and set(shown) <= set(EXAMPLE)
    for command in EXAMPLE[:2]:
        name, _, words = command.removeprefix("cropland ").partition(" ")
        assert f"scripts/{name}.py {words}" in text("Makefile")
