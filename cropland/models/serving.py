"""The model as MLflow calls it: what ``mlflow models serve`` runs ("models from code")."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd  # noqa: TC002  MLflow reads the annotations of predict
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel

from cropland.config.countries import iso_date
from cropland.errors import CroplandError
from cropland.models import model_files

if TYPE_CHECKING:
    from mlflow.pyfunc.model import PythonModelContext


MOST_ROWS = 2_000_000
"""Of a request: ten thousand points with two hundred observations each."""


class RequestError(MlflowException):
    """A request that its sender can correct: status 400 and one line, without a copy of the request."""

    def serialize_as_json(self) -> str:
        """Return the body of the answer; MLflow's server has put the request before `message`."""
        self.message = str(self)
        return str(super().serialize_as_json())  # type: ignore[no-untyped-call]


class CroplandModel(PythonModel):
    """Predicts with the model whose files were logged beside it."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read the model."""
        self.fitted = model_files.read(context.artifacts)

    def predict(
        self,
        context: Any,  # noqa: ARG002
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> pd.DataFrame:
        """Return the table of `models.fitted.Fitted.predict`, None for what is missing: ``null`` in JSON.

        Parameters
        ----------
        context : PythonModelContext
            Unused: the model has been read already.
        model_input : DataFrame
            Raw observations.
        params : dict, optional
            ``reference_end``: ISO date of the end of another season to predict.

        Raises
        ------
        RequestError
            The observations or the date are wrong, or there are too many rows.
        """
        if len(model_input) > MOST_ROWS:
            raise RequestError.invalid_parameter_value(
                f"the request has {len(model_input):,} rows, expected at most {MOST_ROWS:,}; send it in parts"
            )
        end = (params or {}).get("reference_end")
        try:
            season = None if end is None else iso_date(end, "reference_end")
            table = self.fitted.predict(model_input, reference_end=season)
        except CroplandError as error:
            raise RequestError.invalid_parameter_value(str(error)) from error
        for name in ("probability", "label", "inside_applicability", "cannot_tell"):
            missing = table[name].isna()
            if missing.any():
                table[name] = table[name].astype(object).mask(missing, None)
        return table


set_model(CroplandModel())
