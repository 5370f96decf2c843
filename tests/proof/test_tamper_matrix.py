"""Every kind of file in the chain, damaged in every way: the verifier must name it, at the depth that reads it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gsf.project import Project
from tests.proof.tamper.damages import DAMAGES
from tests.proof.tamper.exchanged import checked
from tests.proof.tamper.kinds import ARTEFACTS, CRATES, CROISSANTS, KEPT, OUTPUTS, RECEIPTS, SIGNED, Artefact
from tests.proof.tamper.page import COMMAND, PAGE, page
from tests.proof.tamper.run import Matrix, outcome, prepared

LISTED_NOWHERE = "files that no receipt lists"


@pytest.fixture(scope="module")
def matrix(small_data: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    with prepared(small_data, tmp_path_factory.mktemp("matrix")) as matrix:
        yield matrix


def test_nothing_is_found_where_nothing_was_damaged(matrix: Matrix) -> None:
    found = outcome(matrix.sandbox, ("shallow", "deep", "recompute"))
    assert (found.depth, found.links, found.uncommitted) == ("never", frozenset(), False)


@pytest.mark.parametrize("row", [SIGNED[0], CRATES[0], CRATES[-1], CROISSANTS[0]], ids=lambda row: row.kind)
def test_what_is_handed_to_others_holds_as_it_was_written(matrix: Matrix, row: Artefact) -> None:
    assert checked(matrix.sandbox.project, row).findings == ()


@pytest.mark.parametrize("artefact", ARTEFACTS, ids=lambda artefact: artefact.kind)
def test_damage_is_named_at_the_depth_that_reads_the_file(matrix: Matrix, artefact: Artefact) -> None:
    assert [wrong for damage in DAMAGES if (wrong := matrix.wrong(artefact, damage))] == []


@pytest.mark.parametrize("kind", ["listing of a folder", "journal of a training", "study file"])
def test_what_no_receipt_lists_is_said_to_be_unproven(matrix: Matrix, kind: str) -> None:
    (artefact,) = (item for item in ARTEFACTS if item.kind == kind)
    found = matrix.cell(artefact, "emptied")
    assert found is not None
    assert any(line.startswith(LISTED_NOWHERE) for line in found.not_proven)


@pytest.mark.parametrize("damage", ["cut short", "deleted"])
def test_stages_that_a_damaged_dvc_lock_lacks_are_said_to_be_unproven(matrix: Matrix, damage: str) -> None:
    (artefact,) = (item for item in ARTEFACTS if item.kind == "dvc.lock")
    found = matrix.cell(artefact, damage)
    assert found is not None
    assert any("dvc.lock does not have" in line for line in found.not_proven)


def test_the_shallow_check_reads_nothing_of_data_and_runs_and_says_so(matrix: Matrix) -> None:
    sandbox = matrix.sandbox
    try:
        for artefact in (*OUTPUTS, *RECEIPTS):
            sandbox.path(artefact.path).write_bytes(b"")
        verdict = sandbox.verify(deep=False)
        assert verdict.findings == ()
        assert "`--deep` reads them" in verdict.not_proven[0]
        assert len(sandbox.broken(deep=True)) >= len({*OUTPUTS, *RECEIPTS})
    finally:
        sandbox.restore()


@pytest.mark.parametrize("artefact", KEPT, ids=lambda artefact: artefact.kind)
def test_a_bit_flipped_anywhere_in_a_kept_receipt_names_its_stage_and_no_other(
    matrix: Matrix, artefact: Artefact
) -> None:
    name = matrix.sandbox.kept(artefact.path)
    data = (matrix.sandbox.project.root / name).read_bytes()
    for at in range(len(data) // 7, len(data), len(data) // 3):
        try:
            matrix.sandbox.path(name).write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
            links = set(matrix.sandbox.broken(deep=False))
        finally:
            matrix.sandbox.restore()
        assert artefact.stage in links
        assert links <= {artefact.stage, name}, at


def test_the_page_says_what_was_found(matrix: Matrix) -> None:
    assert PAGE.read_text(encoding="utf-8") == page(matrix), f"the matrix has changed: `{COMMAND}` writes it anew"
