"""From an MLflow run back to the chain."""

from __future__ import annotations

from gsf.errors import TrackingError
from gsf.project import Project
from gsf.tracking.connection import connect_to_existing, first_line, shown_uri, tracking_uri


def receipt_of_run(project: Project, run_id: str) -> str:
    """Digest of the receipt behind a run: of its latest evaluation, or of its training while there is none."""
    where = shown_uri(tracking_uri(project))
    try:
        tags = connect_to_existing(project).get_run(run_id).data.tags
    except TrackingError:
        raise
    except Exception as error:  # MLflow, its database driver and its HTTP client each raise their own
        raise TrackingError(
            f"{where}: run {run_id!r} cannot be read, must be the id of a run there: {first_line(error)}"
        ) from error
    digest = tags.get("gsf.receipt")
    if digest is None:
        raise TrackingError(
            f"{where}: run {run_id} has no tag gsf.receipt, must be a training that is finished:"
            " finish it, then run `gsf mlflow sync`"
        )
    return str(digest)
