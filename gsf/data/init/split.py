"""A seeded, stratified split that never moves a video, or a segment of one, which has one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from gsf.data.columns import SPLITS, Split
from gsf.errors import DataError
from gsf.provenance.hashing import sha256_bytes

_TIE_ORDER: tuple[Split, ...] = ("train", "test", "val")


@dataclass(frozen=True)
class Shares:
    """How much of each class goes where; the three sum to 1."""

    train: Fraction
    val: Fraction
    test: Fraction

    @classmethod
    def of(cls, shares: Sequence[float]) -> Shares:
        """From numbers as people write them: (0.7, 0.1, 0.2)."""
        exact = [Fraction(str(share)) for share in shares]
        if len(exact) != 3 or sum(exact) != 1 or min(exact) < 0 or exact[0] == 0:
            raise DataError(
                f"split is {tuple(shares)}, must be three shares train, val, test that sum to 1, train above 0"
            )
        return cls(*exact)

    def of_split(self, split: Split) -> Fraction:
        return {"train": self.train, "val": self.val, "test": self.test}[split]


def assign(
    groups: Sequence[Sequence[str]], labels: Mapping[str, str], fixed: Mapping[str, Split], *, seed: int, shares: Shares
) -> dict[str, Split]:
    """The split of every video.

    Args:
        groups: rows that must share a split (the same bytes twice, segments of one recording); most have one member.
        labels: class of each row.
        fixed: splits that stay as they are.
        seed: of the order in which the others are dealt.
        shares: of each class, counted in groups.

    Within a class, groups without a split are dealt in the order of a hash of seed and name, each to the split that
    lacks most; a class gets a training video first. Groups of several classes count in each of them.
    """
    result: dict[str, Split] = {}
    waiting: dict[tuple[str, ...], list[Sequence[str]]] = defaultdict(list)
    counts: dict[str, dict[Split, int]] = defaultdict(lambda: dict.fromkeys(SPLITS, 0))

    def give(group: Sequence[str], split: Split) -> None:
        result.update(dict.fromkeys(group, split))
        for label in {labels[name] for name in group}:
            counts[label][split] += 1

    for group in groups:
        known = {fixed[name]: name for name in group if name in fixed}
        if len(known) > 1:
            where = ", ".join(f"{name} in {split}" for split, name in sorted(known.items()))
            raise DataError(f"the same video is in two splits: {where}; must be in one: remove all but one of its rows")
        if known:
            (split,) = known
            give(group, split)
        else:
            waiting[tuple(sorted({labels[name] for name in group}))].append(group)
    for classes, unassigned in sorted(waiting.items()):
        for group in sorted(unassigned, key=lambda names: sha256_bytes(f"{seed}\n{min(names)}".encode())):
            give(group, _next([counts[label] for label in classes], shares))
    return result


def _next(counts: Sequence[Mapping[Split, int]], shares: Shares) -> Split:
    """The split of some classes, each with its counts, that lacks most once one more video of them is there."""
    if any(of_class["train"] == 0 for of_class in counts):
        return "train"

    def lack(split: Split) -> Fraction:
        share = shares.of_split(split)
        return sum(((sum(one.values()) + 1) * share - one[split] for one in counts), Fraction(0))

    return max(_TIE_ORDER, key=lack)
