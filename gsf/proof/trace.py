"""Tracing: from a number, a file, a receipt or an MLflow run down to the video files that it rests on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from gsf.errors import ProvenanceError
from gsf.project import Project
from gsf.proof.chain import Chain, Command, code_digest, plan_shard, whole_chain
from gsf.proof.deep import project_name, videos_folder
from gsf.proof.results import Cell
from gsf.proof.target import Kind, ReceiptOfRun, all_cells, newest, resolve, video_id, video_rows
from gsf.proof.weights import weights_of
from gsf.provenance.receipt import Receipt, hash_cache


@dataclass(frozen=True)
class File:
    """A file that a stage read or wrote; `receipt` is that of the stage that wrote it, None for a root."""

    path: str
    sha256: str
    receipt: str | None
    here: bool  # whether a file lies at this path; `gsf verify --deep` says whether it is this one


@dataclass(frozen=True)
class Step:
    """One stage on the way down."""

    stage: str
    receipt: str
    command: str
    params: dict[str, Any]
    code: str  # one sha256 for all modules
    modules: int
    tools: dict[str, str]
    environment: str
    seed: int | None
    facts: dict[str, Any]
    inputs: tuple[File, ...]
    outputs: tuple[File, ...]


@dataclass(frozen=True)
class Video:
    """One video at the end of the way down."""

    id: str
    sha256: str
    bytes: int
    shard: str
    here: bool


@dataclass(frozen=True)
class Roots:
    """The videos of one benchmark."""

    benchmark: str
    count: int
    digest: str  # sha256 over ids and sha256 of all of them
    folder: str | None  # where they lie on this machine, if the parameters say so
    rows: tuple[Video, ...]  # empty where the inventory itself is absent
    listed: bool  # whether the inventory is here


@dataclass(frozen=True)
class Elsewhere:
    """A file at the end of the way down that was made elsewhere: weights, or published annotations."""

    kind: str
    name: str
    sha256: str
    stage: str  # that read it
    params: str  # file and key that say where it lies
    place: str | None  # where that is on this machine, if the parameters say so
    here: bool
    agrees: bool  # whether what lies there is the file that was read


@dataclass(frozen=True)
class Trace:
    """The way from a target down to videos and files from elsewhere; every step comes before those that it rests on."""

    target: str
    kind: Kind
    cell: Cell | None
    steps: tuple[Step, ...]
    roots: tuple[Roots, ...]
    weights: tuple[Elsewhere, ...]
    missing: tuple[str, ...]  # receipts that are named and not here
    rests_on_it: tuple[str, ...]  # stages and cells above the target
    all_videos: bool

    def to_json(self) -> dict[str, Any]:
        """The trace as JSON values, with every video."""
        return asdict(self)

    def to_text(self) -> str:
        """The trace for people: from the target down."""
        from gsf.proof.trace_text import render

        return render(self)


def trace(
    project: Project,
    target: str,
    *,
    video: str | None = None,
    all_videos: bool = False,
    receipt_of_run: ReceiptOfRun | None = None,
) -> Trace:
    """Trace a target down to the videos.

    Args:
        target: a cell (`benchmark/experiment/protocol/metric`, with `study/` before it where two studies have it), a
            file that a stage wrote, a video, a stage, the digest of a receipt (8 characters or more), or an MLflow run.
        video: id of a video: only the way to this one.
        all_videos: whether the text names every video instead of the first few.
        receipt_of_run: what leads from a run of MLflow to a receipt; without it no target is taken for one.

    Raises:
        ProvenanceError: the target, or the video, is unknown; the message has those that are near.
    """
    chain = whole_chain(project)
    kind, cell, starts = resolve(project, chain, target, receipt_of_run=receipt_of_run)
    steps = chain.closure([*_inventories_behind(chain, starts), *starts])
    if kind == "video":
        video = video_id(project, target)
    if video is not None:
        steps = _only(project, steps, video)
    rows = [(receipt, video_rows(project, receipt, video)) for receipt in steps if "videos_digest" in receipt.facts]
    roots = tuple(_roots(project, receipt, found) for receipt, found in rows)
    if video is not None and not any(root.rows for root in roots):
        raise ProvenanceError(f"video {video}: is in no inventory behind {target}; `--videos` lists them")
    return Trace(
        target=target,
        kind=kind,
        cell=cell,
        steps=tuple(_step(project, receipt) for receipt in steps),
        roots=roots,
        weights=tuple(found for receipt in steps for found in _weights(project, receipt)),
        missing=tuple(_missing(chain, steps)),
        rests_on_it=tuple(_above(project, chain, starts, video)) if cell is None else (),
        all_videos=all_videos,
    )


def _inventories_behind(chain: Chain, starts: list[Receipt]) -> list[Receipt]:
    """The inventories that sealed the plans behind a target: the way from a shard to its videos."""
    closure = chain.closure(starts)
    found: dict[str, Receipt] = {receipt.stage: receipt for receipt in closure if "videos_digest" in receipt.facts}
    for plan in closure:
        if plan_shard(plan):
            stage = f"inventory@{Command.of(plan).positional[0]}"
            makers = [item for item in chain.stage(stage) if plan.digest in item.outputs.values()]
            if makers:
                found.setdefault(stage, newest(chain, makers)[0])
    return list(found.values())


def _only(project: Project, steps: list[Receipt], video: str) -> list[Receipt]:
    """The steps without the plans and extractions of other shards than that of one video."""
    wanted = set()
    for receipt in steps:
        if "videos_digest" in receipt.facts:
            for row in video_rows(project, receipt, video) or ():
                wanted.add((Command.of(receipt).positional[0], row["shard"]))
    shards = {item.digest: _shard(item) for item in steps}
    return [item for item in steps if shards[item.digest] is None or shards[item.digest] in wanted]


def _shard(receipt: Receipt) -> tuple[str, str] | None:
    """Benchmark and shard of a plan or an extraction; None for any other stage."""
    command, shard = Command.of(receipt), plan_shard(receipt)
    if shard is not None:
        return command.positional[0], shard
    return (command.positional[0], command.positional[1]) if command.verb == "extract" else None


def _above(project: Project, chain: Chain, starts: list[Receipt], video: str | None) -> list[str]:
    """Stages and cells that rest on the target; of a video, without the extractions of other shards."""
    users = {user.digest: user for start in starts for user in chain.rests_on(start)}
    shown = list(users.values())
    if video is not None:
        kept = {item.digest for item in _only(project, [*starts, *shown], video)}
        shown = [item for item in shown if item.digest in kept]
    known = {*users, *(start.digest for start in starts)}
    cells = [cell.name for cell in all_cells(project) if cell.receipt in known]
    return list(dict.fromkeys([*(item.stage for item in shown), *cells]))


def _missing(chain: Chain, steps: Iterable[Receipt]) -> Iterable[str]:
    for receipt in steps:
        for item in receipt.inputs:
            if item.receipt is not None and item.receipt not in chain.receipts:
                yield f"{item.receipt} of {item.path}, read by {receipt.stage}"


def _step(project: Project, receipt: Receipt) -> Step:
    content = receipt.content
    outside = {weights.item.path for weights in weights_of(project, receipt) if weights.here}
    return Step(
        stage=receipt.stage,
        receipt=receipt.digest,
        command=str(content["command"]),
        params=content["params"],
        code=code_digest(receipt),
        modules=len(content["code"]),
        tools=content["tools"],
        environment=str(content.get("environment", "")),
        seed=content["seed"],
        facts=receipt.facts,
        inputs=tuple(
            File(item.path, item.sha256, None, here=True)
            if item.path in outside
            else _file(project, item.path, item.sha256, item.receipt)
            for item in receipt.inputs
        ),
        outputs=tuple(_file(project, path, digest, receipt.digest) for path, digest in receipt.outputs.items()),
    )


def _file(project: Project, path: str, sha256: str, receipt: str | None) -> File:
    return File(path=path, sha256=sha256, receipt=receipt, here=(project.root / path).is_file())


def _weights(project: Project, receipt: Receipt) -> Iterable[Elsewhere]:
    for weights in weights_of(project, receipt):
        yield Elsewhere(
            kind=weights.kind,
            name=weights.item.path.partition("/")[2],
            sha256=weights.item.sha256,
            stage=weights.stage,
            params=weights.params,
            place=project_name(project, weights.file) if weights.file is not None else None,
            here=weights.here,
            agrees=weights.found(hash_cache(project)) == weights.item.sha256,
        )


def _roots(project: Project, receipt: Receipt, rows: list[dict[str, str]] | None) -> Roots:
    benchmark = Command.of(receipt).positional[0]
    folder = videos_folder(project, benchmark)
    videos = [
        Video(
            id=row["id"],
            sha256=row["sha256"],
            bytes=int(row["bytes"]),
            shard=row["shard"],
            here=folder is not None and (folder / row["path"]).is_file(),
        )
        for row in rows or ()
    ]
    return Roots(
        benchmark=benchmark,
        count=int(receipt.facts.get("videos", len(videos))),
        digest=str(receipt.facts["videos_digest"]),
        folder=project_name(project, folder) if folder is not None else None,
        rows=tuple(videos),
        listed=rows is not None,
    )
