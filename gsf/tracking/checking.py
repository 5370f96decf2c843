"""`gsf verify --mlflow`: does MLflow show what journals and receipts say? Reads, never writes.

MLflow may know more than this clone does (a journal stays where the training ran); what nothing here tells of is
reported as not checked. All else that differs is broken, and named.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gsf.errors import GsfError, TrackingError
from gsf.project import Project
from gsf.proof.chain import known_studies
from gsf.proof.findings import Finding, Verdict
from gsf.proof.verify import WORK_TREE, Verdicts
from gsf.tracking.artefacts import check_artefacts
from gsf.tracking.connection import connect_to_existing, first_line, shown_uri, tracking_uri
from gsf.tracking.ensembles import records_of, rows
from gsf.tracking.journal import TRAINING_KEY
from gsf.tracking.record import Record
from gsf.tracking.run_writer import REPLACED, STATUS, dataset_input, same
from gsf.tracking.versions import CHECKED, check_versions

if TYPE_CHECKING:
    from mlflow import MlflowClient

REBUILD = "`gsf mlflow rebuild` makes it anew from journals and receipts"
SYNC = "`gsf mlflow sync` writes what is missing"
_PAST = "earlier values in MLflow of evaluations that were repeated: only the last one is compared"
_MODELS = "what MLflow's own files of registered models say (MLmodel, requirements.txt): only that no others are there"
_ONE_FILE = "what MLflow shows: it is compared for studies, not for single files"


def projected(project: Project, verdict: Verdict | Verdicts) -> Verdict | Verdicts:
    """The verdict with what MLflow shows otherwise; TrackingError where it cannot be reached."""
    return verdict.each(lambda item: _projected(project, item))


def _projected(project: Project, verdict: Verdict) -> Verdict:
    studies = [verdict.study] if verdict.study in known_studies(project) else []
    if verdict.study == WORK_TREE:
        studies = sorted({study for study, _ in rows(project)})
    if not studies:
        return replace(verdict, not_proven=(*verdict.not_proven, _ONE_FILE))
    checked: dict[str, int] = {}
    found = [finding for study in studies for finding in check_projection(project, study, checked)]
    return verdict.extended(
        checked, found, not_proven=(*verdict.not_proven, _PAST, *([_MODELS] if checked.get(CHECKED) else []))
    )


def check_projection(project: Project, study: str, checked: dict[str, int]) -> list[Finding]:
    """Compare what MLflow holds of a study with its journals and receipts; a finding names each difference."""
    uri = shown_uri(tracking_uri(project))
    try:
        findings, records = _records(project, study)
        checked["MLflow runs"] = checked.get("MLflow runs", 0) + len(records)
        if not records:
            return findings or [_nothing_here(study)]
        client = connect_to_existing(project)
        experiment = client.get_experiment_by_name(study)
        if experiment is None or experiment.lifecycle_stage != "active":
            return [Finding("broken", f"mlflow:{study}", f"{uri} has no experiment of this name", SYNC)]
        runs = _runs(client, str(experiment.experiment_id))
        for record in records:
            findings += _check_record(client, record, runs)
        findings += _check_strangers(study, records, runs)
        findings += check_versions(client, project, study, records=records, runs=runs, checked=checked)
        return findings
    except GsfError:
        raise
    except Exception as error:  # MLflow, its database driver and its HTTP client each raise their own
        raise TrackingError(
            f"{uri}: MLflow cannot be read: {first_line(error)}; start the server; where the database is damaged,"
            f" {REBUILD}"
        ) from error


def _records(project: Project, study: str) -> tuple[list[Finding], list[Record]]:
    findings, records = [], []
    for name, run in rows(project):
        if name != study:
            continue
        try:
            records += records_of(project, study=study, run=run)
        except GsfError as error:  # what is wrong with the receipt itself is told by the rest of the check
            findings.append(Finding("absent", f"mlflow:{study}/{run}", f"not compared: {error}", ""))
    return findings, records


def _nothing_here(study: str) -> Finding:
    what = "no journal in .work/ and no receipt in runs/ tells of a training, so no run was compared"
    return Finding("absent", f"mlflow:{study}", what, "`dvc pull` brings the receipts")


def _runs(client: MlflowClient, experiment: str) -> list[Any]:
    """All runs of an experiment, deleted ones too."""
    from mlflow.entities import ViewType

    found, token = [], None
    while True:
        page = client.search_runs([experiment], run_view_type=ViewType.ALL, max_results=1000, page_token=token)
        found += page
        token = page.token
        if not token:
            return found


def _check_record(client: MlflowClient, record: Record, runs: Sequence[Any]) -> Iterator[Finding]:
    """One training against the run that shows it."""
    link = f"mlflow:{record.name}"
    mine = [run for run in runs if _identity(run) == (record.name, record.training_key)]
    mine = [run for run in mine if REPLACED not in run.data.tags]
    there = [run for run in mine if run.info.lifecycle_stage == "active"]
    if not there:
        deleted = ", ".join(run.info.run_id for run in mine)
        what = f"its run {deleted} is deleted" if deleted else "has no run of this training"
        yield Finding("broken", link, what, SYNC)
        return
    if len(there) > 1:
        names = ", ".join(run.info.run_id for run in there)
        yield Finding("broken", link, f"{len(there)} runs show this one training: {names}", REBUILD)
    run = client.get_run(there[0].info.run_id)
    if run.info.status != STATUS[record.status]:
        yield Finding("broken", f"{link}/status", f"is {run.info.status}, must be {STATUS[record.status]}", SYNC)
    yield from _check_texts(record, run)
    yield from _check_metrics(client, record, run)
    yield from _check_data(record, run)
    yield from check_artefacts(client, record, run)


def _check_texts(record: Record, run: Any) -> Iterator[Finding]:
    """Parameters and tags. Tags of others (notes, colours) are theirs to change; parameters are not."""
    link = f"mlflow:{record.name}"
    tags = record.tags | {"gsf.current": "true" if record.current else "false"}
    params = {name: str(value) for name, value in record.params.items()}
    for part, wanted, there in (("params", params, run.data.params), ("tags", tags, run.data.tags)):
        for name, value in sorted(wanted.items()):
            if name not in there:
                yield Finding("broken", f"{link}/{part}/{name}", f"is missing, must be {_short(value)}", SYNC)
            elif there[name] != value:
                what = f"is {_short(there[name])}, must be {_short(value)}"
                yield Finding("broken", f"{link}/{part}/{name}", what, REBUILD if part == "params" else SYNC)
    known = {*tags, "gsf.files"}
    others = [f"params/{name}" for name in run.data.params if name not in params]
    others += [f"tags/{name}" for name in run.data.tags if name.startswith("gsf.") and name not in known]
    yield from _untold(record, others, whole=record.by_journal and record.by_receipt)


def _check_metrics(client: MlflowClient, record: Record, run: Any) -> Iterator[Finding]:
    link = f"mlflow:{record.name}/metrics"
    wanted: dict[str, dict[int, float]] = {}
    for point in record.points:
        wanted.setdefault(point.metric, {})[point.step] = point.value
    for name, points in sorted(wanted.items()):
        history = [(int(item.step), float(item.value)) for item in client.get_metric_history(run.info.run_id, name)]
        yield from _check_curve(f"{link}/{name}", points, history)
        last = points[max(points)]
        shown = run.data.metrics.get(name)
        if history and (shown is None or not same(shown, last)):
            what = f"MLflow's table shows {'nothing' if shown is None else format(shown, 'g')}, must be {last:g}"
            yield Finding("broken", f"{link}/{name}", what, REBUILD)
    for name, value in sorted(record.measured.items()):
        history = [(int(item.step), float(item.value)) for item in client.get_metric_history(run.info.run_id, name)]
        shown = run.data.metrics.get(name)
        if not history or shown is None:
            yield Finding("broken", f"{link}/{name}", f"is missing, must be {value:g}", SYNC)
            continue
        if not same(max(history)[1], value) or not same(shown, value):
            wrong = shown if not same(shown, value) else max(history)[1]
            yield Finding("broken", f"{link}/{name}", f"is {wrong:g}, must be {value:g}", REBUILD)
        if len({step for step, _ in history}) < len(history):
            yield Finding("broken", f"{link}/{name}", "a value is there twice", REBUILD)
    others = [f"metrics/{name}" for name in run.data.metrics if name not in wanted and name not in record.measured]
    yield from _untold(record, others, whole=record.by_journal and record.by_receipt)


def _check_curve(link: str, wanted: dict[int, float], history: Sequence[tuple[int, float]]) -> Iterator[Finding]:
    steps = [step for step, _ in history]
    missing = [step for step in wanted if step not in steps]
    if missing:
        yield Finding("broken", link, f"lacks step {_some(missing)}", SYNC)
    wrong = {step: value for step, value in history if step in wanted and not same(value, wanted[step])}
    for step, value in list(wrong.items())[:1]:
        more = f" (and {len(wrong) - 1} more steps)" if len(wrong) > 1 else ""
        yield Finding("broken", link, f"is {value:g} at step {step}, must be {wanted[step]:g}{more}", REBUILD)
    doubled = sorted({step for step in steps if steps.count(step) > 1})
    if doubled:
        yield Finding("broken", link, f"has step {_some(doubled)} more than once", REBUILD)
    others = [step for step in steps if step not in wanted]
    if others:
        yield Finding("broken", link, f"has step {_some(others)}, of which nothing tells", REBUILD)


def _check_data(record: Record, run: Any) -> Iterator[Finding]:
    link = f"mlflow:{record.name}/datasets"
    there = {
        (item.dataset.name, item.dataset.digest): item for item in (run.inputs.dataset_inputs if run.inputs else ())
    }
    for data in record.data:
        found = there.pop((data.benchmark, data.digest), None)
        if found is None:
            yield Finding("broken", f"{link}/{data.benchmark}", f"lacks the digest {data.digest}", SYNC)
            continue
        wanted = dataset_input(data)
        pairs = [(found.dataset.source, wanted.dataset.source), (_context(found), _context(wanted))]
        if data.videos is not None:
            pairs.append((found.dataset.profile, wanted.dataset.profile))
        for shown, expected in pairs:
            if _plain(shown) != _plain(expected):
                what = f"{data.digest} says {_short(str(shown))}, must be {_short(str(expected))}"
                yield Finding("broken", f"{link}/{data.benchmark}", what, REBUILD)
    yield from _untold(record, [f"datasets/{name} {digest}" for name, digest in there], whole=record.by_receipt)


def _check_strangers(study: str, records: Sequence[Record], runs: Sequence[Any]) -> Iterator[Finding]:
    """Runs of which nothing here tells: of another clone perhaps, but never the one behind results that are here."""
    known = {(record.name, record.training_key) for record in records}
    names = {record.name for record in records if record.current}
    for run in runs:
        identity, tags = _identity(run), run.data.tags
        if identity in known or run.info.lifecycle_stage != "active" or REPLACED in tags:
            continue
        shown = f"run {run.info.run_id} ({run.info.run_name})"
        if identity[0] in names and tags.get("gsf.current") == "true":
            what = f"{shown} claims to be current, but its training key is not the one of the results here"
            yield Finding("broken", f"mlflow:{identity[0]}", what, REBUILD)
        else:
            yield Finding("absent", f"mlflow:{identity[0] or study}", f"nothing here tells of {shown}", "")


def _untold(record: Record, others: Sequence[str], *, whole: bool) -> Iterator[Finding]:
    """What a run has and nothing tells of; where not all that may tell of it is here, that was not checked."""
    if whole:
        for name in others:
            yield Finding("broken", f"mlflow:{record.name}/{name}", "neither journal nor receipt tells of it", REBUILD)
    elif others:
        what = f"{len(others)} entries that a journal or receipt elsewhere may tell of: {_some(others)}"
        yield Finding("absent", f"mlflow:{record.name}", what, "")


def _identity(run: Any) -> tuple[str, str]:
    return run.data.tags.get("gsf.training", ""), run.data.tags.get(TRAINING_KEY, "")


def _context(item: Any) -> str:
    return next((tag.value for tag in item.tags if tag.key == "mlflow.data.context"), "")


def _plain(text: str | None) -> Any:
    """JSON as values, so that spaces do not matter."""
    try:
        return json.loads(text or "null")
    except ValueError:
        return text


def _some(items: Sequence[object]) -> str:
    return ", ".join(str(item) for item in items[:3]) + (f" and {len(items) - 3} more" if len(items) > 3 else "")


def _short(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:77]}..."
