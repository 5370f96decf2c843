"""`params/studies/*.yaml` and `params/plan.yaml`: what one results table compares.

A study file is short and written by people. `gsf study NAME` resolves it into `params/plan.yaml`, the active study, in
which every stage of the graph has its own entry; `dvc.yaml` loops over those.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field, model_validator

from gsf.params.base import Strict
from gsf.params.ensemble import Combined, Ensemble, Weighted, read_members

# What a benchmark without additions depends on in their place: DVC knows no dependency of some entries of a loop only.
NO_ADDITIONS = "params/benchmarks/none.additions.csv"
NO_SUBSETS = "params/benchmarks/none.subsets.csv"  # likewise, of a benchmark without subsets of its test videos


def is_trained(run: str) -> bool:
    """Whether a run is a training, by its name: an experiment and its seed. An imported network has no seed."""
    return re.search(r"-s\d+$", run) is not None


class Experiment(Strict):
    """One row of the table: a model trained by a recipe on a benchmark, or a network that was trained elsewhere."""

    benchmark: str
    model: str | None = None
    recipe: str | None = None
    imported: str | None = None  # a file of params/imports, in place of model and recipe
    protocols: list[str] | None = Field(default=None, min_length=1)  # of this row alone, in place of the study's

    @model_validator(mode="after")
    def _trained_or_imported(self) -> Experiment:
        given = (self.model is not None, self.recipe is not None, self.imported is not None)
        if given not in ((True, True, False), (False, False, True)):
            raise ValueError("an experiment with a model and a recipe, or with imported alone")
        if self.protocols is not None and len(set(self.protocols)) != len(self.protocols):
            raise ValueError(f"without repetition: protocols is {self.protocols}")
        return self


class Study(Strict):
    """One study file."""

    study: str
    threads: int = Field(ge=1, le=64)  # CPU threads of a training or evaluation; sums depend on it
    devices: int = Field(default=1, ge=1, le=1024)  # processes that share a training, one a GPU; sums depend on it
    seeds: list[Annotated[int, Field(ge=0)]] = Field(min_length=1)
    protocols: list[str] = Field(min_length=1)
    experiments: dict[str, Experiment] = Field(min_length=1)
    ensembles: dict[str, Ensemble] = Field(default_factory=dict)  # further rows: averages of these experiments

    def protocols_of(self, experiment: str) -> list[str]:
        """By which an experiment is evaluated: its own protocols, or the study's."""
        return self.experiments[experiment].protocols or self.protocols

    @model_validator(mode="after")
    def _each_once(self) -> Study:
        for name, values in (("seeds", self.seeds), ("protocols", self.protocols)):
            if len(set(values)) != len(values):
                raise ValueError(f"without repetition: {name} is {values}")
        return self


class PlannedBenchmark(Strict):
    annotations: str  # a file, or the folder that stage annotate writes, receipt included
    additions: str = NO_ADDITIONS  # the file of videos added later; one without any where the benchmark has none
    origin: str  # what tells that its videos changed: the receipt of the stage that rendered them, or their listing


class PlannedShard(Strict):
    benchmark: str
    shard: str


class PlannedRun(Strict):
    run: str  # of a training the experiment's name and seed, gsf-s0; of an import its name alone
    experiment: str
    benchmark: str


class PlannedTraining(PlannedRun):
    model: str
    recipe: str
    seed: int


class PlannedImport(PlannedRun):
    imported: str


class PlannedEnsemble(PlannedRun):
    """An ensemble and its seed, gsf-all-s0; its name alone where it has no one seed."""

    members: str  # as `gsf.params.ensemble.members_text` writes them
    average: Combined
    subsets: str = NO_SUBSETS

    def weighted(self) -> tuple[Weighted, ...]:
        """The members."""
        return read_members(self.members)


class PlannedEvaluation(Strict):
    run: str
    benchmark: str
    protocol: str
    subsets: str = NO_SUBSETS  # a table, or the folder that stage annotate writes


class Plan(Strict):
    """The active study, resolved: the keys are the names of the stages."""

    study: str
    threads: int
    devices: int
    train_options: dict[str, int]  # both, as options of `gsf train`; one device is none
    rendered: list[str]  # benchmarks that the pipeline renders itself
    scanned: list[str]  # benchmarks whose folder of videos lies outside
    annotated: list[str]  # of these, the ones whose annotations are published files
    benchmarks: dict[str, PlannedBenchmark]
    shards: dict[str, PlannedShard]
    experiments: dict[str, PlannedTraining]
    imports: dict[str, PlannedImport]
    evaluations: dict[str, PlannedEvaluation]
    ensembles: dict[str, PlannedEnsemble] = Field(default_factory=dict)

    def runs(self) -> dict[str, PlannedRun]:
        """Trainings and imports by their run, in the order of the plan."""
        runs: list[PlannedRun] = [*self.experiments.values(), *self.imports.values()]
        return {item.run: item for item in runs}
