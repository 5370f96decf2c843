"""The tables of docs/scale.md: graphs, and what Something-Something V2 and Kinetics-400 need, from bench/results.

    python bench/estimate.py            # renews the tables in docs/scale.md
    python bench/estimate.py --check    # exit code 1 where they are not those of bench/results

Nothing is measured here: rates come from the JSON files, sizes from bench/lib/sizes.py, and what is assumed stands in
`ASSUMED` and in the page. Where several machines measured a topic, it is the last one that counts. Where the speed of a
GPU is not measured, the hours are given for a range of them, and as the formula in clips a second.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.lib.page import renew
from bench.lib.sizes import KINETICS, SSV2, Benchmark

ROOT = Path(__file__).resolve().parents[1]
PAGE, RESULTS = ROOT / "docs/scale.md", ROOT / "bench/results"


@dataclass(frozen=True)
class Task:
    """A benchmark with the published recipe: clips that are trained on, and that are looked at."""

    size: Benchmark
    watched: int  # videos of the validation after each epoch
    epochs: int
    views: int  # clips x crops of the evaluation
    protocol: str

    @property
    def name(self) -> str:
        return self.size.name


# Kinetics-400 has no published recipe for GSF on ResNet-50 here: that of Something-Something is taken. Neither study
# holds out validation videos (`paper-last`), as docs/benchmarks.md has it.
TASKS = (Task(SSV2, 0, 60, 2 * 3, "8x2x3"), Task(KINETICS, 0, 60, 10 * 3, "8x10x3-dense"))
FRAMES = 8  # of a clip
ASSUMED = {
    "core_hour": 0.04,  # dollars; put your own
    "gpu_hour": 2.50,
    "clips_a_second": (100, 250, 500),  # of a training on one GPU, where none is measured
    "forward": 3.0,  # evaluations are this many times as fast: a third of the multiplications
    "nodes": 64,  # shards, jobs of two cores at once
}


def main() -> None:
    renew(PAGE, current, description=__doc__ or "", script="bench/estimate.py")


def current(text: str) -> str:
    """The page with the tables of today's results."""
    for mark, table in (("graph", graphs()), ("estimate", tables())):
        before, rest = text.split(f"<!-- {mark} -->")
        _, after = rest.split(f"<!-- /{mark} -->")
        text = f"{before}<!-- {mark} -->\n\n{table}\n\n<!-- /{mark} -->{after}"
    return text


def graphs() -> str:
    """What bench/graph.py measured: a row a study, seconds of each command and, in brackets, of CPU."""
    found: dict[str, dict[str, str]] = {}
    for row in rows("graph"):
        if row["goal"] is not None:
            command = row["metric"].removeprefix("seconds of ").removesuffix(", against the goal")
            missed = "" if row["met"] else ", **too long**"
            found.setdefault(row["case"], {})[command] = f"{row['value']:.0f} ({row['cpu_seconds']:.0f}){missed}"
    if not found:
        return "Not measured yet on a quiet machine: `python bench/graph.py`."
    commands = list(next(iter(found.values())))
    lines = [f"| seconds (of CPU) | {' | '.join(commands)} | lock of a first `dvc repro`, minutes, reckoned |"]
    lines.append("|---|" + "---:|" * (len(commands) + 1))
    lines += [f"| {name} | {' | '.join(cells.values())} | {first_lock(name)} |" for name, cells in found.items()]
    return "\n".join(lines + recordings())


def first_lock(study: str) -> str:
    """Minutes of CPU of a first run for dvc.lock, which grows on the way, and is read and written after each stage."""
    stages = int(study.split(": ")[1].split(" ")[0].replace(",", ""))
    one = next(row for row in rows("graph") if row["case"] == study and "of one stage" in row["metric"])
    return f"{stages * one['cpu_seconds'] / 2 / 60:,.0f}"


def recordings() -> list[str]:
    """What bench/recording.py measured: a row a study."""
    lines = ["", "| DVC's part of `gsf record`, seconds of CPU | in one go | against | ratio |", "|---|---:|---:|---:|"]
    for row in rows("recording"):
        against = row["metric"].removeprefix("seconds of CPU, against ")
        cells = [row["case"], f"{row['value']:.0f}", f"{row['baseline']:.0f}, {against}", f"{row['ratio']:.1f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return lines if len(lines) > 3 else []


def tables() -> str:
    lines = ["| | " + " | ".join(task.name for task in TASKS) + " |", "|---|" + "---:|" * len(TASKS)]
    rows = [data_rows(task) for task in TASKS]
    lines += [f"| {name} | " + " | ".join(row[name] for row in rows) + " |" for name in rows[0]]
    return "\n".join([*lines, "", *training_lines()])


def data_rows(task: Task) -> dict[str, str]:
    """What the data stages need: one column of the first table."""
    size = task.size
    frames = size.frames(None)
    by_frames, by_videos = extraction()
    # A video costs its start and its frames; the two measured cases have both in two proportions.
    core_hours = (frames * by_frames + size.videos * by_videos) / 3600
    low, high = kilobytes_a_frame()
    jobs = int(ASSUMED["nodes"])
    protocols = " / ".join(item.protocol for item in TASKS)
    inventory, start = (at_least_as_many_rows(stage, size.videos) for stage in ("inventory", "start"))
    return {
        "videos of training and reported split, million frames": f"{size.videos:,}, {frames / 1e6:,.1f}",
        "inventory besides reading the videos: seconds, MiB": f"{inventory['s']:,.0f}, {inventory['MiB']:,.0f}",
        "extraction, core hours": f"{core_hours:,.0f}",
        f"extraction, minutes with {jobs} jobs of 2 cores": f"{core_hours * 60 / (2 * jobs):,.0f}",
        "extraction, cost": f"${core_hours * float(ASSUMED['core_hour']):,.2f}",
        "shards on disk, short side 256, quality 3": gigabytes(frames * low, frames * high),
        # A shard's frames lie in its spool until its LMDB file is whole: all of them do where all jobs run at once.
        f"disk at the peak of their extraction by {jobs} jobs at once": gigabytes(2 * frames * low, 2 * frames * high),
        "`gsf record` of 64 shards and 30 trainings, seconds of CPU": f"{recorded():,.0f}",
        "memory of a training for its lists, MiB, torch included": f"{start['MiB']:,.0f}",
        "clips of the training": f"{size.train * task.epochs / 1e6:,.1f} million",
        f"views of the evaluation ({protocols})": f"{size.reported * task.views / 1e6:,.2f} million",
    }


def gigabytes(low: float, high: float) -> str:
    """A range that is given in kilobytes."""
    return f"{low / 1e6:,.0f}-{high / 1e6:,.0f} GB"


def training_lines() -> list[str]:
    measured = gpu_rate()
    rates = [measured[0]] if measured else list(ASSUMED["clips_a_second"])
    said = (
        f"Measured on {measured[1]}: {measured[0]:,.0f} clips a second."
        if measured
        else "**No GPU has been measured**: the first column is an assumption, the rest follows."
    )
    titles = ["clips/s of a GPU", "loader cores a GPU", "MB/s it reads"]
    for task in TASKS:
        titles += [f"{task.name}: GPU hours of training", "of evaluation", "cost", "hours on 8 GPUs"]
    lines = [said, "", f"| {' | '.join(titles)} |", "|" + "---:|" * len(titles)]
    for rate in rates:
        read = rate * FRAMES * kilobytes_a_frame()[1] / 1e3
        cells = [f"{rate:,.0f}", f"{rate / loader_rate():.1f}", f"{read:,.0f}"]
        for task in TASKS:
            training = task.epochs * (task.size.train + task.watched / float(ASSUMED["forward"])) / rate / 3600
            evaluation = task.size.reported * task.views / (rate * float(ASSUMED["forward"])) / 3600
            cost = (training + evaluation) * float(ASSUMED["gpu_hour"])
            cells += [f"{training:,.1f}", f"{evaluation:,.2f}", f"${cost:,.0f}", f"{training / 8:,.1f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def rows(topic: str) -> list[dict[str, Any]]:
    """The cases of a topic, of the machine that measured it last: figures of two machines never meet in one table."""
    return next(iter(by_machine(topic)), [])


def by_machine(topic: str) -> list[list[dict[str, Any]]]:
    """The cases of a topic, a list a machine, the one that measured last first."""
    found = [json.loads(path.read_text()) for path in sorted(RESULTS.glob(f"{topic}-*.json"))]
    return sorted(found, key=lambda cases: max(str(row["date"]) for row in cases), reverse=True)


def extraction() -> tuple[float, float]:
    """Core seconds of a frame, and of a video besides, from the shortest and the longest videos of 240 lines.

    Of the machine that measured such videos of two lengths, the last one: real videos are measured only where
    `bench/extract.py` is given some.
    """
    lengths = [measured for cases in by_machine("extract") if len(measured := costs(cases)) > 1]
    if not lengths:
        raise SystemExit(
            "bench/results/extract-*.json: no machine has two cases of 240 lines with videos of different lengths, one"
            " must; run python bench/extract.py --videos FOLDER"
        )
    (few, little), *_, (many, much) = lengths[0]
    frame = (much - little) / (many - few)
    if frame <= 0:
        raise SystemExit(
            "bench/results/extract-*.json: a longer video costs less than a shorter one, must cost more; measure both"
            " in one run: python bench/extract.py --videos FOLDER"
        )
    if frame > little / few:  # a start that costs less than nothing: it is lost in what frames differ in
        return much / many, 0.0
    return frame, little - few * frame


def costs(cases: list[dict[str, Any]]) -> list[tuple[float, float]]:
    """Frames of a video and core seconds of a video, a pair a length, from the cases of 240 lines."""
    found = {}
    for row in cases:
        match = re.fullmatch(
            r"(?:short|videos): (\d+) videos, (\d+) frames, (\d+) processes, short side 240", row["case"]
        )
        if match:
            videos, frames, cores = map(int, match.groups())
            found[frames / videos] = cores / float(row["value"])
    return sorted(found.items())


def kilobytes_a_frame() -> tuple[float, float]:
    """The range that bench/storage.py measured, short side 256, quality 3."""
    for row in rows("storage"):
        if (row["short_side"], row["quality"]) == (256, 3):
            return row["baseline"] / 1e3, row["value"] / 1e3
    raise SystemExit("bench/results/storage-*.json: no case of short side 256 and quality 3, must have one")


def at_least_as_many_rows(stage: str, videos: int) -> dict[str, float]:
    """What bench/scale.py measured of a stage at the size next above, by unit: `s` of wall time, `MiB` at the peak."""
    sizes: dict[int, dict[str, float]] = {}
    for row in rows("scale"):
        match = re.fullmatch(rf"{stage}, ([\d,]+) rows", row["case"])
        if match:
            sizes.setdefault(int(match[1].replace(",", "")), {})[row["unit"]] = float(row["value"])
    return sizes[min(size for size in sizes if size >= videos)]


def recorded() -> float:
    """Seconds of CPU that bench/recording.py measured for a study of 64 shards of which DVC knew nothing."""
    found = (row for row in rows("recording") if re.match(r"64 shards, 30 .*, none recorded$", row["case"]))
    return float(next(found)["value"])


def loader_rate() -> float:
    """Clips a second of one loader process, with the augmentation of the published recipe."""
    name = "folder of JPEG files with Pillow, with RandAugment, 1 processes"
    return float(next(row["value"] for row in rows("loader") if row["case"] == name))


def gpu_rate() -> tuple[float, str] | None:
    """Clips a second of a training of the published network on a GPU, and on which; None where none is measured."""
    for cases in by_machine("gpu"):  # a machine without one measures nothing, and hides no other's
        for row in cases:
            if row["case"] == "resnet50, GSF, Triton, training step" and row["value"]:
                return 32 / (row["value"] / 1e3), str(row["device"])  # a step of bench/gpu.py has 32 clips
    return None


if __name__ == "__main__":
    main()
