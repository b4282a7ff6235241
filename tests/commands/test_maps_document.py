"""The worked example of docs/maps.md, and what the README says of it, run from points to hectares."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pandas as pd
from standins.shell import QUICK, Shell

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "maps.md").read_text()
README = (ROOT / "README.md").read_text()
SMALL = "box=[48.300,32.200,48.304,32.2037]"
MORE = {
    "train": QUICK,
    "map": (SMALL,),
    "assess": (),
    "compare": (),
}


def commands(text: str) -> list[str]:
    blocks = "\n".join(re.findall(r"```bash\n(.*?)```", text, re.DOTALL))
    return [line.partition(" #")[0].strip() for line in blocks.splitlines() if line.strip()]


EXAMPLE = commands(DOCUMENT[: DOCUMENT.index("## What a map consists of")])
COMPARISON = commands(DOCUMENT.partition("## Compare two maps")[2].partition("\n## ")[0])
SAMPLES = [each for each in commands(DOCUMENT) if "assess.py" in each and each not in EXAMPLE]


def test_the_example_leads_from_points_to_hectares(iran: Shell, tmp_path: Path) -> None:
    shell = iran.copy(tmp_path / "work")
    said = {}
    for command in (*EXAMPLE, *SAMPLES, *COMPARISON):
        _, path, *words = shlex.split(command)
        script = Path(path).stem
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
    assert (folder / "beside_iran.html").is_file()
    assert len(pd.read_csv(folder / "sample.csv")) == 600


def test_the_readme_and_make_show_the_same_example() -> None:
    shown = [each for each in commands(README) if re.search(r"scripts/(map|assess)\.py", each)]
    assert len(shown) == 3 and set(shown) <= set(EXAMPLE)
    makefile = (ROOT / "Makefile").read_text()
    for command in EXAMPLE[:2]:
        assert command.removeprefix("python ") in makefile
