"""A study as the site shows it: its evaluations with numbers, networks and receipts, and the verifier's verdict."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gsf.errors import GsfError, ProvenanceError
from gsf.names import slug
from gsf.project import Project
from gsf.proof.chain import Chain, Command, study_chain
from gsf.proof.findings import Verdict
from gsf.proof.results import Cell, read_cells
from gsf.proof.verify import verify_study
from gsf.provenance.receipt import Receipt
from gsf.site.evidence import written_json
from gsf.site.networks import MAKERS, Network, network_of
from gsf.site.speed import Speeds, read_speeds

# How people read the metrics of this program; any other is shown by its own name.
METRIC_NAMES = {
    "pair_accuracy": "within pairs",
    "top1": "top-1",
    "top5": "top-5",
    "mean_class": "mean per class",
    "ece": "calibration error",
}
LOWER_IS_BETTER = ("ece",)


@dataclass(frozen=True)
class Evaluation:
    """One row of the table: an experiment under a protocol."""

    study: str
    benchmark: str
    experiment: str
    protocol: str
    cells: Mapping[str, Cell]  # by metric
    receipt: Receipt | None  # None where it is not among the results
    settings: Mapping[str, Any]  # of the protocol, as the receipt has them
    metrics: Mapping[str, Any]  # metrics.json, empty where it is not here
    makers: tuple[Receipt, ...]  # trainings and imports that it rests on
    network: Network | None  # None where there are several, or it is unknown
    series: int  # of its experiment in the pictures of the study

    @property
    def page(self) -> str:
        """Where the site tells how its numbers came about."""
        return f"trace/{slug(self.study)}/{slug(self.experiment)}--{slug(self.protocol)}.html"

    @property
    def views(self) -> int | None:
        """Clips times crops of a video."""
        known = self.receipt.facts.get("views") if self.receipt is not None else None
        if isinstance(known, int):
            return known
        clips, crops = self.settings.get("clips"), self.settings.get("crops")
        return clips * crops if isinstance(clips, int) and isinstance(crops, int) else None

    @property
    def macs(self) -> int | None:
        """Multiply-adds of a video: of a clip, times its views."""
        network, views = self.network, self.views
        return network.macs * views if network is not None and network.macs is not None and views else None

    @property
    def seconds(self) -> float | None:
        """Of computing a video, as measured: its views over clips a second."""
        network, views = self.network, self.views
        return views / network.clips_per_second if network and network.clips_per_second and views else None

    @property
    def time(self) -> str:
        """The order of the frames."""
        return str(self.settings.get("time", "forward"))

    @property
    def name(self) -> str:
        return f"{self.benchmark}/{self.experiment}/{self.protocol}"


@dataclass(frozen=True)
class BenchmarkInfo:
    """What a study's receipts say of one of its benchmarks."""

    name: str
    rendered: bool  # drawn by the pipeline itself: its frames may be shown
    format: str | None  # of a published one
    target: str | None
    version: str  # of the annotations, as their stage told it
    manifest: Mapping[str, Any]  # manifest.json, empty where it is not here
    inventory: Receipt | None

    @property
    def classes(self) -> Sequence[str]:
        return [str(name) for name in self.manifest.get("classes", ())]


@dataclass(frozen=True)
class StudyData:
    """All of a study that more than one page needs."""

    name: str
    chain: Chain
    evaluations: tuple[Evaluation, ...]
    benchmarks: Mapping[str, BenchmarkInfo]
    verdict: Verdict | None
    problem: str  # why there is no verdict, or no table
    speeds: Speeds | None = None  # None where `gsf speed` was not run
    comparisons: Sequence[Mapping[str, Any]] = field(default_factory=list)
    times: Sequence[Mapping[str, Any]] = field(default_factory=list)

    @property
    def page(self) -> str:
        return f"study/{slug(self.name)}.html"

    def experiments(self) -> list[str]:
        return list(dict.fromkeys(item.experiment for item in self.evaluations))

    def metrics(self) -> list[str]:
        return list(dict.fromkeys(metric for item in self.evaluations for metric in item.cells))

    def find(self, experiment: str, protocol: str) -> Evaluation | None:
        wanted = (experiment, protocol)
        return next((item for item in self.evaluations if (item.experiment, item.protocol) == wanted), None)


def read_study(project: Project, study: str) -> StudyData:
    """Read one study; what cannot be read is told on its page, not raised."""
    chain = study_chain(project, study)
    problem, cells, verdict = "", [], None
    try:
        cells = read_cells(project, study)
        verdict = verify_study(project, study)
    except ProvenanceError as error:
        problem = str(error)
    names = list(dict.fromkeys(cell.benchmark for cell in cells))
    speeds = read_speeds(project, study)
    benchmarks = {name: _benchmark(project, study, chain, name) for name in names}
    return StudyData(
        name=study,
        chain=chain,
        evaluations=tuple(_evaluations(project, study, chain, cells, benchmarks, speeds)),
        benchmarks=benchmarks,
        verdict=verdict,
        problem=problem,
        speeds=speeds,
        comparisons=_records(project, study, "comparisons.json"),
        times=_records(project, study, "time.json"),
    )


def metric_name(metric: str) -> str:
    """A metric as people read it; of `verb.top1` both parts."""
    part, dot, last = metric.rpartition(".")
    return f"{part}{' ' if dot else ''}{METRIC_NAMES.get(last, last.replace('_', ' '))}"


def main_metrics(items: Sequence[Evaluation], most: int = 2) -> list[str]:
    """The first metrics of a table that have intervals: what its pictures show."""
    having = {metric: None for item in items for metric, cell in item.cells.items() if cell.low is not None}
    plain = {metric: None for item in items for metric in item.cells}
    return list(having or plain)[:most]


def _evaluations(
    project: Project,
    study: str,
    chain: Chain,
    cells: Sequence[Cell],
    benchmarks: Mapping[str, BenchmarkInfo],
    speeds: Speeds | None,
) -> list[Evaluation]:
    groups: dict[tuple[str, str, str], dict[str, Cell]] = {}
    for cell in cells:
        groups.setdefault((cell.benchmark, cell.experiment, cell.protocol), {})[cell.metric] = cell
    order = list(dict.fromkeys(experiment for _, experiment, _ in groups))
    found = []
    for (benchmark, experiment, protocol), own in groups.items():
        receipt = chain.receipts.get(next(iter(own.values())).receipt)
        behind = chain.closure([receipt]) if receipt is not None else []
        makers = tuple(item for item in behind if Command.of(item).verb in MAKERS)
        network = None
        if len(makers) == 1:
            classes = len(benchmarks[benchmark].classes)
            run = Command.of(makers[0]).options.get("run", experiment)
            network = network_of(run, makers[0], num_classes=classes, speeds=speeds)
        settings = receipt.content["params"].get(f"params/protocols/{protocol}.yaml", {}) if receipt else {}
        metrics = written_json(project, study, receipt, "metrics.json") if receipt else {}
        place = (study, benchmark, experiment, protocol)
        series = order.index(experiment)
        found.append(Evaluation(*place, own, receipt, settings, metrics, makers, network, series))
    return found


def _benchmark(project: Project, study: str, chain: Chain, name: str) -> BenchmarkInfo:
    stages = {receipt.stage: receipt for receipt in chain.receipts.values()}
    annotated, manifest = stages.get(f"annotate@{name}"), stages.get(f"manifest@{name}")
    published: dict[str, Any] = {}
    if annotated is not None:
        published = annotated.content["params"].get(f"params/benchmarks/{name}.yaml", {}).get("published") or {}
    info = written_json(project, study, manifest, "manifest.json") if manifest is not None else {}
    return BenchmarkInfo(
        name=name,
        rendered=f"render@{name}" in stages,
        format=published.get("format"),
        target=published.get("target"),
        version=str(annotated.facts.get("version", "")) if annotated is not None else "",
        manifest=info,
        inventory=stages.get(f"inventory@{name}"),
    )


def _records(project: Project, study: str, name: str) -> list[Mapping[str, Any]]:
    try:
        found = json.loads((project.results(study) / name).read_bytes())
    except (OSError, ValueError, GsfError):
        return []
    return [record for record in found if isinstance(record, dict)] if isinstance(found, list) else []
