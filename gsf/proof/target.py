"""What a name given to `gsf trace` stands for."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

from gsf.errors import ProvenanceError
from gsf.project import Project
from gsf.proof.chain import Chain, studies
from gsf.proof.deep import inventory_rows, videos_folder
from gsf.proof.results import Cell, read_cells
from gsf.proof.stale import is_active
from gsf.provenance.hashing import sha256_file
from gsf.provenance.receipt import Receipt

Kind = Literal["cell", "file", "receipt", "stage", "run", "video"]
ReceiptOfRun = Callable[[Project, str], str]  # the digest of the receipt behind a run of MLflow, by its id
_DIGEST = re.compile(r"[0-9a-f]{8,64}")
_RUN_ID = re.compile(r"[0-9a-f]{32}")


def resolve(
    project: Project, chain: Chain, target: str, *, receipt_of_run: ReceiptOfRun | None = None
) -> tuple[Kind, Cell | None, list[Receipt]]:
    """What a target is, and the receipts that the way down starts from."""
    cells = all_cells(project)
    if found := [cell for cell in cells if target in (cell.name, f"{cell.study}/{cell.name}")]:
        cell = _one(project, target, found)
        return "cell", cell, [chain.get(cell.receipt)]
    name = _path_in_project(project, target)
    for digest, paths in chain.paths.items():
        if name in paths:
            return "receipt", None, [chain.receipts[digest]]
    if writers := chain.writers(name):
        return "file", None, [_writer_of(project, name, writers)]
    if stages := chain.stage(target):
        return "stage", None, newest(chain, stages)
    if _DIGEST.fullmatch(target) and chain.matching(target):
        return "receipt", None, [chain.get(target)]
    if _RUN_ID.fullmatch(target) and receipt_of_run is not None:
        return "run", None, [chain.get(receipt_of_run(project, target))]
    if _DIGEST.fullmatch(target):
        chain.get(target)  # raises, and says why
    if inventories := [item for item in chain.receipts.values() if _holds(project, item, video_id(project, target))]:
        return "video", None, _with_plans(project, chain, newest(chain, inventories), video_id(project, target))
    raise _unknown(target, cells, chain)


def _with_plans(project: Project, chain: Chain, inventories: list[Receipt], video: str) -> list[Receipt]:
    """The inventories that hold a video, and the plans of its shard, on which extractions rest."""
    found = list(inventories)
    for receipt in inventories:
        shards = {row["shard"] for row in video_rows(project, receipt, video) or ()}
        for path, digest in receipt.outputs.items():
            name = Path(path).name
            if name.endswith(".receipt.json") and name.removesuffix(".receipt.json") in shards:
                found += chain.matching(digest)
    return found


def all_cells(project: Project) -> list[Cell]:
    """The cells of every study whose table can be read."""
    cells: list[Cell] = []
    for study in studies(project):
        try:
            cells += read_cells(project, study)
        except ProvenanceError:
            continue  # `gsf verify` says so
    return cells


def _one(project: Project, target: str, cells: list[Cell]) -> Cell:
    active = [cell for cell in cells if is_active(project, cell.study)]
    if len(cells) == 1 or len(active) == 1:
        return active[0] if active else cells[0]
    names = ", ".join(f"{cell.study}/{cell.name}" for cell in cells)
    raise ProvenanceError(f"{target}: several studies have this cell, must be one of {names}")


def _unknown(target: str, cells: Iterable[Cell], chain: Chain) -> ProvenanceError:
    names = list(dict.fromkeys(cell.name for cell in cells))
    stages = [receipt.stage for receipt in chain.receipts.values()]
    paths = [path for receipt in chain.receipts.values() for path in receipt.outputs]
    near = difflib.get_close_matches(target, names, n=4, cutoff=0.5)
    near = near or difflib.get_close_matches(target, list(dict.fromkeys([*stages, *paths])), n=4, cutoff=0.6)
    hint = f"near are: {', '.join(near)}" if near else f"cells here: {', '.join(names[:4]) or 'none, run `dvc repro`'}"
    return ProvenanceError(
        f"{target}: is nothing that can be traced, must be a cell benchmark/experiment/protocol/metric, a file that a"
        f" stage wrote, a video, a stage, a receipt's digest (8 characters or more) or an MLflow run id; {hint}"
    )


def _path_in_project(project: Project, target: str) -> str:
    """A file as receipts name it: from the current folder where it is there, else from the project's root."""
    root = project.root.resolve()
    path = (Path.cwd() / target).absolute()
    for known in (project.root, root):
        if path.is_relative_to(known) and path.exists():
            return path.relative_to(known).as_posix()
    path = Path(target)
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()


def _writer_of(project: Project, name: str, writers: list[Receipt]) -> Receipt:
    """The receipt of the bytes that are here; else the first, which is the work tree's."""
    file = project.root / name
    if len(writers) > 1 and file.is_file():
        found = sha256_file(file)
        return next((item for item in writers if item.outputs[name] == found), writers[0])
    return writers[0]


def newest(chain: Chain, receipts: list[Receipt]) -> list[Receipt]:
    """Of receipts of one stage those in the work tree; all where there are none."""
    here = [item for item in receipts if any(not path.startswith("results/") for path in chain.paths[item.digest])]
    return here or receipts


def video_id(project: Project, target: str) -> str:
    """The id of a video given as a path or as its id: the path within the folder of its benchmark."""
    for path in (Path.cwd() / target, project.root / target):
        for params in sorted((project.root / "params" / "benchmarks").glob("*.yaml")):
            folder = videos_folder(project, params.stem)
            if folder is not None and path.resolve().is_relative_to(folder.resolve()):
                return path.resolve().relative_to(folder.resolve()).as_posix()
    return target


def _holds(project: Project, receipt: Receipt, video: str) -> bool:
    return "videos_digest" in receipt.facts and bool(video_rows(project, receipt, video))


def video_rows(project: Project, receipt: Receipt, video: str | None) -> list[dict[str, str]] | None:
    """Rows of the inventory of a receipt: all, or that of one video; None where the inventory is not here."""
    rows = inventory_rows(project, receipt, study=None)
    return [row for row in rows if video is None or row["id"] == video] if rows is not None else None
