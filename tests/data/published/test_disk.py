from __future__ import annotations

import pytest

from gsf.data.published.disk import find, stem
from gsf.errors import DataError


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a/b/74225.webm", "74225"),
        ("P01/P01_01.MP4", "P01_01"),
        ("74225", "74225"),
        ("a.b_000001_000011", "a.b_000001_000011"),
    ],
)
def test_the_stem_is_the_name_without_the_suffix_of_a_video(path: str, expected: str) -> None:
    assert stem(path) == expected


def test_a_video_is_found_in_any_folder_and_with_any_suffix() -> None:
    listed = ["abseiling/x_000001_000011.mp4", "-y_000002_000012.mkv"]
    places = find(["x_000001_000011.mp4", "-y_000002_000012.mp4", "z_000003_000013.mp4"], listed, where="here")
    assert places.paths == {
        "x_000001_000011.mp4": "abseiling/x_000001_000011.mp4",
        "-y_000002_000012.mp4": "-y_000002_000012.mkv",
        "z_000003_000013.mp4": "z_000003_000013.mp4",
    }
    assert places.missing == ("z_000003_000013.mp4",)


def test_the_published_path_comes_before_others_of_its_name() -> None:
    assert find(["a/x.avi"], ["b/x.avi", "a/x.avi"], where="here").paths == {"a/x.avi": "a/x.avi"}


def test_two_files_that_may_be_meant_are_an_error_that_names_them() -> None:
    with pytest.raises(DataError, match=r"here: 2 files may be x\.mp4: a/x\.mp4, b/x\.webm; must be one"):
        find(["x.mp4"], ["b/x.webm", "a/x.mp4"], where="here")


def test_case_counts_where_names_are_case_sensitive_and_only_there() -> None:
    listed = ["HandstandPushups/v_HandstandPushups_g01_c01.avi", "abcD.mp4"]
    published = ["HandstandPushups/v_HandStandPushups_g01_c01.avi", "ABCd.mp4"]
    assert find(published, listed, any_case=True, where="x").missing == ()
    assert find(published, listed, where="x").missing == tuple(published)
