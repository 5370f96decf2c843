"""What a horizontal flip does to classes of one's own: as told, else as their names say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from gsf.data.mirror import guess
from gsf.errors import ParamsError

FlipMode = Literal["swap", "forbid", "free"]


@dataclass(frozen=True)
class Flip:
    """What a horizontal flip does to the classes, and what to tell the person who has to check it."""

    mode: FlipMode
    pairs: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    rejected: tuple[tuple[str, str], ...] = ()  # pairs that would do, were it not for the classes in `notes`


def decide_flip(
    where: str, classes: Sequence[str], *, mode: FlipMode | None, pairs: Sequence[Sequence[str]] | None
) -> Flip:
    """The flip of these classes; ParamsError, which begins with `where`, if what was asked for cannot be.

    Args:
        where: the benchmark file, for messages.
        classes: names of all.
        mode: what was asked for; guessed from the names unless given.
        pairs: classes that swap, as asked for; likewise.
    """
    if pairs is not None:
        named = tuple(_pair(where, pair, classes) for pair in pairs)
        if mode not in (None, "swap"):
            raise ParamsError(f"{where}: flip is {mode} with pairs, must be swap: only a swap uses pairs")
        return Flip("swap", named, ())
    found = guess(classes)
    if mode == "swap" and not found.pairs:
        raise ParamsError(f"{where}: flip is swap, but no class names such as left and right; name the pairs")
    if mode is not None:
        return Flip(mode, found.pairs if mode == "swap" else (), ())
    if found.one_sided:
        note = f"{', '.join(found.one_sided)}: a mirror image of it is no class, so flip is forbid; check the labels"
        return Flip("forbid", (), (note,), rejected=found.pairs)
    if found.pairs:
        return Flip(
            "swap", found.pairs, ("flip pairs are guessed from the names: check that no other class is spoilt",)
        )
    return Flip("free", (), ("flip is free because no class name has a side in it: check that mirroring does no harm",))


def _pair(where: str, pair: Sequence[str], classes: Sequence[str]) -> tuple[str, str]:
    names = [name.strip() for name in pair]
    if len(names) != 2 or names[0] == names[1] or not set(names) <= set(classes):
        raise ParamsError(f"{where}: flip pair {','.join(pair)} must be two of the classes {', '.join(classes)}")
    return names[0], names[1]
