"""Promotion and prediction of the toy country in this process, without a command."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import mlflow
from mlflow import MlflowClient

from cropland.commands import predict as predicting
from cropland.commands import promote as promoting
from cropland.config.commands.predict import Predict
from cropland.config.commands.promote import Promote
from cropland.config.countries import Country
from cropland.config.groups import Paths, Promotion, Tracking, Validation
from cropland.sources import opening
from cropland.tracking.mlflow_session import mlflow_at
from standins.toyland import SOURCE, TOYLAND

NAME = "cropland-toyland"
TITLE = "Toyland, 24 weeks to 31 December 2020, NDVI, k nearest neighbours"
"""The toy country's registered model."""


@dataclass(frozen=True)
class ToyModels:
    """Candidates of the toy country in a store of their own, promoted and predicted in this process.

    Attributes
    ----------
    folder : Path
        A folder with the archive.
    exports : Path
        The toy exports.
    tracking : Tracking
        The store.
    screen : callable
        Returns what has been printed since it was called last.
    """

    folder: Path
    exports: Path
    tracking: Tracking
    screen: Callable[[], str]

    @property
    def paths(self) -> Paths:
        return Paths(str(self.exports), str(self.folder / "data/archive"), "runs")

    @property
    def archive(self) -> Any:
        return opening.archive_of(SOURCE, self.paths, TOYLAND)

    def promote(self, *countries: Country, **changes: Any) -> str:
        """Promote; return what is printed."""
        rules = Promotion(
            "one_standard_error", "allow", 5, 100, 5.0, figures=False, repeats=1, calibration="none"
        )
        names = ("rule", "figures", "members", "repeats", "calibration")
        groups = {name: changes.pop(name) for name in names if name in changes}
        given = {
            "validation": Validation("kfold", 3),
            "source": SOURCE,
            "tracking": self.tracking,
            "paths": self.paths,
            "promotion": replace(rules, **groups),
            "seed": 2023,
            "n_jobs": 1,
            "force": False,
        }
        sweep = changes.pop("sweep", None)
        promoting.run(Promote(**given | changes), countries or [TOYLAND], ["source=files"], sweep)
        return self.screen()

    def predict(self, path: Path, *countries: Country, **changes: Any) -> str:
        """Predict; return what is printed."""
        given = {
            "source": SOURCE,
            "tracking": self.tracking,
            "paths": self.paths,
            "output": str(path),
            "page": None,
            "points": None,
            "columns": "all",
            "missing": "empty",
            "reference_end": None,
            "alias": "champion",
            "force": True,
        }
        predicting.run(Predict(**given | changes), countries or [TOYLAND])
        return self.screen()

    @property
    def client(self) -> MlflowClient:
        return MlflowClient(self.tracking.uri)

    @property
    def aliases(self) -> dict[str, str]:
        aliases = self.client.get_registered_model(NAME).aliases
        return {name: str(version) for name, version in aliases.items()}

    @property
    def versions(self) -> list[Any]:
        """All versions of the model, the newest first."""
        found = self.client.search_model_versions(f"name = '{NAME}'")
        return sorted(found, key=lambda version: -int(version.version))

    def runs(self, kind: str) -> list[Any]:
        return list(self.client.search_runs(["1"], f"tags.kind = '{kind}'"))

    def artifacts(self, run_id: str) -> Path:
        return Path(self.client.get_run(run_id).info.artifact_uri.removeprefix("file://"))

    def artifacts_of_model(self, uri: str) -> Path:
        model = self.client.get_logged_model(uri.rpartition("/")[2])
        return Path(model.artifact_location.removeprefix("file://"))

    def loads(self, alias: str = "champion") -> bool:
        """Load a version; return whether it predicts every point."""
        with mlflow_at(self.tracking.uri):
            loaded = mlflow.pyfunc.load_model(f"models:/{NAME}@{alias}")
        fitted = loaded.unwrap_python_model().fitted
        return bool(fitted.predict_archive(self.archive)["label"].notna().all())
