"""How much each frame of a clip speaks for a class.

The logits of a clip are the mean of those of its frames. So a frame's logit divided by the number of frames is what it
contributes, and the contributions add up to the logit. What a frame says may have come from its neighbours: that is
what temporal modules are for.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from gsf.explain.recording import Look


@dataclass(frozen=True)
class Evidence:
    """For one class, and for the strongest of the others."""

    label: int
    rival: int | None  # None: the network knows one class only
    logit: float
    rival_logit: float | None
    by_frame: tuple[float, ...]  # contributions, which add up to `logit`
    rival_by_frame: tuple[float, ...]


def evidence(seen: Look, label: int | None = None) -> Evidence:
    """Evidence for a class; without one, for the class that the network answers."""
    chosen = int(seen.logits.argmax()) if label is None else label
    others = seen.logits.clone()
    others[chosen] = -torch.inf
    rival = int(others.argmax()) if len(others) > 1 else None
    shares = seen.by_frame.double() / len(seen.by_frame)
    return Evidence(
        label=chosen,
        rival=rival,
        logit=float(seen.logits[chosen]),
        rival_logit=None if rival is None else float(seen.logits[rival]),
        by_frame=tuple(shares[:, chosen].tolist()),
        rival_by_frame=() if rival is None else tuple(shares[:, rival].tolist()),
    )
