"""Where the numbers of a network come from: the cells of the results tables that rest on this very training."""

from __future__ import annotations

from dataclasses import dataclass

from gsf.deploy.trained import Trained
from gsf.errors import GsfError
from gsf.project import Project
from gsf.proof.chain import known_studies, study_chain
from gsf.proof.results import Cell, read_cells
from gsf.proof.trace import trace

FIRST = ("pair_accuracy", "top1")  # metrics to trace, the first that there is


@dataclass(frozen=True)
class Origin:
    """Cells with the receipts that they rest on; `words` says why there are none."""

    cells: tuple[Cell, ...] = ()
    traced: str = ""  # the name of a cell
    text: str = ""  # its trace
    words: str = ""


def origin(trained: Trained) -> Origin:
    """The cells whose evaluation read the checkpoint that the receipt of this training promises."""
    if trained.digest is None:
        return Origin(words="No receipt lies beside this checkpoint, so nothing is known of where it comes from")
    try:
        project = Project.here()
        cells = tuple(cell for study in known_studies(project) for cell in _cells(project, study, trained.digest))
    except GsfError as error:
        return Origin(words=f"No results table is here: {error}")
    if not cells:
        return Origin(words="No results table has a number that rests on this training")
    chosen = min(cells, key=lambda cell: FIRST.index(cell.metric) if cell.metric in FIRST else len(FIRST))
    name = f"{chosen.study}/{chosen.name}"
    try:
        return Origin(cells, name, trace(project, name).to_text())
    except GsfError as error:
        return Origin(cells, name, f"cannot be traced: {error}")


def _cells(project: Project, study: str, training: str) -> list[Cell]:
    chain = study_chain(project, study)
    found = []
    for cell in read_cells(project, study):
        receipt = chain.receipts.get(cell.receipt)
        if receipt is not None and any(item.receipt == training for item in receipt.inputs):
            found.append(cell)
    return found
