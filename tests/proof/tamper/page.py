"""The page `docs/tamper.md`: what verify found of every damage to every kind of file.

python -m tests.proof.tamper.page    # build a finished study, damage it, and write the page anew
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.proof.finished import REPOSITORY
from tests.proof.tamper.damages import DAMAGES
from tests.proof.tamper.kinds import ARTEFACTS, Group
from tests.proof.tamper.run import Matrix, Outcome, prepared
from tests.small_project import make_data
from tests.tracking.tampered import DAMAGED_DATABASE, TAMPERED, TAMPERED_FILES, TAMPERED_VERSIONS

PAGE = REPOSITORY / "docs" / "tamper.md"
COMMAND = "python -m tests.proof.tamper.page"
_BEGIN, _END = "<!-- matrix -->", "<!-- /matrix -->"
_TITLES: dict[Group, str] = {
    "output": "What stages write, in `data/` and `runs/`",
    "receipt": "Receipts beside what stages write",
    "kept": "Receipts in `results/`",
    "evidence": "Evidence in `results/`",
    "result": "Results",
    "drawn": "Pictures of `gsf frames` and `gsf gates`",
    "shown": "Tables shown elsewhere",
    "root": "Roots in git",
    "elsewhere": "Roots outside of the project",
    "params": "Parameters and code",
    "state": "State",
    "none": "Files that no receipt lists",
    "signature": "The signature of the results (`gsf verify-signature`)",
    "signed": "Results that are signed (`gsf verify-signature`)",
    "crate": "An RO-Crate of the results (`gsf verify-crate`)",
    "croissant": "A benchmark as Croissant (`gsf verify-croissant`)",
}


def render(matrix: Matrix) -> str:
    """The part of the page between its markers."""
    cells = [found for artefact in ARTEFACTS for damage in DAMAGES if (found := matrix.cell(artefact, damage))]
    wrong = [text for artefact in ARTEFACTS for damage in DAMAGES if (text := matrix.wrong(artefact, damage))]
    named = sum(found.depth != "never" for found in cells)
    lines = [
        f"{len(ARTEFACTS)} kinds of files, {len(DAMAGES)} damages, {len(cells)} cells:"
        f" {len(cells) - len(wrong)} are as they must be, {named} of them found and named.",
    ]
    for group, title in _TITLES.items():
        lines += ["", f"**{title}**", "", *_table(matrix, group)]
    return "\n".join([*lines, "", *_mlflow()])


def page(matrix: Matrix) -> str:
    """The whole page with its matrix renewed."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(_BEGIN)
    return f"{before}{_BEGIN}\n\n{render(matrix)}\n\n{_END}{rest.partition(_END)[2]}"


def _table(matrix: Matrix, group: Group) -> Iterator[str]:
    yield f"| | {' | '.join(DAMAGES)} |"
    yield f"|---|{'---|' * len(DAMAGES)}"
    for artefact in ARTEFACTS:
        if artefact.group == group:
            words = [_words(matrix.cell(artefact, damage)) for damage in DAMAGES]
            yield f"| {artefact.kind} | {' | '.join(words)} |"


def _mlflow() -> Iterator[str]:
    """What MLflow shows, changed in each way that tests/tracking tries."""
    rows = [
        *((name, _of_a_run(link), remedy) for name, (_, (link, _, remedy)) in TAMPERED.items()),
        *((name, f"`models/MODEL/1/{link}`", remedy) for name, (_, (link, _, remedy)) in TAMPERED_VERSIONS.items()),
        *((name, f"`models/MODEL/1/files/{file}`", "rebuild") for name, (_, _, file) in TAMPERED_FILES.items()),
        *((name, "the database", remedy) for name, (_, (_, remedy)) in DAMAGED_DATABASE.items()),
    ]
    yield "**MLflow (`gsf verify --mlflow`)**"
    yield ""
    yield (
        f"{len(rows)} changes, each found and named with what mends it: {len(TAMPERED)} of what the database says of"
        f" runs, {len(TAMPERED_VERSIONS)} of what it says of a registered model, {len(TAMPERED_FILES)} of the files of"
        f" that model, {len(DAMAGED_DATABASE)} of the database's own file. `pytest tests/tracking/test_tampered_*.py`"
        " tries them."
    )
    yield ""
    yield "| change | what is named, after `mlflow:STUDY/` | remedy |"
    yield "|---|---|---|"
    for name, place, remedy in rows:
        yield f"| {name} | {place} | `gsf mlflow {remedy}` |"


def _of_a_run(link: str | None) -> str:
    """The part of a run that is named, the run itself, or the study."""
    return "the study" if link is None else f"`{f'RUN/{link}'.rstrip('/')}`"


def _words(found: Outcome | None) -> str:
    if found is None:
        return ""
    if found.depth == "never":
        return "git" if found.uncommitted else "-"
    (kind,) = found.kinds
    return found.depth if kind == "broken" else f"{found.depth}: {kind.removesuffix('_params').removesuffix('_code')}"


def main() -> None:
    """Try every cell and write the page."""
    with tempfile.TemporaryDirectory() as folder, prepared(make_data(Path(folder) / "data"), Path(folder)) as matrix:
        PAGE.write_text(page(matrix), encoding="utf-8")
        print(render(matrix).splitlines()[0])


if __name__ == "__main__":
    main()
