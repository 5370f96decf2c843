"""Deep checks: every artefact that is here is read and hashed again, without any memory of earlier hashes."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gsf.errors import GsfError
from gsf.machine import usable_cores
from gsf.params.base import read_yaml
from gsf.project import Project
from gsf.proof.chain import Command, known_studies, plan_shard, work_receipt_path
from gsf.proof.content import EQUAL_REMEDY, same_content
from gsf.proof.differing import differs, holds
from gsf.proof.findings import Finding
from gsf.proof.later import NOTHING_LATER, Later, stale_remedy
from gsf.proof.results import evidence_path, read_videos
from gsf.provenance.hashing import sha256_bytes, sha256_file
from gsf.provenance.receipt import Receipt

_PULL = "`dvc pull` fetches it where a remote has it, `dvc repro` makes it anew"
_DAMAGED_SECONDS, _DAMAGED_SPEED = 60.0, 20e6  # time to read a damaged shard: fixed, and bytes a second
_MEND = "look after the disk and the rights on it, then restore the file there or in another place"
_RESTORE = "`dvc checkout` restores it from the cache, `dvc repro` makes it anew"


def check_artefacts(
    project: Project,
    receipts: Sequence[Receipt],
    checked: dict[str, int],
    *,
    later: Later = NOTHING_LATER,
) -> Iterator[Finding]:
    """Outputs and receipts in the work tree have the bytes that the chain says, or those of a later run.

    A shard that has them is not read frame by frame: its bytes are those that were hashed when it was extracted.
    """
    wanted = [
        (receipt, path, promised)
        for receipt in receipts
        for path, promised in receipt.outputs.items()
        if not path.startswith("results/")
    ]
    for receipt in receipts:
        place = work_receipt_path(project, receipt)
        if place is not None and not project.relative(place).startswith("results/"):
            wanted.append((receipt, project.relative(place), receipt.digest))
    # the receipt of a plan is its own and an output of the inventory as well
    wanted = list({(path, promised): (receipt, path, promised) for receipt, path, promised in wanted}.values())
    found = _hash_all([project.root / path for _, path, _ in wanted], title="artefacts")
    for (receipt, path, promised), digest in zip(wanted, found, strict=True):
        if digest is None:
            yield Finding("absent", path, f"written by {receipt.stage}", _PULL)
            continue
        if isinstance(digest, Exception):
            yield _unreadable(path, digest)
            continue
        checked["artefacts"] = checked.get("artefacts", 0) + 1
        what = f"has sha256 {digest[:12]}; the results rest on another one, {promised[:12]}"
        if digest != promised and (stale := later.finding(path, digest, what=what)):
            yield stale
        elif promised == receipt.digest and digest != promised:
            yield differs(project.root / path, path, promised, link=path, what=what, remedy=_RESTORE)
        elif promised != receipt.digest:
            yield from check_file(project.root / path, path, receipt, found=digest)


def check_file(file: Path, name: str, receipt: Receipt, *, found: str) -> Iterator[Finding]:
    """A file whose sha256 is `found`, against the receipt that lists it; nothing where it is as promised."""
    promised = receipt.outputs[name]
    if found == promised:
        return
    what = f"has sha256 {found[:12]}; {receipt.stage} wrote {promised[:12]}"
    if name.endswith(".lmdb"):
        yield from _check_damaged_shard(file, name, receipt, what=what)
    else:
        yield differs(file, name, promised, link=name, what=what, remedy=_RESTORE)


def check_intact_shard(path: Path, name: str, receipt: Receipt) -> Iterator[Finding]:
    """The frames of a shard whose bytes are the promised ones are those that its receipt and its table speak of."""
    from gsf.store.check import read_content

    found = read_content(path, expected=_extracted(path, name, receipt))
    for problem in found.problems:
        yield Finding("broken", name, problem, _RESTORE)
    promised = str(receipt.facts.get("logical_digest"))
    if found.logical_digest is not None and found.logical_digest != promised:
        what = f"its frames have the digest {found.logical_digest[:12]}, the receipt of {receipt.stage} says"
        yield Finding("broken", name, f"{what} {promised[:12]}", _RESTORE)


def _check_damaged_shard(path: Path, name: str, receipt: Receipt, *, what: str) -> Iterator[Finding]:
    """What of a shard with other bytes is still as it was extracted.

    It is read in a process of its own: LMDB trusts its files, and may take the process down with a damaged one.
    """
    from gsf.store.check import read_damaged

    seconds = _DAMAGED_SECONDS + path.stat().st_size / _DAMAGED_SPEED
    found = read_damaged(path, expected=_extracted(path, name, receipt), seconds=seconds)
    if not found.problems and found.logical_digest == receipt.facts.get("logical_digest"):
        how = "every frame in it is what was extracted, only bytes that hold none differ"
        yield Finding("equal", name, f"{what}: {how}", EQUAL_REMEDY)
        return
    yield Finding("broken", name, what, _RESTORE)
    for problem in found.problems:
        yield Finding("broken", name, problem, _RESTORE)
    if not found.problems:
        yield Finding("broken", name, "its frames are not those that were extracted", _RESTORE)


def _extracted(path: Path, name: str, receipt: Receipt) -> dict[str, tuple[int, int, int, int]] | None:
    """What the table beside a shard says of each video; None where it is not here as it was written."""
    root = path.parents[len(Path(name).parts) - 1]
    for table, promised in receipt.outputs.items():
        if "/extracted/" not in table:
            continue
        try:
            data = (root / table).read_bytes()
        except OSError:
            return None
        if sha256_bytes(data) != promised and same_content(data, table, promised) is None:
            return None
        rows = csv.DictReader(io.StringIO(data.decode("utf-8"), newline=""))
        return {
            row["id"]: (int(row["frames"]), int(row["width"]), int(row["height"]), int(row["bytes"]))
            for row in rows
            if not row["reason"]
        }
    return None


def check_videos(
    project: Project,
    study: str,
    receipts: Iterable[Receipt],
    checked: dict[str, int],
    not_proven: list[str],
    *,
    later: Later = NOTHING_LATER,
) -> Iterator[Finding]:
    """The videos of every inventory have the sizes and sha256 that it lists, or those that a later one does."""
    for receipt in receipts:
        command = Command.of(receipt)
        if command.verb != "inventory" or len(command.positional) != 1 or plan_shard(receipt):
            continue
        benchmark = command.positional[0]
        rows = inventory_rows(project, receipt, study=study)
        folder = videos_folder(project, benchmark)
        if rows is None or folder is None or not folder.is_dir():
            lacks = "its inventory" if rows is None else "the folder of its videos"
            not_proven.append(f"the videos of {benchmark} are what they were: {lacks} is not here")
            if rows is not None:
                what = f"{len(rows)} videos; their folder is not here"
                yield Finding("absent", f"videos of {benchmark}", what, _videos_remedy(benchmark))
            continue
        # segments share their video, and a missing one has no sha256
        rows = list({row["path"]: row for row in rows if row["sha256"]}.values())
        found = _hash_all([folder / row["path"] for row in rows], title=f"videos of {benchmark}")
        again = next((item for item in later.receipts if item.stage == receipt.stage), None)
        listed = (inventory_rows(project, again, study=None) if again else None) or []
        newer = {row["path"]: (row["bytes"], row["sha256"]) for row in listed}
        for row, digest in zip(rows, found, strict=True):
            name = project_name(project, folder / row["path"])
            if digest is None:
                yield Finding("absent", name, f"a video of {benchmark}", _videos_remedy(benchmark))
                continue
            if isinstance(digest, Exception):
                yield _unreadable(name, digest)
                continue
            checked["videos"] = checked.get("videos", 0) + 1
            size = _size(folder / row["path"])
            if digest != row["sha256"] or str(size) != row["bytes"]:
                says = f"the inventory says {row['bytes']} and {row['sha256'][:12]}"
                what = f"has {size} bytes and sha256 {digest[:12]}, {says}"
                if newer.get(row["path"]) == (str(size), digest):
                    yield Finding("stale_data", name, f"{what}: a later one has it so", stale_remedy(study))
                    continue
                yield Finding("broken", name, what, f"restore this video, or run `dvc repro inventory@{benchmark}`")


def inventory_rows(project: Project, receipt: Receipt, *, study: str | None) -> list[dict[str, str]] | None:
    """Rows of the very inventory that a receipt lists, from results/ or the work tree; None where neither has it."""
    for path, promised in receipt.outputs.items():
        if not path.endswith("/inventory.csv"):
            continue
        copies = [project.root / path]
        places = [study] if study else known_studies(project)
        copies += [copy for place in places if (copy := evidence_path(project, place, path))]
        for copy in copies:
            try:
                if holds(copy, promised):
                    return read_videos(copy.read_bytes())
            except (OSError, ValueError, KeyError):
                continue
    return None


def videos_folder(project: Project, benchmark: str) -> Path | None:
    """Where a benchmark's videos lie on this machine; None where its parameter file does not say."""
    try:
        folder = read_yaml(project.params_file("benchmarks", benchmark))["videos"]
    except (GsfError, KeyError, OSError):
        return None
    return project.root / folder if isinstance(folder, str) else None


def project_name(project: Project, path: Path) -> str:
    """`path` as messages name it: within the project where it lies there."""
    return project.relative(path) if path.is_relative_to(project.root) else str(path)


def _videos_remedy(benchmark: str) -> str:
    return f"`dvc pull`, `dvc repro`, or set `videos` in params/benchmarks/{benchmark}.yaml to where they lie here"


def _unreadable(name: str, error: Exception) -> Finding:
    what = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return Finding("broken", name, f"cannot be read: {what}", _MEND)


def _hash_all(paths: Sequence[Path], *, title: str) -> list[str | Exception | None]:
    """sha256 of each file, read now; None for one that is not here, and what the system says of one it cannot read."""
    from tqdm import tqdm

    with ThreadPoolExecutor(max_workers=usable_cores()) as pool:
        return list(tqdm(pool.map(_hash, paths), desc=title, total=len(paths), disable=None, leave=False))


def _hash(path: Path) -> str | Exception | None:
    try:
        if path.is_dir():  # a video of frames
            from gsf.video.folders import folder_sha256

            return folder_sha256(path)
        return sha256_file(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, GsfError) as error:  # a failing disk is what a deep check is to find
        return error


def _size(path: Path) -> int:
    from gsf.video.folders import folder_facts

    return folder_facts(path).bytes if path.is_dir() else path.stat().st_size
