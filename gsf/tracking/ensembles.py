"""What MLflow shall show of an ensemble, collected from its receipt: a run like that of a network, without curves."""

from __future__ import annotations

from gsf.project import ENSEMBLE, Project
from gsf.proof.chain import Command
from gsf.provenance.receipt import read_receipt
from gsf.tracking.journal import TRAINING_KEY
from gsf.tracking.record import Draft, Record, add_files, collect, data_of, measured_by, receipt_tags, trainings


def rows(project: Project) -> list[tuple[str, str]]:
    """Study and run of everything that becomes a run: trainings, imports and ensembles."""
    paths = (project.root / "runs").glob("*/ensemble/*/receipt.json")
    return sorted({*trainings(project), *((path.parts[-4], path.parts[-2]) for path in paths)})


def records_of(project: Project, *, study: str, run: str) -> list[Record]:
    """The records under one name, the present one last; of an ensemble there is one."""
    if project.evaluated(study, run, ENSEMBLE).receipt.is_file():
        return [ensemble_record(project, study=study, run=run)]
    return collect(project, study=study, run=run)


def ensemble_record(project: Project, *, study: str, run: str) -> Record:
    """An ensemble; it is the same one as long as its receipt is."""
    place = project.evaluated(study, run, ENSEMBLE)
    receipt, sealed = read_receipt(place.receipt), place.receipt.stat().st_mtime
    command = Command.of(receipt)
    draft = Draft(tags={"gsf.study": study, "gsf.run": run, "gsf.training": f"{study}/{run}"})
    draft.tags |= {
        TRAINING_KEY: receipt.digest,
        "gsf.receipt": receipt.digest,
        f"gsf.receipt.{ENSEMBLE}": receipt.digest,
    }
    draft.tags |= receipt_tags(receipt)
    outputs = add_files(project, draft, receipt, path=place.receipt, folder=f"evaluate/{ENSEMBLE}")
    return Record(
        study=study,
        run=run,
        training_key=receipt.digest,
        status="finished",
        started=sealed,
        ended=sealed,
        current=True,
        params={
            "benchmark": command.positional[0],
            "ensemble.average": command.options["average"],
            "ensemble.members": command.options["members"],
        },
        tags=draft.tags,
        points=(),
        measured=measured_by(ENSEMBLE, outputs.get("metrics.json")),
        protocols={},  # its members have looked, each by its own
        data=tuple(data_of(project, receipt, context="test")),
        files=draft.files,
        problems=tuple(draft.problems),
        by_journal=True,  # it has none, and needs none
        by_receipt=True,
    )
