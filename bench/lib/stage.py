"""One stage of the made benchmark in a process of its own: its seconds and the peak of its memory, as JSON.

python -m bench.lib.stage STAGE PROJECT    # bench/scale.py calls it
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
import traceback
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from bench.lib import big

ROOT = Path(__file__).resolve().parents[2]
WORKERS = 2  # loader processes
RECIPE, MODEL = "paper-last", "gsf-resnet50-224"
DRAWN = 8 * WORKERS  # batches whose videos are there: more than the processes load before the first one is taken


def main() -> None:
    stage, root = sys.argv[1:]
    print(json.dumps(measured(stage, root)))


def measured(stage: str, root: str) -> dict[str, float]:
    """Run one stage here; its seconds, those of CPU in this process, and the peak of this process's memory.

    The stage imports what it needs, but for the start of a loader: a training has imported torch by then.
    """
    from gsf.project import Project

    project = Project(Path(root))
    verb, _, shard = stage.partition(" ")
    if verb == "workers":
        return _workers(project)
    if verb in ("lists", "start"):
        import gsf.train.stage  # noqa: F401
    began, began_cpu = time.perf_counter(), time.process_time()
    kept = _run(project, verb, shard)  # noqa: F841  (a loader ends its processes when it goes)
    seconds, cpu = time.perf_counter() - began, time.process_time() - began_cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"seconds": seconds, "cpu_seconds": cpu, "peak_bytes": peak}


def _run(project: Any, verb: str, shard: str) -> object:
    if verb == "scan":
        from gsf.data import listing

        return listing.run(project, "big")
    if verb == "inventory":
        from gsf.data import inventory

        return inventory.run(project, "big")
    if verb == "extract":
        from gsf.store import extract

        return extract.run(project, "big", shard)
    if verb == "manifest":
        from gsf.data import manifest

        return manifest.run(project, "big")
    made = {"remember": big.remember, "extractions": big.pretend_extracted}
    own = {"frames": _store_first, "lists": _lists, "start": _first_batch}
    return (made | own)[verb](project)


def _lists(project: Any) -> Any:
    """The lists of a training, from its manifest, and its shards."""
    from gsf.data.inputs import shard_paths, split_of
    from gsf.data.lists import read_manifest
    from gsf.data.videos import Videos

    manifest = read_manifest(project, "big")
    shards = shard_paths(project, "big", manifest)
    return manifest, [Videos(split_of(manifest, split), shards) for split in ("train", "val", "test")]


def _first_batch(project: Any) -> tuple[Any, Iterator[Any]]:
    """From the manifest to the first batch, with loader processes, recipe and order of a training; and the others."""
    import torch

    from gsf.data.clips import TrainingClips
    from gsf.data.inputs import flipped_labels
    from gsf.data.loader import training_loader
    from gsf.params.base import load
    from gsf.params.model import Model
    from gsf.project import Project
    from gsf.train.loading import STALLED_SECONDS, batches

    model, recipe = load(Model, Project(ROOT).params_file("models", MODEL)), _recipe()
    manifest, (train, *_) = _lists(project)
    clips = TrainingClips(
        train,
        num_segments=model.num_segments,
        size=model.input_size,
        augment=recipe.augment,
        flipped_labels=flipped_labels(manifest),
        seed=0,
    )
    loader = training_loader(
        clips, _drawn(len(clips)), workers=WORKERS, device=torch.device("cpu"), stalled_seconds=STALLED_SECONDS
    )
    running = batches(loader, stalled_seconds=STALLED_SECONDS)
    return next(running), running


def _recipe() -> Any:
    from gsf.params.base import load
    from gsf.params.recipe import Recipe
    from gsf.project import Project

    return load(Recipe, Project(ROOT).params_file("recipes", RECIPE))


def _drawn(videos: int) -> Iterator[list[tuple[int, int]]]:
    """The batches of a training, as its loop hands them to its loader."""
    from gsf.train.batches import Batches

    recipe = _recipe()
    plan = Batches(videos, recipe.batch_size, recipe.accumulate, recipe.epochs, seed=0)
    return (piece.positions for step in plan.all_steps(epoch=0) for piece in step.pieces)


def _store_first(project: Any) -> None:
    """Frames for the videos of the first batches."""
    split = _lists(project)[1][0].split
    big.store(project, split, {row for batch in islice(_drawn(len(split)), DRAWN) for _, row in batch})


def _workers(project: Any) -> dict[str, float]:
    """Private memory of a forked process before and after it has read every row of the split that it loads."""
    split = _lists(project)[1][0].split
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            before = _private()
            for index in range(len(split)):
                _ = split.ids[index], split.labels[index], split.frames[index], split.shards[index], split.place(index)
            os.write(writing, json.dumps({"before_bytes": before, "private_bytes": _private()}).encode())
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)  # what the parent has begun is not the child's to end
    os.close(writing)  # else the pipe never ends where the child fails
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    if not said:
        raise SystemExit("the process that reads every row failed")
    result: dict[str, float] = json.loads(said)
    return result


def _private() -> int:
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(("Private_Dirty", "Private_Clean")))


if __name__ == "__main__":
    main()
