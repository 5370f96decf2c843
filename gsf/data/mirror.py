"""Which classes a horizontal flip turns into each other, guessed from the words in their names."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SYNONYMS = {
    ("counter", "clockwise"): "ccw",
    ("anti", "clockwise"): "ccw",
    ("counterclockwise",): "ccw",
    ("anticlockwise",): "ccw",
    ("clockwise",): "cw",
}
_MIRROR = {"left": "right", "lefts": "rights", "leftward": "rightward", "leftwards": "rightwards", "cw": "ccw"}
_MIRROR |= {other: one for one, other in _MIRROR.items()}

Pair = tuple[str, str]


@dataclass(frozen=True)
class Guess:
    """What the names say: pairs that swap, and classes with a side whose mirror image is no class."""

    pairs: tuple[Pair, ...]
    one_sided: tuple[str, ...]


def guess(classes: Sequence[str]) -> Guess:
    """Pairs among `classes` such as (left, right) or (turn clockwise, turn counter-clockwise)."""
    by_words: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for name in classes:
        by_words[_words(name)].append(name)
    pairs: set[Pair] = set()
    one_sided = []
    for name in classes:
        words = _words(name)
        mirrored = tuple(_MIRROR.get(word, word) for word in words)
        if mirrored == words:
            continue
        others = by_words.get(mirrored, [])
        if len(others) == 1 and len(by_words[words]) == 1:
            pairs.add((min(name, others[0]), max(name, others[0])))
        else:
            one_sided.append(name)
    return Guess(pairs=tuple(sorted(pairs)), one_sided=tuple(one_sided))


def _words(name: str) -> tuple[str, ...]:
    """Lower-case words of a name (`TurnLeft`, `turn_left` and `turn left` are the same), synonyms made one."""
    words = [word.lower() for word in _WORDS.findall(name)]
    result: list[str] = []
    position = 0
    while position < len(words):
        for length in (2, 1):
            taken = tuple(words[position : position + length])
            if len(taken) == length and (length == 1 or taken in _SYNONYMS):
                result.append(_SYNONYMS.get(taken, taken[0]))
                position += length
                break
    return tuple(result)
