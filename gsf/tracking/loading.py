"""A registered model, or one in a folder, loaded to answer: nothing of its folder runs but our own text."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from gsf.errors import TrackingError
from gsf.serve.examined import check_model
from gsf.tracking.connection import connect_to_existing, first_line, shown_uri, tracking_uri

_VERSION = re.compile(r"[^/]+/[0-9]+|[^/]+@[^/]+")  # NAME/VERSION, NAME@ALIAS


def load_model(model: str) -> Any:
    """The model as MLflow's scoring server takes it.

    Args:
        model: NAME/VERSION or NAME@ALIAS of a registered one, an URI of MLflow's, or the folder of a model.

    Raises:
        TrackingError: there is no such model, or it cannot be loaded.
    """
    where = _uri(model)
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"  # not even what `check_model` might overlook
    import mlflow
    from mlflow.artifacts import download_artifacts

    from gsf.project import Project

    try:
        if where.startswith("models:"):
            project = Project.here() if "MLFLOW_TRACKING_URI" not in os.environ else Project(Path.cwd())
            uri = tracking_uri(project)
            connect_to_existing(project)
            mlflow.set_tracking_uri(uri)
            mlflow.set_registry_uri(uri)
        folder = where if Path(where).is_dir() else download_artifacts(artifact_uri=where)
        check_model(Path(folder), model=model)
        return mlflow.pyfunc.load_model(folder)
    except mlflow.exceptions.MlflowException as error:
        raise TrackingError(
            f"{model}: cannot be loaded from {shown_uri(mlflow.get_tracking_uri())}: {first_line(error)};"
            " `gsf mlflow register RUN` registers a network"
        ) from error


def _uri(model: str) -> str:
    if Path(model).is_dir():
        return str(Path(model).resolve())
    return f"models:/{model}" if _VERSION.fullmatch(model) else model
