"""What a study's ensembles are made of, as a section of its page."""

from __future__ import annotations

from collections.abc import Iterator

from gsf.params.study import PlannedEnsemble
from gsf.report.collect import Material


def ensembles_section(material: Material) -> Iterator[str]:
    """Members and weights of every ensemble; nothing without one."""
    planned = material.plan.ensembles.values()
    if not planned:
        return
    yield "## Ensembles"
    yield ""
    yield "The weighted mean of the members' class scores of each video; *parameters* in the tables are those of all"
    yield "members together. Weights are shares of 1."
    yield ""
    yield "| ensemble | average of | members, weight |"
    yield "| --- | --- | --- |"
    for item in planned:
        yield f"| {item.run} | {item.average} | {_members(item)} |"
    yield ""


def _members(item: PlannedEnsemble) -> str:
    members = item.weighted()
    total = sum(member.weight for member in members)
    return "; ".join(f"{member.run}, {member.protocol}: {member.weight / total:.3g}" for member in members)
