"""Prediction: probabilities of 10⁶ rows by scikit-learn, by Cropland and by ONNX Runtime; points; pixels.

    python benchmarks/predict.py                         all three parts
    python benchmarks/predict.py forests --rows 100000   one of them, on fewer rows

Forests are learnt of 500 points of the simulated Iran, by the configuration's own recipe. All is timed as
seconds of one core (processor time), the best of two rounds that take turns, since memory that others use
at the same time slows what reads most of it. ONNX Runtime is measured where ``onnxruntime`` and
``skl2onnx`` are installed; the project does not depend on them.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
import tracemalloc
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

os.environ |= {"OMP_NUM_THREADS": "1", "MLFLOW_DISABLE_TELEMETRY": "true"}

import numpy as np
import yaml
from omegaconf import OmegaConf

import cropland
from cropland.config.groups import Features, Paths, Series
from cropland.config.model import Model
from cropland.config.sources import Simulated
from cropland.features import matrix as features
from cropland.features import pixel_series, series
from cropland.features.recipe import Recipe
from cropland.learning import classifiers, probability
from cropland.models import member, mlflow_model, model_files, version_files
from cropland.models.champion import Champion
from cropland.models.fitted import Fitted
from cropland.models.member import Member, measured_columns
from cropland.observations import long_table
from cropland.sources.grid import grid_of
from cropland.sources.opening import archive_of
from cropland.sources.simulation import source as simulated
from cropland.tracking.mlflow_session import mlflow_at
from cropland.tracking.records import Record

if TYPE_CHECKING:
    from cropland import Archive, Country

ROOT = Path(__file__).parent.parent
BANDS = ("B2", "B3", "B4", "B8")
LABELLED, POINTS, ROUNDS = 500, 10_000, 2
JITTER = 20.0
"""Standard deviation of what makes 10⁶ rows of some thousand points, digital numbers."""
PIXEL_DEGREES, SIDE, IMAGES = 1e-4, 142, 73
ONNX_ROWS = 5_000
"""Rows that ONNX Runtime is given at once: neither more nor fewer are faster."""


def group(name: str, choice: str) -> dict[str, Any]:
    """Read a file of the configuration."""
    found = OmegaConf.to_container(OmegaConf.load(ROOT / "conf" / name / f"{choice}.yaml"))
    return {str(key): value for key, value in found.items()}


def opened(folder: Path) -> tuple[Archive, Country, Simulated]:
    """Make the simulated archive of Iran: so many points with a label, as many without."""
    country = cropland.read_country(ROOT / "conf/country/iran.yaml")
    text = (ROOT / "conf/source/simulated.yaml").read_text()
    source = Simulated(**yaml.safe_load(text) | {"points": POINTS})
    return archive_of(source, Paths(*[str(folder)] * 3), country), country, source


def recipe_of(country: Country) -> Recipe:
    """Return the recipe of ``conf/train.yaml``."""
    return Recipe(
        reference_end=country.reference.last.isoformat(),
        span=48,
        end_offset_days=0,
        bands=(*BANDS, "NDVI"),
        series=Series("raw", clear=False, step_days=5),
        features=Features("flat", flat=True, statistics=()),
    )


def fit(archive: Archive, recipe: Recipe, name: str) -> Fitted:
    """Fit a model of ``conf/model`` on the first labelled points."""
    values = group("model", name)
    parameters = values["estimator"]
    chosen = Model(name, parameters.pop("_target_"), values["scale"], parameters)
    matrix = recipe.samples(archive).matrix
    known = np.flatnonzero(matrix["Target"].to_numpy() >= 0)[:LABELLED]
    made = classifiers.build(chosen, 2023)
    member = Member(
        recipe=recipe,
        classifier=made.fit(matrix.to_numpy()[known], matrix["Target"].to_numpy()[known]),
        feature_names=tuple(matrix["feature"].to_numpy().tolist()),
        measured=measured_columns(recipe, archive.stored),
    )
    return Fitted((member,), archive.country, {})


# Forests


def forests(archive: Archive, recipe: Recipe, n_rows: int) -> None:
    """Compare ways to the probabilities of many rows."""
    x = many(recipe.samples(archive).matrix.to_numpy(), n_rows)
    for name in ("forest", "extra_trees"):
        classifier: Any = fit(archive, recipe, name).members[0].classifier
        nodes = sum(tree.tree_.node_count for tree in classifier.estimators_)
        print(f"\n{name}: {len(classifier.estimators_)} trees, {nodes:,} nodes; {len(x):,} rows")
        ways: dict[str, Callable[[], NDArray[Any]]] = {
            "scikit-learn": lambda asked=classifier: asked.predict_proba(x)[:, 1],
            "Cropland": partial(probability.cropland_probability, classifier, x),
        }
        if find_spec("skl2onnx") and find_spec("onnxruntime"):
            ways["ONNX Runtime"] = partial(by_onnx, converted(classifier), x)
        else:
            print("  without ONNX Runtime: pip install onnxruntime skl2onnx")
        compare(ways)


def many(rows: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Draw rows again and again, each time a little different."""
    random = np.random.default_rng(0)
    made = np.empty((count, rows.shape[1]), np.float32)
    for start in range(0, count, 10_000):
        block = made[start : start + 10_000]
        noise = random.standard_normal(block.shape, np.float32) * np.float32(JITTER)
        block[:] = rows[random.integers(len(rows), size=len(block))] + noise
    return made


def compare(ways: dict[str, Callable[[], NDArray[Any]]]) -> None:
    """Print rows a second of each way, and how its answers differ from those of the first."""
    seconds: dict[str, float] = defaultdict(lambda: np.inf)
    found = {}
    for _ in range(ROUNDS):
        for way, work in ways.items():
            began = time.process_time()
            found[way] = work()
            seconds[way] = min(seconds[way], time.process_time() - began)
    first = next(iter(ways))
    for way, answer in found.items():
        apart = np.abs(answer - found[first]).max()
        classes = int(((answer > 0.5) != (found[first] > 0.5)).sum())
        print(
            f"  {way:13} {len(answer) / seconds[way]:9,.0f} rows/s  {seconds[first] / seconds[way]:5.2f} ×  "
            f"largest difference {apart:.1e}, {classes:,} other classes"
        )


def converted(classifier: Any) -> Any:
    """Convert a forest for ONNX Runtime on one core; print what that takes."""
    import onnxruntime
    import skl2onnx

    example = np.zeros((1, classifier.n_features_in_), np.float32)
    convert = partial(skl2onnx.to_onnx, classifier, example, options={"zipmap": False})
    began = time.process_time()
    graph = convert().SerializeToString()
    seconds = time.process_time() - began
    tracemalloc.start()
    convert()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    print(f"  converted in {seconds:.1f} s, {peak / 1e6:.0f} MB, to {len(graph) / 1e6:.1f} MB")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def by_onnx(session: Any, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the probability of the second class."""
    blocks = (x[start : start + ONNX_ROWS] for start in range(0, len(x), ONNX_ROWS))
    return np.concatenate([session.run(None, {"X": block})[1][:, 1] for block in blocks])


# Points and pixels


def points(archive: Archive, recipe: Recipe, folder: Path) -> None:
    """Time the champion's whole path, from an archive's observations to labels, by stages."""
    champion = registered(fit(archive, recipe, "forest"), archive, folder)
    unlabelled = np.flatnonzero(archive.points["Target"].to_numpy() < 0)
    seconds = timed()
    began = time.process_time()
    champion.predict(archive, unlabelled, None)
    print(f"\n{len(unlabelled):,} points to predict of {archive.points.sizes['point']:,}")
    tell(seconds, time.process_time() - began, len(unlabelled))


def registered(made: Fitted, archive: Archive, folder: Path) -> Champion:
    """Log a model and load it again, as the champion of a country is loaded."""
    from mlflow import MlflowClient

    uri = f"sqlite:///{folder}/mlflow.db"
    client = MlflowClient(uri)
    run = client.create_run(client.create_experiment("predict", f"{folder}/artifacts"))
    example = long_table.of_points(archive, np.arange(3), made.columns)
    with mlflow_at(uri):
        address = mlflow_model.log(
            made,
            Record(run.info.run_id),
            name="predict",
            model_type="RandomForestClassifier",
            tags={},
            tracking_uri=uri,
            input_example=example,
        ).uri
    folder = client.get_logged_model(address.rpartition("/")[2]).artifact_location
    files = version_files.paths_in(Path(f"{folder.removeprefix('file://')}/artifacts"))
    return Champion(None, model_files.read(files), ())  # type: ignore[arg-type]


def pixels(country: Country, source: Simulated, made: Fitted) -> None:
    """Time what becomes of a cube in memory: series, features, probabilities."""
    window, box = made.window(), country.box
    there = cropland.Box(
        box.south + 0.2,
        box.south + 0.2 + SIDE * PIXEL_DEGREES,
        box.west + 0.2,
        box.west + 0.2 + SIDE * PIXEL_DEGREES,
    )
    paths = Paths("", "", "")
    cube = simulated.cube(source, paths, country, grid_of(there), window.first, window.last, BANDS)
    chosen = np.linspace(0, cube.sizes["time"] - 1, IMAGES).round().astype(int)
    cube = cube.isel(time=np.unique(chosen)).load()
    n_pixels = cube.sizes["y"] * cube.sizes["x"]
    values = {name: cube[name].to_numpy().reshape(-1, n_pixels) for name in BANDS}
    seconds = timed()
    began = time.process_time()
    seen = pixel_series.Images(
        cube["time"].to_numpy(), values, np.zeros(n_pixels), np.zeros(n_pixels)
    )
    made.predict_images(seen)
    print(f"\n{n_pixels:,} pixels × {cube.sizes['time']} images × {len(BANDS)} bands")
    tell(seconds, time.process_time() - began, n_pixels)


def timed() -> dict[str, float]:
    """Make the stages of a prediction add up their time; return where they do."""
    seconds: dict[str, float] = defaultdict(float)
    for stage, owner, name in (
        ("series", series, "aligned"),
        ("series", pixel_series, "aligned"),
        ("features", features, "matrix"),
        ("probabilities", member, "cropland_probability"),
    ):
        original = getattr(owner, name)
        original = getattr(original, "original", original)
        setattr(owner, name, wrapped(original, stage, seconds))
    return seconds


def wrapped(
    original: Callable[..., Any], stage: str, seconds: dict[str, float]
) -> Callable[..., Any]:
    """Make a function that adds its time to a stage."""

    def wrapper(*given: Any, **named: Any) -> Any:
        began = time.process_time()
        made = original(*given, **named)
        seconds[stage] += time.process_time() - began
        return made

    wrapper.original = original  # type: ignore[attr-defined]
    return wrapper


def tell(seconds: dict[str, float], total: float, count: int) -> None:
    """Print stages and the whole."""
    for stage, taken in {**seconds, "else": total - sum(seconds.values())}.items():
        print(f"  {stage:22} {1e6 * taken / count:7.1f} µs each  {taken / total:5.0%}")
    print(f"  {count / total:,.0f} a second and core")


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", default=["forests", "points", "pixels"])
    parser.add_argument("--rows", type=int, default=1_000_000, help="of forests")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        archive, country, source = opened(Path(name))
        recipe = recipe_of(country)
        if "forests" in asked.what:
            forests(archive, recipe, asked.rows)
        if "points" in asked.what:
            points(archive, recipe, Path(name))
        if "pixels" in asked.what:
            pixels(country, source, fit(archive, recipe, "forest"))


if __name__ == "__main__":
    main()
