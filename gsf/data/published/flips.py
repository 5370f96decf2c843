"""What a horizontal flip does to the classes of a published benchmark."""

from __future__ import annotations

from collections.abc import Sequence

from gsf.data.mirror import Pair, guess
from gsf.data.published.formats import BENCHMARKS
from gsf.errors import DataError

# "right" here means "at once": the class looks the same in a mirror.
_NO_SIDE = frozenset({"Plugging something into something but pulling it right out as you remove your hand"})


def flip_pairs(format: str, classes: Sequence[str]) -> tuple[Pair, ...]:
    """Classes that a flip swaps, derived from their names; none where the benchmark's classes have no side.

    DataError where a class has a side and its mirror image is no class: the files are not the published ones.
    """
    found = guess(classes)
    one_sided = [name for name in found.one_sided if name not in _NO_SIDE]
    if one_sided or (found.pairs and BENCHMARKS[format].flip == "free"):
        names = [*one_sided, *(name for pair in found.pairs for name in pair)]
        raise DataError(
            f"classes of {format}: {names[0]!r} has a side in its name, must be as published: these class names were"
            " not expected; check the files"
        )
    return found.pairs
