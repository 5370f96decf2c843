"""A stream as it is asked for on the command line."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from gsf.deploy.trained import Trained
from gsf.errors import ParamsError
from gsf.predict.job import network_facts, network_words
from gsf.predict.labels import extract_for
from gsf.stream.following import Following
from gsf.stream.newest import Behind
from gsf.stream.rate import rate_for
from gsf.stream.watcher import Watcher
from gsf.train.checkpoint import read_checkpoint
from gsf.train.device import choose_device, device_name
from gsf.video.live import Wanted
from gsf.video.source import Source


@dataclass(frozen=True)
class Job:
    """A network that waits for a stream, and what is to be told about both."""

    following: Following
    facts: dict[str, Any]
    in_words: str


def prepare(
    trained: Trained,
    source: Source,
    *,
    rate: float | None,
    behind: Behind | None,
    realtime: bool,
    patience: float,
    view: bool,
    benchmark: str | None,
    device: str,
) -> Job:
    """Read the checkpoint and choose how the stream is read.

    Args:
        trained: the checkpoint.
        source: the stream.
        rate: pictures a second for the network; None: as in its training, see `gsf.stream.rate`.
        behind: what happens where the network falls behind; None: live streams and files at their own speed drop.
        realtime: a file is read at its own speed.
        patience: seconds of waiting for a picture.
        view: pictures for people are wanted.
        benchmark: whose `extract` says how pictures are made; None: the network's own.
        device: where the network runs.
    """
    if rate is not None and not 0 < rate < math.inf:
        raise ParamsError(f"gsf stream: --rate is {rate:g}, must be above 0")
    if realtime and source.live:
        raise ParamsError(f"gsf stream: --realtime must come with a file; {source.name} has a speed of its own")
    network, info = read_checkpoint(trained.path)
    extract, how = extract_for(info.model, trained, benchmark=benchmark)
    assert extract.short_side is not None  # of videos, see `extract_for`
    assert extract.jpeg_quality is not None
    frames, why = rate_for(info.model, trained) if rate is None else (rate, f"{rate:g} frames a second, as asked for")
    policy: Behind = behind or ("drop" if source.live or realtime else "wait")
    wanted = Wanted(extract.short_side, extract.jpeg_quality, frames, view=view, realtime=realtime, patience=patience)
    target = choose_device(device)
    watcher = Watcher(network, info, target)
    facts = network_facts(trained, info) | {
        "source": source.kind,
        "rate": frames,
        "window": info.model.num_segments,
        "behind": policy,
        "short_side": extract.short_side,
        "jpeg_quality": extract.jpeg_quality,
        "device": device_name(target),
    }
    late = "frames that come too fast are dropped" if policy == "drop" else "the stream waits for the network"
    words = f"{network_words(trained, info)}; {why}; {how}; {late}"
    return Job(Following(watcher, source, wanted, behind=policy), facts, words)
