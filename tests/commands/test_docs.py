"""Every command of the documents is one that the configuration takes, and every link leads somewhere."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from standins.documents import ROOT, commands, parsed

from cropland.config import composition, shell_words
from cropland.config.commands.assess import Assess
from cropland.config.commands.compare import Compare
from cropland.config.commands.download import Download
from cropland.config.commands.map import Map
from cropland.config.commands.new_country import NewCountry
from cropland.config.commands.predict import Predict
from cropland.config.commands.promote import Promote
from cropland.config.commands.ui import Ui
from cropland.config.groups import Configuration
from cropland.config.model import full_key

DOCS = sorted((ROOT / "docs").glob("*.md"))
TEXTS = [
    *(path.read_text() for path in DOCS),
    *(
        "".join(cell["source"])
        for notebook in (ROOT / "docs").glob("notebooks/*.ipynb")
        for cell in json.loads(notebook.read_text())["cells"]
    ),
]
COMMANDS = sorted({command for text in TEXTS for command in commands(text)})
SCHEMAS = {
    "new_country": NewCountry,
    "train": Configuration,
    "download": Download,
    "promote": Promote,
    "predict": Predict,
    "map": Map,
    "assess": Assess,
    "compare": Compare,
    "ui": Ui,
}


def test_the_documents_have_commands() -> None:
    assert len(COMMANDS) >= 8
    assert all(command.startswith(("make ", "cropland ")) for command in COMMANDS)


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("cropland")])
def test_a_command_fills_the_schema(command: str) -> None:
    name, words = parsed(command)
    # A country of the reader's own is not among those that ship.
    words = [full_key(word).replace("=kenya", "=iran") for word in words if word != "-m"]
    if name == "new_country":
        words = shell_words.hydra_words(words, name)
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        if name == "train":
            # Outside of a multirun Hydra's own composition knows no sweeps.
            single = [word for word in words if not re.search(r"=(range|glob|[^{\[]*,)", word)]
            composed = compose(name, [*single, "hydra.mode=MULTIRUN"], return_hydra_config=True)
            composed.hydra.overrides.task = words
            composition.prepare_sweep(composed)
            enumerated = composition.is_enumerated(composed)
            assert (composition.jobs if enumerated else composition.search_jobs)(composed)
        else:
            composed = compose(name, words, return_hydra_config=True)
            HydraConfig.instance().set_config(composed)
            composition.command(SCHEMAS[name], composed, composed.hydra)


def texts_of_the_code() -> str:
    """All texts in the code, pieces of one text joined, what is filled in left out."""
    found = []
    for path in (ROOT / "cropland").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
            elif isinstance(node, ast.JoinedStr):
                parts = (getattr(part, "value", "") for part in node.values)
                found.append("".join(part if isinstance(part, str) else "{}" for part in parts))
    return "\n".join(found)


def test_the_messages_that_the_documents_explain_are_said() -> None:
    table = re.search(r"\| message \|.*?\n\n", (ROOT / "docs" / "data.md").read_text(), re.DOTALL)
    assert table is not None
    rows = [row for row in table[0].splitlines() if row.startswith("| `")]
    texts = texts_of_the_code()
    assert len(rows) >= 8
    for row in rows:
        for message in re.findall(r"`([^`]+)`", row.split("|")[1]):
            assert message in texts, message


LINKS = [
    (path.name, target)
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS)
    for target in re.findall(r"\]\(((?!http)[^)#]+)", path.read_text())
]


def test_the_documents_have_links() -> None:
    assert {"README.md", "CONTRIBUTING.md", "architecture.md", "maps.md"} <= {n for n, _ in LINKS}


@pytest.mark.parametrize(("name", "target"), LINKS)
def test_a_link_or_a_picture_leads_somewhere(name: str, target: str) -> None:
    folder = ROOT if (ROOT / name).exists() else ROOT / "docs"
    is_built = target.startswith("reference/")  # by the documentation's build, which checks it
    assert is_built or (folder / target).exists()


PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]


@pytest.mark.parametrize("path", [*PAGES, *DOCS], ids=lambda path: path.name)
def test_lines_of_prose_have_at_most_100_columns(path: Path) -> None:
    prose = re.sub(r"^(```.*?^```|\|.*?$)", "", path.read_text(), flags=re.DOTALL | re.MULTILINE)
    assert not [line for line in prose.splitlines() if len(line) > 100 and "](" not in line]


def test_the_files_that_the_architecture_names_are_there() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    modules = [path.relative_to(ROOT / "cropland") for path in (ROOT / "cropland").rglob("*.*")]
    named = 0
    for section in re.split(r"^#+ ", text, flags=re.MULTILINE):
        title = section.partition("\n")[0]
        room = title if (ROOT / "cropland" / title).is_dir() else ""
        for name in re.findall(r"`([\w/]+\.(?:py|js|html))`", section):
            inside = "" if "/" in name else room  # a bare name is of the section's package
            there = [
                f"/{path.as_posix()}" for path in modules if path.as_posix().startswith(inside)
            ]
            assert any(path.endswith(f"/{name}") for path in there) or (ROOT / name).is_file(), (
                f"{name} in {title!r}"
            )
            named += 1
    assert named > 100


def test_the_files_and_tests_that_a_contributor_is_sent_to_are_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    paths = re.findall(r"`((?:[\w.-]+/)+[\w.-]+\.\w+)`", text)
    assert len(set(paths)) > 20
    for name in paths:
        placeholders = ("NAME", "PACKAGE")
        assert (ROOT / name).exists() or any(word in name for word in placeholders), name
    code = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    for name in re.findall(r"`(test_\w+)`", text):
        assert f"def {name}(" in code, name
