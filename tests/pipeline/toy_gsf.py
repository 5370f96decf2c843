"""A stand-in for the program `gsf`, for tests of the graph: every verb writes the outputs and the receipt of its stage.

Outputs are a function of the command, the parameters and the inputs, and take no time; names, receipts and links are
those of the real stages. Set TOY_FAIL to a stage's name to let it fail. Set TOY_ONCE to let a stage misbehave the first
time it runs: `hang STAGE` waits without end, `wait STAGE` until a file `go-on` is there, `fill STAGE` takes 2 GB of
memory; `save STAGE` waits, too, and when it is asked to end it takes seconds for that, as a training does.
"""

from __future__ import annotations

import os
import shlex
import signal
import sys
import time
from pathlib import Path

from gsf.data import listing
from gsf.errors import PreemptedError
from gsf.params.base import load
from gsf.params.benchmark import Benchmark
from gsf.pipeline import graph
from gsf.pipeline.code_deps import expand
from gsf.pipeline.listings import list_videos
from gsf.project import Project
from gsf.provenance.hashing import canonical_json, sha256_bytes, sha256_file, write_atomically
from gsf.provenance.params_used import portable
from gsf.store.plan import Sharding


def main(argv: list[str]) -> int:
    project = Project(Path.cwd())
    resolved = graph.load(project)
    stage = next(stage for stage in resolved.stages if shlex.split(stage.cmd) == ["gsf", *argv])
    if stage.group == "scan":
        list_videos(project, stage.key)
        return 0
    if os.environ.get("TOY_FAIL") == stage.name:
        print(f"{stage.name} fails as told", file=sys.stderr)
        return 1
    _misbehave(project, stage.name)
    with (project.root / "ran.txt").open("a") as log:
        log.write(stage.name + "\n")

    inputs = []
    for dep in stage.deps:
        folder = project.root / dep
        for path in sorted(p for p in folder.rglob("*") if p.is_file()) if folder.is_dir() else [folder]:
            name = project.relative(path)
            if path.name.endswith("receipt.json") or path.name.startswith("."):
                continue
            by = _receipt_of(resolved, name)
            inputs.append(
                {
                    "path": name,
                    "sha256": sha256_file(path),
                    "receipt": sha256_file(project.root / by) if by else None,
                }
            )
    params = {file: portable(values) for file, values in stage.params.items()}
    facts = {"cmd": stage.cmd, "params": params, "inputs": [[item["path"], item["sha256"]] for item in inputs]}
    outputs = []
    for out in stage.outs:
        if out.is_receipt or out.path.endswith("listing.csv"):
            if not out.is_receipt:
                write_atomically(project.root / out.path, b"path,bytes,mtime_ns\n")
            continue
        for path in _files(project, resolved, out):
            name = project.relative(path)
            seed = [name, _planned(project, stage.key, path.stem)] if out.path.endswith("/plan") else [name, facts]
            size = 1_200_000 if path.suffix in (".lmdb", ".safetensors") else 1
            write_atomically(path, sha256_bytes(canonical_json(seed)).encode() * (size // 64 + 1))
            outputs.append(_sealed_plan(project, stage, path) if out.path.endswith("/plan") else path)
    content = {
        "format": 1,
        "stage": stage.name,
        "command": stage.cmd,
        "params": params,
        "inputs": sorted(inputs, key=lambda item: str(item["path"])),
        "outputs": {project.relative(path): sha256_file(path) for path in sorted(outputs)},
        "code": {project.relative(path): sha256_file(path) for path in expand(project, stage.code)},
        "tools": {},
        "environment": None,
        "seed": None,
        "facts": {},
    }
    if stage.receipt is not None:
        write_atomically(project.root / stage.receipt, canonical_json(content))
    return 0


def _misbehave(project: Project, name: str) -> None:
    what, _, which = os.environ.get("TOY_ONCE", "").partition(" ")
    seen = project.root / "misbehaved"
    if which != name or seen.exists():
        return
    seen.touch()
    ballast = os.urandom(1 << 20) * 2000 if what == "fill" else b""
    if what == "save":
        signal.signal(signal.SIGTERM, _save)
    while not (what == "wait" and (project.root / "go-on").exists()):
        time.sleep(0.2)
    print(len(ballast), file=sys.stderr)


def _save(number: int, frame: object) -> None:
    """What it says on the way fails where nobody reads it any more."""
    signal.signal(number, signal.SIG_IGN)
    for _ in range(6):
        print("saving", flush=True)
        time.sleep(0.5)
    Path("saved").touch()
    sys.exit(PreemptedError.EXIT_CODE)


def _files(project: Project, resolved: graph.Graph, out: graph.Out) -> list[Path]:
    folder = project.root / out.path
    if not out.is_dir:
        return [folder]
    if out.path.endswith("/plan"):
        benchmark = out.path.split("/")[1]
        shards = [stage.cmd.split()[-1] for stage in resolved.group("extract") if stage.cmd.split()[-2] == benchmark]
        return [folder / f"{shard}.csv" for shard in shards]
    return [folder / "a.txt", folder / "b.txt"]


def _planned(project: Project, benchmark: str, shard: str) -> list[tuple[str, int]]:
    """Path and size of each listed video of one shard: a plan tells of its own shard alone, as the real ones do."""
    params = load(Benchmark, project.params_file("benchmarks", benchmark))
    if params.render is not None:
        return []
    sharding = Sharding.of(project, params)
    listed = listing.scan(project.root / params.videos)
    return [(item.path, item.bytes) for item in listed if sharding.shard_of(item.path) == shard]


def _sealed_plan(project: Project, stage: graph.Stage, plan: Path) -> Path:
    """The receipt that the inventory writes beside one plan, which tells of that plan alone."""
    content = {
        "format": 1, "stage": f"plan@{stage.key}-{plan.stem}", "command": stage.cmd, "params": {}, "inputs": [],
        "outputs": {project.relative(plan): sha256_file(plan)}, "code": {}, "tools": {}, "environment": None,
        "seed": None, "facts": {},
    }  # fmt: skip
    receipt = plan.with_suffix(".receipt.json")
    write_atomically(receipt, canonical_json(content))
    return receipt


def _receipt_of(resolved: graph.Graph, name: str) -> str | None:
    """The receipt of the stage that writes a file, itself or in a folder; each plan has its own."""
    if Path(name).parent.name == "plan":
        return str(Path(name).with_suffix(".receipt.json"))
    for path in (Path(name), *Path(name).parents):
        stage = resolved.writer.get(path.as_posix())
        if stage is not None:
            return stage.receipt
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
