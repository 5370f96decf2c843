"""Columns of a list of videos as flat buffers: sequences of text and of integers without a Python object a row.

650,000 ids are one buffer of some 20 MB instead of 650,000 strings. The processes that load clips share the buffers
with the one that they were forked from: reading a value touches no reference count, so no page is copied.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import overload

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc


class Texts(Sequence[str]):
    """A read-only sequence of strings in one buffer."""

    def __init__(self, values: pa.Array | Iterable[str]) -> None:
        self._values = values if isinstance(values, pa.Array) else pa.array(list(values), pa.string())

    def __len__(self) -> int:
        return len(self._values)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Texts: ...
    def __getitem__(self, index: int | slice) -> str | Texts:
        if isinstance(index, slice):
            return Texts(self._values.take(pa.array(range(*index.indices(len(self))), pa.int64())))
        return str(self._values[int(index)].as_py())

    def __iter__(self) -> Iterator[str]:
        for begin in range(0, len(self), _AT_ONCE):
            yield from self._values[begin : begin + _AT_ONCE].to_pylist()

    def __eq__(self, other: object) -> bool:
        return list(self) == list(other) if isinstance(other, Sequence) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def take(self, rows: npt.NDArray[np.int64]) -> Texts:
        """The values of some rows, in their order."""
        return Texts(self._values.take(pa.array(rows)))

    def where(self, value: str) -> npt.NDArray[np.int64]:
        """The rows that hold a value."""
        return np.flatnonzero(np.asarray(pc.equal(self._values, value), dtype=np.bool_))

    def distinct(self) -> list[str]:
        """The different values, sorted."""
        return sorted(pc.unique(self._values).to_pylist())

    def __repr__(self) -> str:
        return f"Texts({len(self)} values)"


class Numbers(Sequence[int]):
    """A read-only sequence of integers in one buffer; `np.asarray` of it copies nothing."""

    def __init__(self, values: npt.ArrayLike) -> None:
        self.array: npt.NDArray[np.int64] = np.asarray(values, dtype=np.int64)

    def __len__(self) -> int:
        return len(self.array)

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> Numbers: ...
    def __getitem__(self, index: int | slice) -> int | Numbers:
        return Numbers(self.array[index]) if isinstance(index, slice) else int(self.array[index])

    def __iter__(self) -> Iterator[int]:
        return iter(self.array.tolist())

    def __eq__(self, other: object) -> bool:
        return list(self) == list(other) if isinstance(other, Sequence) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> npt.NDArray[np.int64]:
        return np.array(self.array, dtype=dtype, copy=copy)

    def take(self, rows: npt.NDArray[np.int64]) -> Numbers:
        """The values of some rows, in their order."""
        return Numbers(self.array[rows])

    def __repr__(self) -> str:
        return f"Numbers({len(self)} values)"


_AT_ONCE = 4096  # strings that iteration holds
