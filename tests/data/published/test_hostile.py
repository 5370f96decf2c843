"""Files that are damaged, or meant to do harm: each ends in an error that names file, line or item, and the rule."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gsf.data.ids import MAX_BYTES, check_label, check_part
from gsf.data.remedies import with_remedy
from gsf.errors import DataError, GsfError
from gsf.params.benchmark import Format
from tests.data.published.small import EPIC_HEADER, FILES, epic_row, read, write

TRAIN_V2 = '[{"id": %s, "template": "Closing [something]"}]'
CLIP = "label,youtube_id,time_start,time_end,split\n"
DIVE = {"vid_name": "a_1", "label": 0, "start_frame": 0, "end_frame": 9}

# Format, the file (its name with `_`), its text, and what the error must say.
HOSTILE: dict[str, tuple[Format, str, str | bytes, str]] = {
    "path upwards": ("ssv2", "train_json", TRAIN_V2 % '"../../etc/passwd"', r"item 1: id .* one name without '/'"),
    "only dots": ("ssv2", "train_json", TRAIN_V2 % '".."', r"item 1: id '\.\.' must stay below"),
    "absolute path": ("ucf101", "testlist01_txt", "/etc/v_etc_g01_c01.avi\n", "line 1: path .* must be relative"),
    "path upwards in a list": ("ucf101", "testlist01_txt", "../v_.._g01_c01.avi\n", "line 1: .* no '..'"),
    "NUL": ("ssv2", "train_json", TRAIN_V2 % '"a\\u0000b"', r"item 1: id 'a\\x00b' must be one line without control"),
    "line break": ("ssv2", "train_json", TRAIN_V2 % '"a\\nb"', "item 1: id .* without control"),
    "backslash": ("ssv1", "something_something_v1_train_csv", "a\\b;Closing something\n", "line 1: .* a backslash"),
    "half a surrogate": ("ssv2", "train_json", TRAIN_V2 % '"\\ud800"', "item 1: id .* must be UTF-8 text"),
    "huge id": ("ssv2", "train_json", TRAIN_V2 % f'"{"a" * 10**6}"', "item 1: id 'aaa.* at most 400 bytes"),
    "no id": ("ssv2", "train_json", TRAIN_V2 % '""', "item 1: id '' must not be empty"),
    "id of another type": ("ssv2", "train_json", TRAIN_V2 % "7", "item 1: id is '7', must be of type str"),
    "twice": (
        "ssv2",
        "train_json",
        json.dumps([{"id": "9", "template": "Closing [something]"}] * 2),
        r"item 2: id '9' is in .*item 1 already, must be there once",
    ),
    "in training and validation": ("ssv2", "train_json", TRAIN_V2 % '"3"', "item 1: id '3' is in .* already"),
    "unknown class": ("ssv2", "train_json", '[{"id": "9", "template": "Eating"}]', "'Eating' must be one of the 3"),
    "broken JSON": ("ssv2", "train_json", '[\n{"id": "9",\n', "line 3: is not JSON"),
    "deep JSON": ("ssv2", "train_json", "[" * 200_000, "is not JSON that can be read"),
    "a number without end": ("diving48", "Diving48_V2_train_json", "[" + "9" * 10**4 + "]", "is not JSON that can"),
    "no list": ("ssv2", "train_json", '{"id": "9"}', "holds dict, must be a list of objects"),
    "no object": ("ssv2", "train_json", '["9"]', "item 1: is str, must be an object"),
    "a class twice": ("ssv2", "labels_json", '{"Closing something":"0","Closing something":"1"}', "key .* twice"),
    "class ids with a gap": ("ssv2", "labels_json", '{"A":"0","B":"2"}', "class ids must be 0 to 1, each once"),
    "classes out of order": ("ssv2", "labels_json", '{"B":"0","A":"1"}', "must be in alphabetical order"),
    "class id of another type": ("ssv2", "labels_json", '{"A":[0]}', r"A '\[0\]' must be an integer"),
    "a side without mirror image": (
        "ssv1",
        "something_something_v1_labels_csv",
        "Closing something\nPushing something from left to right\nPushing something from right to left\nTurning left\n",
        "'Turning left' has a side in its name, must be as published",
    ),
    "no semicolon": ("ssv1", "something_something_v1_train_csv", "1,Closing something\n", "line 1: .* id;label"),
    "not UTF-8": ("ssv1", "something_something_v1_train_csv", b"1;Closing something\n2;\xff\n", "line 2: is not UTF-8"),
    "empty": ("ssv1", "something_something_v1_train_csv", "", "are for val, must be for training and"),
    "wrong column": ("kinetics400", "train_csv", CLIP.replace("youtube_id", "id") + "a,b,1,2,train\n", "youtube_id"),
    "column twice": ("kinetics400", "train_csv", CLIP.replace("split", "label"), "header is 'label,.*each of"),
    "too few values": ("kinetics400", "train_csv", CLIP + "a,b,1\n", "line 2: has 3 values, must have 5"),
    "open quote": ("kinetics400", "train_csv", CLIP + '"a,b,1,2,train\n', "line 2: is not a CSV table"),
    "huge field": ("kinetics400", "train_csv", CLIP + f"{'a' * 200_000},b,1,2,train\n", "line 2: is not a CSV table"),
    "list of another split": ("kinetics400", "train_csv", CLIP + "a,b,1,2,val\n", "split 'val' must be train"),
    "end before start": ("kinetics400", "train_csv", CLIP + "a,b,9,3,train\n", "time_end '3' must be .* from 10"),
    "no number": ("kinetics400", "train_csv", CLIP + "a,b,1e3,3,train\n", "time_start '1e3' must be an integer"),
    "digits of another script": ("kinetics400", "train_csv", CLIP + "a,b,\u0661,3,train\n", "time_start .* integer"),
    "clip twice": ("kinetics400", "train_csv", CLIP + "a,b,1,2,train\na,b,01,2,train\n", "line 3: clip .* already"),
    "label too high": (
        "diving48", "Diving48_V2_train_json", json.dumps([DIVE | {"label": 2}]), "label '2' must be .* 0 to 1",
    ),
    "truth for a number": (
        "diving48", "Diving48_V2_train_json", json.dumps([DIVE | {"label": True}]), "label is 'True', must be .* int",
    ),
    "a segment of a dive": (
        "diving48", "Diving48_V2_train_json", json.dumps([DIVE | {"start_frame": 5}]), "start_frame 5 must be 0",
    ),
    "vocabulary of text": ("diving48", "Diving48_vocab_json", '["Back"]', "item 1: 'Back' must be a list of words"),
    "frames from 0": (
        "epic100",
        "EPIC_100_train_csv",
        f"{EPIC_HEADER}\n{epic_row('a', 'P01_01', start=0, stop=9, rate=60, verb=0, noun=0)}",
        "line 2: start_frame '0' must be an integer from 1",
    ),
    "frames at another rate": (
        "epic100",
        "EPIC_100_train_csv",
        f"{EPIC_HEADER}\n{epic_row('a', 'P01_01', start=1, stop=999, rate=30, verb=0, noun=0)}",
        "line 2: frames of P01_01 are .* away from its timestamps",
    ),
    "verb too high": (
        "epic100",
        "EPIC_100_train_csv",
        f"{EPIC_HEADER}\n{epic_row('a', 'P01_01', start=1, stop=999, rate=60, verb=97, noun=0)}",
        "line 2: verb_class '97' must be an integer from 0 to 1",
    ),
    "verb ids with a gap": ("epic100", "EPIC_100_verb_classes_csv", "id,key\n0,take\n2,put\n", "line 3: id '2' must"),
    "class number that is not the folder's": (
        "ucf101", "trainlist01_txt", "Archery/v_Archery_g08_c01.avi 2\n", "line 1: number of Archery '2' must",
    ),
    "classes from 0": ("ucf101", "classInd_txt", "0 Archery\n", "line 1: class number '0' must be .* from 1 to 1"),
    "folder of another class": (
        "ucf101", "testlist01_txt", "Archery/v_Biking_g01_c01.avi\n", "line 1: path .* must be CLASS/v_CLASS_gNN_cNN",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_file_is_an_error_that_names_place_and_rule(tmp_path: Path, case: str) -> None:
    format, file, text, message = HOSTILE[case]
    folder = write(tmp_path, format, **{file: text})
    with pytest.raises(DataError, match=rf"(?s){message}") as error:
        read(folder, format)
    assert len(str(error.value)) < 1000
    said = with_remedy(str(error.value), folder, format)
    assert re.search(r"; (get|save|check|remove|see) [^;]*$", said), said  # as the command line says it


@pytest.mark.parametrize("format", FILES)
def test_a_byte_order_mark_and_windows_line_ends_change_nothing(tmp_path: Path, format: Format) -> None:
    plain = read(write(tmp_path / "plain", format), format).reading
    changed = {}
    for name, text in FILES[format].items():
        key = name.replace(".", "_").replace("-", "_")
        changed[key] = b"\xef\xbb\xbf" + text.replace("\r\n", "\n").replace("\n", "\r\n").encode()
    windows = read(write(tmp_path / "windows", format, **changed), format).reading
    assert (windows.rows, windows.classes) == (plain.rows, plain.classes)


def test_a_file_that_is_not_the_pinned_one_is_refused_with_both_digests(tmp_path: Path) -> None:
    from gsf.data.published.annotate import annotate
    from tests.data.published.small import pinned

    folder = write(tmp_path, "ssv2")
    params = pinned(folder, "ssv2")
    write(folder, "ssv2", test_json='[{"id": "77"}]')
    with pytest.raises(DataError, match=r"test\.json: sha256 is [0-9a-f]{64}, must be [0-9a-f]{64}"):
        annotate(params, folder, listed=(), where="x")
    (folder / "test.json").unlink()
    with pytest.raises(DataError, match=r"test\.json: cannot be read"):
        annotate(params, folder, listed=(), where="x")


@pytest.mark.parametrize("format", FILES)
def test_a_missing_file_is_named(tmp_path: Path, format: Format) -> None:
    folder = write(tmp_path, format)
    name = next(iter(FILES[format]))
    (folder / name).unlink()
    with pytest.raises(DataError, match=rf"lacks .*{name}.*, must hold it; see docs/benchmarks.md"):
        read(folder, format)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data(), format=st.sampled_from(list(FILES)))
def test_whatever_is_in_a_file_it_is_read_or_refused(tmp_path: Path, data: st.DataObject, format: Format) -> None:
    """Bytes cut out, doubled or replaced at any place: never another exception."""
    name = data.draw(st.sampled_from(list(FILES[format])))
    text = FILES[format][name].encode()
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 20)))
    new = data.draw(
        st.one_of(st.binary(max_size=8), st.just(text[start:end] * 2), st.sampled_from([b'"', b",", b"\n"]))
    )
    key = name.replace(".", "_").replace("-", "_")
    folder = write(tmp_path / format, format, **{key: text[:start] + new + text[end:]})
    try:
        read(folder, format)
    except GsfError as error:
        assert str(folder) in str(error) or "x.yaml" in str(error) or "classes of" in str(error)  # noqa: PT017


@given(st.text(max_size=30))
def test_a_name_that_is_accepted_is_one_part_of_a_path_and_one_line(text: str) -> None:
    try:
        check_part(text, where="x", what="id")
    except DataError:
        return
    assert Path("/root", text).parent == Path("/root")
    assert "\\" not in text
    assert len(text.splitlines()) == 1
    assert 0 < len(text.encode()) <= MAX_BYTES


@pytest.mark.parametrize(
    ("text", "rule"), [("a" * 401, "at most 400 bytes"), ("\ud800", "UTF-8"), ("a\tb", "one line")]
)
def test_a_label_that_no_table_can_hold_is_refused(text: str, rule: str) -> None:
    with pytest.raises(DataError, match=rule):
        check_label(text, where="x")
