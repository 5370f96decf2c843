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
from gsf.imported.network import Network, read_network
from gsf.params.base import load, validate
from gsf.params.benchmark import Benchmark
from gsf.params.imported import Imported
from gsf.params.protocol import Protocol
from gsf.params.study import Experiment, Study
from gsf.project import Project, check_name
from gsf.provenance.hashing import sha256_file, write_atomically

_TSN = {"none": "tsn"}


@dataclass(frozen=True)
class ImportSummary:
    """What `import_checkpoint` found and wrote; `str()` is what the command line prints."""

    name: str
    study: str
    network: Network
    sha256: str
    wrote: tuple[str, ...]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        found = self.network
        said = [] if found.epoch is None else [f"epoch {found.epoch}"]
        said += [] if found.best_prec1 is None else [f"validation top-1 {found.best_prec1:.2f} %"]
        return "\n".join(
            [
                f"{found.temporal} on {found.backbone}, ratio {found.ratio:g}, {found.num_classes} classes",
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
    num_segments: int = 8,
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
        num_segments: frames of a clip.
        input_size: px; by default the one that the backbone was published with.
        short_side: px; likewise.
    """
    load(Benchmark, project.params_file("benchmarks", benchmark))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        network = read_network(checkpoint, num_segments=num_segments)
    name = check_name(name or f"{_temporal(network)}-{network.backbone}-{benchmark}", what="import")
    study = check_name(study or name, what="study")
    file = project.params_file("imports", name)
    if file.exists():
        raise ParamsError(
            f"{project.relative(file)}: is there already, must be a new import; give another --name, or remove it"
        )
    labels = read_labels(classes) if classes is not None else None
    if labels is not None and len(labels) != network.num_classes:
        raise ParamsError(f"{classes}: has {len(labels)} classes, must have the {network.num_classes} of {checkpoint}")
    sha256 = sha256_file(checkpoint)
    wanted = network.model.preprocessing
    text = import_yaml(
        name,
        network,
        checkpoint=_shown(project, checkpoint),
        sha256=sha256,
        num_segments=num_segments,
        input_size=input_size or wanted.size,
        short_side=short_side or wanted.short_side,
        classes=labels,
    )
    validate(Imported, yaml.safe_load(text), where=project.relative(file))
    study_file = project.params_file("studies", study)
    study_text = _study(project, study_file, name, benchmark, num_segments=num_segments)
    write_atomically(file, text.encode("utf-8"))
    write_atomically(study_file, study_text.encode("utf-8"))
    return ImportSummary(
        name=name,
        study=study,
        network=network,
        sha256=sha256,
        wrote=(project.relative(file), project.relative(study_file)),
        notes=tuple(str(item.message) for item in caught if issubclass(item.category, UserWarning)),
    )


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
            found.append((protocol.clips * protocol.crops, protocol.name))
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


def _temporal(network: Network) -> str:
    return _TSN.get(network.temporal, network.temporal)
