"""`gsf init`: a benchmark file, annotations and a study for a folder of one's own videos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from gsf.data.init.additions import Additions, renew
from gsf.data.init.common import PlannedFile, planned_shards, shown_folder, write_all
from gsf.data.init.copies import same_bytes
from gsf.data.init.dealing import splits_of
from gsf.data.init.earlier import Earlier, kind_of, read_earlier
from gsf.data.init.flips import FlipMode, decide_flip
from gsf.data.init.own_files import annotation_table, benchmark_yaml, study_yaml
from gsf.data.init.own_summary import InitSummary, counts_of, notes_on
from gsf.data.init.sources import Kind, Source, read_source
from gsf.data.init.split import Shares
from gsf.errors import ParamsError
from gsf.params.base import load, validate
from gsf.params.benchmark import Benchmark
from gsf.project import Project, check_name


def init_benchmark(
    project: Project,
    name: str,
    videos: Path,
    *,
    labels: Path | None = None,
    source: Kind | None = None,
    flip: FlipMode | None = None,
    flip_pairs: Sequence[Sequence[str]] | None = None,
    shards: int | None = None,
    seed: int = 0,
    split: Sequence[float] = (0.7, 0.1, 0.2),
    short_side: int | None = None,
) -> InitSummary:
    """Write the benchmark, its annotations and a study for videos in class folders or named by a CSV.

    Called again for the same folder it keeps what people may have edited (benchmark and study), keeps the split of
    every video that has one, and adds the videos that are new, as a batch of additions.

    Args:
        project: where to write.
        name: of the benchmark and of the study.
        videos: folder of class folders, folder with a labels.csv, or a CSV `path,label[,split]` beside its videos.
        labels: a CSV elsewhere, with paths relative to `videos`.
        source: what a video is, a file or a folder of pictures; as an earlier call said, or a file, unless given.
        flip: what a horizontal flip does to the classes; guessed from their names unless given.
        flip_pairs: classes that a flip swaps; guessed from their names unless given.
        shards: LMDB files; by the number of videos or segments unless given.
        seed: of the split.
        split: shares of train, val and test in each class, for videos without a split.
        short_side: px to which frames are scaled; 256 unless given. Pictures are stored as they are.
    """
    check_name(name, what="benchmark")
    shares = Shares.of(split)
    file = project.params_file("benchmarks", name)
    where = project.relative(file)
    existing = load(Benchmark, file) if file.exists() else None
    found = read_source(videos, labels=labels, kind=kind_of(where, existing, source))
    if found.kind == "jpeg_folders" and short_side is not None:
        raise ParamsError(f"{where}: short_side is {short_side}, must not be given for pictures: they stay as they are")
    earlier = read_earlier(project, file, existing, found)
    copies = same_bytes(project, found)
    splits = splits_of(found, earlier, copies, seed=seed, shares=shares)
    decided = decide_flip(file.name, sorted({row.label for row in found.rows}), mode=flip, pairs=flip_pairs)
    text = benchmark_yaml(
        name,
        found,
        videos=shown_folder(project, found.root),
        annotations=project.relative(file.with_suffix(".csv")),
        shards=planned_shards(rows=len(found.rows), videos=len(found.bytes)) if shards is None else shards,
        short_side=short_side or 256,
        flip=decided,
        origin=f"{found.origin}; where they give no split: seed {seed}, shares {'/'.join(map(str, split))}",
    )
    asked = validate(Benchmark, yaml.safe_load(text), where=where)
    additions = _additions(project, earlier, found)
    plan = _plan(project, name, text, annotation_table(found, splits), additions)
    write_all(plan.files)

    notes = notes_on(found, splits) if existing else [*notes_on(found, splits), *decided.notes]
    if existing is not None and (flip, flip_pairs, shards) != (None, None, None):
        notes.append(f"{where} was kept: edit it to change flip, pairs or shards")
    flips = (existing or asked).labels
    return InitSummary(
        name=name,
        files=tuple(sorted({project.relative(item.path) for item in plan.files})),
        kept=tuple(sorted(project.relative(path) for path in plan.kept)),
        counts=counts_of(found, splits),
        segments_of=len(found.bytes) if found.has_segments else None,
        added=sum(earlier.split_of(row) is None for row in found.rows),
        removed=_removed(earlier, found),
        repeated=tuple(group for group in copies if len(group) > 1),
        flip=flips.flip,
        flip_pairs=tuple((one, other) for one, other in flips.flip_pairs),
        notes=(*notes, *(additions.notes if additions is not None else ())),
    )


def _removed(earlier: Earlier, found: Source) -> int:
    """Rows of which nothing is left; a whole video that is there under another id is no such one."""
    ids = {row.id for row in found.rows}
    gone = (row for row in earlier.rows if row.id not in ids)
    return sum(row.start_frame is not None or row.path not in found.bytes for row in gone)


def _additions(project: Project, earlier: Earlier, found: Source) -> Additions | None:
    """The additions of this call. Without annotations, as where the first call was stopped, no video is added later."""
    now = found.bytes.keys()
    known = {row.path for row in earlier.rows} if earlier.is_annotated else now
    return renew(project, earlier.benchmark, known, now)


@dataclass(frozen=True)
class _Plan:
    """What is going to be written, in this order, and what stays as it is."""

    files: tuple[PlannedFile, ...]
    kept: tuple[Path, ...]


def _plan(project: Project, name: str, benchmark: str, annotations: bytes, additions: Additions | None) -> _Plan:
    """Annotations come last: a video that they name is known to the next call, so its batch must be written by then."""
    file, study = project.params_file("benchmarks", name), project.params_file("studies", name)
    texts = {file: benchmark, study: study_yaml(name)}
    files = [PlannedFile(path, text.encode("utf-8")) for path, text in texts.items() if not path.exists()]
    if additions is not None:
        files += additions.files(project, file)
    files.append(PlannedFile(file.with_suffix(".csv"), annotations))
    written = {item.path for item in files}
    return _Plan(tuple(files), tuple(path for path in texts if path not in written))
