"""What the data stages cost at the size of the largest benchmarks, and what adding 100 videos costs.

    python bench/scale.py                  # all parts: half an hour, and 5 million inodes of disk
    python bench/scale.py --part rows      # one of them; the results of the others stay
    python bench/scale.py --small          # a try: seconds

rows        220,847 and 650,000 videos. Rows are synthetic, the inventory is run for real on one tiny file a row (it has
            to stat each), but with the sha256 and the facts of all of them in its memory, as in every run but the
            first: hashing costs what the disk gives. Extractions are tables with receipts. For the start of a loader,
            shards hold the videos that the first batches draw, and no others.
folders     the listing and the inventory of as many videos as Something-Something V1 has, each a folder of empty files;
            of a tenth of them on a disk that cannot hold as many files.
additions   220,847 rows, of which a few hundred are real clips in four shards and are really extracted; the others are
            in the annotations and missing (`on_missing: exclude`).

Each stage runs in a process of its own, whose peak memory is the kernel's count (ru_maxrss). Files were written just
before, so that their names, sizes and times are in the kernel's memory: a disk that has to be asked takes longer. Wall
time decides; the seconds of CPU, which another load of the machine changes less, stand beside it in the results.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.lib import big
from bench.lib.record import case, line, write

ROOT = Path(__file__).resolve().parents[1]
GOAL_SECONDS, GOAL_BYTES, GOAL_START = 300.0, 2 * 2**30, 2.0
SIZES = (220_847, 650_000)
FOLDERS, PICTURES = 108_499, 43  # of Something-Something V1: 4.7 million files
PARTS = ("rows", "folders", "additions")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--part", choices=PARTS, action="append", help="what to measure; may be given again")
    parser.add_argument("--small", action="store_true", help="a try with few rows; writes no result")
    parser.add_argument("--folder", type=Path, help="where to work; a temporary folder unless given")
    args = parser.parse_args()
    for part in args.part or PARTS:
        with tempfile.TemporaryDirectory(dir=args.folder, prefix="scale-") as folder:
            cases = cases_of(part, Path(folder), small=args.small)
            if args.small:
                for row in cases:
                    print(line("scale", row))
            else:
                write("scale", cases, group=part_of)  # what is measured stands, should a later one be stopped


def cases_of(part: str, folder: Path, *, small: bool) -> list[dict[str, Any]]:
    if part == "folders":
        videos = FOLDERS if has_room(folder, files=FOLDERS * (PICTURES + 1)) else FOLDERS // 10
        return folders(folder / "folders", videos=50 if small else videos)
    if part == "additions":
        return additions(folder / "additions", rows=3_000 if small else SIZES[0], real=40 if small else 400)
    return [row for rows in ((1_000, 3_000) if small else SIZES) for row in stages(folder / str(rows), rows)]


def has_room(folder: Path, *, files: int) -> bool:
    """Whether a disk can hold so many more files; some have no bound."""
    disk = os.statvfs(folder)
    return disk.f_files == 0 or disk.f_favail > 1.1 * files


def part_of(row: dict[str, Any]) -> str:
    """Which part a case belongs to."""
    name = str(row["case"])
    return "additions" if name.startswith("add ") else "folders" if " folders of " in name else "rows"


def stages(root: Path, rows: int) -> list[dict[str, Any]]:
    """Listing, inventory, manifest and the start of a loader at `rows` rows of whole videos."""
    big.make_project(root, shards=32, missing="stop")
    names = [f"class{number % big.CLASSES:03d}/{number:06d}.webm" for number in range(rows)]
    big.write_annotations(root, names)
    big.make_files(root, names)
    run("remember", root)
    found: list[dict[str, Any]] = []
    for stage in ("scan", "inventory", "extractions", "manifest", "frames", "lists", "start"):
        took = run(stage, root)
        if stage not in ("extractions", "frames"):  # those are made up
            goal = GOAL_START if stage in ("lists", "start") else GOAL_SECONDS
            found += judged(f"{stage}, {rows:,} rows", took, goal)
    workers = run("workers", root)
    before, after = workers["before_bytes"], workers["private_bytes"]
    name, what = f"loader process, {rows:,} rows", "private memory after reading every row, against before"
    return [*found, case(name, what, after / 2**20, "MiB", baseline=before / 2**20, ratio=before / after)]


def folders(root: Path, *, videos: int) -> list[dict[str, Any]]:
    """Listing and inventory of videos that are folders of pictures: each looks at every file."""
    big.make_project(root, shards=32, missing="stop", source="jpeg_folders")
    names = [str(number) for number in range(videos)]
    big.write_annotations(root, names)
    big.make_folders(root, names, pictures=PICTURES)
    run("remember", root)
    name = f"{videos:,} folders of {PICTURES} files"
    return [
        row for stage in ("scan", "inventory") for row in judged(f"{stage}, {name}", run(stage, root), GOAL_SECONDS)
    ]


def additions(root: Path, *, rows: int, real: int) -> list[dict[str, Any]]:
    """Adding 100 videos as a batch, against extracting everything again."""
    more = max(10, real // 4)
    big.make_project(root, shards=4, missing="exclude")
    names = [f"class{number % big.FEW:03d}/{number:06d}.mp4" for number in range(rows)]
    big.write_annotations(root, names)
    big.make_clips(root, names[:real])
    shards = ["00", "01", "02", "03"]
    first = total(root, ["scan", "inventory", *(f"extract {shard}" for shard in shards), "manifest"])
    before = {shard: state(root, shard) for shard in shards}
    added = [f"class{number % big.FEW:03d}/new{number:06d}.mp4" for number in range(more)]
    big.make_clips(root, added)
    big.write_annotations(root, names + added)
    lines = "".join(f"{name},1\n" for name in added)
    (root / "params/benchmarks/big.additions.csv").write_text("path,batch\n" + lines)
    big.make_project(root, shards=4, missing="exclude", additions=True)
    # what an engine runs: the inventory, the shards whose plan or plan's receipt changed, the manifest
    took = total(root, ["scan", "inventory"])
    stale = [shard for shard in [*shards, "a01"] if shard not in before or state(root, shard) != before[shard]]
    assert stale == ["a01"], f"touched besides the new shard: {stale}"
    took += total(root, [f"extract {shard}" for shard in stale] + ["manifest"])
    assert all(state(root, shard) == before[shard] for shard in shards)
    each = first / real
    note = f"{more} videos to {rows:,} rows ({real} real)"
    return [
        case(f"add {note}", "seconds, against extracting all again", took, "s", baseline=first, ratio=first / took),
        case(f"add {note}", "seconds an added video, against the first run", took / more, "s", baseline=each,
             ratio=each / (took / more)),
        case(f"add {note}", "shards that were touched", len(stale), "shards", baseline=len(shards) + 1,
             ratio=(len(shards) + 1) / len(stale)),
    ]  # fmt: skip


def judged(name: str, took: dict[str, float], goal: float) -> list[dict[str, Any]]:
    seconds, peak = took["seconds"], took["peak_bytes"]
    wall = case(name, "wall time against the goal", seconds, "s", baseline=goal, ratio=goal / seconds, goal=1.0)
    return [
        {**wall, "cpu_seconds": round(took["cpu_seconds"], 2)},
        case(name, "peak memory against the goal", peak / 2**20, "MiB", baseline=GOAL_BYTES / 2**20,
             ratio=GOAL_BYTES / peak, goal=1.0),
    ]  # fmt: skip


def run(stage: str, root: Path) -> dict[str, float]:
    """One stage in a process of its own."""
    command = [sys.executable, "-m", "bench.lib.stage", stage, str(root.resolve())]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{stage} failed:\n{done.stderr[-3000:]}")
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def total(root: Path, names: list[str]) -> float:
    """Seconds of several stages, without the start of their processes."""
    return sum(run(name, root)["seconds"] for name in names)


def state(root: Path, shard: str) -> tuple[bytes, ...]:
    """Whether a shard is touched: bytes of its plan and of the plan's receipt, place and time of the shard."""
    plan = root / "data/big/plan" / f"{shard}.csv"
    lmdb = root / "data/big/shards" / f"{shard}.lmdb"
    where = lmdb.stat() if lmdb.is_file() else None
    place = b"absent" if where is None else f"{where.st_ino} {where.st_mtime_ns} {where.st_size}".encode()
    return plan.read_bytes(), plan.with_suffix(".receipt.json").read_bytes(), place


if __name__ == "__main__":
    main()
