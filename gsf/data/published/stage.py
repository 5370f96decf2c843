"""The annotate stage: published annotation files become annotations and classes in our tables.

The published files lie outside the project, so the parameters say what they must be (`published.sha256`), as for an
imported checkpoint, and they are roots of the chain. Where each video lies comes from the listing of the folder.
"""

from __future__ import annotations

import json

from gsf.data.listing import read_listing
from gsf.data.published.annotate import Annotated, annotate, annotation_rows, class_rows, summary
from gsf.data.subsets import FILE as SUBSETS_FILE
from gsf.data.subsets import SUBSETS, subset_rows
from gsf.errors import ParamsError
from gsf.params.base import load
from gsf.params.benchmark import Benchmark
from gsf.project import Project
from gsf.provenance.hashing import write_atomically
from gsf.provenance.params_used import params_used
from gsf.provenance.receipt import Input, Receipt, StageResult, seal
from gsf.tables import write_table

ENTRY = "gsf.data.published.stage"


def run(project: Project, benchmark: str) -> Receipt:
    """Write annotations, classes, subsets and a summary of a published benchmark, and seal the receipt."""
    params_file = project.params_file("benchmarks", benchmark)
    params = load(Benchmark, params_file)
    where = project.relative(params_file)
    if params.published is None:
        raise ParamsError(
            f"{where}: has no `published`, must have it for stage annotate; `gsf init --published` writes it"
        )
    found = annotate(
        params.published,
        project.root / params.published.files,
        listed=read_listing(project.listing(benchmark)),
        where=where,
    )
    facts = summary(found, format=params.published.format)
    _write(project, benchmark, found)
    # Which videos are missing belongs to the copy on this machine: the inventory says so, with the reason.
    text = json.dumps({key: value for key, value in facts.items() if key != "missing_videos"}, indent=2)
    write_atomically(project.annotated_summary(benchmark), f"{text}\n".encode())
    return seal(
        project,
        StageResult(
            stage=f"annotate@{benchmark}",
            command=["gsf", "annotate", benchmark],
            params=params_used(project, params_file, ["published"]),
            inputs=[
                Input(path=f"published/{name}", sha256=sha256, receipt=None)
                for name, sha256 in params.published.sha256.items()
            ],
            outputs=[
                project.annotations(benchmark),
                project.classes(benchmark),
                project.annotated_summary(benchmark),
                project.annotated(benchmark) / SUBSETS_FILE,
            ],
            entry=ENTRY,
            facts={
                "version": facts["version"],
                "classes": facts["classes"],
                "published_splits": facts["published_splits"],
                **facts["splits"],
            },
        ),
        project.annotate_receipt(benchmark),
    )


def _write(project: Project, benchmark: str, found: Annotated) -> None:
    columns, rows = annotation_rows(found)
    write_table(project.annotations(benchmark), columns, rows)
    names, classes = class_rows(found)
    write_table(project.classes(benchmark), names, classes)
    write_table(project.annotated(benchmark) / SUBSETS_FILE, SUBSETS, subset_rows(found.reading.subsets))
