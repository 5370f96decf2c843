"""Studies: `params/studies/NAME.yaml`, written by people, becomes `params/plan.yaml`, which the graph loops over."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from gsf.errors import ParamsError, PipelineError
from gsf.params.base import Strict, load
from gsf.params.benchmark import Benchmark
from gsf.params.imported import Imported
from gsf.params.model import Model
from gsf.params.protocol import Protocol
from gsf.params.recipe import Recipe
from gsf.params.study import (
    NO_ADDITIONS,
    NO_SUBSETS,
    Plan,
    PlannedBenchmark,
    PlannedEvaluation,
    PlannedImport,
    PlannedRun,
    PlannedShard,
    PlannedTraining,
    Study,
    is_trained,
)
from gsf.pipeline.ensembles import planned_ensembles
from gsf.project import NAME_RULE, Project, check_name
from gsf.provenance.hashing import write_atomically
from gsf.store.plan import Sharding
from gsf.yaml_text import scalar

# What the name of an experiment must contain, by the temporal module of its model.
TEMPORAL_NAMES = {"none": "tsn", "tsm": "tsm", "gsm": "gsm", "gsf": "gsf"}

SchemaT = TypeVar("SchemaT", bound=Strict)


def resolve(project: Project, study_name: str) -> Plan:
    """The plan of a study; every file that it names is validated on the way.

    Raises ParamsError, which names file, key, value and rule.
    """
    where = f"params/studies/{study_name}.yaml"
    study = load(Study, project.params_file("studies", study_name))
    if study.study != study_name:
        raise ParamsError(f"{where}: study is {study.study!r}, must be the name of its file, {study_name!r}")
    for section, keys in (("experiments", study.experiments), ("ensembles", study.ensembles)):
        for key in keys:
            _check_key(key, where=f"{where}: {section}.{key}", what=section.rstrip("s"))

    experiments = study.experiments
    benchmarks = _named(project, "benchmarks", Benchmark, (item.benchmark for item in experiments.values()))
    models = _named(project, "models", Model, (item.model for item in experiments.values() if item.model))
    imports = _named(project, "imports", Imported, (item.imported for item in experiments.values() if item.imported))
    _named(project, "recipes", Recipe, (item.recipe for item in experiments.values() if item.recipe))
    protocols = _named(
        project, "protocols", Protocol, (name for key in experiments for name in study.protocols_of(key))
    )
    _check_experiments(where, study, models, imports, protocols)

    shards = [
        PlannedShard(benchmark=name, shard=shard)
        for name, item in benchmarks.items()
        for shard in Sharding.of(project, item).names
    ]
    trainings, planned_imports = _runs(study)
    runs: list[PlannedRun] = [*trainings, *planned_imports]
    subsets = {name: _subsets(project, name, item) for name, item in benchmarks.items()}
    return Plan(
        study=study.study,
        threads=study.threads,
        devices=study.devices,
        train_options={"threads": study.threads} | ({"devices": study.devices} if study.devices > 1 else {}),
        rendered=[name for name, item in benchmarks.items() if item.render is not None],
        scanned=[name for name, item in benchmarks.items() if item.render is None],
        annotated=[name for name, item in benchmarks.items() if item.published is not None],
        benchmarks={
            name: PlannedBenchmark(
                annotations=_annotations(project, name, item),
                additions=item.additions or NO_ADDITIONS,
                origin=project.relative(project.listing(name) if item.render is None else project.render_receipt(name)),
            )
            for name, item in benchmarks.items()
        },
        shards=_keyed(where, ((f"{item.benchmark}-{item.shard}", item) for item in shards)),
        experiments=_keyed(where, ((f"{study.study}-{item.run}", item) for item in trainings)),
        imports=_keyed(where, ((f"{study.study}-{item.run}", item) for item in planned_imports)),
        evaluations=_keyed(
            where,
            (
                (
                    f"{study.study}-{item.run}-{protocol}",
                    PlannedEvaluation(
                        run=item.run, benchmark=item.benchmark, protocol=protocol, subsets=subsets[item.benchmark]
                    ),
                )
                for item in runs
                for protocol in study.protocols_of(item.experiment)
            ),
        ),
        ensembles=_keyed(
            where,
            (
                (f"{study.study}-{item.run}", item)
                for item in planned_ensembles(where, study, runs, protocols, subsets=subsets)
            ),
        ),
    )


def _annotations(project: Project, name: str, item: Benchmark) -> str:
    """What the inventory depends on: a file, or all that stage annotate writes, its receipt among it."""
    return item.annotations if item.published is None else project.relative(project.annotated(name))


def _subsets(project: Project, name: str, item: Benchmark) -> str:
    """Subsets of the test videos: what stage annotate writes, a file beside the benchmark's own, or a table of none."""
    if item.published is not None:
        return project.relative(project.annotated(name))
    own = project.params_file("benchmarks", name).with_suffix(".subsets.csv")
    return project.relative(own) if own.is_file() else NO_SUBSETS


def _runs(study: Study) -> tuple[list[PlannedTraining], list[PlannedImport]]:
    """One training an experiment and seed; an imported network is what it is, whatever the seeds."""
    trainings, imports = [], []
    for key, item in study.experiments.items():
        if item.imported is not None:
            imports.append(PlannedImport(run=key, experiment=key, benchmark=item.benchmark, imported=item.imported))
        elif item.model is not None and item.recipe is not None:
            names = {"experiment": key, "benchmark": item.benchmark, "model": item.model, "recipe": item.recipe}
            trainings += [PlannedTraining(run=f"{key}-s{seed}", seed=seed, **names) for seed in study.seeds]
    return trainings, imports


def activate(project: Project, name: str) -> Plan:
    """Make a study the active one: write its plan to `params/plan.yaml`."""
    plan = resolve(project, name)
    write_atomically(project.plan_file, plan_text(plan).encode("utf-8"))
    return plan


def renew(project: Project, benchmark: str) -> str | None:
    """Resolve the active study again if it has this benchmark, which may have other shards now; returns its name."""
    if not project.plan_file.is_file():
        return None
    plan = read_plan(project)
    if benchmark not in plan.benchmarks or plan == resolve(project, plan.study):
        return None
    return activate(project, plan.study).study


def read_plan(project: Project) -> Plan:
    """The active study as `params/plan.yaml` has it."""
    return load(Plan, project.plan_file)


def check_current(project: Project) -> Plan:
    """The active plan, if it still is what its study file and the files that this names resolve to."""
    plan = read_plan(project)
    if plan != resolve(project, plan.study):
        raise PipelineError(
            f"params/plan.yaml: is not what params/studies/{plan.study}.yaml resolves to, must be written from it:"
            f" run `gsf study {plan.study}`"
        )
    return plan


def plan_text(plan: Plan) -> str:
    """A plan as explained YAML; the same plan always gives the same bytes."""
    sections: list[tuple[str, str, Any]] = [
        ("study", "the active study", plan.study),
        ("threads", "CPU threads of a training or evaluation", plan.threads),
        ("devices", "processes that share a training, one a GPU", plan.devices),
        ("train_options", "both, as options of `gsf train`; one device is none", plan.train_options),
        ("rendered", "benchmarks whose videos the pipeline renders itself: stage render@NAME", plan.rendered),
        ("scanned", "benchmarks whose videos lie in a folder of yours: stage scan@NAME", plan.scanned),
        ("annotated", "benchmarks whose annotations are published files: stage annotate@NAME", plan.annotated),
        ("benchmarks", "stages inventory@KEY and manifest@KEY", plan.benchmarks),
        ("shards", "stages extract@KEY", plan.shards),
        ("experiments", "stages train@KEY", plan.experiments),
        ("imports", "stages convert@KEY: networks that were trained elsewhere", plan.imports),
        ("evaluations", "stages evaluate@KEY", plan.evaluations),
        ("ensembles", "stages ensemble@KEY: averages of evaluations", plan.ensembles),
    ]
    lines = [
        f"# The active study: written by `gsf study {plan.study}` from params/studies/{plan.study}.yaml;",
        "# edit that file and run it again. Every key below is the name of a stage in dvc.yaml.",
    ]
    for key, meaning, value in sections:
        lines += ["", f"# {meaning}", *_section(key, value)]
    return "\n".join(lines) + "\n"


def _section(key: str, value: Any) -> Iterator[str]:
    if isinstance(value, dict) and value:
        yield f"{key}:"
        for name, item in value.items():
            if isinstance(item, int):
                yield f"  {_scalar(name)}: {item}"
                continue
            fields = ", ".join(f"{field}: {_scalar(content)}" for field, content in item.model_dump().items())
            yield f"  {_scalar(name)}: {{{fields}}}"
    elif isinstance(value, list) and value:
        yield f"{key}:"
        yield from (f"  - {_scalar(item)}" for item in value)
    else:
        yield f"{key}: {_scalar(value) if isinstance(value, str | int) else json.dumps(value)}"


def _scalar(value: str | int) -> str:
    return str(value) if isinstance(value, int) else scalar(value)


def _named(project: Project, kind: str, schema: type[SchemaT], names: Iterable[str]) -> dict[str, SchemaT]:
    """Load each named file once, in order of appearance; the `name` inside must be the file's."""
    found: dict[str, SchemaT] = {}
    for name in names:
        if name in found:
            continue
        item = load(schema, project.params_file(kind, name))
        inside = getattr(item, "name")  # noqa: B009  (every one of these schemas has it)
        if inside != name:
            raise ParamsError(f"params/{kind}/{name}.yaml: name is {inside!r}, must be the name of its file, {name!r}")
        found[name] = item
    return found


def _check_key(key: str, *, where: str, what: str) -> None:
    try:
        check_name(key, what=what)
    except ParamsError:
        raise ParamsError(f"{where} is not a valid name, must be {NAME_RULE}") from None


def _check_experiments(
    where: str,
    study: Study,
    models: dict[str, Model],
    imports: dict[str, Imported],
    protocols: dict[str, Protocol],
) -> None:
    for key, experiment in study.experiments.items():
        network: Model | Imported
        if experiment.imported is not None:
            network, file = imports[experiment.imported], f"params/imports/{experiment.imported}.yaml"
            if is_trained(key):
                raise ParamsError(
                    f"{where}: experiments has the name {key!r}, must not end in '-s' and a number: so do the runs of"
                    " trainings, and this network is imported"
                )
        else:
            network, file = models[str(experiment.model)], f"params/models/{experiment.model}.yaml"
        needed = TEMPORAL_NAMES[network.temporal]
        if needed not in key.lower():
            raise ParamsError(
                f"{where}: experiments has the name {key!r}, must contain {needed!r}:"
                f" {file} has temporal {network.temporal}"
            )
        for name in study.protocols_of(key):
            protocol = protocols[name]
            if protocol.frames != network.num_segments:
                raise ParamsError(
                    f"params/protocols/{name}.yaml: frames is {protocol.frames}, must be the num_segments of"
                    f" {file}, {network.num_segments}, to evaluate experiment {key!r} of {where}"
                )


ItemT = TypeVar("ItemT")


def _keyed(where: str, pairs: Iterable[tuple[str, ItemT]]) -> dict[str, ItemT]:
    """A dict of the pairs; two of them with one key would be two stages with one name."""
    found: dict[str, ItemT] = {}
    for key, item in pairs:
        if key in found:
            raise ParamsError(f"{where}: two stages have the name {key!r}, must be distinct: rename an experiment")
        found[key] = item
    return found
