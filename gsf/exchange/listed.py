"""A benchmark's lists, where they are, and the receipts that say what they and its shards are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gsf.errors import DataError, ProvenanceError
from gsf.project import Project
from gsf.proof.chain import Chain, studies, whole_chain
from gsf.proof.results import evidence_path
from gsf.provenance.hashing import sha256_file
from gsf.provenance.receipt import Receipt


@dataclass(frozen=True)
class Listed:
    """The lists of a benchmark, each the bytes that its receipt names."""

    manifest: Path
    info: Path  # manifest.json
    inventory: Path
    receipt: Receipt  # of the manifest
    shards: dict[str, str]  # sha256 by name: {"00": ...}


def find_lists(project: Project, benchmark: str) -> Listed:
    """The lists in `data/`, else their copies in the results of a study, as in a fresh clone.

    Raises:
        DataError: they are not here.
        ProvenanceError: they are not what a receipt says, or studies have different ones.
    """
    data = project.manifest(benchmark)
    places = [data] if data.is_file() else list(_copies(project, data))
    if not places:
        raise DataError(
            f"{project.relative(data)}: is not here, nor a copy in results/*/evidence/{benchmark}; must be:"
            f" run `gsf manifest {benchmark}`, or `dvc pull`"
        )
    digests = {sha256_file(path): path for path in places}
    if len(digests) > 1:
        shown = ", ".join(project.relative(path) for path in digests.values())
        raise ProvenanceError(f"{benchmark}: studies rest on different manifests ({shown}), must be one: `dvc repro`")
    ((digest, manifest),) = digests.items()
    chain = whole_chain(project)
    name = project.relative(data)
    receipt = next((item for item in chain.writers(name) if item.outputs[name] == digest), None)
    if receipt is None:
        raise ProvenanceError(f"{project.relative(manifest)}: no receipt here lists these bytes: `gsf verify {name}`")
    (inventory,) = (item for item in receipt.inputs if item.path == project.relative(project.inventory(benchmark)))
    folder = manifest.parent
    listed = Listed(
        manifest=manifest,
        info=folder / "manifest.json",
        inventory=folder / "inventory.csv",
        receipt=receipt,
        shards=dict(_shards(chain, receipt)),
    )
    info = receipt.outputs[project.relative(project.manifest_info(benchmark))]
    for path, promised in ((listed.info, info), (listed.inventory, inventory.sha256)):
        if not path.is_file():
            raise DataError(f"{project.relative(path)}: is missing beside the manifest: `dvc pull` or `dvc repro`")
        if sha256_file(path) != promised:
            raise ProvenanceError(f"{project.relative(path)}: does not belong to the manifest beside it: `dvc repro`")
    return listed


def _copies(project: Project, manifest: Path) -> Iterator[Path]:
    """Copies of a manifest in the results of studies."""
    for study in studies(project):
        copy = evidence_path(project, study, project.relative(manifest))
        if copy is not None and copy.is_file():
            yield copy


def _shards(chain: Chain, manifest: Receipt) -> Iterator[tuple[str, str]]:
    """Name and sha256 of each shard, from the receipts of the extractions that the manifest rests on."""
    for item in manifest.inputs:
        parts = Path(item.path).parts
        if len(parts) < 4 or parts[2] != "extracted" or item.receipt is None:
            continue
        if item.receipt not in chain.receipts:
            raise ProvenanceError(f"{item.path}: its receipt {item.receipt[:12]} is not here: `gsf verify` says more")
        outputs = chain.receipts[item.receipt].outputs
        shard = Path(item.path).stem
        yield shard, outputs["/".join([*parts[:2], "shards", f"{shard}.lmdb"])]
