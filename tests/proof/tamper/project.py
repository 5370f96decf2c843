"""A finished study with every kind of file that a chain may hold.

Videos, annotations, inventories, shards and manifests are real, and so are metrics, pages and the report; weights and
logits are made up, but sealed like real ones. Three benchmarks: `arrow` is rendered, `mine` comes from published
annotations and has additions, and `own` has annotations in git and a network that was trained elsewhere.
"""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from gsf.data import inventory, listing, manifest
from gsf.data.init.published import init_published
from gsf.data.published import stage as annotate
from gsf.evaluate import ensemble
from gsf.evaluate.measuring import measuring_of, write_measured
from gsf.evaluate.scores import Scores
from gsf.params.base import load
from gsf.params.study import Plan
from gsf.pipeline.study import activate
from gsf.project import Project
from gsf.provenance.hashing import canonical_json, sha256_file, write_atomically
from gsf.provenance.params_used import params_used
from gsf.provenance.receipt import Input, StageResult, linked_inputs, root_input, seal
from gsf.report import stage as report
from gsf.store import extract
from gsf.tables import write_table
from tests.data.project import make_video
from tests.data.published.small import write
from tests.proof import finished
from tests.proof.drawn import draw
from tests.proof.finished import PROTOCOL, REPOSITORY, STUDY, commit, git, write_lock

RUNS = {"tsn-s0": "arrow", "gsf-s0": "arrow", "gsf_mine-s0": "mine", "gsf_own": "own"}
STUDY_FILE = f"""\
study: {STUDY}
threads: 1
seeds: [0]
protocols: [{PROTOCOL}]
experiments:
  tsn: {{benchmark: arrow, model: tsn, recipe: quick}}
  gsf: {{benchmark: arrow, model: gsf, recipe: quick}}
  gsf_mine: {{benchmark: mine, model: gsf, recipe: quick}}
  gsf_own: {{benchmark: own, imported: elsewhere}}
ensembles:
  both: {{members: {{tsn: 1, gsf: 2}}}}
  even: {{members: {{tsn: 1, gsf: 1}}}}
"""
IMPORT = """\
name: elsewhere
checkpoint: {checkpoint}
sha256: {sha256}
backbone: resnet18
temporal: gsf
ratio: 1.0
num_segments: 2
input_size: 32
short_side: 36
"""
OWN = """\
name: own
videos: data/own/videos
annotations: annotations/own.csv
shards: 1
extract: {short_side: 32, jpeg_quality: 5, max_seconds: 60, max_frames: 100, max_pixels: 100000}
labels: {flip: free}
"""
SUBSETS = {"own": "params/benchmarks/own.subsets.csv"}  # of the test videos, with accuracies of their own
CLIPS = (
    "Archery/v_Archery_g08_c01.avi",
    "HandstandPushups/v_HandstandPushups_g08_c01.avi",
    "v_Archery_g01_c01.mp4",
)


def build(data: Project, root: Path) -> Project:
    """The finished study in `root`/project, committed; files from elsewhere lie beside it."""
    project = Project(root / "project")
    shutil.copytree(data.root, project.root, ignore=shutil.ignore_patterns(".work"))
    shutil.copy(REPOSITORY / "dvc.yaml", project.root / "dvc.yaml")
    (project.root / ".gitignore").write_text("/data/\n/runs/\n/.work/\n", encoding="utf-8")
    (project.root / "README.md").write_text(
        f"# Mine\n\n<!-- results:{STUDY} -->\n<!-- /results:{STUDY} -->\n", encoding="utf-8"
    )
    _start(project)
    _mine(project, root)
    _own(project, root)
    study = project.params_file("studies", STUDY)
    study.parent.mkdir(exist_ok=True)
    study.write_text(STUDY_FILE, encoding="utf-8")
    activate(project, STUDY)
    for number, (run, benchmark) in enumerate(RUNS.items()):
        if run == "gsf_own":
            _convert(project, run, benchmark, root)
        else:
            train(project, run, benchmark, value=number + 1.0)
        evaluate(project, run, benchmark, skill=1.0 + number)
    publish(project)
    draw(project)
    git(project, "init", "--quiet")
    commit(project)
    return project


def publish(project: Project) -> None:
    """The ensembles and the report of what the runs hold, and the dvc.lock of all receipts."""
    for item in load(Plan, project.plan_file).ensembles.values():
        members, average = item.members, item.average
        ensemble.run(project, benchmark=item.benchmark, study=STUDY, run=item.run, members=members, average=average)
    report.run(project, STUDY)
    write_lock(project)


def _start(project: Project) -> None:
    """Pretrained weights in the project, which the model gsf starts from."""
    folder = project.root / "weights"
    folder.mkdir()
    save_file({"stem": np.arange(6, dtype=np.float32)}, folder / "start.safetensors", metadata={"origin": "here"})
    model = project.params_file("models", "gsf")
    model.write_text(model.read_text(encoding="utf-8") + "pretrained: weights/start.safetensors\n", encoding="utf-8")


def _mine(project: Project, root: Path) -> None:
    for number, name in enumerate(CLIPS):
        make_video(root / "videos" / name, shade=40 + 60 * number)
    published = write(root / "published", "ucf101")
    init_published(project, "mine", root / "videos", format="ucf101", annotations=published, shards=1)
    file = project.params_file("benchmarks", "mine")
    text = file.read_text(encoding="utf-8").replace(
        "\nshards:", "\nadditions: params/benchmarks/mine.additions.csv\nshards:"
    )
    file.write_text(text, encoding="utf-8")
    write_table(file.with_suffix(".additions.csv"), ("path", "batch"), [(CLIPS[1], 1)])
    listing.run(project, "mine")
    annotate.run(project, "mine")
    _rest(project, "mine", ("00", "a01"))


def _own(project: Project, root: Path) -> None:
    rows = [(f"{number}.mp4", "one" if number % 2 else "two", "train" if number < 2 else "test") for number in range(4)]
    for number, (name, *_) in enumerate(rows):
        make_video(project.data("own") / "videos" / name, shade=30 + 50 * number)
    write_table(project.root / "annotations" / "own.csv", ("path", "label", "split"), rows)
    project.params_file("benchmarks", "own").write_text(OWN, encoding="utf-8")
    write_table(project.root / SUBSETS["own"], ("subset", "part", "id"), [("even", "", "2.mp4")])
    (root / "elsewhere.pth").write_bytes(bytes(range(256)) * 4)
    file = project.params_file("imports", "elsewhere")
    file.parent.mkdir()
    checkpoint = root / "elsewhere.pth"
    file.write_text(IMPORT.format(checkpoint=checkpoint, sha256=sha256_file(checkpoint)), encoding="utf-8")
    listing.run(project, "own")
    _rest(project, "own", ("00",))


def _rest(project: Project, benchmark: str, shards: Sequence[str]) -> None:
    inventory.run(project, benchmark)
    for shard in shards:
        extract.run(project, benchmark, shard, processes=1)
    manifest.run(project, benchmark)


def train(project: Project, run: str, benchmark: str, *, value: float) -> None:
    """A made-up training."""
    model, recipe = run[:3], "quick"
    project.training(STUDY, run).mkdir(parents=True, exist_ok=True)
    _write_weights(project, run, value)
    rows = [(epoch, 0.01, value / epoch, 0.5, value / epoch, 0.5) for epoch in (1, 2, 3)]
    columns = ("epoch", "lr", "train_loss", "train_top1", "val_loss", "val_top1")
    write_table(project.curves(STUDY, run), columns, rows)
    summary = {"epochs": 3, "best_epoch": 3, "kept_epoch": 3, "val_top1": 0.5, "train_loss": value, "clips": 12}
    write_atomically(project.training_summary(STUDY, run), canonical_json(summary))
    files = [project.params_file("models", model), project.params_file("recipes", recipe)]
    roots = [root_input(project, project.root / "weights" / "start.safetensors")] if model == "gsf" else []
    words = f"gsf train {benchmark} --study {STUDY} --run {run} --model {model} --recipe {recipe} --seed 0 --threads 1"
    outputs = [project.checkpoint(STUDY, run), project.curves(STUDY, run), project.training_summary(STUDY, run)]
    seal(
        project,
        StageResult(
            stage=f"train@{STUDY}-{run}",
            command=words.split(),
            params=params_used(project, files[0]) | params_used(project, files[1]),
            inputs=[*data_inputs(project, benchmark), *roots],
            outputs=outputs,
            entry="gsf.train.stage",
            tools=["numpy"],
            seed=0,
        ),
        project.train_receipt(STUDY, run),
    )


def _convert(project: Project, run: str, benchmark: str, root: Path) -> None:
    project.training(STUDY, run).mkdir(parents=True)
    _write_weights(project, run, 9.0)
    file = root / "elsewhere.pth"
    words = f"gsf convert {benchmark} --study {STUDY} --run {run} --imported elsewhere"
    seal(
        project,
        StageResult(
            stage=f"convert@{STUDY}-{run}",
            command=words.split(),
            params=params_used(project, project.params_file("imports", "elsewhere")),
            inputs=[*_lists(project, benchmark), Input(f"weights/{file.name}", sha256_file(file), None)],
            outputs=[project.checkpoint(STUDY, run)],
            entry="gsf.imported.stage",
            tools=["numpy"],
            facts={"file": file.name, "sha256": sha256_file(file), "epoch": 1, "best_prec1": 50.0},
        ),
        project.train_receipt(STUDY, run),
    )


def _write_weights(project: Project, run: str, value: float) -> None:
    tensors: dict[str, np.ndarray[Any, Any]] = {
        "layer.weight": np.full((3, 5), value, np.float32),
        "layer.number": np.full(3, 7, np.int64),
    }
    save_file(tensors, project.checkpoint(STUDY, run), metadata={"gsf": canonical_json({"epoch": 3}).decode()})


def evaluate(project: Project, run: str, benchmark: str, *, skill: float) -> None:
    """Made-up scores of the real test videos, better the higher `skill` is, and what follows from them."""
    place = (STUDY, run, PROTOCOL)
    info = json.loads(project.manifest_info(benchmark).read_bytes())
    with project.manifest(benchmark).open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "test"]
    labels = np.array([int(row["class_index"]) for row in rows], np.int64)
    logits = np.random.default_rng(len(run)).normal(size=(len(rows), 1, len(info["classes"]))).astype(np.float32)
    logits[np.arange(len(rows)), :, labels] += skill
    ids = tuple(row["id"] for row in rows)
    scores = Scores(ids, tuple(info["classes"]), labels, logits, 1, 1, "logits")
    project.evaluation(*place).mkdir(parents=True, exist_ok=True)
    follow(project, run, benchmark, scores)


def follow(project: Project, run: str, benchmark: str, scores: Scores) -> None:
    """The scores, their metrics and confusion, and the receipt of the evaluation."""
    place = (STUDY, run, PROTOCOL)
    measuring, _ = measuring_of(project, benchmark, SUBSETS.get(benchmark))
    write_measured(project.evaluated(*place), scores, measuring)
    seal_evaluation(project, run, benchmark)


def seal_evaluation(project: Project, run: str, benchmark: str) -> None:
    """The receipt of an evaluation whose outputs are what lies there."""
    subsets = SUBSETS.get(benchmark)
    inputs = [*data_inputs(project, benchmark), *measuring_of(project, benchmark, subsets)[1]]
    finished.seal_evaluation(project, run, benchmark, inputs, subsets=subsets)


def _lists(project: Project, benchmark: str) -> list[Input]:
    files = [project.manifest(benchmark), project.manifest_info(benchmark)]
    return linked_inputs(project, project.manifest_receipt(benchmark), files)


def data_inputs(project: Project, benchmark: str) -> list[Input]:
    """Manifest, shards and tables, as the stages read them."""
    inputs = _lists(project, benchmark)
    for path in sorted((project.data(benchmark) / "shards").glob("*.lmdb")):
        files = [path, project.extracted(benchmark, path.stem)]
        inputs += linked_inputs(project, project.extract_receipt(benchmark, path.stem), files)
    return inputs
