"""`gsf init`: a benchmark file, annotations and a study for a folder of one's own videos."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from tqdm import tqdm

from gsf.data.columns import SPLITS, Split
from gsf.data.init.additions import renew
from gsf.data.init.own_files import Flip, FlipMode, benchmark_yaml, study_yaml
from gsf.data.init.sources import Source, read_source
from gsf.data.init.split import Shares, assign
from gsf.data.mirror import guess
from gsf.errors import DataError, ParamsError
from gsf.params.base import load, validate
from gsf.params.benchmark import Benchmark
from gsf.project import Project, check_name
from gsf.provenance.hashing import write_atomically
from gsf.provenance.receipt import hash_cache
from gsf.tables import read_table, write_table

COLUMNS = ("path", "label", "split")


@dataclass(frozen=True)
class InitSummary:
    """What `init_benchmark` wrote; `str()` is what the command line prints."""

    name: str
    files: tuple[str, ...]  # written, relative to the project
    kept: tuple[str, ...]  # there before, left as they were
    counts: dict[str, dict[Split, int]]  # videos by class and split
    added: int  # videos
    removed: int  # videos that are gone or have lost their label
    repeated: tuple[tuple[str, ...], ...]  # groups of files with the same bytes
    flip: str
    flip_pairs: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        width = max(len("class"), *(len(label) for label in self.counts))
        table = [f"{'class':{width}}  " + "  ".join(f"{split:>6}" for split in SPLITS)]
        for label, counts in sorted(self.counts.items()):
            table.append(f"{label:{width}}  " + "  ".join(f"{counts[split]:6}" for split in SPLITS))
        total = {split: sum(counts[split] for counts in self.counts.values()) for split in SPLITS}
        table.append(f"{'all':{width}}  " + "  ".join(f"{total[split]:6}" for split in SPLITS))
        pairs = "".join(f"\n  {one} <-> {other}" for one, other in self.flip_pairs)
        lines = [
            *table,
            f"videos: {sum(total.values())}, {self.added} of them new; {self.removed} removed",
            f"a horizontal flip: {self.flip}{pairs}",
            *(f"the same video: {', '.join(group)}" for group in self.repeated),
            *(f"note: {note}" for note in self.notes),
            *(f"wrote {name}" for name in self.files),
            *(f"kept  {name}" for name in self.kept),
            f"next: look at params/benchmarks/{self.name}.yaml, then: gsf study {self.name} && dvc repro",
        ]
        return "\n".join(lines)


def init_benchmark(
    project: Project,
    name: str,
    videos: Path,
    *,
    labels: Path | None = None,
    flip: FlipMode | None = None,
    flip_pairs: Sequence[Sequence[str]] | None = None,
    shards: int | None = None,
    seed: int = 0,
    split: Sequence[float] = (0.7, 0.1, 0.2),
    short_side: int = 256,
) -> InitSummary:
    """Write the benchmark, its annotations and a study for videos in class folders or named by a CSV.

    Called again for the same folder it keeps what people may have edited (benchmark and study), keeps the split of
    every video that has one, and adds the videos that are new, as a batch of additions.

    Args:
        project: where to write.
        name: of the benchmark and of the study.
        videos: folder of class folders, folder with a labels.csv, or a CSV `path,label[,split]` beside its videos.
        labels: a CSV elsewhere, with paths relative to `videos`.
        flip: what a horizontal flip does to the classes; guessed from their names unless given.
        flip_pairs: classes that a flip swaps; guessed from their names unless given.
        shards: LMDB files; by the number of videos unless given.
        seed: of the split.
        split: shares of train, val and test in each class, for videos without a split.
        short_side: px to which frames are scaled.
    """
    check_name(name, what="benchmark")
    shares = Shares.of(split)
    source = read_source(videos, labels=labels)
    benchmark_file, study_file = project.params_file("benchmarks", name), project.params_file("studies", name)
    annotations_file = benchmark_file.with_suffix(".csv")
    existing = _existing(project, benchmark_file, source)
    known = _known(project, existing, annotations_file)

    repeated = _same_bytes(project, source)
    splits = _splits(source, known, repeated, seed=seed, shares=shares)
    classes = sorted({row.label for row in source.rows})
    decided = _flip(benchmark_file.name, classes, flip, flip_pairs)
    notes = [*_notes(source, splits), *([] if existing else decided.notes)]
    written: list[Path] = [annotations_file]
    kept: list[Path] = []
    texts = {
        benchmark_file: benchmark_yaml(
            name,
            videos=shown_folder(project, source.root),
            annotations=project.relative(annotations_file),
            shards=planned_shards(len(source.rows)) if shards is None else shards,
            short_side=short_side,
            flip=decided,
            origin=f"{source.origin}; where they give no split: seed {seed}, shares {'/'.join(map(str, split))}",
        ),
        study_file: study_yaml(name),
    }
    if existing is not None and (flip, flip_pairs, shards) != (None, None, None):
        notes.append(f"{project.relative(benchmark_file)} was kept: edit it to change flip, pairs or shards")
    for path in texts:
        (kept if path.exists() else written).append(path)
    additions = renew(project, existing, known, splits)
    validate(Benchmark, yaml.safe_load(texts[benchmark_file]), where=project.relative(benchmark_file))
    write_table(annotations_file, COLUMNS, sorted((row.path, row.label, splits[row.path]) for row in source.rows))
    for path in set(texts).intersection(written):
        write_atomically(path, texts[path].encode("utf-8"))

    if additions is not None:
        additions.write(benchmark_file, project)
        written.append(additions.path)
        notes += [additions.note] if additions.note else []
    labels_now = load(Benchmark, benchmark_file).labels
    return InitSummary(
        name=name,
        files=tuple(project.relative(path) for path in sorted(written)),
        kept=tuple(project.relative(path) for path in sorted(kept)),
        counts=_counts(source, splits),
        added=sum(row.path not in known for row in source.rows),
        removed=len(known.keys() - splits.keys()),
        repeated=tuple(group for group in repeated if len(group) > 1),
        flip=labels_now.flip,
        flip_pairs=tuple((one, other) for one, other in labels_now.flip_pairs),
        notes=tuple(notes),
    )


def _existing(project: Project, path: Path, source: Source) -> Benchmark | None:
    """The benchmark file of an earlier call for the same folder; any other file of that name is an error."""
    if not path.exists():
        return None
    found = load(Benchmark, path)
    folder = project.root / found.videos
    if found.render is not None or folder.resolve() != source.root.resolve():
        raise DataError(
            f"{project.relative(path)}: is there already, for the videos in {found.videos};"
            " choose another name, or remove the file"
        )
    if found.annotations != project.relative(path.with_suffix(".csv")):
        wanted = project.relative(path.with_suffix(".csv"))
        raise DataError(
            f"{project.relative(path)}: annotations is {found.annotations}, must be {wanted} for gsf init to renew it;"
            " add the new videos there yourself"
        )
    return found


def _known(project: Project, existing: Benchmark | None, path: Path) -> dict[str, Split]:
    """Splits that an earlier call, or a person, has written."""
    if not path.exists():
        return {}
    if existing is None:
        raise DataError(f"{project.relative(path)}: is there already, without a benchmark file; move or remove it")
    known: dict[str, Split] = {}
    for row in read_table(path, COLUMNS):
        split = next((item for item in SPLITS if item == row["split"]), None)
        if split is None:
            raise DataError(
                f"{project.relative(path)}: split of {row['path']} is {row['split']!r}, must be train, val or test"
            )
        known[row["path"]] = split
    return known


def _same_bytes(project: Project, source: Source) -> list[tuple[str, ...]]:
    """The videos in groups of the same bytes; DataError where a group has two labels.

    Only files of the same size are hashed. Empty files are nobody's copy: the inventory says that they are unreadable.
    """
    labels = {row.path: row.label for row in source.rows}
    by_size: dict[int, list[str]] = defaultdict(list)
    for name, size in source.bytes.items():
        by_size[size].append(name)
    suspects = [name for size, names in by_size.items() if size and len(names) > 1 for name in names]
    hashes = hash_cache(project)
    groups: dict[str, list[str]] = defaultdict(list)
    for name in tqdm(suspects, "duplicates", unit="video", disable=not suspects):
        groups[hashes.sha256(source.root / name)].append(name)
    alone = {name: [name] for name in labels.keys() - set(suspects)}
    found = sorted(tuple(sorted(group)) for group in [*groups.values(), *alone.values()])
    wrong = [
        f"\n  {group[0]} ({labels[group[0]]}) and {other} ({labels[other]})"
        for group in found
        for other in group[1:]
        if labels[other] != labels[group[0]]
    ]
    if wrong:
        raise DataError(
            f"{source.root}: the same video under two labels, must have one; keep one of each:{''.join(wrong)}"
        )
    return found


def _splits(
    source: Source, known: Mapping[str, Split], groups: Sequence[tuple[str, ...]], *, seed: int, shares: Shares
) -> dict[str, Split]:
    """What the source says, else what was written before, else a draw."""
    labels = {row.path: row.label for row in source.rows}
    fixed = {name: split for name, split in known.items() if name in labels}
    fixed |= {row.path: row.split for row in source.rows if row.split is not None}
    return assign(groups, labels, fixed, seed=seed, shares=shares)


def _counts(source: Source, splits: Mapping[str, Split]) -> dict[str, dict[Split, int]]:
    pairs = Counter((row.label, splits[row.path]) for row in source.rows)
    return {label: {split: pairs[label, split] for split in SPLITS} for label in sorted({r.label for r in source.rows})}


def _flip(where: str, classes: Sequence[str], mode: FlipMode | None, given: Sequence[Sequence[str]] | None) -> Flip:
    """What a flip does: as told, else as the names of the classes say."""
    if given is not None:
        pairs = tuple(_pair(where, pair, classes) for pair in given)
        if mode not in (None, "swap"):
            raise ParamsError(f"{where}: flip is {mode} with pairs, must be swap: only a swap uses pairs")
        return Flip("swap", pairs, ())
    found = guess(classes)
    if mode == "swap" and not found.pairs:
        raise ParamsError(f"{where}: flip is swap, but no class names such as left and right; name the pairs")
    if mode is not None:
        return Flip(mode, found.pairs if mode == "swap" else (), ())
    if found.one_sided:
        note = f"{', '.join(found.one_sided)}: a mirror image of it is no class, so flip is forbid; check the labels"
        return Flip("forbid", (), (note,), rejected=found.pairs)
    if found.pairs:
        return Flip(
            "swap", found.pairs, ("flip pairs are guessed from the names: check that no other class is spoilt",)
        )
    return Flip("free", (), ("flip is free because no class name has a side in it: check that mirroring does no harm",))


def _pair(where: str, pair: Sequence[str], classes: Sequence[str]) -> tuple[str, str]:
    names = [name.strip() for name in pair]
    if len(names) != 2 or names[0] == names[1] or not set(names) <= set(classes):
        raise ParamsError(f"{where}: flip pair {','.join(pair)} must be two of the classes {', '.join(classes)}")
    return names[0], names[1]


def _notes(source: Source, splits: Mapping[str, Split]) -> list[str]:
    """What a person should know before a training is spent on it."""
    notes = []
    counts = _counts(source, splits)
    for split in SPLITS:
        lacking = [label for label in counts if not counts[label][split]]
        if len(lacking) == len(counts):
            notes.append(f"{split} is empty: give some rows the split {split}")
        elif lacking:
            notes.append(f"no {split} video for {', '.join(lacking)}")
    if source.unlabelled:
        notes.append(f"{source.unlabelled} videos in {source.root} have no label and are not used")
    return notes


def shown_folder(project: Project, root: Path) -> str:
    """Relative where the videos lie below the project or beside it, so that both can be moved together."""
    near = project.root.parent in (root, *root.parents) and project.root.parent != Path(project.root.anchor)
    return Path(os.path.relpath(root, project.root)).as_posix() if near else root.as_posix()


def planned_shards(videos: int) -> int:
    """One shard for a handful, four up to a thousand videos, then one for each 250, at most 32."""
    return 1 if videos < 16 else min(32, max(4, -(-videos // 250)))
