"""`gsf explain`: one clip of a video, as the network sees it, with what its layers do and what each frame says."""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import torch

from gsf.data.preprocess import normalize
from gsf.errors import ParamsError, VideoError
from gsf.evaluate.predict import full_float32
from gsf.explain.evidence import Evidence, evidence
from gsf.explain.film import Film
from gsf.explain.recording import Layer, Look, look
from gsf.explain.sheet import GAP, Row, labelled, layer_rows, scale_of, top_rows
from gsf.names import slug, visible
from gsf.predict.answers import Answer
from gsf.predict.frames import VideoFrames
from gsf.predict.predict import Predictor
from gsf.predict.windows import Part
from gsf.provenance.hashing import write_atomically

SUFFIX = ".explained"  # so that no output has the name of a video
_WIDTH, _SMALL, _LARGE = 1600, 24, 96  # px: what the cells of a picture may take together, and the sides of one


@dataclass(frozen=True)
class Asked:
    """What of a video is to be explained."""

    layers: tuple[str, ...] = ()  # names or patterns; none: all
    label: str | None = None  # class that the evidence is for; None: the one that the network answers
    view: int = 1  # of the protocol's views, from 1
    start: float | None = None  # seconds
    seconds: float | None = None  # None: to the end


@dataclass(frozen=True, eq=False)
class Explained:
    """What is known of a clip; `frames` `(T, 3, S, S)` uint8 are number `indices` of the video."""

    video: str
    answer: Answer
    view: str
    frames: torch.Tensor
    indices: tuple[int, ...]
    times: tuple[str, ...]
    seen: Look
    layers: tuple[Layer, ...]
    found: Evidence
    classes: tuple[str, ...]
    temporal: str


def explain(predictor: Predictor, frames: VideoFrames, asked: Asked) -> Explained:
    """Let the network look at one clip of a video.

    Raises:
        ParamsError: a class or a layer that the network does not have, a view that the protocol does not have.
        VideoError: a part that the video does not have.
    """
    label = _class(predictor.classes, asked.label)
    part = _part(frames, asked)
    protocol = predictor.how.protocol
    views = protocol.clips * protocol.views
    if not 1 <= asked.view <= views:
        raise ParamsError(f"--view is {asked.view}, must be 1 .. {views}: protocol {protocol.name} has so many views")
    (answer,) = predictor.answers_of(frames, [part])
    clip = predictor.views(frames, part)[asked.view - 1]
    indices = predictor.frames_of(frames, part)[(asked.view - 1) // protocol.views].tolist()
    with full_float32():
        seen = look(predictor.network, normalize(clip.to(predictor.how.device), predictor.network.preprocessing))
    rate = frames.rate
    return Explained(
        video=frames.name,
        answer=answer,
        view=_view_words(predictor, asked.view),
        frames=clip,
        indices=tuple(indices),
        times=tuple(f"frame {i}" if rate is None else f"{float(i / rate):.2f} s" for i in indices),
        seen=seen,
        layers=_chosen(seen.layers, asked.layers),
        found=evidence(seen, label),
        classes=predictor.classes,
        temporal=predictor.model.temporal,
    )


def write(folder: Path, explained: Explained, facts: dict[str, Any], *, digest: str | None = None) -> list[Path]:
    """A picture, a film and the numbers, named after the video; which files they are.

    Args:
        folder: made where it is not there.
        explained: what to show.
        facts: of the network, for the numbers' file.
        digest: sha256 of the video, for the numbers' file. Where files of another video have its name, these get a
            number. None: whatever has the name is replaced.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stem = slug(Path(explained.video).stem)
    if digest is not None:
        stem = _stem_of_its_own(folder, stem, digest)
    picture, film, numbers = (folder / f"{stem}{SUFFIX}{ending}" for ending in (".png", ".mp4", ".json"))
    side = side_of(len(explained.frames))
    sheet = labelled(
        _rows(explained, side), side, title=_title(explained), lines=_lines(explained), columns=explained.times
    )
    data = io.BytesIO()
    sheet.save(data, "PNG", optimize=True)
    write_atomically(picture, data.getvalue())
    film_of(explained).write(film)
    content = {"network": facts, "sha256": digest, **to_json(explained)}
    content["picture"] = {"file": picture.name, "width": sheet.width, "height": sheet.height, "cell": side, "gap": GAP}
    content["film"] = {"file": film.name, "frames": len(explained.frames)}
    write_atomically(numbers, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())
    return [picture, film, numbers]


def _stem_of_its_own(folder: Path, stem: str, digest: str) -> str:
    """`clip`, or `clip-2`, `clip-3`, ... where that is taken by other videos of this name."""
    names = itertools.chain([stem], (f"{stem}-{number}" for number in itertools.count(2)))
    return next(name for name in names if _free(folder / f"{name}{SUFFIX}.json", digest))


def _free(numbers: Path, digest: str) -> bool:
    try:
        return bool(json.loads(numbers.read_bytes())["sha256"] == digest)
    except FileNotFoundError:
        return True
    except (ValueError, KeyError, TypeError):  # whatever it is, it is not known to be of this video
        return False


def film_of(explained: Explained) -> Film:
    """The film of a clip."""
    return Film(
        explained.frames,
        explained.layers,
        explained.found,
        explained.classes,
        title=[_title(explained), _lines(explained)[0]],
        times=[f"frame {index}, {time}" for index, time in zip(explained.indices, explained.times, strict=True)],
    )


def side_of(num_frames: int) -> int:
    """Side of a cell in px: large for few frames, and never so small that nothing shows."""
    return max(_SMALL, min(_LARGE, _WIDTH // num_frames - GAP))


def to_json(explained: Explained) -> dict[str, Any]:
    """The numbers behind the pictures."""
    found, classes = explained.found, explained.classes
    rival: dict[str, Any] | None = None
    if found.rival is not None:
        rival = {"class": classes[found.rival], "logit": found.rival_logit, "by_frame": list(found.rival_by_frame)}
    return {
        "video": explained.video,
        "view": explained.view,
        "frames": list(explained.indices),
        "answer": [{"label": label, "probability": value} for label, value in explained.answer.probabilities[:5]],
        "evidence": {
            "class": classes[found.label],
            "logit": found.logit,
            "by_frame": list(found.by_frame),
            "rival": rival,
        },
        "layers": [_layer_json(layer) for layer in explained.layers],
    }


def _layer_json(layer: Layer) -> dict[str, Any]:
    """Means by frame: of |gate| over the map, of fuse weights over channels; each for both groups."""
    gate = None if layer.gate is None else layer.gate.abs().mean((2, 3)).T.tolist()
    fuse = None if layer.fuse is None else layer.fuse.mean(2).T.tolist()
    return {"name": layer.name, "channels": layer.processed, "steps": list(layer.steps), "gate": gate, "fuse": fuse}


def _rows(explained: Explained, side: int) -> list[Row]:
    rows = top_rows(explained.frames, explained.found, explained.classes, side)
    for layer in explained.layers:
        rows += layer_rows(explained.frames, layer, scale_of([layer]), side)
    return rows


def _title(explained: Explained) -> str:
    label, value = explained.answer.probabilities[0]
    return f"{visible(explained.video)}: {visible(label)} {100 * value:.1f} %"


def _lines(explained: Explained) -> list[str]:
    found, classes = explained.found, explained.classes
    words = f"logit of {visible(classes[found.label])} {found.logit:+.2f}, the sum over {len(explained.frames)} frames"
    if found.rival is not None and found.rival_logit is not None:
        words += f"; of its strongest rival, {visible(classes[found.rival])}, {found.rival_logit:+.2f}"
    return [f"{words}; {explained.view}", in_words(explained)]


def in_words(explained: Explained) -> str:
    """What the picture can show of the layers of this network, and what not."""
    if explained.layers:
        gates = any(layer.gate is not None for layer in explained.layers)
        fuse = any(layer.fuse is not None for layer in explained.layers)
        parts = ([] if gates else ["no gates: every feature moves"]) + ([] if fuse else ["no fuse weights"])
        largest = "the strongest colours are each layer's largest gate and fuse weight farthest from a half"
        return "; ".join(part for part in (f"{len(explained.layers)} layers", *parts, largest) if part)
    if explained.temporal == "tsm":
        return "TSM shifts the same channels whatever it sees: no gates and no fuse weights to show, the evidence alone"
    return "TSN looks at every frame by itself: no gates and no fuse weights to show, the evidence alone"


def _view_words(predictor: Predictor, view: int) -> str:
    protocol = predictor.how.protocol
    total = protocol.clips * protocol.views
    if total == 1:
        return f"protocol {protocol.name}"
    clip, crop = divmod(view - 1, protocol.views)
    mirrored = ", mirrored" if protocol.mirrored and crop >= protocol.views // 2 else ""
    return f"protocol {protocol.name}, view {view} of {total} (clip {clip + 1}, crop {crop + 1}{mirrored})"


def _class(classes: Sequence[str], name: str | None) -> int | None:
    if name is None:
        return None
    if name not in classes:
        shown = ", ".join(classes[:12]) + (", ..." if len(classes) > 12 else "")
        raise ParamsError(f"--class is {name!r}, must be one of the network's {len(classes)} classes: {shown}")
    return classes.index(name)


def _part(frames: VideoFrames, asked: Asked) -> Part:
    """The frames of the video that are asked for."""
    if asked.start is None and asked.seconds is None:
        return Part(0, len(frames), frames.rate)
    if frames.rate is None:
        raise VideoError(f"{frames.name}: gives no frame rate, must give one for seconds; leave --start, --seconds out")
    start = round((asked.start or 0.0) * frames.rate)
    stop = (
        len(frames) if asked.seconds is None else min(len(frames), start + max(1, round(asked.seconds * frames.rate)))
    )
    if not 0 <= start < stop:
        raise VideoError(
            f"{frames.name}: --start {asked.start or 0.0:g} --seconds {asked.seconds or 0.0:g} holds no frame,"
            f" must lie within its {float(len(frames) / frames.rate):.2f} s"
        )
    return Part(start, stop, frames.rate)


def _chosen(layers: Sequence[Layer], patterns: Sequence[str]) -> tuple[Layer, ...]:
    for pattern in patterns:
        if not any(fnmatchcase(layer.name, pattern) for layer in layers):
            known = ", ".join(layer.name for layer in layers) or "none: its network has no GSF and no GSM"
            raise ParamsError(f"--layers {pattern!r} names no layer, must be names or patterns of these: {known}")
    return tuple(x for x in layers if not patterns or any(fnmatchcase(x.name, pattern) for pattern in patterns))
