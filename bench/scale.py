"""What the data stages cost at the size of the largest benchmarks, and what adding 100 videos costs.

    python bench/scale.py            # 220,847 and 650,000 rows, and additions to 220,847: some 10 minutes
    python bench/scale.py --small    # a try: seconds

What is simulated: rows are synthetic. The inventory is run for real on one tiny file a row (it has to stat each), but
with the sha256 and the facts of all of them in its memory, as in every run but the first: hashing costs what the disk
gives. Extractions are tables with receipts, without shards, where only inventory, manifest and the start of a loader
are measured. For the additions the benchmark has 220,847 rows, of which a few hundred are real clips in four shards and
are really extracted; the others are in the annotations and missing (`on_missing: exclude`).

Each stage runs in a process of its own, whose peak memory is the kernel's count (ru_maxrss).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.lib.record import case, write

GOAL_SECONDS, GOAL_BYTES, GOAL_START = 300.0, 2 * 2**30, 2.0
SIZES = (220_847, 650_000)
CLASSES = 174
FEW = 8  # classes where most videos are missing, so that each has some to train on
BENCHMARK = """\
name: big
videos: videos
annotations: params/benchmarks/big.csv
{additions}shards: {shards}
on_missing: {missing}
on_unreadable: stop
extract: {{short_side: 64, jpeg_quality: 5, max_seconds: 60, max_frames: 1000, max_pixels: 1000000}}
labels: {{flip: free}}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--small", action="store_true", help="a try with few rows; writes no result")
    parser.add_argument("--folder", type=Path, help="where to work; a temporary folder unless given")
    parser.add_argument("--stage", nargs=2, metavar=("STAGE", "PROJECT"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.stage:
        print(json.dumps(measured(*args.stage)))
        return
    with tempfile.TemporaryDirectory(dir=args.folder, prefix="scale-") as folder:
        cases = []
        for rows in (1_000, 3_000) if args.small else SIZES:
            cases += stages(Path(folder) / str(rows), rows)
        cases += additions(
            Path(folder) / "additions", rows=3_000 if args.small else SIZES[0], real=40 if args.small else 400
        )
        for row in cases:
            print(f"{row['case']}: {row['metric']} {row['value']:g} {row['unit']} (x{row['ratio']:g})")
        if not args.small:
            write("scale", cases)


def stages(root: Path, rows: int) -> list[dict[str, Any]]:
    """Inventory, manifest and the start of a loader at `rows` rows of whole videos."""
    make_project(root, shards=32, missing="stop")
    names = [f"class{number % CLASSES:03d}/{number:06d}.webm" for number in range(rows)]
    write_annotations(root, names)
    make_files(root, names)
    run("remember", root)
    found: list[dict[str, Any]] = []
    for stage in ("scan", "inventory", "extractions", "manifest", "start"):
        took = run(stage, root)
        if stage != "extractions":  # those are made up
            found += judged(f"{stage}, {rows:,} rows", took, GOAL_START if stage == "start" else GOAL_SECONDS)
    workers = run("workers", root)
    before, after = workers["before_bytes"], workers["private_bytes"]
    name, what = f"loader process, {rows:,} rows", "private memory after reading every row, against before"
    return [*found, case(name, what, after / 2**20, "MiB", baseline=before / 2**20, ratio=before / after)]


def additions(root: Path, *, rows: int, real: int) -> list[dict[str, Any]]:
    """Adding 100 videos as a batch, against extracting everything again."""
    more = max(10, real // 4)
    make_project(root, shards=4, missing="exclude")
    names = [f"class{number % FEW:03d}/{number:06d}.mp4" for number in range(rows)]
    write_annotations(root, names)
    make_clips(root, names[:real])
    shards = ["00", "01", "02", "03"]
    first = total(root, ["scan", "inventory", *(f"extract {shard}" for shard in shards), "manifest"])
    before = {shard: state(root, shard) for shard in shards}
    added = [f"class{number % FEW:03d}/new{number:06d}.mp4" for number in range(more)]
    make_clips(root, added)
    write_annotations(root, names + added)
    lines = "".join(f"{name},1\n" for name in added)
    (root / "params/benchmarks/big.additions.csv").write_text("path,batch\n" + lines)
    make_project(root, shards=4, missing="exclude", additions=True)
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
    return [
        case(name, "wall time against the goal", seconds, "s", baseline=goal, ratio=goal / seconds, goal=1.0),
        case(name, "peak memory against the goal", peak / 2**20, "MiB", baseline=GOAL_BYTES / 2**20,
             ratio=GOAL_BYTES / peak, goal=1.0),
    ]  # fmt: skip


def run(stage: str, root: Path) -> dict[str, float]:
    """One stage in a process of its own."""
    command = [sys.executable, __file__, "--stage", stage, str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{stage} failed:\n{done.stderr[-3000:]}")
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def total(root: Path, names: list[str]) -> float:
    """Seconds of several stages, without the start of their processes."""
    return sum(run(name, root)["seconds"] for name in names)


def measured(stage: str, root: str) -> dict[str, float]:
    """Run one stage here; its seconds, and the peak memory of this process.

    The stage imports what it needs, but for the start of a loader: a training has imported torch by then.
    """
    from gsf.project import Project

    project = Project(Path(root))
    verb, _, shard = stage.partition(" ")
    if verb == "workers":
        return _workers(project)
    if verb == "start":
        import gsf.data.inputs  # noqa: F401
    began = time.perf_counter()
    _run(project, verb, shard)
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}


def _run(project: Any, verb: str, shard: str) -> None:
    if verb == "scan":
        from gsf.data import listing

        listing.run(project, "big")
    elif verb == "inventory":
        from gsf.data import inventory

        inventory.run(project, "big")
    elif verb == "extract":
        from gsf.store import extract

        extract.run(project, "big", shard)
    elif verb == "manifest":
        from gsf.data import manifest

        manifest.run(project, "big")
    elif verb == "remember":
        _remember(project)
    elif verb == "extractions":
        _pretend_extracted(project)
    elif verb == "start":
        _start(project)


def _start(project: Any) -> Any:
    """What a training does before its first clip."""
    from gsf.data.inputs import shard_paths, split_of
    from gsf.data.lists import read_manifest
    from gsf.data.videos import Videos

    manifest = read_manifest(project, "big")
    shards = shard_paths(project, "big", manifest)
    return [Videos(split_of(manifest, split), shards) for split in ("train", "val", "test")]


def _workers(project: Any) -> dict[str, float]:
    """Private memory of a forked process before and after it has read every row of the split that it loads."""
    videos = _start(project)[0]
    reading, writing = os.pipe()
    if os.fork() == 0:
        split, before = videos.split, _private()
        for index in range(len(split)):
            _ = split.ids[index], split.labels[index], split.frames[index], split.shards[index], split.place(index)
        os.write(writing, json.dumps({"before_bytes": before, "private_bytes": _private()}).encode())
        os._exit(0)
    os.wait()
    result: dict[str, float] = json.loads(os.read(reading, 1000))
    return result


def _private() -> int:
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(("Private_Dirty", "Private_Clean")))


def make_project(root: Path, *, shards: int, missing: str, additions: bool = False) -> None:
    (root / "params/benchmarks").mkdir(parents=True, exist_ok=True)
    line = "additions: params/benchmarks/big.additions.csv\n" if additions else ""
    text = BENCHMARK.format(shards=shards, missing=missing, additions=line)
    (root / "params/benchmarks/big.yaml").write_text(text)
    (root / "requirements.lock").write_text("")
    (root / "videos").mkdir(exist_ok=True)


def write_annotations(root: Path, names: list[str]) -> None:
    """The first tenth of each class is for validation, the next for the test."""
    splits = ("val", "test", *("train",) * 8)
    with (root / "params/benchmarks/big.csv").open("w") as file:
        file.write("path,label,split\n")
        for number, name in enumerate(names):
            file.write(f"{name},{name.split('/')[0]},{splits[number // FEW % 10]}\n")


def make_files(root: Path, names: list[str]) -> None:
    for folder in {name.split("/")[0] for name in names}:
        (root / "videos" / folder).mkdir(parents=True, exist_ok=True)
    for name in names:
        with (root / "videos" / name).open("wb") as file:
            file.write(name.encode())


def make_clips(root: Path, names: list[str]) -> None:
    """Real clips, each with frames of its own."""
    import numpy as np

    from gsf.video.ffmpeg import encode_h264

    for number, name in enumerate(names):
        path = root / "videos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        random = np.random.default_rng([number, len(name)])
        pixels = np.repeat(np.repeat(random.integers(0, 255, (24, 9, 12, 3), dtype=np.uint8), 8, 1), 8, 2)
        encode_h264(path, (frame.tobytes() for frame in pixels), width=96, height=72, fps=12, qp=24)


def _remember(project: Any) -> None:
    """Fill the memory of the inventory: a sha256 and facts for each file, as a first run leaves them."""
    from gsf.data import examine

    memory = examine._Memory(project.work("inventory", "big", "known.jsonl"))
    facts = {"frames": 48, "fps": "12/1", "width": 320, "height": 240, "rotation": 0, "codec": "vp9"}
    for path in _files(project.root / "videos"):
        sha256 = hashlib.sha256(path.name.encode()).hexdigest()
        memory.remember(path, examine._identity(path), sha256, facts)
    memory.close()


def _files(folder: Path) -> Iterator[Path]:
    for place, _, names in os.walk(folder):
        for name in names:
            yield Path(place) / name


def _pretend_extracted(project: Any) -> None:
    """The table and the receipt of each extraction, without a shard."""
    from gsf.provenance.receipt import StageResult, linked_inputs, seal
    from gsf.store.extract import COLUMNS
    from gsf.store.plan import hashed_names, read_plan
    from gsf.tables import write_table

    for shard in hashed_names(32):
        plan, table = project.shard_plan("big", shard), project.extracted("big", shard)
        rows = [(video.id, 48, 320, 240, 480_000, "") for video in read_plan(plan)]
        write_table(table, COLUMNS, rows)
        facts = {"videos": len(rows), "frames": 48 * len(rows), "excluded": 0}
        inputs = linked_inputs(project, project.plan_receipt("big", shard), [plan])
        command = ["gsf", "extract", "big", shard]
        result = StageResult(f"extract@big-{shard}", command, {}, inputs, [table], "gsf.store.plan", facts=facts)
        seal(project, result, project.extract_receipt("big", shard))


def state(root: Path, shard: str) -> tuple[bytes, ...]:
    """Whether a shard is touched: bytes of its plan and of the plan's receipt, place and time of the shard."""
    plan = root / "data/big/plan" / f"{shard}.csv"
    lmdb = root / "data/big/shards" / f"{shard}.lmdb"
    where = lmdb.stat() if lmdb.is_file() else None
    place = b"absent" if where is None else f"{where.st_ino} {where.st_mtime_ns} {where.st_size}".encode()
    return plan.read_bytes(), plan.with_suffix(".receipt.json").read_bytes(), place


if __name__ == "__main__":
    main()
