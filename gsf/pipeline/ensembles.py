"""The ensembles of a study, resolved: one a seed, or one of all seeds, each with the evaluations that it averages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from gsf.errors import ParamsError
from gsf.params.ensemble import Ensemble, Weighted, members_text
from gsf.params.protocol import Protocol
from gsf.params.study import PlannedEnsemble, PlannedImport, PlannedRun, PlannedTraining, Study, is_trained
from gsf.project import ENSEMBLE


def planned_ensembles(
    where: str,
    study: Study,
    runs: Sequence[PlannedRun],
    protocols: Mapping[str, Protocol],
    *,
    subsets: Mapping[str, str],
) -> Iterator[PlannedEnsemble]:
    """The ensembles of a study.

    Args:
        where: the study file, for messages.
        study: its content.
        runs: trainings and imports.
        protocols: those that the study names.
        subsets: by benchmark, the table of subsets of its test videos.

    Raises:
        ParamsError: an ensemble breaks a rule; names file, key, value and rule.
    """
    if study.ensembles and ENSEMBLE in protocols:
        raise ParamsError(
            f"{where}: protocols has {ENSEMBLE!r}, must be another name: it stands in place of an ensemble's protocol"
        )
    for name, ensemble in study.ensembles.items():
        key = f"{where}: ensembles.{name}"
        if name in study.experiments or is_trained(name):
            raise ParamsError(f"{key} must be neither an experiment's name nor end in '-s' and a number")
        benchmark = _benchmark(key, study, ensemble)
        chosen = {item: _protocol(key, study, ensemble, item) for item in ensemble.members}
        _check_average(key, ensemble, chosen, protocols)
        for run, members in _by_seed(name, study, ensemble, runs):
            weighted = [
                Weighted(item.run, chosen[item.experiment], _weight(ensemble, item, members)) for item in members
            ]
            if len(weighted) < 2:
                raise ParamsError(f"{key}.members names one network, must name two or more to be averaged")
            yield PlannedEnsemble(
                run=run,
                experiment=name,
                benchmark=benchmark,
                members=members_text(weighted),
                average=ensemble.average,
                subsets=subsets[benchmark],
            )


def _benchmark(key: str, study: Study, ensemble: Ensemble) -> str:
    benchmarks: dict[str, str] = {}
    for member in ensemble.members:
        if member not in study.experiments:
            known = ", ".join(study.experiments)
            raise ParamsError(f"{key}.members has {member!r}, must be experiments of the study: {known}")
        benchmarks.setdefault(study.experiments[member].benchmark, member)
    if len(benchmarks) > 1:
        (one, first), (other, second), *_ = benchmarks.items()
        raise ParamsError(
            f"{key}.members has {first!r} on {one} and {second!r} on {other}, must be experiments on one benchmark"
        )
    return next(iter(benchmarks))


def _protocol(key: str, study: Study, ensemble: Ensemble, member: str) -> str:
    """By which the member's scores come; its only one, where it names none."""
    known, named = study.protocols_of(member), ensemble.members[member].protocol
    if named is None and len(known) == 1:
        return known[0]
    if named not in known:
        given = "is not given" if named is None else f"is {named!r}"
        raise ParamsError(
            f"{key}.members.{member}: protocol {given}, must be one of those of {member}: {', '.join(known)}"
        )
    return named


def _check_average(key: str, ensemble: Ensemble, chosen: Mapping[str, str], protocols: Mapping[str, Protocol]) -> None:
    for member, name in chosen.items():
        if ensemble.average == "logits" and protocols[name].average != "logits":
            raise ParamsError(
                f"{key}: average is 'logits', must be 'probabilities' with {member!r}: its protocol {name} averages"
                f" {protocols[name].average} over views"
            )


def _by_seed(
    name: str, study: Study, ensemble: Ensemble, runs: Sequence[PlannedRun]
) -> Iterator[tuple[str, list[PlannedRun]]]:
    """The run of each ensemble and its members; an imported network, which has no seed, is in each of them."""
    members = [item for key in ensemble.members for item in runs if item.experiment == key]
    trained = any(isinstance(item, PlannedTraining) for item in members)
    if ensemble.seeds == "all" or not trained:
        yield name, members
        return
    for seed in study.seeds:
        own = [item for item in members if isinstance(item, PlannedImport) or getattr(item, "seed", None) == seed]
        yield f"{name}-s{seed}", own


def _weight(ensemble: Ensemble, member: PlannedRun, members: Sequence[PlannedRun]) -> float:
    """That of the experiment, which its trainings of several seeds share."""
    same = sum(item.experiment == member.experiment for item in members)
    return ensemble.members[member.experiment].weight / same
