"""The report stage: the evaluations of the active study in, a table with its proof out, ready for git."""

from __future__ import annotations

import shutil
from pathlib import Path

from gsf.errors import EvaluationError
from gsf.project import Project
from gsf.provenance.hashing import write_atomically
from gsf.provenance.pages import markers, page_tables
from gsf.provenance.receipt import Receipt, StageResult, seal
from gsf.provenance.records import readable_json
from gsf.report.closure import closure
from gsf.report.collect import Material, collect, evidence_files
from gsf.report.paired import comparisons, time_evidence
from gsf.report.pictures import confusion_png, curves_png
from gsf.report.tables import cells, index_page, results_tables, study_page

EVIDENCE_LIMIT = 1_000_000  # bytes; larger files stay out of git
# What the stage writes, apart from its receipt: whatever else lies in these folders is stale and goes.
_FOLDERS = ("receipts", "evidence")


def run(project: Project, study: str) -> Receipt:
    """Write `results/STUDY/`, the index of all studies and the table in the project's README.md; seal the receipt."""
    material = collect(project, study)
    files = report_files(project, material)
    folder = project.results(study)
    for name in _FOLDERS:
        _remove_others(folder / name, {folder / path for path in files})
    for name, data in files.items():
        _write_if_changed(folder / name, data)
    receipt = seal(
        project,
        StageResult(
            stage="report",
            command=["gsf", "report", study],
            params={},
            inputs=material.inputs,
            outputs=[folder / name for name in files],
            entry="gsf.report.stage",
            tools=("matplotlib", "numpy", "pillow", "safetensors"),
            facts={"cells": len(cells(material)), "receipts": sum(name.startswith("receipts/") for name in files)},
        ),
        folder / "report.receipt.json",
    )
    _write_index(project)
    _write_readme_block(project, study, results_tables(material))
    return receipt


def report_files(project: Project, material: Material) -> dict[str, bytes]:
    """Every file of a study's results by its place in their folder: a pure function of the stage's inputs."""
    evidence, left_out = {}, []
    for name, path in evidence_files(project, material.plan).items():
        if path.stat().st_size < EVIDENCE_LIMIT:
            evidence[f"evidence/{name}"] = path.read_bytes()
        else:
            left_out.append(project.relative(path))
    judged = [item.judged() for item in material.evaluations]
    receipts = {f"receipts/{digest}.json": data for digest, data in closure(project, material.inputs).items()}
    return {
        "results.json": readable_json(cells(material)),
        "comparisons.json": readable_json(comparisons(judged)),
        "time.json": readable_json(time_evidence(judged)),
        "README.md": study_page(material, left_out=left_out, limit=EVIDENCE_LIMIT).encode("utf-8"),
        "curves.png": curves_png(material),
        "confusion.png": confusion_png(material),
        **receipts,
        **evidence,
    }


def replace_block(text: str, study: str, content: str) -> str:
    """`text` with what stands between the markers of a study replaced; unchanged where it has no such markers.

    Raises:
        EvaluationError: one marker without the other, or in the wrong order.
    """
    start, end = markers(study)
    if start not in text and end not in text:
        return text
    if text.count(start) != 1 or text.count(end) != 1 or text.index(start) > text.index(end):
        raise EvaluationError(f"README.md: the markers {start} and {end} must each be there once, in this order")
    before, rest = text.split(start)
    after = rest.split(end)[1]
    return f"{before}{start}\n\n{content}\n\n{end}{after}"


def _write_index(project: Project) -> None:
    """`results/README.md`: the tables of every study with results; no output, because it grows with other studies."""
    tables = {
        path.parent.name: page_tables((path.parent / "README.md").read_text(encoding="utf-8"))
        for path in sorted((project.root / "results").glob("*/results.json"))
        if (path.parent / "README.md").is_file()
    }
    _write_if_changed(project.root / "results" / "README.md", index_page(tables).encode("utf-8"))


def _write_readme_block(project: Project, study: str, tables: str) -> None:
    path = project.root / "README.md"
    if path.is_file():
        text = path.read_text(encoding="utf-8")
        _write_if_changed(path, replace_block(text, study, tables).encode("utf-8"))


def _write_if_changed(path: Path, data: bytes) -> None:
    if not path.is_file() or path.read_bytes() != data:
        write_atomically(path, data)


def _remove_others(folder: Path, wanted: set[Path]) -> None:
    """Delete what lies in a folder and is not wanted."""
    if not folder.is_dir():
        return
    for path in sorted(folder.rglob("*"), reverse=True):  # contents before their folder
        if path.is_dir() and not path.is_symlink():
            if not any(path in file.parents for file in wanted):
                shutil.rmtree(path)
        elif path not in wanted:
            path.unlink()
