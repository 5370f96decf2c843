"""What metrics need besides scores, from a manifest and from the subsets of a published benchmark."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gsf.data.subsets import SUBSETS
from gsf.errors import DataError, EvaluationError, ProvenanceError
from gsf.evaluate.measuring import measuring_of
from gsf.project import Project
from gsf.provenance.hashing import write_atomically
from gsf.provenance.receipt import Receipt, StageResult, seal
from gsf.tables import write_table
from tests.evaluate.test_metrics import make_scores

FOLDER = "data/epic/annotated"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    write_atomically(tmp_path / "requirements.lock", b"torch==0\n")
    project = Project(tmp_path)
    info = {
        "classes": ["c0", "c1"],
        "class_parts": [{"verb": "take", "noun": "tap"}, {"verb": "put", "noun": "tap"}],
        "reversal_pairs": [],
        "excluded": [{"id": "gone", "split": "test", "label": "c0", "reason": "no frames"}],
    }
    write_atomically(project.manifest_info("epic"), json.dumps(info).encode())
    return project


def annotate(project: Project, rows: list[tuple[str, str, str]]) -> Receipt:
    path = project.root / FOLDER / "subsets.csv"
    write_table(path, SUBSETS, rows)
    result = StageResult("annotate@epic", ["gsf", "annotate", "epic"], {}, [], [path], entry="gsf.errors")
    return seal(project, result, project.annotate_receipt("epic"))


def test_the_subsets_of_published_annotations_are_an_input_with_their_receipt(project: Project) -> None:
    receipt = annotate(project, [("unseen", "", "v0"), ("unseen", "", "gone"), ("tail", "verb", "v1")])
    measuring, inputs = measuring_of(project, "epic", FOLDER)
    assert [(item.path, item.receipt) for item in inputs] == [(f"{FOLDER}/subsets.csv", receipt.digest)]
    metrics = measuring.metrics(make_scores([[[1, 0]], [[1, 0]]], [0, 1]))
    assert metrics["excluded"] == 1
    assert metrics["counts"]["unseen.verb.top1"] == 1  # the excluded video is not counted
    assert (metrics["unseen.verb.top1"], metrics["tail.verb.top1"], metrics["noun.top1"]) == (1, 0, 1)


def test_a_table_that_is_not_its_receipts_is_an_error(project: Project) -> None:
    annotate(project, [("unseen", "", "v0")])
    (project.root / FOLDER / "subsets.csv").write_text("subset,part,id\n")
    with pytest.raises(ProvenanceError, match=r"annotated/subsets.csv: sha256 is"):
        measuring_of(project, "epic", FOLDER)


def test_a_video_that_is_not_tested_is_an_error_that_names_the_table(project: Project) -> None:
    annotate(project, [("unseen", "", "elsewhere")])
    measuring, _ = measuring_of(project, "epic", FOLDER)
    with pytest.raises(EvaluationError, match=r"data/epic/annotated/subsets.csv: subset 'unseen' has 'elsewhere'"):
        measuring.metrics(make_scores([[[1, 0]]], [0]))


def test_a_table_that_is_not_there_is_an_error(project: Project) -> None:
    with pytest.raises(DataError, match=r"nowhere.csv: no such table"):
        measuring_of(project, "epic", "nowhere.csv")
