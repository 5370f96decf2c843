"""The classes of a benchmark: their order, and what makes them up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gsf.errors import DataError
from gsf.params.benchmark import Benchmark
from gsf.project import Project
from gsf.tables import read_table


@dataclass(frozen=True)
class Classes:
    """Class names in the order of the classifier's outputs, and the class of each row of the inventory."""

    names: tuple[str, ...]
    order: str  # in words
    parts: tuple[dict[str, str], ...]  # verb and noun of each class; empty where classes have no parts
    untrained: tuple[str, ...]  # classes without a usable training video; of published benchmarks only
    indices: npt.NDArray[np.int64]


def read_classes(project: Project, params: Benchmark, inventory: pa.Table, usable: npt.NDArray[np.bool_]) -> Classes:
    """The classes of a benchmark.

    One's own classes are sorted by name, and each must have a usable training video. A published benchmark keeps the
    classes and the order of its authors, so that figures and checkpoints compare: some have a class that no video has,
    or that only the test has.

    Args:
        project: where the published classes lie.
        params: of the benchmark.
        inventory: at least `label` and `split`.
        usable: which of its rows have frames.
    """
    parts: tuple[dict[str, str], ...] = ()
    if params.published is None:
        names = sorted(pc.unique(inventory["label"]).to_pylist())
        order = "sorted by name"
    else:
        path = project.classes(params.name)
        rows = read_table(path, ("name",), optional=("verb", "noun"))
        names = [row["name"] for row in rows]
        if len(set(names)) != len(names):
            raise DataError(f"{path}: names a class twice, must be once; run `gsf annotate {params.name}`")
        if rows and rows[0].keys() >= {"verb", "noun"}:
            parts = tuple({"verb": row["verb"], "noun": row["noun"]} for row in rows)
        order = f"as published ({params.published.format}): that of {project.relative(path)}"
    found = pc.index_in(inventory["label"], value_set=pa.array(names, pa.string()))
    if found.null_count:
        unknown = sorted(pc.unique(inventory["label"].filter(pc.is_null(found))).to_pylist())
        raise DataError(f"{project.inventory(params.name)}: has the class {unknown[0]!r}, must be one of the published")
    indices = np.asarray(found, dtype=np.int64)
    untrained = _untrained(inventory, usable, names)
    if untrained and params.published is None:
        raise _nothing_to_train(project, params, inventory, untrained, len(names))
    return Classes(tuple(names), order, parts, tuple(untrained), indices)


def _untrained(inventory: pa.Table, usable: npt.NDArray[np.bool_], names: Sequence[str]) -> list[str]:
    training = pc.and_(pc.equal(inventory["split"], "train"), pa.array(usable))
    trained = set(pc.unique(inventory["label"].filter(training)).to_pylist())
    return [name for name in names if name not in trained]


def _nothing_to_train(
    project: Project, params: Benchmark, inventory: pa.Table, lacking: Sequence[str], classes: int
) -> DataError:
    annotated = Counter(inventory["label"].filter(pc.equal(inventory["split"], "train")).to_pylist())
    lines = "".join(
        f"\n  {label}: {annotated[label]} annotated for training, {annotated[label]} unreadable or missing"
        if annotated[label]
        else f"\n  {label}: only in val or test"
        for label in lacking
    )
    return DataError(
        f"{project.manifest(params.name)}: {len(lacking)} of {classes} classes have no training video,"
        f" must have at least one; add videos or remove the class from the annotations:{lines}"
    )
