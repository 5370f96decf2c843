"""Videos that are the same bytes under several names."""

from __future__ import annotations

from collections import defaultdict

from tqdm import tqdm

from gsf.data.init.folder_hashes import FolderHashes
from gsf.data.init.sources import Labelled, Source
from gsf.errors import DataError
from gsf.project import Project
from gsf.provenance.receipt import hash_cache


def same_bytes(project: Project, source: Source) -> list[tuple[str, ...]]:
    """The videos in groups of the same bytes; DataError where whole videos of a group have two labels.

    Only videos of the same size are hashed. Empty ones are nobody's copy: the inventory says that they are unreadable.
    """
    by_size: dict[int, list[str]] = defaultdict(list)
    for name, size in source.bytes.items():
        by_size[size].append(name)
    suspects = [name for size, names in by_size.items() if size and len(names) > 1 for name in names]
    pictures = source.kind == "jpeg_folders"
    hashes = FolderHashes(project.work("hashes", "folders")) if pictures else hash_cache(project)
    groups: dict[str, list[str]] = defaultdict(list)
    for name in tqdm(suspects, "duplicates", unit="video", disable=not suspects):
        path = source.root / name
        groups[hashes.sha256(path)].append(name)
    alone = {name: [name] for name in source.bytes.keys() - set(suspects)}
    found = sorted(tuple(sorted(group)) for group in [*groups.values(), *alone.values()])
    _check_labels(source, found)
    return found


def _check_labels(source: Source, groups: list[tuple[str, ...]]) -> None:
    """Segments may differ: one recording holds many actions."""
    whole: dict[str, list[Labelled]] = defaultdict(list)
    for row in source.rows:
        if not row.is_segment:
            whole[row.path].append(row)
    wrong = []
    for group in groups:
        rows = [row for name in group for row in whole[name]]
        wrong += [
            f"\n  {rows[0].id} ({rows[0].label}) and {other.id} ({other.label})"
            for other in rows[1:]
            if other.label != rows[0].label
        ]
    if wrong:
        raise DataError(
            f"{source.root}: the same video under two labels, must have one; keep one of each:{''.join(wrong)}"
        )
