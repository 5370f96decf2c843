from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsf.data.annotations import Annotation, check_present, read_annotations, unlabelled
from gsf.data.columns import SPLITS
from gsf.data.ids import MAX_BYTES, check_id
from gsf.errors import DataError
from gsf.tables import table_bytes

name = st.text(st.characters(exclude_categories=("C", "Z"), exclude_characters="/\\."), min_size=1, max_size=30)
paths = st.lists(name, min_size=1, max_size=3).map("/".join)


def _file(folder: Path, text: str) -> Path:
    path = folder / "notes.csv"
    path.write_text(text, encoding="utf-8")
    return path


@settings(max_examples=50)
@given(rows=st.dictionaries(paths, st.tuples(name, st.sampled_from(SPLITS)), min_size=1, max_size=8))
def test_what_was_written_is_read_back_whatever_the_names(
    rows: dict[str, tuple[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    table = [(path, label, split) for path, (label, split) in rows.items()]
    path = tmp_path_factory.mktemp("notes") / "notes.csv"
    path.write_bytes(table_bytes(("path", "label", "split"), table))
    assert [(item.path, item.label, item.split) for item in read_annotations(path)] == table


def test_windows_files_with_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    path = tmp_path / "notes.csv"
    path.write_bytes(b"\xef\xbb\xbfpath,label,split\r\na.mp4,x,train\r\n")
    assert read_annotations(path) == [Annotation("a.mp4", "x", "train")]


def test_sha256_may_be_given(tmp_path: Path) -> None:
    path = _file(tmp_path, f"path,label,split,sha256\na.mp4,x,test,{'0' * 64}\n")
    assert read_annotations(path)[0].sha256 == "0" * 64


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a.mp4,x,train\na.mp4,x,test\n", r"line 3: path 'a\.mp4' is in line 2 already"),
        ("a.mp4,x,train\nb.mp4,x,tset\n", "line 3: split 'tset' must be train, val or test"),
        ("a.mp4,,train\n", "line 2: label '' must not be empty"),
        ("a.mp4,x ,train\n", "line 2: label 'x ' must not begin or end with a space"),
        ('a.mp4,"x\ny",train\n', "line 2: label .* must be one line"),
        ('"a\n.mp4",x,train\n', "line 2: path .* must be one line"),
        ("/a.mp4,x,train\n", "line 2: path '/a.mp4' must be relative"),
        ("b/../../a.mp4,x,train\n", r"line 2: .* no '\.\.'"),
        ("b\\a.mp4,x,train\n", "line 2: .* must not hold a backslash"),
        ("./a.mp4,x,train\n", "line 2: .* shortest form"),
        ("b//a.mp4,x,train\n", "line 2: .* shortest form"),
        (",x,train\n", "line 2: path '' must not be empty"),
        ("a\0.mp4,x,train\n", "line 2: .* control characters"),
        ("é" * 201 + ",x,train\n", "line 2: .* at most 400 bytes in UTF-8, has 402"),
        ("a.mp4,x\n", "line 2: has 2 values, must have 3"),
        ("", "holds no video"),
    ],
)
def test_a_wrong_row_is_an_error_that_names_file_line_and_rule(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=rf"(?s)notes\.csv.*{message}"):
        read_annotations(_file(tmp_path, "path,label,split\n" + text))


def test_a_wrong_header_a_damaged_file_and_a_missing_one_are_errors(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="header is 'file,label,split', must be path,label,split"):
        read_annotations(_file(tmp_path, "file,label,split\n"))
    (tmp_path / "latin.csv").write_bytes(b"path,label,split\ncaf\xe9.mp4,x,train\n")
    with pytest.raises(DataError, match="is not UTF-8"):
        read_annotations(tmp_path / "latin.csv")
    with pytest.raises(DataError, match="no such table"):
        read_annotations(tmp_path / "none.csv")
    with pytest.raises(DataError, match="must be 64 hexadecimal digits"):
        read_annotations(_file(tmp_path, "path,label,split,sha256\na.mp4,x,test,beef\n"))
    with pytest.raises(DataError, match="is not a CSV table"):
        read_annotations(_file(tmp_path, f"path,label,split\n{'a' * 200_000},x,train\n"))


def test_names_of_published_data_sets_are_ids_and_lone_surrogates_are_not() -> None:
    for text in ("-8d3k_000012.mp4", "archery/v_Archery g01.avi", "a" * MAX_BYTES, "..a/b..mp4"):
        assert check_id(text, where="x") == text
    with pytest.raises(DataError, match="must be UTF-8 text"):
        check_id("caf\udce9.mp4", where="x")


def test_missing_videos_are_counted_and_the_first_ten_named(tmp_path: Path) -> None:
    rows = [Annotation(f"{number:02d}.mp4", "x", "train") for number in range(13)]
    with pytest.raises(DataError) as error:
        check_present(rows, {"00.mp4"}, source=tmp_path / "notes.csv", remedy="do something")
    text = str(error.value)
    assert "12 videos are not in the folder" in text
    assert "10.mp4" in text
    assert "11.mp4" not in text
    assert "and 2 more" in text
    assert text.endswith("do something")


def test_a_missing_video_without_a_video_suffix_is_explained(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"suffix must be one of .*\.mp4"):
        check_present([Annotation("a.dat", "x", "train")], set(), source=tmp_path, remedy="")


def test_videos_that_no_row_names_are_unlabelled() -> None:
    assert unlabelled([Annotation("a.mp4", "x", "train")], {"c.mp4", "a.mp4", "b.mp4"}) == ["b.mp4", "c.mp4"]


SEGMENTS = "id,path,label,split,start_frame,stop_frame,fps\n"


def test_segments_of_one_video_have_ids_frames_and_their_rate(tmp_path: Path) -> None:
    text = f"{SEGMENTS}a,v.mp4,x,train,0,9,60\nb,v.mp4,y,test,5,20,30000/1001\nc,w.mp4,x,val,,,\n"
    first, second, whole = read_annotations(_file(tmp_path, text))
    assert (first.id, first.path, first.start_frame, first.stop_frame, first.fps) == ("a", "v.mp4", 0, 9, 60)
    assert second.fps == Fraction(30000, 1001)
    assert (whole.id, whole.start_frame, whole.stop_frame, whole.fps) == ("c", None, None, None)


def test_without_ids_a_row_is_called_by_its_path(tmp_path: Path) -> None:
    (item,) = read_annotations(_file(tmp_path, "path,label,split\na/b.mp4,x,train\n"))
    assert item.id == "a/b.mp4"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("a,v.mp4,x,train,0,9,\na,v.mp4,x,train,9,12,\n", "line 3: id 'a' is in line 2 already"),
        ("a,v.mp4,x,train,0,9,\nb,v.mp4,x,train,,,\n", r"line 3: path 'v\.mp4' is here as a whole and elsewhere"),
        (
            "a,v.mp4,x,train,9,9,\n",
            "line 2: start_frame '9' and stop_frame '9' must be two integers, 0 <= start < stop",
        ),
        ("a,v.mp4,x,train,-1,9,\n", "line 2: start_frame '-1'"),
        ("a,v.mp4,x,train,0,,\n", "line 2: start_frame '0' and stop_frame ''"),
        ("a,v.mp4,x,train,0,1e3,\n", "stop_frame '1e3' must"),
        (f"a,v.mp4,x,train,0,{'9' * 5000},\n", "must be two integers"),
        ("a,v.mp4,x,train,,,60\n", "line 2: fps 60 must be empty for a whole video"),
        ("a,v.mp4,x,train,0,9,0\n", "line 2: fps '0' must be frames a second"),
        ("a,v.mp4,x,train,0,9,60/0\n", "line 2: fps '60/0' must be"),
        ("../a,v.mp4,x,train,0,9,60\n", r"line 2: id '\.\./a' must stay below"),
        (",v.mp4,x,train,0,9,60\n", "line 2: id '' must not be empty"),
    ],
)
def test_a_wrong_segment_is_an_error_that_names_file_line_and_rule(tmp_path: Path, rows: str, message: str) -> None:
    with pytest.raises(DataError, match=rf"notes\.csv.*{message}"):
        read_annotations(_file(tmp_path, SEGMENTS + rows))


@settings(max_examples=200, deadline=None)
@given(text=st.one_of(st.binary(max_size=80), st.text(max_size=80).map(lambda text: text.encode("utf-8", "replace"))))
def test_any_bytes_are_read_or_refused(text: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    for head in (b"", b"path,label,split\n", SEGMENTS.encode()):
        path.write_bytes(head + text)
        try:
            found, refused = read_annotations(path), ""
        except DataError as error:
            found, refused = {}, str(error)
        assert found or str(path) in refused
