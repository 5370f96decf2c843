"""What a training and an evaluation read of a benchmark: files for their receipts, and splits for their loaders."""

from __future__ import annotations

from pathlib import Path

from gsf.data.lists import Manifest, read_manifest
from gsf.data.staging import Shard, staged, staging_folder
from gsf.data.videos import Split
from gsf.project import Project
from gsf.provenance.receipt import Input, linked_inputs, read_receipt


def data_inputs(project: Project, benchmark: str) -> list[Input]:
    """The manifest and every shard it points to, each checked against the receipt of the stage that wrote it."""
    inputs = linked_inputs(
        project,
        project.manifest_receipt(benchmark),
        [project.manifest(benchmark), project.manifest_info(benchmark)],
    )
    for shard, path in stored_shards(project, benchmark, read_manifest(project, benchmark)).items():
        inputs += linked_inputs(project, project.extract_receipt(benchmark, shard), [path])
    return inputs


def stored_shards(project: Project, benchmark: str, manifest: Manifest) -> dict[str, Path]:
    """The shards that hold the manifest's videos, by name, where the project has them."""
    return {shard: project.shard(benchmark, shard) for shard in manifest.shards.distinct()}


def shard_paths(project: Project, benchmark: str, manifest: Manifest) -> dict[str, Path]:
    """The same shards for one that reads all of them: their copies on this node where GSF_STAGE asks for them."""
    stored, folder = stored_shards(project, benchmark, manifest), staging_folder()
    if folder is None:
        return stored
    receipts = {shard: read_receipt(project.extract_receipt(benchmark, shard)) for shard in stored}
    return staged(
        {shard: Shard(path, receipts[shard].outputs[project.relative(path)]) for shard, path in stored.items()}, folder
    )


def split_of(manifest: Manifest, split: str) -> Split:
    """One split of a manifest as columns, in the manifest's order."""
    rows = manifest.splits.where(split)
    ids = manifest.ids.take(rows)
    return Split(
        ids=ids,
        labels=manifest.class_indices.take(rows),
        frames=manifest.frames.take(rows),
        shards=manifest.shards.take(rows),
        videos=ids if manifest.videos is manifest.ids else manifest.videos.take(rows),
        starts=manifest.starts.take(rows),
    )


def flipped_labels(manifest: Manifest) -> list[int] | None:
    """The class of a mirrored clip, by class; None where the benchmark forbids mirroring."""
    if manifest.flip == "forbid":
        return None
    swapped = list(range(len(manifest.classes)))
    for one, other in manifest.flip_pairs:
        a, b = manifest.classes.index(one), manifest.classes.index(other)
        swapped[a], swapped[b] = b, a
    return swapped
