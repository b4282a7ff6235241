"""The registered model: raw observations of points in, probability of cropland and label out.

Contract. In comes a long table, one row an observation: ``ID``, ``Timestamp`` (ISO date, with or without a
time, UTC), the columns that the model needs (Sentinel-2 bands as digital numbers, ``SCL``, indices that its
archive stored; nothing = no data), ``Lat`` and ``Lon``; other columns are left aside. Out comes a table, one
row a point, in order of first appearance: ``ID``, ``probability`` of cropland, ``label`` and
``n_observations``. Window, alignment and features are those of training: the same recipe on an archive in
memory.

A model is stored as `RECIPE` (plain YAML), `ESTIMATOR` (skops) and `APPLICABILITY` (NumPy arrays): nothing
that runs code when it is read.
"""

from __future__ import annotations

import os
import tempfile
import warnings
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import yaml
from numpy.typing import NDArray

from cropland.config import yaml_checks
from cropland.config.schema import CLOSED, filled
from cropland.errors import ConfigError, DataError
from cropland.features.recipe import Recipe, Samples  # noqa: TC001  pydantic reads the annotations
from cropland.learning import probability as inference
from cropland.models.applicability import Applicability
from cropland.models.request import PLACES, checked
from cropland.observations import archive as archives
from cropland.observations import bands
from cropland.observations.points import UNLABELLED
from cropland.support.fingerprint import fingerprint_of
from cropland.tracking.mlflow_session import mlflow_at

if TYPE_CHECKING:
    from mlflow.models import ModelSignature

    from cropland.features.pixel_series import Images
    from cropland.learning.classifiers import Classifier
    from cropland.observations.archive import Archive

PIXELS_AT_ONCE = 4_000
RECIPE, ESTIMATOR, APPLICABILITY = "recipe.yaml", "estimator.skops", "applicability.npz"
TRUSTED = "sklearn."
"""What the name of a stored type must start with, where skops does not know it as harmless."""
_CODE = (
    *("observations", "features", "learning/probability.py", "support/columns.py"),
    *("models/request.py", "models/fitted.py"),
)
_REQUIREMENTS = (
    *("dask", "mlflow", "numpy", "pandas", "pyarrow", "pydantic", "pydantic-core", "pyyaml"),
    *("scikit-learn", "scipy", "skops", "spyndex", "xarray"),
)
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # ten times faster where libyaml is there
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, eq=False)
class PixelValues:
    """What a model says of pixels.

    Attributes
    ----------
    probability : ndarray of float64, shape (pixel,)
        Of cropland; NaN where a pixel, or one of its bands, was not observed in the window.
    n_observations : ndarray of int32, shape (pixel,)
        Days of the window on which a pixel was observed.
    dissimilarity : ndarray of float32, shape (pixel,)
        To the training samples, see `models.applicability`; NaN as the probability, or where the model
        does not know it.
    """

    probability: NDArray[np.float64]
    n_observations: NDArray[np.int32]
    dissimilarity: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Fitted:
    """A fitted model of a country, whole: from raw observations to labels.

    Attributes
    ----------
    recipe : Recipe
        What is made of observations.
    classifier : Classifier
        Fitted on features of that recipe.
    feature_names : tuple of str
        The features that it was fitted on, in their order.
    measured : tuple of str
        Columns that observations must have beside ``ID`` and ``Timestamp``, see `measured`.
    country : str
        Whose labels it learnt from.
    facts : mapping of str to plain values
        What else to know of it, such as its scores.
    applicability : Applicability, optional
        How unlike its training samples others are.
    """

    recipe: Recipe
    classifier: Classifier
    feature_names: tuple[str, ...]
    measured: tuple[str, ...]
    country: str
    facts: Mapping[str, Any]
    applicability: Applicability | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that a table of observations must have."""
        return ("ID", "Timestamp", *self.measured, *self.recipe.band_set.static)

    def predict(
        self, observations: pd.DataFrame, *, reference_end: date | None = None
    ) -> pd.DataFrame:
        """Tell which points are cropland.

        Parameters
        ----------
        observations : DataFrame
            The contract above. Rows in any order; of rows at the same time the first counts.
        reference_end : date, optional
            End of the season to look at; the recipe's own, where it is left out.

        Returns
        -------
        DataFrame, one row a point
            ``ID`` str; ``probability`` float64, NaN where the point, or one of its bands, was not observed in
            the window; ``label`` Int64, 1 where the probability is above 0.5, else 0, NA where there is none;
            ``n_observations`` int64, the days of the window on which it was observed.

        Raises
        ------
        DataError
            A missing column, no row, no ID, an unreadable date, a value that is no number, an ID at two
            places; or features that are not those of the fit.
        """
        static = self.recipe.band_set.static
        rows = checked(observations, self.measured, static, self.country)
        archive = _archive(rows, self)
        return self.predict_archive(archive, reference_end=reference_end)

    def predict_archive(
        self, archive: Archive, *, reference_end: date | None = None
    ) -> pd.DataFrame:
        """Tell which points of an archive are cropland, see `predict`."""
        try:
            samples = self.recipe.samples(archive, reference_end)
        except OverflowError as error:
            raise DataError(f"reference_end {reference_end} leaves the calendar") from error
        ids = archive.points["ID"].to_numpy()
        probability, seen = self._probability(samples, ids)
        return pd.DataFrame(
            {
                "ID": ids,
                "probability": probability,
                "label": pd.arrays.IntegerArray((probability > 0.5).astype(np.int64), ~seen),
                "n_observations": samples.n_observations.astype(np.int64),
            }
        )

    def predict_images(self, images: Images, *, reference_end: date | None = None) -> PixelValues:
        """Tell of which pixels of some images there is cropland: as of points in their centres.

        Pixels are taken some thousand at a time, so that what is made of them stays in the processor's cache.
        """
        n_pixels = len(images.lat)
        found = PixelValues(
            probability=np.empty(n_pixels),
            n_observations=np.empty(n_pixels, np.int32),
            dissimilarity=np.full(n_pixels, np.nan, np.float32),
        )
        for start in range(0, n_pixels, PIXELS_AT_ONCE):
            block = slice(start, min(start + PIXELS_AT_ONCE, n_pixels))
            samples = self.recipe.samples_of_pixels(images.part(block), reference_end)
            ids = np.arange(block.stop - start).astype(str)
            found.probability[block], seen = self._probability(samples, ids)
            found.n_observations[block] = samples.n_observations
            if self.applicability is not None:
                unlike = self.applicability.dissimilarity(samples.matrix.to_numpy())
                found.dissimilarity[block][seen] = unlike
        return found

    def _probability(
        self, samples: Samples, ids: NDArray[np.str_]
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Give the probability of each ID, NaN where it was not seen, and which were seen."""
        names = tuple(samples.matrix["feature"].to_numpy().tolist())
        if names != self.feature_names:
            raise DataError(
                f"the model of {self.country} was fitted on {len(self.feature_names)} features, the "
                f"observations give {len(names)} or others; use the code that it was made with"
            )
        seen = ~np.isin(ids, samples.unobserved)
        probability = np.full(len(ids), np.nan)
        if seen.any():
            probability[seen] = inference.probability(self.classifier, samples.matrix.to_numpy())
        return probability, seen


def measured(chosen: Recipe, stored: Iterable[str]) -> tuple[str, ...]:
    """Name the columns that observations must have, where the archive of the fit `stored` these."""
    clear = (bands.SCENE_CLASS,) if chosen.series.clear else ()
    return tuple(dict.fromkeys((*chosen.band_set.measured(stored), *clear)))


def write(folder: Path, fitted: Fitted) -> dict[str, str]:
    """Store a model in a folder; give the path of each file by its name."""
    import skops.io

    described = {
        "recipe": asdict(fitted.recipe),
        "feature_names": fitted.feature_names,
        "measured": fitted.measured,
        "country": fitted.country,
        "facts": dict(fitted.facts),
        "code": code(),
    }
    text = yaml.dump(described, Dumper=_DUMPER, sort_keys=False, allow_unicode=True)
    (folder / RECIPE).write_text(text, encoding="utf-8")
    skops.io.dump(fitted.classifier, folder / ESTIMATOR)
    files = {name: str(folder / name) for name in (RECIPE, ESTIMATOR)}
    if fitted.applicability is not None:
        fitted.applicability.write(folder / APPLICABILITY)
        files[APPLICABILITY] = str(folder / APPLICABILITY)
    return files


def read(files: Mapping[str, str]) -> Fitted:
    """Read a model; warn where its features were made by other code than this.

    Parameters
    ----------
    files : mapping of str to str
        The path of each file by its name, as `write` gives it.

    Raises
    ------
    DataError
        A file that cannot be read, or a classifier that holds anything but scikit-learn's own types.
    ConfigError
        A recipe that is no plain YAML, with an unknown or missing key, or a value of the wrong type.
    """
    try:
        yaml_checks.check(Path(files[RECIPE]))
        values = yaml.load(Path(files[RECIPE]).read_text(encoding="utf-8"), Loader=_LOADER)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ConfigError) as error:
        raise DataError(f"{files[RECIPE]} cannot be read: {error}; log the model again") from error
    described: _Described = filled(_Described, values)
    if described.code != code():
        warnings.warn(
            f"the model of {described.country} was made by other code than the cropland in "
            f"{Path(__file__).parents[1]}; its features may differ: load it where cropland is not imported",
            stacklevel=2,
        )
    return Fitted(
        recipe=described.recipe,
        classifier=_classifier(files[ESTIMATOR]),
        feature_names=described.feature_names,
        measured=described.measured,
        country=described.country,
        facts=described.facts,
        applicability=(
            Applicability.read(Path(files[APPLICABILITY]), len(described.feature_names))
            if APPLICABILITY in files
            else None
        ),
    )


def log(
    fitted: Fitted, *, run_id: str, tracking_uri: str, input_example: pd.DataFrame, description: str
) -> str:
    """Log a model to its run, with the code that makes its features.

    Parameters
    ----------
    fitted : Fitted
        What to log.
    run_id, tracking_uri : str
        Where to.
    input_example : DataFrame
        Raw observations of a few points; MLflow predicts them once to see that it can.
    description : str
        Markdown for the model's page.

    Returns
    -------
    str
        The address of the model, ``models:/m-…``, to register or to load.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    import mlflow
    from mlflow.models import Model

    package = Path(__file__).parents[1]
    client = mlflow.MlflowClient(tracking_uri)
    run = client.get_run(run_id)
    # MLflow's own log_model would put the model into whichever experiment is active.
    entry = client.create_logged_model(
        run.info.experiment_id,
        name="model",
        source_run_id=run_id,
        tags={"mlflow.note.content": description},
        params=run.data.params,
    )
    example = input_example[list(fitted.columns)].astype({"ID": str, "Timestamp": str})
    with tempfile.TemporaryDirectory() as folder, mlflow_at(tracking_uri):
        made = Model.log(
            artifact_path=None,
            flavor=mlflow.pyfunc,
            run_id=run_id,
            model_id=entry.model_id,
            python_model=str(Path(__file__).with_name("serving.py")),
            artifacts=write(Path(folder), fitted),
            code_paths=[str(package)],
            signature=signature(fitted),
            input_example=example.reset_index(drop=True),
            pip_requirements=[f"{name}=={version(name)}" for name in _REQUIREMENTS],
        )
    return str(made.model_uri)


def signature(fitted: Fitted) -> ModelSignature:
    """Describe input and output to MLflow.

    Columns are of any type there: MLflow would refuse 64-bit integers where it is told of floating point
    numbers, and times where it is told of text. `Fitted.predict` checks them.
    """
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema
    from mlflow.types.schema import AnyType

    text, static = DataType.string, fitted.recipe.band_set.static
    anything = AnyType()  # type: ignore[no-untyped-call]
    places = [ColSpec(anything, name, required=name in static) for name in PLACES]
    inputs = [ColSpec(anything, name) for name in ("ID", "Timestamp", *fitted.measured)]
    outputs = {"ID": text, "probability": DataType.double}
    outputs |= {"label": DataType.long, "n_observations": DataType.long}
    end = ParamSpec("reference_end", text, default=fitted.recipe.reference_end)
    return ModelSignature(
        inputs=Schema([*inputs, *places]),
        outputs=Schema([ColSpec(kind, name) for name, kind in outputs.items()]),
        params=ParamSchema([end]),
    )


def code() -> str:
    """Return a hash of the source of everything between observations and labels."""
    return fingerprint_of(*_CODE)


@dataclass(frozen=True)
class _Described:
    """The layout of `RECIPE`."""

    __pydantic_config__ = CLOSED

    recipe: Recipe
    feature_names: tuple[str, ...]
    measured: tuple[str, ...]
    country: str
    facts: dict[str, Any]
    code: str


def _classifier(path: str) -> Classifier:
    """Read a classifier, if all its types are known not to run code."""
    import skops.io

    try:
        types = skops.io.get_untrusted_types(file=path)
        foreign = [name for name in types if not name.startswith(TRUSTED)]
        if foreign:
            raise DataError(
                f"{path} holds {', '.join(foreign)}, which is not scikit-learn's and could run any code; "
                f"use a model from a source that you trust"
            )
        classifier: Classifier = skops.io.load(path, trusted=types)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} cannot be read: {error}; log the model again") from error
    return classifier


def _archive(rows: pd.DataFrame, fitted: Fitted) -> Archive:
    """Put checked observations into an archive in memory."""
    points = rows.drop_duplicates("ID")[["ID", *PLACES]].assign(Target=np.int8(UNLABELLED))
    dataset = archives.ragged(points, rows.drop(columns=list(PLACES)))
    return archives.Archive(
        dataset.assign_attrs(
            country=fitted.country,
            source="request",
            fingerprint="request",
            time_coverage_start=rows["time"].min().date().isoformat(),
            time_coverage_end=rows["time"].max().date().isoformat(),
        )
    )
