from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from gsf.errors import EvaluationError
from gsf.evaluate.scores import Scores, read_scores, write_scores
from gsf.provenance.hashing import canonical_json

SCORES = Scores(
    ids=("a/1.mp4", "b/ü.mp4"),
    classes=("left", "right", "up"),
    labels=np.array([0, 2], dtype=np.int64),
    logits=np.arange(24, dtype=np.float32).reshape(2, 4, 3),
    clips=2,
    crops=2,
    average="probabilities",
)


def test_scores_come_back_as_written_and_their_bytes_repeat(tmp_path: Path) -> None:
    one, two = tmp_path / "1.safetensors", tmp_path / "2.safetensors"
    write_scores(one, SCORES)
    write_scores(two, SCORES)
    back = read_scores(one)
    assert one.read_bytes() == two.read_bytes()
    assert (back.ids, back.classes, back.clips, back.crops, back.average) == (
        SCORES.ids,
        SCORES.classes,
        2,
        2,
        "probabilities",
    )
    np.testing.assert_array_equal(back.logits, SCORES.logits)
    np.testing.assert_array_equal(back.labels, SCORES.labels)


_BAD_VALUE = SCORES.logits.copy()
_BAD_VALUE[1, 0, 0] = np.nan


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ids": ("a", "a")}, "video a is there twice"),
        ({"ids": ("a",)}, "logits have shape"),
        ({"clips": 3}, "logits have shape"),
        ({"classes": ("left", "left", "up")}, "left is there twice"),
        ({"labels": np.array([0, 3], dtype=np.int64)}, "label 3, must be in 0..2"),
        ({"labels": np.array([0, -1], dtype=np.int64)}, "label -1, must be in 0..2"),
        ({"labels": np.array([0, 1], dtype=np.int32)}, "must be int64"),
        ({"logits": SCORES.logits.astype(np.float64)}, "must be float32"),
        ({"logits": _BAD_VALUE}, "b/ü.mp4 has logits that are not finite"),
        ({"average": "median"}, "average is 'median'"),
    ],
)
def test_scores_that_contradict_themselves_are_not_written(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    path = tmp_path / "scores.safetensors"
    with pytest.raises(EvaluationError, match=message):
        write_scores(path, replace(SCORES, **changes))
    assert not path.exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ids": ["a", "a"]}, "video a is there twice"),
        ({"ids": "ab"}, "ids must be a list of names"),
        ({"clips": 2.0}, "clips is 2.0, must be a whole number"),
        ({"clips": True}, "clips is True, must be a whole number"),
        ({"extra": 1}, "with the keys"),
    ],
)
def test_a_file_with_other_metadata_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    rest = {"ids": list(SCORES.ids), "classes": list(SCORES.classes), "clips": 2, "crops": 2, "average": "logits"}
    path = tmp_path / "scores.safetensors"
    metadata = {"gsf": canonical_json(rest | changes).decode()}
    save_file({"logits": SCORES.logits, "labels": SCORES.labels}, path, metadata=metadata)
    with pytest.raises(EvaluationError, match=message):
        read_scores(path)


def test_a_file_that_is_absent_cut_or_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "scores.safetensors"
    with pytest.raises(EvaluationError, match="no such scores"):
        read_scores(path)
    write_scores(path, SCORES)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(EvaluationError, match="cannot be read"):
        read_scores(path)
    save_file({"logits": SCORES.logits}, path)
    with pytest.raises(EvaluationError, match="must hold logits, labels"):
        read_scores(path)
