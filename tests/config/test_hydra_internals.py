"""A claim for every name that is used of Hydra beneath its public surface."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.utils import JobReturn, JobStatus
from hydra.errors import HydraException
from hydra.plugins.sweeper import Sweeper
from hydra.types import RunMode
from omegaconf import DictConfig
from yaml import YAMLError

from cropland.config import hydra_internals

CONF = Path(__file__).parents[2] / "conf"


@pytest.fixture
def config() -> Iterator[DictConfig]:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        yield loader.load_configuration("train", [], run_mode=RunMode.MULTIRUN)


def parsed(*words: str) -> list[Override]:
    return OverridesParser.create().parse_overrides(list(words))


def test_overrides_are_applied_to_a_composed_configuration(config: DictConfig) -> None:
    hydra_internals.apply_overrides(parsed("span=12", "+windows.iran.span=4"), config)
    assert (config.span, config.windows.iran.span) == (12, 4)
    with pytest.raises(HydraException, match="Could not override 'spam'"):
        hydra_internals.apply_overrides(parsed("spam=12"), config)


def test_the_folder_name_of_a_job_is_made_of_its_overrides(config: DictConfig) -> None:
    assert (
        hydra_internals.overrides_dirname(parsed("span=12", "seed=1"), config) == "seed=1,span=12"
    )
    config.hydra.job.config.override_dirname.exclude_keys = ["seed"]
    assert hydra_internals.overrides_dirname(parsed("span=12", "seed=1"), config) == "span=12"


def test_a_sweep_is_split_into_the_overrides_of_its_jobs() -> None:
    split = hydra_internals.split_sweep(parsed("span=range(4,9,4)", "bands=ndvi,scl", "seed=1"))
    assert split == [[f"span={n}", f"bands={b}", "seed=1"] for n in (4, 8) for b in ("ndvi", "scl")]
    assert hydra_internals.split_sweep(parsed("span=range(4,4)")) == []


def test_the_error_of_a_failed_job_is_read_without_raising_it() -> None:
    error = ValueError("x")
    failed = hydra_internals.failed_job(error)
    assert hydra_internals.error_of(failed) is error
    with pytest.raises(ValueError, match="x"):
        _ = failed.return_value
    done = JobReturn(status=JobStatus.COMPLETED, _return_value=[1])
    assert hydra_internals.error_of(done) is None and done.return_value == [1]


def test_the_basic_sweeper_can_be_inherited_from() -> None:
    sweeper = hydra_internals.basic_sweeper()
    assert issubclass(sweeper, Sweeper)
    assert callable(sweeper.validate_batch_is_legal)


@pytest.mark.processes
def test_plugins_of_hydra_are_not_imported_before_it_looks_for_them() -> None:
    program = (
        "import sys, cropland.config.composition, cropland.config.hydra_words\n"
        "print([name for name in sys.modules if name.startswith('hydra._internal.core_plugins.')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("content", "error"), [(b'a: "', YAMLError), ("a: é".encode("utf-16"), UnicodeDecodeError)]
)
def test_the_file_that_cannot_be_read_is_known(
    tmp_path: Path, content: bytes, error: type[Exception]
) -> None:
    (tmp_path / "train.yaml").write_bytes(content)
    with initialize_config_dir(str(tmp_path), version_base="1.3"), pytest.raises(error) as caught:
        GlobalHydra.instance().config_loader().load_configuration("train", [], RunMode.RUN)
    assert hydra_internals.file_in_reading(caught.value) == str(tmp_path / "train.yaml")
    assert hydra_internals.file_in_reading(ValueError()) is None


@pytest.mark.parametrize(
    "hook", ["run_start", "run_end", "multirun_start", "multirun_end", "job_end"]
)
def test_a_callback_has_hooks(hook: str) -> None:
    assert (
        getattr(hydra_internals.Callback(), f"on_{hook}")(DictConfig({}), job_return=None) is None
    )


def test_no_other_module_reaches_into_hydra() -> None:
    root = Path(__file__).parents[2]
    files = [*root.glob("cropland/**/*.py"), *root.glob("hydra_plugins/**/*.py")]
    assert len(files) > 100
    private = ("hydra._internal", "hydra.experimental", "_return_value", "ConfigLoaderImpl")
    users = {path.stem for path in files if any(name in path.read_text() for name in private)}
    assert users == {"hydra_internals"}
