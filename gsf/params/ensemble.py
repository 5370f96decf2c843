"""Ensembles of a study: networks whose scores are averaged, as the study file names them and as a command does."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field, field_validator

from gsf.errors import ParamsError
from gsf.params.base import Strict

Combined = Literal["probabilities", "logits"]  # what is averaged over the members, one row of classes a video


class Member(Strict):
    """How an experiment takes part."""

    protocol: str | None = None  # by which it was evaluated; may be left out where it has one protocol alone
    weight: float = Field(default=1.0, gt=0, strict=False)  # against the other members


class Ensemble(Strict):
    """One ensemble of a study file."""

    members: dict[str, Member] = Field(min_length=1)  # by experiment; a number alone is a weight
    average: Combined = "probabilities"
    seeds: Literal["each", "all"] = "each"  # an ensemble a seed, or one of the trainings of all seeds

    @field_validator("members", mode="before")
    @classmethod
    def _weights_alone(cls, members: Any) -> Any:
        if not isinstance(members, dict):
            return members
        return {
            name: {"weight": member} if isinstance(member, int | float) and not isinstance(member, bool) else member
            for name, member in members.items()
        }


@dataclass(frozen=True)
class Weighted:
    """One evaluation as a member of an ensemble."""

    run: str
    protocol: str
    weight: float

    @property
    def name(self) -> str:
        """As cells name it."""
        return f"{self.run}/{self.protocol}"


def members_text(members: Iterable[Weighted]) -> str:
    """Members as one word of a command: `gsf-s0/8x1x1:1,gsf-16-s0/16x1x1:0.5`."""
    return ",".join(f"{item.name}:{_number(item.weight)}" for item in members)


def read_members(text: str) -> tuple[Weighted, ...]:
    """What `members_text` wrote; ParamsError where it is not of this form."""
    found = []
    for part in text.split(","):
        name, colon, weight = part.partition(":")
        run, slash, protocol = name.partition("/")
        try:
            value = float(weight)
        except ValueError:
            value = math.nan
        if not (run and slash and protocol and colon and 0 < value < math.inf):
            raise ParamsError(
                f"members: {part!r} is not one, must be run/protocol:weight with a weight above 0, as gsf-s0/8x1x1:1"
            )
        found.append(Weighted(run, protocol, value))
    names = [item.name for item in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ParamsError(f"members: {twice} is there twice, must be once: give it a higher weight")
    return tuple(found)


def _number(value: float) -> str:
    """Without `.0`, and read back as the very same number."""
    return str(int(value)) if value == int(value) and value < 1e15 else repr(value)
