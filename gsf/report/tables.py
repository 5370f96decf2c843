"""The results as cells and as Markdown tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gsf.provenance.pages import index_title
from gsf.provenance.records import METRICS, metric_cells, percent
from gsf.report.apart import apart_table
from gsf.report.collect import Evaluation, Material
from gsf.report.ensembles import ensembles_section
from gsf.report.paired import comparisons, time_evidence
from gsf.report.paired_tables import comparison_section, time_section


def cells(material: Material) -> list[dict[str, Any]]:
    """One record a number, in the order of the plan; `experiment` is the run: an experiment and its seed."""
    return [
        cell
        for item in material.evaluations
        for cell in metric_cells(
            item.metrics,
            benchmark=item.benchmark,
            run=item.training.run,
            protocol=item.protocol,
            receipt=item.receipt.digest,
        )
    ]


def cell_name(cell: Mapping[str, Any]) -> str:
    """The name by which `gsf trace` finds a cell."""
    return "/".join(str(cell[key]) for key in ("benchmark", "experiment", "protocol", "metric"))


def results_tables(material: Material) -> str:
    """One table a benchmark and protocol: a row an experiment, accuracies in percent."""
    parts = []
    for (benchmark, protocol), items in _grouped(material.evaluations).items():
        parts.append(f"**{benchmark}, {protocol}** (accuracies in %)\n\n{_table(material, items)}")
        rows: dict[str, list[Mapping[str, Any]]] = {}
        for item in items:
            rows.setdefault(item.training.experiment, []).append(item.metrics)
        apart = apart_table(rows)
        if apart:
            title = f"**{benchmark}, {protocol}, by parts of the classes and subsets of the videos** (accuracies in %)"
            parts.append("\n".join([title, "", *apart]))
    return "\n\n".join(parts)


def study_page(material: Material, *, left_out: Sequence[str], limit: int) -> str:
    """README.md of a study's results."""
    study, first = material.plan.study, cells(material)[0]
    judged = [item.judged() for item in material.evaluations]
    return "\n".join(
        [
            f"# Results of the study `{study}`",
            "",
            f"Written by `gsf report {study}`, the last stage of the pipeline; do not edit.",
            "",
            results_tables(material),
            "",
            *_notes(material),
            "",
            *(["![Training loss and validation accuracy of every run](curves.png)", ""] if material.trainings else []),
            "![Confusion of the classes, one panel a run](confusion.png)",
            "",
            *comparison_section(comparisons(judged)),
            *time_section(time_evidence(judged)),
            *_imports(material),
            *ensembles_section(material),
            "## Videos",
            "",
            *_videos(material.manifests),
            "",
            "## From a number to the videos",
            "",
            "Every number is a cell of [results.json](results.json), named benchmark/run/protocol/metric, and holds",
            "the digest of the receipt that proves it. The receipts behind it, down to the bytes of the videos, lie in",
            "[receipts/](receipts).",
            "",
            "```",
            f"gsf trace {cell_name(first)}",
            f"gsf verify {study}",
            "```",
            "",
            *_evidence(left_out, limit),
            "",
        ]
    )


def index_page(tables: Mapping[str, str]) -> str:
    """README.md of `results/`: each study with the tables of its own page."""
    lines = ["# Results", "", "One folder a study, written by `gsf report`; `gsf study NAME` makes a study active."]
    for study in sorted(tables):
        lines += ["", index_title(study), "", tables[study]]
    return "\n".join(lines) + "\n"


def _grouped(evaluations: Sequence[Evaluation]) -> dict[tuple[str, str], list[Evaluation]]:
    groups: dict[tuple[str, str], list[Evaluation]] = {}
    for item in evaluations:
        groups.setdefault((item.benchmark, item.protocol), []).append(item)
    return groups


def _table(material: Material, items: Sequence[Evaluation]) -> str:
    metrics = [metric for metric in METRICS if any(metric in item.metrics for item in items)]
    rows: dict[str, list[Evaluation]] = {}
    for item in items:
        rows.setdefault(item.training.experiment, []).append(item)
    several = any(len(row) > 1 for row in rows.values())
    header = ["experiment", *(METRICS[metric] for metric in metrics), "videos", "parameters"]
    header += ["seeds"] if several else []
    lines = [_line(header), _line(["---", *["---:"] * (len(header) - 1)])]
    for row in rows.values():
        values = [percent([item.metrics for item in row], metric) for metric in metrics]
        size = f"{material.parameters(row[0].training.run):,}"
        seeds = [str(len(row))] if several else []
        lines.append(_line([_row_name(material, row[0]), *values, str(row[0].metrics["n"]), size, *seeds]))
    return "\n".join(lines)


def _row_name(material: Material, item: Evaluation) -> str:
    """The experiment; of an ensemble that it is one, of an imported network the file that it came in."""
    if item.members():
        return f"{item.training.experiment}, *ensemble* of {len(item.members())}"
    found = material.imported(item.training.run)
    origin = f", *imported* from `{found.file}` (sha256 {found.sha256[:12]})" if found else ""
    return f"{item.training.experiment}{origin}"


def _line(values: Sequence[str]) -> str:
    return f"| {' | '.join(values)} |"


def _notes(material: Material) -> Iterator[str]:
    if any("pair_accuracy" in item.metrics for item in material.evaluations):
        yield "*Within pairs*: whether the true class scores higher than its reversal in time; chance is 50 %."
    yield "*Mean per class*: mean of the classes' recalls. At equal scores the class with the lower index ranks first."
    yield "*Calibration error*: how far confidence is from accuracy, 0 is best (15 bins; Guo et al. 2017)."
    subsets = {name for item in material.evaluations for name in item.metrics.get("breakdown", {}).get("subsets", [])}
    if any(item.metrics.get("breakdown", {}).get("parts") for item in material.evaluations):
        yield "*Action* is the whole class, the others are its parts; the probability of a part is the sum over the"
        yield "classes that have it."
    if subsets:
        yield f"Subsets of the videos: {', '.join(sorted(subsets))}; of how many a number speaks, its cell says."
    runs = Counter((item.benchmark, item.protocol, item.training.experiment) for item in material.evaluations)
    if min(runs.values()) == 1:
        yield "*[low, high]*: 95 %, how far another draw of as many videos could move the number (Wilson's interval; of"
        yield "*mean per class* a bootstrap over videos, stratified by class). Another training could move it too: that"
        yield "is seen from several seeds alone."
    if max(runs.values()) > 1:
        yield "Of several seeds: mean ± sample standard deviation over as many trainings as *seeds* says, all on the"
        yield "same videos. It says how far another training could move the number; how far other videos could, the"
        yield "intervals of each run in [results.json](results.json) say."


def _imports(material: Material) -> Iterator[str]:
    """What is known of the networks that were trained elsewhere."""
    if not material.imports:
        return
    yield "## Imported networks"
    yield ""
    yield "Trained elsewhere, and only evaluated here: their trace ends at a file, of which the sha256 is all that is"
    yield "known. Epoch and validation top-1 are what the file says of itself, not measured here."
    yield ""
    yield _line(["experiment", "network", "frames", "ratio", "file", "sha256", "epoch", "validation top-1"])
    yield _line(["---"] * 8)
    for item in material.imports:
        network = f"{item.model['temporal']} on {item.model['backbone']}"
        said = ["" if item.epoch is None else str(item.epoch)]
        said += ["" if item.best_prec1 is None else f"{item.best_prec1:.2f} %"]
        size = [str(item.model["num_segments"]), f"{item.model['ratio']:g}"]
        yield _line([item.planned.experiment, network, *size, f"`{item.file}`", f"`{item.sha256}`", *said])
    yield ""


def _videos(manifests: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    yield _line(["benchmark", "classes", "train", "val", "test", "excluded"])
    yield _line(["---", *["---:"] * 5])
    for benchmark, manifest in manifests.items():
        counts = [str(manifest["counts"].get(split, 0)) for split in ("train", "val", "test")]
        others = [str(manifest["excluded_count"])]
        yield _line([benchmark, str(len(manifest["classes"])), *counts, *others])
    yield ""
    excluded = [(benchmark, row) for benchmark, manifest in manifests.items() for row in manifest["excluded"]]
    if not excluded:
        yield "No video was excluded."
        return
    yield "Excluded because they cannot be read, and counted in no accuracy:"
    yield ""
    for benchmark, row in excluded[:50]:
        reason = " ".join(row["reason"].removeprefix(f"{row['id']}: ").split())
        yield f"* {benchmark}, {row['split']}: `{row['id']}`: {reason}"
    if len(excluded) > 50:
        yield f"* and {len(excluded) - 50} more, in the benchmark's `manifest.json`"


def _evidence(left_out: Sequence[str], limit: int) -> Iterator[str]:
    yield "[evidence/](evidence) holds metrics, scores (the logits of every view, by video), inventories and manifests,"
    yield "so that every metric can be computed again from here."
    if left_out:
        yield ""
        yield f"Not there, because they exceed {limit:,} bytes (`dvc pull` fetches them):"
        yield ""
        yield from (f"* `{name}`" for name in left_out)
