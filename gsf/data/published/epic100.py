"""EPIC-KITCHENS-100: segments of long videos, labelled with a verb and a noun; an action is both.

`start_frame` and `stop_frame` are authoritative: names of frames, from 1, the second one included, so that a segment is
`[start_frame - 1, stop_frame)` here. They do not count at the rate of the video (`fps` in the video list, 59.94 and
others) but at that of the frames that were published: 60 a second of the first recordings (P01_01), whatever the rate
of their video, and 50 of the later ones (P01_101), whose videos have that rate. Which of the two holds is read off the
rows themselves: timestamp and frame of the end of every segment of a video.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from statistics import median

from gsf.data.ids import check_label, check_part, shown
from gsf.data.published.epic100_subsets import Segment, subsets_of
from gsf.data.published.files import Files
from gsf.data.published.reading import ClassName, LeftOut, Once, Part, Reading, Row, distinct, number
from gsf.errors import DataError
from gsf.params.benchmark import Target

RATES = (60, 50)  # frames a second
_TOLERANCE = 3.0  # frames, of the median over a video: timestamps are rounded to 1/100 s
_TIME = re.compile(r"(\d{1,2}):(\d\d):(\d\d(?:\.\d{1,6})?)")
_COLUMNS = (
    "narration_id", "participant_id", "video_id", "start_frame", "stop_frame", "stop_timestamp", "verb_class",
    "noun_class",
)  # fmt: skip
_NUM_CLASSES: dict[Target, int] = {"action": 3_806, "verb": 97, "noun": 300}


def read(files: Files, *, target: Target) -> Reading:
    """Training and validation segments, labelled with what `target` says."""
    verbs, nouns = _names(files, "verbs"), _names(files, "nouns")
    once = Once("narration_id")
    found = [item for part in ("train", "val") for item in _segments(files, part, verbs, nouns, once)]
    rates = _rates(found)
    pairs = sorted({(item.verb, item.noun) for item in found})
    position = {pair: place for place, pair in enumerate(pairs)}
    rows = [
        Row(
            id=item.id,
            path=f"{item.participant}/videos/{item.video}.MP4",
            label={"action": position[item.verb, item.noun], "verb": item.verb, "noun": item.noun}[target],
            part=item.part,
            group=item.video,
            start_frame=item.start - 1,
            stop_frame=item.stop,
            fps=rates[item.video],
        )
        for item in found
    ]
    subsets, rules = subsets_of(files, found, target=target, verbs=len(verbs), nouns=len(nouns))
    test = sum(1 for _ in files.table("test", ("narration_id",))) if files.has("test") else 0
    return Reading(
        rows=rows,
        classes=_classes(target, verbs, nouns, pairs),
        class_order=_ORDER[target],
        version=f"EPIC-KITCHENS-100, {target}s",
        totals={"train": 67_217, "val": 9_668, "test": 13_092},
        num_classes=_NUM_CLASSES[target],
        left_out=[LeftOut("test", test, "published without labels")] if files.has("test") else [],
        notes=[f"frames count at {_counted(rates)}, as end times and end frames of the segments say"],
        subsets=subsets,
        subset_rules=rules,
    )


_ORDER: dict[Target, str] = {
    "action": "pairs of verb and noun that occur in the training or validation list, by verb id, then noun id",
    "verb": "published verb ids",
    "noun": "published noun ids",
}


def _names(files: Files, role: str) -> list[str]:
    """Keys of verbs or nouns in the order of their ids, which must count from 0."""
    names: list[str] = []
    for where, row in files.table(role, ("id", "key")):
        number(row["id"], where=where, what="id", low=len(names), high=len(names))
        names.append(check_label(row["key"], where=where))
    return list(distinct(names, where=str(files.path(role))))


def _segments(files: Files, part: Part, verbs: Sequence[str], nouns: Sequence[str], once: Once) -> list[Segment]:
    found = []
    for where, row in files.table(part, _COLUMNS):
        start = number(row["start_frame"], where=where, what="start_frame", low=1)
        found.append(
            Segment(
                where=where,
                id=once.add(check_part(row["narration_id"], where=where, what="narration_id"), where),
                participant=check_part(row["participant_id"], where=where, what="participant_id"),
                video=check_part(row["video_id"], where=where, what="video_id"),
                start=start,
                stop=number(row["stop_frame"], where=where, what="stop_frame", low=start),
                seconds=_seconds(row["stop_timestamp"], where),
                verb=number(row["verb_class"], where=where, what="verb_class", high=len(verbs) - 1),
                noun=number(row["noun_class"], where=where, what="noun_class", high=len(nouns) - 1),
                part=part,
            )
        )
    return found


def _seconds(text: str, where: str) -> float:
    match = _TIME.fullmatch(text)
    if match is None:
        raise DataError(f"{where}: stop_timestamp {shown(text)} must be HH:MM:SS.ss")
    return int(match[1]) * 3600 + int(match[2]) * 60 + float(match[3])


def _rates(segments: Sequence[Segment]) -> dict[str, str]:
    """Frames a second at which each video's frames are numbered."""
    by_video: dict[str, list[Segment]] = defaultdict(list)
    for item in segments:
        by_video[item.video].append(item)
    rates = {}
    for video, items in by_video.items():
        off = {rate: median(abs(item.stop - item.seconds * rate) for item in items) for rate in RATES}
        best = min(RATES, key=lambda rate: off[rate])
        if off[best] > _TOLERANCE:
            raise DataError(
                f"{items[0].where}: frames of {video} are {off[best]:.0f} away from its timestamps at"
                f" {best} a second, must count at {' or '.join(map(str, RATES))} frames a second; get the file again"
            )
        rates[video] = str(best)
    return rates


def _counted(rates: dict[str, str]) -> str:
    counts = {str(rate): list(rates.values()).count(str(rate)) for rate in RATES}
    return " and ".join(f"{rate} a second in {number} videos" for rate, number in counts.items() if number)


def _classes(
    target: Target, verbs: Sequence[str], nouns: Sequence[str], pairs: Sequence[tuple[int, int]]
) -> list[ClassName]:
    if target == "action":
        found = [ClassName(f"{verbs[verb]} {nouns[noun]}", verbs[verb], nouns[noun]) for verb, noun in pairs]
        distinct((item.name for item in found), where="actions")
        return found
    return [ClassName(name) for name in (verbs if target == "verb" else nouns)]
