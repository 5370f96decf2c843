"""Where everything lies: the one place that knows the layout of `data/`, `runs/` and `results/`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from gsf.errors import ParamsError

ENSEMBLE = "ensemble"  # in place of a protocol: members of an ensemble may have been evaluated by different ones
NAME_RULE = "letters, digits, '-' and '_', starting with a letter or digit, at most 80"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}")


def check_name(name: str, *, what: str) -> str:
    """Return `name` if it may become part of a path and of a stage's name, else raise ParamsError."""
    if not _NAME.fullmatch(name):
        raise ParamsError(f"{what} {name!r} is not a valid name, must be {NAME_RULE}")
    return name


@dataclass(frozen=True)
class Evaluated:
    """The files of one evaluation or ensemble."""

    folder: Path

    @property
    def scores(self) -> Path:
        """Logits of every view, or the combined ones of an ensemble."""
        return self.folder / "scores.safetensors"

    @property
    def metrics(self) -> Path:
        """What follows from the scores."""
        return self.folder / "metrics.json"

    @property
    def confusion(self) -> Path:
        """True and predicted class of every video."""
        return self.folder / "confusion.csv"

    @property
    def receipt(self) -> Path:
        """Of the stage that wrote the others."""
        return self.folder / "receipt.json"

    @property
    def outputs(self) -> list[Path]:
        """What the receipt lists."""
        return [self.scores, self.metrics, self.confusion]


@dataclass(frozen=True)
class Project:
    """A project folder; every method returns an absolute path below `root`."""

    root: Path

    @classmethod
    def here(cls) -> Project:
        """The project that holds the current folder: the nearest one upwards with a dvc.yaml and a params/."""
        start = Path.cwd()
        for folder in (start, *start.parents):
            if (folder / "dvc.yaml").is_file() and (folder / "params").is_dir():
                return cls(folder)
        raise ParamsError(f"{start}: no project here, must be run in or below a folder with dvc.yaml and params/")

    def relative(self, path: Path) -> str:
        """`path` below the root in posix form: the form that receipts hold."""
        return path.relative_to(self.root).as_posix()

    # parameters
    def params_file(self, kind: str, name: str) -> Path:
        return self.root / "params" / kind / f"{check_name(name, what=kind.rstrip('s'))}.yaml"

    @property
    def plan_file(self) -> Path:
        return self.root / "params" / "plan.yaml"

    # a benchmark's data
    def data(self, benchmark: str) -> Path:
        return self.root / "data" / check_name(benchmark, what="benchmark")

    def listing(self, benchmark: str) -> Path:
        return self.data(benchmark) / "listing.csv"

    def render_receipt(self, benchmark: str) -> Path:
        return self.data(benchmark) / "render.receipt.json"

    def annotated(self, benchmark: str) -> Path:
        """What the annotate stage makes of published annotations."""
        return self.data(benchmark) / "annotated"

    def classes(self, benchmark: str) -> Path:
        """The classes of a published benchmark in its order."""
        return self.annotated(benchmark) / "classes.csv"

    def annotate_receipt(self, benchmark: str) -> Path:
        return self.annotated(benchmark) / "receipt.json"

    def annotations(self, benchmark: str) -> Path:
        """The annotations of a published benchmark."""
        return self.annotated(benchmark) / "annotations.csv"

    def annotated_summary(self, benchmark: str) -> Path:
        """Counts against the published totals, what was left out, and how labels were ordered."""
        return self.annotated(benchmark) / "summary.json"

    def inventory(self, benchmark: str) -> Path:
        return self.data(benchmark) / "inventory.csv"

    def inventory_receipt(self, benchmark: str) -> Path:
        return self.data(benchmark) / "inventory.receipt.json"

    def shard_plan(self, benchmark: str, shard: str) -> Path:
        return self.data(benchmark) / "plan" / f"{shard}.csv"

    def plan_receipt(self, benchmark: str, shard: str) -> Path:
        """Of one shard's plan alone, so that it changes only where the plan does."""
        return self.data(benchmark) / "plan" / f"{shard}.receipt.json"

    def shard(self, benchmark: str, shard: str) -> Path:
        return self.data(benchmark) / "shards" / f"{shard}.lmdb"

    def extracted(self, benchmark: str, shard: str) -> Path:
        """The table of what one extraction found: a row a video, frames or the reason it was excluded."""
        return self.data(benchmark) / "extracted" / f"{shard}.csv"

    def extract_receipt(self, benchmark: str, shard: str) -> Path:
        return self.data(benchmark) / "extracted" / f"{shard}.receipt.json"

    def manifest(self, benchmark: str) -> Path:
        return self.data(benchmark) / "manifest.csv"

    def manifest_info(self, benchmark: str) -> Path:
        """Class names, flip and reversal pairs, counts and exclusions of a manifest."""
        return self.data(benchmark) / "manifest.json"

    def manifest_receipt(self, benchmark: str) -> Path:
        return self.data(benchmark) / "manifest.receipt.json"

    # a study's runs
    def training(self, study: str, run: str) -> Path:
        return self.root / "runs" / check_name(study, what="study") / "train" / check_name(run, what="run")

    def checkpoint(self, study: str, run: str) -> Path:
        return self.training(study, run) / "checkpoint.safetensors"

    def curves(self, study: str, run: str) -> Path:
        return self.training(study, run) / "curves.csv"

    def training_summary(self, study: str, run: str) -> Path:
        return self.training(study, run) / "summary.json"

    def train_receipt(self, study: str, run: str) -> Path:
        return self.training(study, run) / "receipt.json"

    def evaluation(self, study: str, run: str, protocol: str) -> Path:
        check_name(study, what="study")
        folder = self.root / "runs" / study / "evaluate" / check_name(run, what="run")
        return folder / check_name(protocol, what="protocol")

    def ensemble(self, study: str, run: str) -> Path:
        return self.root / "runs" / check_name(study, what="study") / "ensemble" / check_name(run, what="run")

    def evaluated(self, study: str, run: str, protocol: str) -> Evaluated:
        """The files of a run under a protocol, or of an ensemble where that is `ensemble`."""
        ensemble = protocol == ENSEMBLE
        return Evaluated(self.ensemble(study, run) if ensemble else self.evaluation(study, run, protocol))

    def scores(self, study: str, run: str, protocol: str) -> Path:
        return self.evaluated(study, run, protocol).scores

    def metrics(self, study: str, run: str, protocol: str) -> Path:
        return self.evaluated(study, run, protocol).metrics

    def confusion(self, study: str, run: str, protocol: str) -> Path:
        return self.evaluated(study, run, protocol).confusion

    def evaluate_receipt(self, study: str, run: str, protocol: str) -> Path:
        return self.evaluated(study, run, protocol).receipt

    def results(self, study: str) -> Path:
        return self.root / "results" / check_name(study, what="study")

    # scratch: survives an interrupted stage, never declared, never in a digest
    def work(self, *parts: str) -> Path:
        return self.root.joinpath(".work", *parts)
