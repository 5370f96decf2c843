"""A trained network in MLflow's model registry: only one whose numbers hold, and that leads back to its receipt.

What is stored is a model that MLflow can serve, in text and safetensors; nothing is pickled: see gsf/serve/saved.py.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gsf.errors import GsfError, TrackingError
from gsf.params.base import load, validate
from gsf.params.benchmark import Extract
from gsf.params.model import Model
from gsf.params.protocol import Protocol
from gsf.params.study import Plan
from gsf.predict.labels import frames_alone
from gsf.project import Project
from gsf.proof.chain import study_chain
from gsf.proof.verify import verify_study
from gsf.provenance.hashing import canonical_json, sha256_bytes, sha256_file
from gsf.serve.saved import save, served_as
from gsf.tracking.connection import connect, first_line, shown_uri, tracking_uri
from gsf.tracking.mlflow_projection import project_record
from gsf.tracking.record import Record, collect

if TYPE_CHECKING:
    from mlflow import MlflowClient

PROTOCOL = "gsf.protocol"  # the tag of a version that was registered with a protocol of its own
VERIFIED, CHECKPOINT, SERVED, TRAIN = "gsf.verified", "gsf.checkpoint", "gsf.served", "gsf.receipt.train"


@dataclass(frozen=True)
class Registered:
    """A version of a registered model."""

    name: str
    version: str
    new: bool  # False: the same training was registered before
    verdict: str

    def __str__(self) -> str:
        state = "registered" if self.new else "is registered already"
        return f"models:/{self.name}/{self.version} {state} ({self.verdict})"


@dataclass(frozen=True)
class _Wanted:
    """What is to be registered, and under which name."""

    record: Record
    name: str
    verdict: str
    config: dict[str, Any]  # what the checkpoint says of itself
    served: dict[str, Any]  # how it looks at videos
    protocol: str | None  # as asked for


def register(
    project: Project, run: str, *, study: str | None = None, name: str | None = None, protocol: str | None = None
) -> Registered:
    """Verify a study and the checkpoint of one of its runs, then register that as a version of a model.

    Args:
        run: experiment and seed, such as gsf-s0.
        study: the active one unless told.
        name: of the registered model; study and run, joined by a dot, unless told.
        protocol: a file of params/protocols, by which the model looks at videos; one clip, centre crop unless told.

    Raises:
        TrackingError: the chain is broken, the checkpoint is not the one of the results, or MLflow cannot be reached.
        ProvenanceError: the study has no results.
        ParamsError: the protocol does not fit the network.
    """
    study = study or load(Plan, project.plan_file).study
    record, verdict = _verified(project, study, run)
    config = config_of(project.checkpoint(study, run))
    wanted = _Wanted(
        record=record,
        name=name or f"{study}.{run}",
        verdict=verdict,
        config=config,
        served=served_by(project, record, config, protocol),
        protocol=protocol,
    )
    uri = shown_uri(tracking_uri(project))
    try:
        return _register(connect(project), project, wanted)
    except GsfError:
        raise
    except Exception as error:  # MLflow, its database driver and its HTTP client each raise their own
        raise TrackingError(
            f"{uri}: {study}/{run} cannot be registered: {first_line(error)}; start the server, or correct or unset"
            " MLFLOW_TRACKING_URI, then register again"
        ) from error


def _verified(project: Project, study: str, run: str) -> tuple[Record, str]:
    """The training behind the results, with its checkpoint read whole; and the verdict in a line."""
    verdict = verify_study(project, study)
    if not verdict.ok:
        first = verdict.of("broken")[0]
        raise TrackingError(
            f"{study}/{run}: must not be registered, its chain does not hold: {verdict.summary()}: {first.what};"
            f" `gsf verify {study}` names all that is broken, and what mends it"
        )
    path, place = project.checkpoint(study, run), project.train_receipt(study, run)
    if not place.is_file():
        raise TrackingError(f"{project.relative(place)}: no such receipt, must be here: train {run}, or `dvc pull`")
    record = collect(project, study=study, run=run)[-1]
    receipt = study_chain(project, study).receipts.get(record.tags[TRAIN])
    if receipt is None:
        raise TrackingError(
            f"{study}/{run}: receipt {record.tags[TRAIN][:12]} of its training is not behind the results of {study},"
            f" must be: evaluate it, then `gsf report {study}`"
        )
    wanted = receipt.outputs[project.relative(path)]
    if not path.is_file():
        raise TrackingError(f"{project.relative(path)}: is not here, must be to be registered: `dvc pull` brings it")
    if (found := sha256_file(path)) != wanted:
        raise TrackingError(
            f"{project.relative(path)}: has sha256 {found[:12]}, {receipt.stage} wrote {wanted[:12]}: `dvc checkout`"
            " restores it, `dvc repro` makes it anew"
        )
    if record.problems:
        raise TrackingError(f"{study}/{run}: must be whole to be registered: {'; '.join(record.problems)}")
    return record, verdict.summary()


def served_by(project: Project, record: Record, config: dict[str, Any], protocol: str | None) -> dict[str, Any]:
    """How the network looks at videos: frames as the receipts say that those behind its results were made."""
    network = validate(Model, config["model"], where=f"{record.name}: model")
    benchmark = str(record.params["benchmark"])
    file = project.relative(project.params_file("benchmarks", benchmark))
    found = {
        canonical_json(receipt.content["params"][file]["extract"])
        for receipt in study_chain(project, record.study).receipts.values()
        if receipt.stage.startswith(f"extract@{benchmark}-")
    }
    if len(found) != 1:
        raise TrackingError(
            f"{record.name}: {len(found)} ways to make the frames of {benchmark} are behind its results, must be one:"
            f" `dvc repro`, then `gsf report {record.study}`"
        )
    extract = validate(Extract, json.loads(found.pop()), where=f"{file}: extract")
    if extract.short_side is None:  # the benchmark came as pictures, which are stored as they are
        extract = frames_alone(network)
    chosen = None if protocol is None else load(Protocol, project.params_file("protocols", protocol))
    return served_as(network, chosen, extract)


def version_tags(record: Record, *, verdict: str, checkpoint: str, served: str, protocol: str | None) -> dict[str, str]:
    """The tags of a version.

    Args:
        record: the training.
        verdict: on its study, in a line.
        checkpoint: sha256 of the weights.
        served: sha256 of how the network looks at videos.
        protocol: by which file of params/protocols, where one was asked for.
    """
    results = {name: f"{value:.4f}" for name, value in record.measured.items() if not name.endswith((".low", ".high"))}
    tags = {name: value for name, value in record.tags.items() if name.startswith("gsf.")}
    tags |= {VERIFIED: verdict, CHECKPOINT: checkpoint, SERVED: served}
    return tags | results | ({} if protocol is None else {PROTOCOL: protocol})


def _register(client: MlflowClient, project: Project, wanted: _Wanted) -> Registered:
    record, name, verdict = wanted.record, wanted.name, wanted.verdict
    project_record(client, project, record)
    tags = version_tags(
        record,
        verdict=verdict,
        checkpoint=sha256_file(project.checkpoint(record.study, record.run)),
        served=sha256_bytes(canonical_json(wanted.served)),
        protocol=wanted.protocol,
    )
    known = _version(client, name, tags)
    if known is not None:
        for key, value in tags.items():  # it may have been evaluated under another protocol since
            if known.tags.get(key) != value:
                client.set_model_version_tag(name, known.version, key, value)
        return Registered(name, str(known.version), new=False, verdict=verdict)
    run = _run_of(client, record)
    params = {f"model.{key}": str(value) for key, value in wanted.config["model"].items() if value is not None}
    model = client.create_logged_model(
        run.info.experiment_id, name=record.run, source_run_id=run.info.run_id, tags=tags, params=params
    )
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder, "model")
        _write_model(made, project, wanted, model_id=model.model_id, run_id=run.info.run_id)
        client.log_model_artifacts(model.model_id, str(made))
    client.finalize_logged_model(model.model_id, "READY")
    _create_model(client, name)
    version = client.create_model_version(
        name,
        source=model.artifact_location,  # by its place: `models:/` is looked up elsewhere without a server
        run_id=run.info.run_id,
        tags=tags,
        model_id=model.model_id,
        description=f"{record.name} on {record.params['benchmark']}; `gsf trace {run.info.run_id}`",
    )
    return Registered(name, str(version.version), new=True, verdict=verdict)


def _write_model(folder: Path, project: Project, wanted: _Wanted, *, model_id: str, run_id: str) -> None:
    """The files of a model."""
    from mlflow.models import Model as Described

    record = wanted.record
    save(
        folder,
        checkpoint=project.checkpoint(record.study, record.run),
        receipt=project.train_receipt(record.study, record.run),
        config=wanted.config,
        served=wanted.served,
        model=Described(run_id=run_id, model_id=model_id),
    )


def config_of(path: Path) -> dict[str, Any]:
    """What a checkpoint says of itself: model, classes, epoch, seed."""
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        return dict(json.loads(file.metadata()["gsf"]))


def _version(client: MlflowClient, name: str, tags: dict[str, str]) -> Any | None:
    """The version of a model that was registered for the receipt of a training, to look at videos in the same way."""
    for item in client.search_model_versions(f"name = '{name}'"):
        if all(item.tags.get(key) == tags[key] for key in (TRAIN, SERVED)):
            return item
    return None


def _run_of(client: MlflowClient, record: Record) -> Any:
    from gsf.tracking.run_writer import open_run

    experiment = client.get_experiment_by_name(record.study)
    return open_run(client, str(experiment.experiment_id), record)[0]


def _create_model(client: MlflowClient, name: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
