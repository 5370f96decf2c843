"""The page of a study: its differences, curves, confusions, gains, time, gates and the verifier's verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from markupsafe import Markup

from gsf.names import slug
from gsf.project import Project
from gsf.provenance.receipt import Receipt
from gsf.site.confusion import Confusion, confusion_of, scores_of
from gsf.site.curves import COLUMNS, Curves, curve_chart, read_curves
from gsf.site.gains import gain_chart, gains_of
from gsf.site.gate_chart import gate_chart
from gsf.site.gates import GatePictures
from gsf.site.study import Evaluation, StudyData
from gsf.site.times import time_chart, time_tables


def study_context(
    project: Project, study: StudyData, *, videos: Mapping[str, Counter[str]], gates: list[GatePictures]
) -> dict[str, Any]:
    """What the page shows; `videos`: test videos by class, by benchmark."""
    curves = list(_curves(project, study))
    gains = [(item, gain_chart(item)) for item in gains_of(study.evaluations, videos)]
    picture = (project.results(study.name) / "curves.png").is_file()
    return {
        "study": study,
        "curves": [(COLUMNS[name][0], chart) for name in COLUMNS if (chart := curve_chart(curves, name)) is not None],
        "curve_runs": [run.run for run in curves],
        "curve_rows": _curve_rows(curves),
        "curve_picture": f"pictures/{slug(study.name)}/curves.png" if picture and not curves else None,
        "confusions": list(_confusions(project, study)),
        "gains": gains,
        "comparisons": study.comparisons,
        "times": [(table, time_chart(table)) for table in time_tables(study.times)],
        "gates": [(item, _gate_chart(item)) for item in gates],
        "videos": videos,
    }


def _curves(project: Project, study: StudyData) -> Iterator[Curves]:
    makers: dict[str, tuple[Receipt, int]] = {}
    for item in study.evaluations:
        if len(item.makers) == 1:
            makers.setdefault(item.makers[0].digest, (item.makers[0], item.series))
    for receipt, series in makers.values():
        found = read_curves(project, study.name, receipt, series=series)
        if found is not None:
            yield found


def _curve_rows(curves: list[Curves]) -> list[dict[str, Any]]:
    """The curves as a table: an epoch a row, loss and accuracy of every run."""
    epochs = sorted({epoch for run in curves for column in COLUMNS for epoch in run.values[column]})
    return [
        {"epoch": epoch, "values": [[run.values[column].get(epoch) for column in COLUMNS] for run in curves]}
        for epoch in epochs
    ]


def _confusions(project: Project, study: StudyData) -> Iterator[tuple[Evaluation, Confusion]]:
    """Of each experiment under its first protocol with frames forward."""
    seen: set[tuple[str, str]] = set()
    for item in study.evaluations:
        if (item.benchmark, item.experiment) in seen or item.receipt is None or item.time != "forward":
            continue
        scores = scores_of(project, study.name, item.receipt)
        if scores is not None:
            seen.add((item.benchmark, item.experiment))
            pairs = study.benchmarks[item.benchmark].manifest.get("reversal_pairs", ())
            yield item, confusion_of(scores, pairs)


def _gate_chart(pictures: GatePictures) -> Markup | None:
    return gate_chart(pictures.index["layers"]) if not pictures.problem else None
