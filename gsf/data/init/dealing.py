"""The split of every row: what the source says, else what was written before, else a draw."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from gsf.data.columns import Split
from gsf.data.init.earlier import Earlier
from gsf.data.init.sources import Labelled, Source
from gsf.data.init.split import Shares, assign


def splits_of(
    source: Source, earlier: Earlier, copies: Sequence[tuple[str, ...]], *, seed: int, shares: Shares
) -> dict[str, Split]:
    """The split of each row, by id.

    Args:
        source: the rows.
        earlier: those of an earlier call keep their split.
        copies: the videos in groups of the same bytes.
        seed: of the draw.
        shares: of each class.

    Copies share a split. So do segments of one recording, since they look alike, unless people have parted it: then
    each new segment is dealt by itself. What its rows say now outweighs what was said of rows that are gone.
    """
    labels = {row.id: row.label for row in source.rows}
    fixed = {row.id: split for row in source.rows if (split := row.split or earlier.split_of(row)) is not None}
    by_path: dict[str, list[Labelled]] = defaultdict(list)
    for row in source.rows:
        by_path[row.path].append(row)

    groups: list[list[str]] = []
    for paths in copies:
        rows = [row for path in paths for row in by_path[path]]
        names = [row.id for row in rows]
        if not any(row.is_segment for row in rows):
            groups.append(names)
            continue
        said = {fixed[name] for name in names if name in fixed}
        said = said or {split for path in paths for split in earlier.splits_of_path.get(path, ())}
        if len(said) > 1:
            groups += [[name] for name in names]
            continue
        groups.append(names)
        for split in said:
            fixed |= dict.fromkeys(names, split)
    return assign(groups, labels, fixed, seed=seed, shares=shares)
