"""The versions of registered models: their tags against the receipts here, and the files that are served."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from gsf.errors import GsfError
from gsf.project import Project
from gsf.proof.findings import Finding
from gsf.provenance.hashing import canonical_json, sha256_bytes, sha256_file
from gsf.provenance.receipt import read_receipt
from gsf.serve import saved
from gsf.tracking.connection import first_line
from gsf.tracking.journal import TRAINING_KEY
from gsf.tracking.record import EVALUATED, Record
from gsf.tracking.registry import PROTOCOL, SERVED, TRAIN, VERIFIED, config_of, served_by, version_tags

if TYPE_CHECKING:
    from mlflow import MlflowClient

CHECKED = "MLflow model versions"
_ANEW = "delete the version there and register it again, or `gsf mlflow rebuild`"
_MLFLOWS_OWN = {"MLmodel", "conda.yaml", "python_env.yaml", "requirements.txt"}
# What a verdict that lets a network be registered may say: see gsf.proof.findings.
_STALE = "(, but stale (parameters|code|data)( and stale (code|data))*)?"
_HELD = re.compile(
    f"(OK: nothing is broken|EQUAL: nothing is broken, but other bytes of the same content: .+?){_STALE}"
)


@dataclass(frozen=True)
class _Version:
    """A version that `gsf mlflow register` made, and the training that it is of."""

    name: str  # of the registered model
    link: str
    tags: dict[str, str]
    source: str
    record: Record

    @property
    def renew(self) -> str:
        """What writes its tags again."""
        words = ["gsf mlflow register", self.record.run, "--study", self.record.study, "--name", self.name]
        words += ["--protocol", self.tags[PROTOCOL]] if PROTOCOL in self.tags else []
        return f"`{' '.join(words)}` writes its tags again"


def check_versions(
    client: MlflowClient,
    project: Project,
    study: str,
    *,
    records: Sequence[Record],
    runs: Sequence[Any],
    checked: dict[str, int],
) -> Iterator[Finding]:
    """Compare the registered versions of a study's networks with its receipts.

    Args:
        client: of MLflow.
        project: the project.
        study: whose networks they are.
        records: what is known here of its trainings.
        runs: those of its experiment.
        checked: how many of each kind were looked at; is added to.
    """
    trainings = {(record.name, record.training_key): record for record in records}
    shown_by = {run.info.run_id: _identity(run.data.tags) for run in runs}
    for item in client.search_model_versions():
        tags = {str(key): str(value) for key, value in item.tags.items()}
        if not any(name.startswith("gsf.") for name in tags):
            continue  # registered by other means
        if tags.get("gsf.study") != study and item.run_id not in shown_by:
            continue
        checked[CHECKED] = checked.get(CHECKED, 0) + 1
        link = f"mlflow:{study}/models/{item.name}/{item.version}"
        of_run = shown_by.get(item.run_id)
        record = trainings.get(_identity(tags)) or trainings.get(of_run or ("", ""))
        if record is None or not record.by_receipt:
            yield Finding("absent", link, "is of a training whose receipt is not here, so it was not compared", "")
            continue
        if of_run != (record.name, record.training_key):
            what = f"leads to the run {item.run_id}, which does not show its training"
            yield Finding("broken", f"{link}/run", what, _ANEW)
        yield from _check_version(client, project, _Version(str(item.name), link, tags, str(item.source), record))


def _check_version(client: MlflowClient, project: Project, version: _Version) -> Iterator[Finding]:
    record = version.record
    receipt = read_receipt(project.train_receipt(record.study, record.run))
    promised = receipt.outputs[project.relative(project.checkpoint(record.study, record.run))]
    with tempfile.TemporaryDirectory() as scratch:
        try:
            files, others = _fetched(client, version.source, Path(scratch))
        except Exception as error:  # MLflow and each kind of store raise their own
            yield Finding("broken", f"{version.link}/files", f"cannot be read: {first_line(error)}", _ANEW)
            return
        wanted = {saved.WEIGHTS: promised, saved.RECEIPT: receipt.digest}
        looks = sha256_file(files[saved.PROTOCOL]) if saved.PROTOCOL in files else ""
        asked = version.tags.get(PROTOCOL)
        if asked is not None and saved.PROTOCOL in files:
            asked = _protocol_name(files[saved.PROTOCOL])
        if saved.WEIGHTS in files and sha256_file(files[saved.WEIGHTS]) == promised:
            config = config_of(files[saved.WEIGHTS])
            wanted[saved.CONFIG] = sha256_bytes(canonical_json(config))
            if asked is None:  # else it was a file of params/protocols, which may have changed since
                try:
                    looks = sha256_bytes(canonical_json(served_by(project, record, config, None)))
                except GsfError as error:
                    what = f"how it looks at videos was not compared: {error}"
                    yield Finding("absent", f"{version.link}/files/{saved.FILES[saved.PROTOCOL]}", what, "")
        yield from _check_files(version, files, others, wanted | {saved.PROTOCOL: looks})
    served = looks or version.tags.get(SERVED, "")  # of a missing file it is said that it is missing
    tags = version_tags(record, verdict="", checkpoint=promised, served=served, protocol=asked)
    yield from _check_tags(version, tags)


def _protocol_name(path: Path) -> str:
    """The protocol by which a model looks at videos, as its own file says."""
    try:
        return str(json.loads(path.read_bytes())["protocol"]["name"])
    except (ValueError, KeyError, TypeError):
        return "one that its file cannot tell"


def _fetched(client: MlflowClient, source: str, scratch: Path) -> tuple[dict[str, Path], set[str]]:
    """Our files of a version by what they are, the code that loads it among them; and the names of all other files."""
    from mlflow.artifacts import download_artifacts, list_artifacts

    uri, found, others = client.tracking_uri, {}, set()
    ours = {f"artifacts/{name}": kind for kind, name in saved.FILES.items()} | {saved.CODE.name: saved.CODE.name}
    for folder in ("", "artifacts/"):
        for info in list_artifacts(artifact_uri=f"{source}/{folder}".rstrip("/"), tracking_uri=uri):
            name = f"{folder}{PurePosixPath(info.path).name}"
            if name in ours:
                place = download_artifacts(artifact_uri=f"{source}/{name}", dst_path=str(scratch), tracking_uri=uri)
                found[ours[name]] = Path(place)
            elif name != "artifacts":
                others.add(name)
    return found, others


def _check_files(
    version: _Version, files: dict[str, Path], others: set[str], wanted: dict[str, str]
) -> Iterator[Finding]:
    for kind in (*saved.FILES, saved.CODE.name):
        link = f"{version.link}/files/{saved.FILES.get(kind, kind)}"
        if kind not in files:
            yield Finding("broken", link, "is missing", _ANEW)
        elif kind == saved.CODE.name:
            if sha256_file(files[kind]) != sha256_file(saved.CODE):
                what = "is not the file of this gsf: it was changed, or another version of gsf has registered the model"
                yield Finding("stale_code", link, what, _ANEW)
        elif kind in wanted and (found := sha256_file(files[kind])) != wanted[kind]:
            yield Finding("broken", link, f"has sha256 {found[:12]}, must have {wanted[kind][:12]}", _ANEW)
    for name in sorted(others - _MLFLOWS_OWN):
        yield Finding("broken", f"{version.link}/files/{name}", "is no file of a registered network", _ANEW)


def _check_tags(version: _Version, wanted: dict[str, str]) -> Iterator[Finding]:
    """Each tag is what a registration would write now; of evaluations made since then it may have none."""
    there, record = version.tags, version.record
    since = [name for name in record.protocols if not any(_of_protocol(tag, name) for tag in there)]
    receipts = {value for name, value in record.tags.items() if name.startswith("gsf.receipt")}
    for name, value in sorted(wanted.items()):
        found, link = there.get(name), f"{version.link}/tags/{name}"
        remedy = _ANEW if name in (TRAIN, SERVED, PROTOCOL) else version.renew  # by these a registration finds it
        if found is None:
            if not any(_of_protocol(name, protocol) for protocol in since):
                yield Finding("broken", link, "is missing", remedy)
        elif name == VERIFIED:
            if not _HELD.fullmatch(found):
                yield Finding("broken", link, f"is {found[:80]!r}, must be the verdict on a chain that holds", remedy)
        elif found != value and not (name == "gsf.receipt" and found in receipts):
            yield Finding("broken", link, f"is {found[:80]}, must be {value[:80]}", remedy)
    if record.problems:  # what is not here may tell of the others
        return
    for name in sorted(there.keys() - wanted.keys()):
        if name.startswith("gsf.") or name.rpartition(".")[2] in EVALUATED:
            yield Finding("broken", f"{version.link}/tags/{name}", "no receipt tells of it", _ANEW)


def _of_protocol(tag: str, protocol: str) -> bool:
    """Whether a tag is of the evaluation under a protocol."""
    return tag == f"gsf.receipt.{protocol}" or tag.startswith(f"{protocol}.")


def _identity(tags: dict[str, str]) -> tuple[str, str]:
    return tags.get("gsf.training", ""), tags.get(TRAINING_KEY, "")
