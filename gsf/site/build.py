"""`gsf site`: all pages, from what the project's results hold; the same inputs give the same bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gsf.errors import ParamsError, ProvenanceError
from gsf.names import slug
from gsf.project import Project
from gsf.proof.chain import REPORT_RECEIPT, known_studies
from gsf.proof.git import head_commit
from gsf.provenance.hashing import write_atomically
from gsf.site.cost_chart import COSTS, cost_chart
from gsf.site.gates import gate_pictures
from gsf.site.intervals import interval_chart
from gsf.site.pages import STATIC, render
from gsf.site.study import StudyData, main_metrics, metric_name, read_study
from gsf.site.study_page import study_context
from gsf.site.table import panels, table_of
from gsf.site.trace_page import trace_context
from gsf.site.videos import benchmark_videos, class_context, class_page, test_videos

DEFAULT = "site"  # folder of results/
LISTING = "site.json"  # the files of the last build, so that the next one removes what it no longer writes


def build(project: Project, *, to: Path | None = None) -> str:
    """Write the site of every study with results; what was written, in words.

    Raises:
        ProvenanceError: there are no results.
        ParamsError: the folder holds what no build has written.
    """
    names = known_studies(project)
    if not names:
        raise ProvenanceError("results/: no study with results is here, must be one to be shown: run `dvc repro`")
    folder = Path.cwd() / to if to is not None else project.root / "results" / DEFAULT
    if to is None and DEFAULT in names:
        raise ParamsError(f"results/{DEFAULT}: is the study of that name, must not be written over: say --to FOLDER")
    before = _before(folder)
    files = dict(site_files(project, names))
    files[LISTING] = (json.dumps(sorted(files), indent=0, ensure_ascii=False) + "\n").encode()
    for name, data in files.items():
        path = folder / name
        if not path.is_file() or path.read_bytes() != data:
            write_atomically(path, data)
    for name in before - files.keys():
        _remove(folder, name)
    size = sum(map(len, files.values()))
    return f"{folder / 'index.html'}: {len(files)} files, {size / 1e6:.1f} MB, {len(names)} studies"


def site_files(project: Project, names: list[str]) -> Iterator[tuple[str, bytes]]:
    """Every file of the site by its place."""
    studies = [read_study(project, name) for name in names]
    common: dict[str, Any] = {"studies": studies, "commit": head_commit(project)}
    for name, path in STATIC.items():
        yield name, path.read_bytes()
    yield "index.html", render("index.html", "index.html", common | _index(studies))
    for study in studies:
        yield from _study_files(project, study, common)


def _study_files(project: Project, study: StudyData, common: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    videos = test_videos(project, study)
    gates = list(gate_pictures(project, study))
    context = study_context(project, study, videos=videos, gates=gates)
    listed = {}
    for benchmark in study.benchmarks:
        found = benchmark_videos(project, study, benchmark)
        listed[benchmark] = found.page if found is not None else None
        if found is None:
            continue
        yield from found.sheets.files.items()
        pages = {label: class_page(study.name, benchmark, found.numbers[label]) for label in found.classes}
        shown = {"study": study, "videos": found, "info": study.benchmarks[benchmark], "pages": pages}
        yield found.page, render("videos.html", found.page, common | shown)
        for label, page in pages.items():
            yield page, render("class.html", page, common | class_context(found, label))
    for pictures in gates:
        yield from pictures.files.items()
    if context["curve_picture"]:
        yield context["curve_picture"], (project.results(study.name) / "curves.png").read_bytes()
    yield study.page, render("study.html", study.page, common | context | {"listed": listed})
    for item in study.evaluations:
        there = listed[item.benchmark] is not None
        shown = trace_context(project, study, item, videos=videos, listed=there)
        yield item.page, render("trace.html", item.page, common | shown | {"videos_page": listed[item.benchmark]})
    for digest, paths in study.chain.paths.items():
        yield f"receipt/{digest}.json", (project.root / paths[0]).read_bytes()
    report = project.results(study.name) / REPORT_RECEIPT
    if report.is_file():
        yield f"receipt/report-{slug(study.name)}.json", report.read_bytes()


def _index(studies: list[StudyData]) -> dict[str, Any]:
    charts = []
    shown = panels(studies)
    for panel in shown:
        title, words = f"{panel.benchmark}, {panel.protocol}", f"{metric_name(panel.metric)} (%)"
        alike = [other for other in shown if (other.benchmark, other.metric) == (panel.benchmark, panel.metric)]
        beside = [point for other in alike for point in other.points]
        drawn = interval_chart(panel.points, beside=beside, title=panel.title, axis_title=words, chance=panel.chance)
        charts.append((title, panel, drawn))
    costs = []
    for study in studies:
        for benchmark in study.benchmarks:
            items = [item for item in study.evaluations if item.benchmark == benchmark]
            for metric in main_metrics(items):
                for cost in COSTS:
                    title = f"{study.name}, {benchmark}: accuracy against {cost}"
                    chart = cost_chart(items, metric, cost=cost, title=title)
                    if chart is not None:
                        costs.append((study, benchmark, metric, chart))
    return {
        "table": table_of(studies),
        "charts": charts,
        "costs": costs,
        "speeds": [study for study in studies if study.speeds is not None],
    }


def _before(folder: Path) -> set[str]:
    """The files of the last build."""
    if not folder.is_dir() or not any(folder.iterdir()):
        return set()
    try:
        return {str(name) for name in json.loads((folder / LISTING).read_bytes())}
    except (OSError, ValueError):
        raise ParamsError(
            f"{folder}: holds files that `gsf site` has not written, must be empty or the site of an earlier build;"
            " remove them or say --to with another folder"
        ) from None


def _remove(folder: Path, name: str) -> None:
    """Remove a file of an earlier build, and the folders that it leaves empty."""
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        return
    path.unlink(missing_ok=True)
    for parent in path.parents:
        if parent == folder or not parent.is_dir() or any(parent.iterdir()):
            break
        parent.rmdir()
