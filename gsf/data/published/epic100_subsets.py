"""EPIC-KITCHENS-100: the validation segments on which papers report apart: unseen participants and tail classes.

Damen et al., "Rescaling Egocentric Vision", IJCV 2022: *unseen* are segments of participants of whom the training list
has none; *tail* verbs and nouns are the smallest classes that together account for 20 % of the training segments, and a
tail action has a tail verb or a tail noun. The published lists of them are read where they are there; without a list
the same rule is applied to the training segments: classes in order of their training segments (at equal numbers the
higher id first) belong to the tail for as long as they and all smaller ones hold at most 20 % of the segments.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gsf.data.ids import check_part
from gsf.data.published.files import Files
from gsf.data.published.reading import Part, number
from gsf.data.subsets import Subset
from gsf.params.benchmark import Target

TAIL_SHARE = 5  # one in so many training segments


@dataclass(frozen=True, slots=True)
class Segment:
    """One row of the training or validation list."""

    where: str
    id: str
    participant: str
    video: str
    start: int  # name of the first frame, from 1
    stop: int  # name of the last frame
    seconds: float  # of the end
    verb: int
    noun: int
    part: Part


def subsets_of(
    files: Files, segments: Sequence[Segment], *, target: Target, verbs: int, nouns: int
) -> tuple[list[Subset], list[str]]:
    """The subsets of the validation segments, and where each comes from, in words.

    Args:
        files: the published lists, of which those of tails and of participants are optional.
        segments: training and validation.
        target: what a label is; of a verb or noun, the tail is that of verbs or nouns alone.
        verbs: number of verb classes.
        nouns: number of noun classes.
    """
    trained = [item for item in segments if item.part == "train"]
    validated = [item for item in segments if item.part == "val"]
    participants, rule = _unseen(files, trained, validated)
    found, rules = [Subset("unseen", "", _ids(item for item in validated if item.participant in participants))], [rule]
    tails = {}
    for part, count in (("verb", verbs), ("noun", nouns)):
        if target in ("action", part):
            tails[part], rule = _tail(files, part, [getattr(item, part) for item in trained], classes=count)
            rules.append(rule)
    in_tail = {part: _ids(item for item in validated if getattr(item, part) in tail) for part, tail in tails.items()}
    if target == "action":
        found += [Subset("tail", part, ids) for part, ids in in_tail.items()]
        found.append(Subset("tail", "action", in_tail["verb"] | in_tail["noun"]))
        rules.append("tail action: a tail verb or a tail noun")
    else:
        found.append(Subset("tail", "", in_tail[target]))
    return found, rules


def _ids(segments: Iterable[Segment]) -> frozenset[str]:
    return frozenset(item.id for item in segments)


def _unseen(files: Files, trained: Sequence[Segment], validated: Sequence[Segment]) -> tuple[set[str], str]:
    if files.has("unseen"):
        rows = files.table("unseen", ("participant_id",))
        names = {check_part(row["participant_id"], where=where, what="participant_id") for where, row in rows}
        return names, f"unseen: participants as published in {files.path('unseen').name}"
    names = {item.participant for item in validated} - {item.participant for item in trained}
    return names, "unseen: participants of whom the training list has no segment"


def _tail(files: Files, part: str, trained: Sequence[int], *, classes: int) -> tuple[set[int], str]:
    role = f"tail_{part}s"
    if files.has(role):
        rows = files.table(role, (part,))
        ids = {number(row[part], where=where, what=part, high=classes - 1) for where, row in rows}
        return ids, f"tail {part}: {len(ids)} classes as published in {files.path(role).name}"
    ids = smallest(Counter(trained), classes=classes)
    return ids, (
        f"tail {part}: {len(ids)} classes, the smallest that together hold at most 20 % of the training segments;"
        " the published list was not among the files"
    )


def smallest(counts: Counter[int], *, classes: int) -> set[int]:
    """The smallest of the classes `0..classes - 1` that together hold at most a fifth of all that `counts` counts."""
    total, held, found = counts.total(), 0, set()
    for name in sorted(range(classes), key=lambda name: (counts[name], -name)):
        held += counts[name]
        if held * TAIL_SHARE > total:
            break
        found.add(name)
    return found
