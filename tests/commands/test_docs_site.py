"""The site of `make docs`: pages that are made from the code, notebooks, and where a page begins."""

from __future__ import annotations

import json
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

import cropland
from cropland.errors import ConfigError

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
INCLUDED = ("changelog", "contributing")


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What writes the reference."""
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "_extensions"))
    import configuration_pages

    return configuration_pages


def test_every_key_of_every_command_is_in_the_reference_with_its_comment(pages: Any) -> None:
    assert {path.stem for path in (ROOT / "conf").glob("*.yaml")} - {"local"} == set(pages.COMMANDS)
    rows = pages.commands_page().splitlines()
    assert re.search(r"^\| `span` \| whole number \| `48` \| .+weeks \|$", "\n".join(rows), re.M)
    assert not [row for row in rows if row.startswith("| `") and row.endswith(" |  |")]
    groups = {path.name for path in (ROOT / "conf").iterdir() if path.is_dir()}
    assert groups == {*pages.GROUPS, *pages.OTHERS, "hydra"}
    text = pages.configuration_page()
    assert "| `promotion.rule` | `best`, `one_standard_error`, `average` | `best` | " in text
    assert "| `source.workers` | whole number, 1 or more, at most 1,000 | `20` | " in text
    assert "`model=forest` | `sklearn.ensemble.RandomForestClassifier`" in text
    assert "`conf/local.yaml`" not in text


def test_a_key_without_a_comment_is_refused(pages: Any, tmp_path: Path) -> None:
    import configuration_keys as keys

    file = tmp_path / "raw.yaml"
    file.write_text("name: raw\nclear: true  # drop clouds\nstep_days: 5\n")
    with pytest.raises(keys.UndocumentedError, match=r"series\.step_days has no comment"):
        keys.of_file(pages.Series, file, "series.")
    file.write_text("name: raw\nclear: true  # drop clouds\nstep_days: 5  # days\n")
    clear, days = keys.of_file(pages.Series, file, "series.")
    assert clear.row == "| `series.clear` | `true`, `false` | `true` | drop clouds |"
    assert days.row == (
        "| `series.step_days` | whole number, 1 or more, at most 366 | `5` | days |"
    )


def test_the_python_page_has_what_the_package_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "_extensions"))
    import api_pages

    assert all(f":: cropland.{name}\n" in api_pages.page() for name in cropland.__all__)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_stored_without_outputs(path: Path) -> None:
    cells = json.loads(path.read_text())["cells"]
    assert cells[0]["cell_type"] == "markdown"
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in code)
    assert "pip install" in "".join(code[0]["source"])  # said where cropland is not installed


def test_an_error_in_a_notebook_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as raised:
        cropland.read_country("conf/country/iran.yaml")
    (line,) = raised.value._render_traceback_()
    assert line == (
        "cropland: no file conf/country/iran.yaml; give the file of a country, or a name: "
        "afghanistan, iran, sudan"
    )


def test_a_country_is_read_by_its_name_the_own_file_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    iran = cropland.read_country("iran")
    assert iran == cropland.read_country(ROOT / "conf" / "country" / "iran.yaml")
    text = (ROOT / "conf" / "country" / "iran.yaml").read_text().replace("32.5", "32.4")
    (tmp_path / "conf" / "country").mkdir(parents=True)
    (tmp_path / "conf" / "country" / "iran.yaml").write_text(text)
    assert cropland.read_country("iran").box.north == 32.4
    with pytest.raises(ConfigError, match="unknown country 'irn'; did you mean 'iran'"):
        cropland.read_country("irn")


def test_a_simulated_archive_is_that_of_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (candidate,) = cropland.compose(["country=iran", "source.points=10", "source.margin_days=30"])
    from cropland.sources import opening

    stored = opening.archive_of(
        candidate.configuration.source, candidate.configuration.paths, candidate.country
    )
    made = cropland.simulate(candidate.country, points=10, margin_days=30)
    assert made.dataset.drop_attrs().equals(stored.dataset.drop_attrs().load())
    assert (made.first, made.last) == (stored.first, stored.last)
    with pytest.raises(ConfigError, match="simulate: points must be 2 or more, got 1"):
        cropland.simulate(candidate.country, points=1)
    with pytest.raises(ConfigError, match="simulate: expected at most 5,000 points, got 5,001"):
        cropland.simulate(candidate.country, points=5_001)


def test_what_is_cited_is_this_version() -> None:
    cited, project = (
        re.search(r'^version(?:: | = ")([\d.]+)', (ROOT / name).read_text(), re.MULTILINE)
        for name in ("CITATION.cff", "pyproject.toml")
    )
    assert cited is not None and project is not None
    assert cited[1] == project[1] == version("cropland")
    assert f"(version {cited[1]})" in (ROOT / "docs" / "citing.md").read_text()


def test_the_names_that_runs_are_said_to_have_are_in_the_code() -> None:
    text = (ROOT / "docs" / "mlflow.md").read_text().partition("## Params")[2]
    names = set(re.findall(r"`([a-z]\w+)`", text.partition("## Registered")[0]))
    code = "\n".join(path.read_text() for path in (ROOT / "cropland").rglob("*.py"))
    assert len(names) > 40
    assert not [name for name in names if not re.search(rf"\b{name}\b", code)]


PAGES = [path for path in sorted((ROOT / "docs").glob("*.md")) if path.stem not in INCLUDED]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_begins_with_what_it_is_for(path: Path) -> None:
    title, first, *_ = path.read_text().split("\n\n")
    assert title.startswith("# ")
    assert re.match(r"[A-Z`*].*\.", first, re.DOTALL) and not first.startswith("```"), first
