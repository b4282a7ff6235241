"""The package as a wheel, in an environment of its own and a folder with nothing in it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BUILD = "import sys, setuptools.build_meta as build; build.build_wheel(sys.argv[1])"
KENYA = (
    "name: kenya\ntitle: Kenya\nbox: {south: 1.0, north: 1.4, west: 36.0, east: 36.4}\n"
    "reference: {start: 2020-01-01, end: 2020-12-31}\n"
)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command ``cropland`` of a new environment, with this one's packages but not the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for name in ("cropland", "conf", "hydra_plugins"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, source / name, ignore=ignored)
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    (source / "conf" / "local.yaml").write_text("span: 1\n")  # a user's own, not for others
    subprocess.run([sys.executable, "-c", BUILD, folder], cwd=source, check=True)
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    python = folder / "venv" / "bin" / "python"
    pip = [python, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    subprocess.run([*pip, *folder.glob("*.whl")], check=True)
    asked = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    packages = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()
    # A path of the last rank; .pth files in it, such as the checkout's, are not followed.
    Path(packages, "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python.with_name("cropland")


def run(command: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    unwanted = ("PYTHONPATH", "HYDRA_FULL_ERROR")
    environment = {key: value for key, value in os.environ.items() if key not in unwanted}
    return subprocess.run(
        [command, *words], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.processes
def test_an_installed_command_trains_in_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    words = ["source.points=40", "model.n_estimators=5", "validation.folds=3", "n_jobs=1"]
    done = run(installed, tmp_path, "train", "-m", "country=iran", "span=24,48", *words)
    assert done.returncode == 0, done.stderr
    assert "cropland promote source.points=40 country=iran" in done.stderr + done.stdout
    (ledger,) = tmp_path.glob("mlruns/runs/*/outcomes.jsonl")
    assert len([json.loads(line) for line in ledger.read_text().splitlines()]) == 2
    assert list(tmp_path.glob("data/archive/**/iran*"))
    assert {path.name for path in tmp_path.iterdir()} == {"data", "mlruns"}


@pytest.mark.processes
def test_a_folder_s_own_configuration_stands_before_the_package_s(
    installed: Path, tmp_path: Path
) -> None:
    own = tmp_path / "conf"
    (own / "country").mkdir(parents=True)
    (own / "country" / "kenya.yaml").write_text(KENYA)
    done = run(installed, tmp_path, "train", "country=kenia")
    assert done.stderr.startswith("cropland: unknown country 'kenia'; did you mean 'kenya'")
    shown = run(installed, tmp_path, "train", "--cfg", "job", "country=kenya").stdout
    assert "title: Kenya" in shown and "span: 48" in shown
    (own / "local.yaml").write_text("span: 12\n")
    assert "span: 12" in run(installed, tmp_path, "train", "--cfg", "job", "country=all").stdout
    # A country that no window speaks of is looked for in both folders.
    done = run(installed, tmp_path, "train", "country=all", "+windows.x={span:4,period:0}")
    assert "unknown country 'x'; there are: afghanistan, iran, kenya, sudan" in done.stderr
