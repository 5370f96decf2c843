"""`gsf import`: a checkpoint that was trained elsewhere becomes an import file and an experiment of a study."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from pathlib import Path

import yaml

from gsf.errors import ParamsError
from gsf.imported.init_files import add_experiment, import_yaml, study_yaml
from gsf.imported.labels import read_labels
from gsf.imported.network import accuracy_of, epoch_of, read_network
from gsf.nn.model import VideoModel
from gsf.nn.released import Released
from gsf.params.base import load, validate
from gsf.params.benchmark import Benchmark
from gsf.params.imported import Imported
from gsf.params.protocol import Protocol
from gsf.params.study import Experiment, Study
from gsf.project import Project, check_name
from gsf.provenance.hashing import sha256_file, write_atomically


@dataclass(frozen=True)
class ImportSummary:
    """What `import_checkpoint` found and wrote; `str()` is what the command line prints."""

    name: str
    study: str
    released: Released
    num_segments: int
    sha256: str
    wrote: tuple[str, ...]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        found, epoch, accuracy = self.released, epoch_of(self.released), accuracy_of(self.released)
        said = [] if epoch is None else [f"epoch {epoch}"]
        said += [] if accuracy is None else [f"validation top-1 {accuracy:.2f} %"]
        frames = f"{self.num_segments} frames" + ("" if found.trained_segments else " (the file does not tell)")
        return "\n".join(
            [
                f"{found.temporal} on {found.backbone}, ratio {found.ratio:g}, {found.num_classes} classes, {frames}",
                f"sha256 {self.sha256}",
                *([f"the file says: {', '.join(said)}"] if said else []),
                *(f"note: {note}" for note in self.notes),
                *(f"wrote {name}" for name in self.wrote),
                f"next: look at params/imports/{self.name}.yaml, then: gsf study {self.study} && dvc repro",
            ]
        )


def import_checkpoint(
    project: Project,
    checkpoint: Path,
    *,
    benchmark: str,
    name: str | None = None,
    study: str | None = None,
    classes: Path | None = None,
    num_segments: int | None = None,
    input_size: int | None = None,
    short_side: int | None = None,
) -> ImportSummary:
    """Describe a released checkpoint in `params/imports/NAME.yaml`, and make it an experiment of a study.

    Args:
        project: where to write.
        checkpoint: a file in a released format; it stays where it is.
        benchmark: on which the network is to be evaluated; its classes must be those of the checkpoint.
        name: of the import and of the experiment; by default temporal module, backbone and benchmark.
        study: that gets the experiment, made where it is not there; by default one of the import's own name.
        classes: a file with the names of the checkpoint's classes in the order of its logits; by default the order
            is that of the benchmark, sorted by name, as in the released networks.
        num_segments: frames of a clip; by default as many as the file tells, or 8.
        input_size: px; by default the one that the backbone was published with.
        short_side: px; likewise.
    """
    load(Benchmark, project.params_file("benchmarks", benchmark))
    model, released, notes = _read(checkpoint, num_segments)
    temporal = "tsn" if released.temporal == "none" else released.temporal
    name = check_name(name or f"{temporal}-{released.backbone}-{benchmark}", what="import")
    study = check_name(study or name, what="study")
    file = project.params_file("imports", name)
    if file.exists():
        raise ParamsError(
            f"{project.relative(file)}: is there already, must be a new import; give another --name, or remove it"
        )
    labels = read_labels(classes) if classes is not None else None
    if labels is not None and len(labels) != released.num_classes:
        raise ParamsError(f"{classes}: has {len(labels)} classes, must have the {released.num_classes} of {checkpoint}")
    sha256 = sha256_file(checkpoint)
    text = import_yaml(
        name,
        released,
        checkpoint=_shown(project, checkpoint),
        sha256=sha256,
        num_segments=model.num_segments,
        input_size=model.preprocessing.size if input_size is None else input_size,
        short_side=model.preprocessing.short_side if short_side is None else short_side,
        classes=labels,
    )
    validate(Imported, yaml.safe_load(text), where=project.relative(file))
    study_file = project.params_file("studies", study)
    study_text = _study(project, study_file, name, benchmark, num_segments=model.num_segments)
    write_atomically(file, text.encode("utf-8"))
    write_atomically(study_file, study_text.encode("utf-8"))
    return ImportSummary(
        name=name,
        study=study,
        released=released,
        num_segments=model.num_segments,
        sha256=sha256,
        wrote=(project.relative(file), project.relative(study_file)),
        notes=notes,
    )


def _read(checkpoint: Path, num_segments: int | None) -> tuple[VideoModel, Released, tuple[str, ...]]:
    """The network for clips of so many frames, or of as many as the file tells; and what it warns of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        model, released = read_network(checkpoint, num_segments=8 if num_segments is None else num_segments)
        if num_segments is None and released.trained_segments is not None:
            caught.clear()
            model, released = read_network(checkpoint, num_segments=released.trained_segments)
    return model, released, tuple(str(item.message) for item in caught if issubclass(item.category, UserWarning))


def _study(project: Project, file: Path, name: str, benchmark: str, *, num_segments: int) -> str:
    """The text of a study with the experiment in it: the study that is there with a line more, or a new one."""
    if not file.exists():
        return study_yaml(file.stem, name, benchmark, protocol=_protocol(project, num_segments))
    where, before = project.relative(file), load(Study, file)
    if name in before.experiments:
        raise ParamsError(f"{where}: experiments has {name!r} already, must be a new one; give another --name")
    text = add_experiment(file.read_text(encoding="utf-8"), name, benchmark)
    experiments = before.experiments | {name: Experiment(benchmark=benchmark, imported=name)}
    try:
        as_wanted = Study.model_validate(yaml.safe_load(text)) == before.model_copy(update={"experiments": experiments})
    except (yaml.YAMLError, ValueError):
        as_wanted = False
    if not as_wanted:
        raise ParamsError(
            f"{where}: experiments must be a mapping with one indented line an experiment, so that a line can be added;"
            f" rewrite it so, or add by hand {name}: {{benchmark: {benchmark}, imported: {name}}}"
        )
    return text


def _protocol(project: Project, num_segments: int) -> str:
    """The quickest protocol for clips of this many frames."""
    found = []
    for path in sorted((project.root / "params" / "protocols").glob("*.yaml")):
        protocol = load(Protocol, path)
        if protocol.frames == num_segments:
            found.append((protocol.clips * protocol.views, protocol.name))
    if not found:
        raise ParamsError(
            f"params/protocols: none has frames {num_segments}, must be one for clips of {num_segments} frames; copy"
            f" one to params/protocols/{num_segments}x1x1.yaml and change frames"
        )
    return min(found)[1]


def _shown(project: Project, checkpoint: Path) -> str:
    """Relative to the project where the file lies in it, else absolute."""
    path, root = Path(os.path.abspath(checkpoint)), project.root.absolute()  # noqa: PTH100  (links stay as they are)
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()
