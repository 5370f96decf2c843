"""A trained network by the name of its run, or by its checkpoint file, with what is known of where it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gsf.errors import ParamsError, ProvenanceError, TrainError
from gsf.params.base import read_yaml
from gsf.project import Project
from gsf.provenance.hashing import sha256_file
from gsf.provenance.receipt import Receipt, linked_inputs, read_receipt


@dataclass(frozen=True)
class Trained:
    """A checkpoint file, and the receipt that promises its bytes."""

    path: Path
    receipt: Receipt | None  # None: a file without one beside it

    @property
    def digest(self) -> str | None:
        """Of the receipt."""
        return None if self.receipt is None else self.receipt.digest

    @property
    def benchmark(self) -> str | None:
        """What it was trained on: the stage's first argument, `gsf train BENCHMARK ...`."""
        words = [] if self.receipt is None else str(self.receipt.content["command"]).split()
        return words[2] if len(words) > 2 else None


def find_trained(source: str) -> Trained:
    """A trained network, whose checkpoint must be what its receipt says.

    Args:
        source: a checkpoint file, a run of the active study (`gsf-s0`), or one of any study (`ablations/gsf-s0`).

    Raises:
        TrainError: there is none.
        ProvenanceError: the file is not what the receipt beside it promises.
    """
    path = Path(source)
    study, _, run = source.rpartition("/")
    if source.endswith(".safetensors") or "/" in study or (study and path.is_file()):
        return Trained(path, _receipt_beside(path))
    project = Project.here()
    return _of_run(project, study or _active(project), run)


def _active(project: Project) -> str:
    if not project.plan_file.is_file():
        raise ParamsError(
            f"{project.plan_file}: no such file, must name the active study; run `gsf study NAME`, or say STUDY/RUN"
        )
    return str(read_yaml(project.plan_file)["study"])


def _of_run(project: Project, study: str, run: str) -> Trained:
    path = project.checkpoint(study, run)
    if not path.is_file():
        here = sorted(found.parent.name for found in path.parent.parent.glob(f"*/{path.name}"))
        folders = project.root.glob(f"runs/*/train/*/{path.name}")
        others = sorted({found.parents[2].name for found in folders} - {study})
        raise TrainError(
            f"{project.relative(path)}: no such checkpoint, must be a file or a run of the study {study} "
            f"(here: {', '.join(here) or 'none'}), or STUDY/RUN of another (here: {', '.join(others) or 'none'});"
            " run the train stage, or `dvc pull`"
        )
    linked_inputs(project, project.train_receipt(study, run), [path])  # raises where the bytes are others
    return Trained(path, read_receipt(project.train_receipt(study, run)))


def _receipt_beside(path: Path) -> Receipt | None:
    """The receipt that lies beside a checkpoint and promises its bytes; None where there is none."""
    beside = path.parent / "receipt.json"
    if not path.is_file() or not beside.is_file():
        return None
    receipt = read_receipt(beside)
    promised = [digest for name, digest in receipt.outputs.items() if Path(name).name == path.name]
    if promised != [sha256_file(path)]:
        raise ProvenanceError(
            f"{path}: is not what {beside} says, must be the checkpoint that its stage wrote; run stage "
            f"{receipt.stage} again, or move the file away from a receipt that is not its own"
        )
    return receipt
