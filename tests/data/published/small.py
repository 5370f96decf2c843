"""Tiny annotation files in the formats of the published ones, quirks included."""

from __future__ import annotations

import json
from pathlib import Path

from gsf.data.published.annotate import Annotated, annotate
from gsf.data.published.formats import choose, roles
from gsf.params.benchmark import Format, Published
from gsf.provenance.hashing import sha256_file

LEFT, RIGHT = "Pushing something from left to right", "Pushing something from right to left"
EPIC_HEADER = (
    "narration_id,participant_id,video_id,narration_timestamp,start_timestamp,stop_timestamp,start_frame,stop_frame,"
    "narration,verb,verb_class,noun,noun_class,all_nouns,all_noun_classes"
)


def epic_row(name: str, video: str, *, start: int, stop: int, rate: int, verb: int, noun: int) -> str:
    """A row of EPIC-KITCHENS-100 whose end time fits its end frame; without a narration time, as 70 real ones are."""
    seconds = stop / rate
    ended = f"00:{int(seconds // 60):02d}:{seconds % 60:05.2f}"
    values = f"{name},P01,{video},,00:00:00.00,{ended},{start},{stop},take it,take,{verb},tap,{noun}"
    return f"{values},\"['tap', 'tap:hot']\",\"[0, 0]\""


FILES: dict[Format, dict[str, str]] = {
    "ssv1": {
        "something-something-v1-labels.csv": f"{RIGHT}\nClosing something\n{LEFT}\n",
        "something-something-v1-train.csv": f"1;Closing something\n2;{LEFT}\n3;{RIGHT}\n",
        "something-something-v1-validation.csv": f"4;{RIGHT}\n",
        "something-something-v1-test.csv": "5\n6\n",
    },
    "ssv2": {
        "labels.json": json.dumps({"Closing something": "0", LEFT: "1", RIGHT: "2"}),
        "train.json": json.dumps(
            [
                {"id": "1", "label": "closing a box", "template": "Closing [something]", "placeholders": ["a box"]},
                {"id": "2", "label": "x", "template": LEFT.replace("something", "[something]"), "placeholders": ["x"]},
            ]
        ),
        "validation.json": json.dumps(
            [{"id": "3", "label": "x", "template": RIGHT.replace("something", "[something]"), "placeholders": ["x"]}]
        ),
        "test.json": json.dumps([{"id": "4"}]),
    },
    "kinetics400": {
        "train.csv": 'label,youtube_id,time_start,time_end,split,is_cc\n"petting animal (not cat)",-a_b,9,19,train,0\n'
        "abseiling,xyz,3,13,train,1\nabseiling,xyz,20,30,train,1\n",
        "val.csv": "label,youtube_id,time_start,time_end,split\nabseiling,0wR5jVB-WPk,417,427,val\n",
    },
    "diving48": {
        "Diving48_vocab.json": json.dumps([["Back", "15som", "05Twis", "FREE"], ["Inward", "Dive", "NoTwis", "PIKE"]]),
        "Diving48_V2_train.json": json.dumps(
            [{"vid_name": "-mmq0PT-u8k_00155", "label": 0, "start_frame": 0, "end_frame": 48}]
        ),
        "Diving48_V2_test.json": json.dumps([{"vid_name": "b_00001", "label": 0, "start_frame": 0, "end_frame": 9}]),
    },
    "epic100": {
        "EPIC_100_verb_classes.csv": "id,key,instances,category\r\n0,take,\"['take', 'get']\",x\r\n1,put,['put'],x\r\n",
        "EPIC_100_noun_classes.csv": "id,key,instances,category\r\n0,tap,['tap'],x\r\n1,door:kitchen,['door'],x\r\n",
        "EPIC_100_train.csv": "\n".join(
            [
                EPIC_HEADER,
                epic_row("P01_01_0", "P01_01", start=1, stop=120, rate=60, verb=1, noun=0),
                epic_row("P01_101_0", "P01_101", start=51, stop=600, rate=50, verb=0, noun=1),
                epic_row("P01_101_1", "P01_101", start=100, stop=900, rate=50, verb=0, noun=1),
            ]
        ),
        "EPIC_100_validation.csv": "\n".join(
            [EPIC_HEADER, epic_row("P01_02_0", "P01_02", start=600, stop=1200, rate=60, verb=0, noun=0)]
        ),
    },
    "ucf101": {
        "classInd.txt": "1 Archery\r\n2 HandstandPushups\r\n",
        "trainlist01.txt": "Archery/v_Archery_g08_c01.avi 1\r\nHandstandPushups/v_HandStandPushups_g08_c01.avi 2\r\n",
        "testlist01.txt": "Archery/v_Archery_g01_c01.avi\r\n\r\n",
    },
}


def write(folder: Path, format: Format, **changed: str | bytes) -> Path:
    """The files of a benchmark in a folder; `changed` replaces the text of one, its name with `_` for `.` and `-`."""
    folder.mkdir(parents=True, exist_ok=True)
    keys = {name.replace(".", "_").replace("-", "_"): name for name in FILES[format]}
    assert changed.keys() <= keys.keys(), changed.keys() - keys.keys()
    for key, name in keys.items():
        text = changed.get(key, FILES[format][name])
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    return folder


def pinned(folder: Path, format: Format, **options: object) -> Published:
    """Parameters that say what the files in a folder are."""
    options.setdefault("split", 1 if format == "ucf101" else None)
    options.setdefault("target", "action" if format == "epic100" else None)
    wanted = roles(format, split=options["split"])  # type: ignore[arg-type]
    names = choose(wanted, {path.name for path in folder.iterdir()}, folder=folder)
    sha256 = {name: sha256_file(folder / name) for name in names.values()}
    return Published(format=format, files=str(folder), sha256=sha256, **options)  # type: ignore[arg-type]


def read(folder: Path, format: Format, *, listed: tuple[str, ...] = (), **options: object) -> Annotated:
    """Everything that is made of the files in a folder."""
    return annotate(pinned(folder, format, **options), folder, listed=listed, where="params/benchmarks/x.yaml")
