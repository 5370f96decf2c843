"""Every kind of file in a chain: where one lies, its sibling, and which receipt lists it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from gsf.proof.chain import Chain
from gsf.proof.drawn import FRAMES, GATES
from tests.proof.finished import STUDY
from tests.proof.tamper.project import PROTOCOL

# What becomes of a file: where verify reads it, and against what.
Group = Literal[
    "output",
    "receipt",
    "kept",
    "evidence",
    "result",
    "drawn",
    "shown",
    "root",
    "elsewhere",
    "params",
    "state",
    "none",
    "signature",
    "signed",
    "crate",
    "croissant",
]

ARROW, MINE, OWN = "data/arrow", "data/mine", "data/own"
TRAIN, EVALUATE = f"runs/{STUDY}/train", f"runs/{STUDY}/evaluate"
RESULTS = f"results/{STUDY}"
OUTSIDE = "{outside}"  # the folder beside the project
CODE = "{code}"  # the folder of the package's code


@dataclass(frozen=True)
class Artefact:
    """One row of the matrix."""

    kind: str  # as people call it
    group: Group
    path: str  # in the project, or a stage whose kept receipt it is
    sibling: str | None = None  # another of the same kind, to swap with
    receipt: str | None = None  # in the work tree, which lists it; of a picture its index
    key: str | None = None  # of a parameter file: the number in it that is changed
    stage: str | None = None  # that wrote it


def users(chain: Chain, name: str) -> frozenset[str]:
    """The stages whose receipts hold values of a parameter file, or the digest of a module, or read it as a root."""
    return frozenset(
        receipt.stage
        for receipt in chain.receipts.values()
        if name in receipt.content["params"]
        or name in receipt.content["code"]
        or any(item.path == name and item.receipt is None for item in receipt.inputs)
    )


def _stage(verb: str, run: str) -> str:
    return f"{verb}@{STUDY}-{run}" + (f"-{PROTOCOL}" if verb == "evaluate" else "")


BOTH, EVEN = f"runs/{STUDY}/ensemble/both-s0", f"runs/{STUDY}/ensemble/even-s0"
ENSEMBLES = (f"ensemble@{STUDY}-both-s0", f"ensemble@{STUDY}-even-s0")
GSF, TSN = f"{EVALUATE}/gsf-s0/{PROTOCOL}", f"{EVALUATE}/tsn-s0/{PROTOCOL}"
VIDEOS = (f"{ARROW}/videos/left/test_000.mp4", f"{ARROW}/videos/right/test_000.mp4")
_TWIN = {"00": "01", "gsf-s0": "tsn-s0", "arrow": "mine"}


def _output(kind: str, path: str, receipt: str, sibling: str | None = None) -> Artefact:
    return Artefact(kind, "output", path, sibling=sibling, receipt=receipt)


OUTPUTS = (
    Artefact("video", "output", VIDEOS[0], sibling=VIDEOS[1], receipt=f"{ARROW}/render.receipt.json"),
    _output("annotations, rendered", f"{ARROW}/annotations.csv", f"{ARROW}/render.receipt.json"),
    _output("annotations, published", f"{MINE}/annotated/annotations.csv", f"{MINE}/annotated/receipt.json"),
    _output("classes, published", f"{MINE}/annotated/classes.csv", f"{MINE}/annotated/receipt.json"),
    _output("summary of annotations", f"{MINE}/annotated/summary.json", f"{MINE}/annotated/receipt.json"),
    _output("subsets, published", f"{MINE}/annotated/subsets.csv", f"{MINE}/annotated/receipt.json"),
    _output("inventory", f"{ARROW}/inventory.csv", f"{ARROW}/inventory.receipt.json", f"{MINE}/inventory.csv"),
    _output("plan of a shard", f"{ARROW}/plan/00.csv", f"{ARROW}/plan/00.receipt.json", f"{ARROW}/plan/01.csv"),
    _output("shard", f"{ARROW}/shards/00.lmdb", f"{ARROW}/extracted/00.receipt.json", f"{ARROW}/shards/01.lmdb"),
    _output(
        "table of an extraction",
        f"{ARROW}/extracted/00.csv",
        f"{ARROW}/extracted/00.receipt.json",
        f"{ARROW}/extracted/01.csv",
    ),
    _output("manifest.csv", f"{ARROW}/manifest.csv", f"{ARROW}/manifest.receipt.json", f"{MINE}/manifest.csv"),
    _output("manifest.json", f"{ARROW}/manifest.json", f"{ARROW}/manifest.receipt.json", f"{MINE}/manifest.json"),
    *(
        _output(kind, f"{TRAIN}/gsf-s0/{name}", f"{TRAIN}/gsf-s0/receipt.json", f"{TRAIN}/tsn-s0/{name}")
        for kind, name in (
            ("checkpoint", "checkpoint.safetensors"),
            ("training curves", "curves.csv"),
            ("training summary", "summary.json"),
        )
    ),
    *(
        _output(kind, f"{GSF}/{name}", f"{GSF}/receipt.json", f"{TSN}/{name}")
        for kind, name in (
            ("scores", "scores.safetensors"),
            ("metrics", "metrics.json"),
            ("confusion", "confusion.csv"),
        )
    ),
    *(
        _output(f"{kind} of an ensemble", f"{BOTH}/{name}", f"{BOTH}/receipt.json", f"{EVEN}/{name}")
        for kind, name in (
            ("scores", "scores.safetensors"),
            ("metrics", "metrics.json"),
            ("confusion", "confusion.csv"),
        )
    ),
)

_RECEIPTS = {
    "render@arrow": (f"{ARROW}/render.receipt.json", None, "inventory@arrow"),
    "annotate@mine": (f"{MINE}/annotated/receipt.json", None, "inventory@mine"),
    "inventory@arrow": (f"{ARROW}/inventory.receipt.json", f"{MINE}/inventory.receipt.json", "inventory@mine"),
    "plan@arrow-00": (f"{ARROW}/plan/00.receipt.json", f"{ARROW}/plan/01.receipt.json", "plan@arrow-01"),
    "extract@arrow-00": (
        f"{ARROW}/extracted/00.receipt.json",
        f"{ARROW}/extracted/01.receipt.json",
        "extract@arrow-01",
    ),
    "manifest@arrow": (f"{ARROW}/manifest.receipt.json", f"{MINE}/manifest.receipt.json", "manifest@mine"),
    _stage("train", "gsf-s0"): (
        f"{TRAIN}/gsf-s0/receipt.json",
        f"{TRAIN}/tsn-s0/receipt.json",
        _stage("train", "tsn-s0"),
    ),
    _stage("convert", "gsf_own"): (f"{TRAIN}/gsf_own/receipt.json", None, _stage("train", "tsn-s0")),
    _stage("evaluate", "gsf-s0"): (f"{GSF}/receipt.json", f"{TSN}/receipt.json", _stage("evaluate", "tsn-s0")),
    ENSEMBLES[0]: (f"{BOTH}/receipt.json", f"{EVEN}/receipt.json", ENSEMBLES[1]),
}
RECEIPTS = tuple(
    Artefact(f"receipt of {stage.split('@')[0]}", "receipt", path, sibling=sibling, stage=stage)
    for stage, (path, sibling, _) in _RECEIPTS.items()
)
KEPT = tuple(
    Artefact(f"receipt of {stage.split('@')[0]}, in results/", "kept", stage, sibling=sibling, stage=stage)
    for stage, (_, _, sibling) in _RECEIPTS.items()
)

_PROOF = f"{RESULTS}/evidence"
EVIDENCE = (
    tuple(
        Artefact(
            f"evidence: {path.split('/')[-1]}",
            "evidence",
            f"{_PROOF}/{path}",
            sibling=f"{_PROOF}/{path.replace('gsf-s0', 'tsn-s0').replace('arrow', 'mine')}",
            stage=stage,
        )
        for path, stage in (
            (f"gsf-s0/{PROTOCOL}/metrics.json", _stage("evaluate", "gsf-s0")),
            (f"gsf-s0/{PROTOCOL}/scores.safetensors", _stage("evaluate", "gsf-s0")),
            ("gsf-s0/curves.csv", _stage("train", "gsf-s0")),
            ("gsf-s0/summary.json", _stage("train", "gsf-s0")),
            ("arrow/inventory.csv", "inventory@arrow"),
            ("arrow/manifest.csv", "manifest@arrow"),
            ("arrow/manifest.json", "manifest@arrow"),
        )
    )
    + tuple(
        Artefact(
            f"evidence: {name} of an ensemble",
            "evidence",
            f"{_PROOF}/both-s0/ensemble/{name}",
            sibling=f"{_PROOF}/even-s0/ensemble/{name}",
            stage=ENSEMBLES[0],
        )
        for name in ("metrics.json", "scores.safetensors")
    )
    + tuple(
        Artefact(f"evidence: {name} of annotations", "evidence", f"{_PROOF}/mine/{name}", stage="annotate@mine")
        for name in ("summary.json", "subsets.csv")
    )
)

_DRAWN = {"frames/arrow": (FRAMES, "000.webp", "001.webp"), "gates/gsf-s0": (GATES, "left.png", "right.png")}
PICTURES = {f"{RESULTS}/{folder}/{index}": pictures for folder, (index, *pictures) in _DRAWN.items()}
DRAWN = tuple(
    item
    for folder, (index, first, second) in _DRAWN.items()
    for item in (
        Artefact(
            f"picture of {folder.split('/')[0]}",
            "drawn",
            f"{RESULTS}/{folder}/{first}",
            sibling=f"{RESULTS}/{folder}/{second}",
            receipt=f"{RESULTS}/{folder}/{index}",
        ),
        Artefact(index, "drawn", f"{RESULTS}/{folder}/{index}"),
    )
)

TABLE = (
    Artefact("results.json", "result", f"{RESULTS}/results.json"),
    Artefact("comparisons.json", "result", f"{RESULTS}/comparisons.json"),
    Artefact("time.json", "result", f"{RESULTS}/time.json"),
    Artefact("page of the study", "result", f"{RESULTS}/README.md"),
    Artefact("curves.png", "result", f"{RESULTS}/curves.png", sibling=f"{RESULTS}/confusion.png"),
    Artefact("confusion.png", "result", f"{RESULTS}/confusion.png", sibling=f"{RESULTS}/curves.png"),
    Artefact("receipt of report", "result", f"{RESULTS}/report.receipt.json"),
    Artefact("table in README.md", "shown", "README.md"),
    Artefact("table in results/README.md", "shown", "results/README.md"),
)

ROOTS = (
    Artefact("annotations in git", "root", "annotations/own.csv"),
    Artefact("pretrained weights in git", "root", "weights/start.safetensors"),
    Artefact("checkpoint from elsewhere", "elsewhere", f"{OUTSIDE}/elsewhere.pth"),
    Artefact("published annotation file", "elsewhere", f"{OUTSIDE}/published/classInd.txt"),
)

PARAMS = (
    Artefact("benchmark", "params", "params/benchmarks/arrow.yaml", "params/benchmarks/own.yaml", key="short_side"),
    Artefact("model", "params", "params/models/gsf.yaml", "params/models/tsn.yaml", key="short_side"),
    Artefact("recipe", "params", "params/recipes/quick.yaml", key="batch_size"),
    Artefact("protocol", "params", f"params/protocols/{PROTOCOL}.yaml", "params/protocols/2x2x3.yaml", key="clips"),
    Artefact("imported network", "params", "params/imports/elsewhere.yaml", key="num_segments"),
    Artefact("additions", "params", "params/benchmarks/mine.additions.csv", key=",1"),
    Artefact("subsets of a benchmark of one's own", "params", "params/benchmarks/own.subsets.csv"),
    Artefact("plan.yaml", "params", "params/plan.yaml", key="threads"),
    Artefact("weights of an ensemble, in plan.yaml", "params", "params/plan.yaml", key="gsf-s0/2x1x1:"),
    Artefact("study file", "none", f"params/studies/{STUDY}.yaml", key="threads"),
)

STATE = (
    Artefact("dvc.lock", "state", "dvc.lock"),
    Artefact("requirements.lock", "state", "requirements.lock", key="torch=="),
    Artefact("module of the code", "params", f"{CODE}/gsf/evaluate/stage.py", f"{CODE}/gsf/evaluate/metrics.py"),
    Artefact("listing of a folder", "none", f"{OWN}/listing.csv", f"{MINE}/listing.csv"),
    Artefact("journal of a training", "none", f".work/train/{STUDY}/gsf-s0/journal.jsonl"),
)

# What is handed to others.
SIGNATURE = f"{RESULTS}/signature.dsse.json"
CRATE, PACKED, CROISSANT = f"{OUTSIDE}/crate", f"{OUTSIDE}/crate.zip", f"{OUTSIDE}/croissant"
KEPT_IN_CRATE = "{kept}"  # stands for the path of the receipt of the row's stage
SIGNED = (
    Artefact("signature", "signature", SIGNATURE, sibling=f"{OUTSIDE}/other.dsse.json"),
    *(replace(item, kind=f"{item.kind}, signed", group="signed") for item in TABLE if item.group == "result"),
)
CRATES = (
    Artefact("crate: metadata", "crate", f"{CRATE}/ro-crate-metadata.json", key='"value": '),
    Artefact("crate: results.json", "crate", f"{CRATE}/{RESULTS}/results.json"),
    Artefact("crate: receipt of train", "crate", f"{CRATE}/{KEPT_IN_CRATE}", stage=_stage("train", "gsf-s0")),
    Artefact(
        "crate: evidence",
        "crate",
        f"{CRATE}/{_PROOF}/gsf-s0/{PROTOCOL}/metrics.json",
        sibling=f"{CRATE}/{_PROOF}/tsn-s0/{PROTOCOL}/metrics.json",
        stage=_stage("evaluate", "gsf-s0"),
    ),
    Artefact("crate: receipt of report", "crate", f"{CRATE}/{RESULTS}/report.receipt.json"),
    Artefact("crate: dvc.yaml", "crate", f"{CRATE}/dvc.yaml", key="mem_mb"),
    Artefact("crate: README.md", "crate", f"{CRATE}/README.md", key="://w"),
    Artefact("crate, as a ZIP file", "crate", PACKED),
)
CROISSANTS = (
    Artefact("Croissant: description", "croissant", f"{CROISSANT}/croissant.json"),
    Artefact("Croissant: manifest.csv", "croissant", f"{CROISSANT}/manifest.csv"),
    Artefact("Croissant: manifest.json", "croissant", f"{CROISSANT}/manifest.json"),
    Artefact("Croissant: inventory.csv", "croissant", f"{CROISSANT}/inventory.csv"),
    Artefact("Croissant: records", "croissant", f"{CROISSANT}/manifest.parquet", f"{CROISSANT}/inventory.parquet"),
)

_IN_THE_PROJECT = (*OUTPUTS, *RECEIPTS, *KEPT, *EVIDENCE, *TABLE, *DRAWN, *ROOTS, *PARAMS, *STATE)
ARTEFACTS = (*_IN_THE_PROJECT, *SIGNED, *CRATES, *CROISSANTS)
