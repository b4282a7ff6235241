"""Fitted models in MLflow: logged to a run, with signature, requirements and the code of their features."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cropland.errors import DataError, TrackingError
from cropland.models import model_files
from cropland.models.request import PLACES
from cropland.observations import bands
from cropland.support.fingerprint import fingerprint
from cropland.support.writing import temporary_folder
from cropland.tracking.mlflow_session import mlflow_at
from cropland.tracking.notes import spaced
from cropland.tracking.records import NOTE
from cropland.tracking.retries import in_words

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient
    from mlflow.models import ModelSignature

    from cropland.models.fitted import Fitted
    from cropland.tracking.records import Record

_REQUIREMENTS = (
    *("dask", "mlflow", "numpy", "pandas", "pyarrow", "pydantic", "pydantic-core", "pyyaml"),
    *("scikit-learn", "scipy", "skops", "spyndex", "xarray"),
)


class Logged(NamedTuple):
    """A logged model.

    Attributes
    ----------
    uri : str
        Its address, ``models:/m-…``, to register or to load.
    checksum : str
        The checksum of its recipe, which holds those of its other files.
    """

    uri: str
    checksum: str


def log(
    fitted: Fitted,
    record: Record,
    *,
    name: str,
    model_type: str,
    tags: Mapping[str, str],
    tracking_uri: str,
    input_example: pd.DataFrame,
) -> Logged:
    """Log a model to the run of a record, with the code that makes its features.

    Parameters
    ----------
    fitted : Fitted
        The model.
    record : Record
        What its run holds: the params and the description are the model's too. It gets the id of the model,
        by which the metrics become the model's when the record is written.
    name, model_type : str
        What the model is called, as it will be registered, and what it is: a class of scikit-learn.
    tags : mapping of str to str
        Tags of the model, to find it by.
    tracking_uri : str
        The store of its run.
    input_example : DataFrame
        Raw observations of a few points, which the logged model must predict.

    Returns
    -------
    Logged
        Where it is, to register or to load.

    Raises
    ------
    DataError
        The written model fails on its example, or there is no room for temporary files.
    TrackingError
        The store cannot be written to.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    import mlflow
    from mlflow.exceptions import MlflowException
    from mlflow.models import Model

    package = Path(__file__).parents[1]
    client = mlflow.MlflowClient(tracking_uri)
    # MLflow's log_model would need this run to be the active one, and would end it.
    entry = client.create_logged_model(
        client.get_run(record.run_id).info.experiment_id,
        name=name,
        source_run_id=record.run_id,
        tags={**tags, NOTE: spaced(record.note)},
        params={key: str(value) for key, value in record.params.items()},
        model_type=model_type,
    )
    example = input_example[list(fitted.columns)].astype({"ID": str, "Timestamp": str})
    try:
        with temporary_folder() as folder, mlflow_at(tracking_uri):
            files = model_files.write(folder, fitted)
            checksum = fingerprint(Path(files[model_files.RECIPE]).read_bytes())
            logged = Model.log(
                artifact_path=None,
                flavor=_Checked(fitted),
                run_id=record.run_id,
                model_id=entry.model_id,
                python_model=str(Path(__file__).with_name("serving.py")),
                artifacts=files,
                code_paths=[str(package)],
                signature=signature(fitted),
                input_example=example.reset_index(drop=True),
                pip_requirements=[f"{name}=={version(name)}" for name in _REQUIREMENTS],
                validate_serving_input=False,  # `_Checked` does, and fails where MLflow would warn
            )
    except MlflowException:  # MLflow has set the status of the model
        raise
    except BaseException as error:
        fail(client, entry.model_id)
        if isinstance(error, OSError):
            raise TrackingError(in_words(error, tracking_uri)) from error
        raise
    record.model_id = entry.model_id
    return Logged(str(logged.model_uri), checksum)


def fail(client: MlflowClient, model_id: str) -> None:
    """Write that a logged model is of no use: what was to be done with it has failed."""
    client.finalize_logged_model(model_id, "FAILED")


@dataclass(frozen=True)
class _Checked:
    """How MLflow writes a model: into a folder of this machine, where its example is predicted.

    The code that is imported for that is what was just written here, not what the store holds afterwards.
    """

    fitted: Fitted
    __name__ = "pyfunc"

    def save_model(self, path: str, **words: Any) -> None:
        """Write the model, and check that it predicts its example."""
        import mlflow

        del words["validate_serving_input"]  # for `Model.log` itself, which passes it on
        mlflow.pyfunc.save_model(path, **words)
        _check_example(self.fitted, path)


def _check_example(fitted: Fitted, folder: str) -> None:
    """Check that a written model predicts its own example as the fitted model does.

    MLflow's own trial of the example, which would only warn, is left out.
    """
    import mlflow

    refused = f"the model of {fitted.country} is not registered: it"
    try:
        model = mlflow.pyfunc.load_model(folder)
        predicted = model.predict(model.input_example)["probability"].astype(float)
        expected = fitted.predict(model.input_example)["probability"].astype(float)
    except Exception as error:  # whatever it is, nobody can use this model
        reason = getattr(error, "message", None) or str(error) or type(error).__name__
        raise DataError(f"{refused} cannot predict its own training data ({reason})") from error
    if not np.array_equal(predicted, expected, equal_nan=True):
        raise DataError(f"{refused} predicts its own training data otherwise once it is stored")


def signature(fitted: Fitted) -> ModelSignature:
    """Return MLflow's description of input and output.

    Columns are of any type there: MLflow would refuse 64-bit integers where the signature has floating point
    numbers, and times where it has text. MLflow drops columns that are not listed: other names of bands are
    listed too. None is required there, since MLflow answers with the request: `Fitted.predict` checks them.
    """
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema

    text = DataType.string
    measured = dict.fromkeys((*fitted.measured, *fitted.accepted))
    spellings = [spelling for name in measured for spelling in bands.spellings(name)]
    columns = [
        ColSpec.from_json_dict(  # type: ignore[no-untyped-call]
            type="any", name=name, required=False
        )
        for name in dict.fromkeys(("ID", "Timestamp", *spellings, *PLACES))
    ]
    outputs = {"ID": text, "probability": DataType.double}
    outputs |= {"label": DataType.long, "n_observations": DataType.long}
    outputs |= dict.fromkeys(("inside_applicability", "cannot_tell"), DataType.boolean)
    outputs["reason"] = text
    end = ParamSpec("reference_end", text, default=fitted.reference_end)
    return ModelSignature(
        inputs=Schema(columns),
        outputs=Schema([ColSpec(kind, name) for name, kind in outputs.items()]),
        params=ParamSchema([end]),
    )
