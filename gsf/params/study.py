"""`params/studies/*.yaml` and `params/plan.yaml`: what one results table compares.

A study file is short and written by people. `gsf study NAME` resolves it into `params/plan.yaml`, the active study, in
which every stage of the graph has its own entry; `dvc.yaml` loops over those.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from gsf.params.base import Strict


class Experiment(Strict):
    """One row of the table: a model trained by a recipe on a benchmark."""

    benchmark: str
    model: str
    recipe: str


class Study(Strict):
    """One study file."""

    study: str
    threads: int = Field(ge=1, le=64)  # CPU threads of a training or evaluation; sums depend on it
    seeds: list[Annotated[int, Field(ge=0)]] = Field(min_length=1)
    protocols: list[str] = Field(min_length=1)
    experiments: dict[str, Experiment] = Field(min_length=1)

    @model_validator(mode="after")
    def _each_once(self) -> Study:
        for name, values in (("seeds", self.seeds), ("protocols", self.protocols)):
            if len(set(values)) != len(values):
                raise ValueError(f"without repetition: {name} is {values}")
        return self


class PlannedBenchmark(Strict):
    annotations: str
    origin: str  # what tells that its videos changed: the receipt of the stage that rendered them, or their listing


class PlannedShard(Strict):
    benchmark: str
    shard: str


class PlannedTraining(Strict):
    run: str  # the experiment's name and seed: gsf-s0
    experiment: str
    benchmark: str
    model: str
    recipe: str
    seed: int


class PlannedEvaluation(Strict):
    run: str
    benchmark: str
    protocol: str


class Plan(Strict):
    """The active study, resolved: the keys are the names of the stages."""

    study: str
    threads: int
    rendered: list[str]  # benchmarks that the pipeline renders itself
    scanned: list[str]  # benchmarks whose folder of videos lies outside
    benchmarks: dict[str, PlannedBenchmark]
    shards: dict[str, PlannedShard]
    experiments: dict[str, PlannedTraining]
    evaluations: dict[str, PlannedEvaluation]
