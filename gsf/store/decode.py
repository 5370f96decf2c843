"""How one planned video becomes frames: decoded by ffmpeg, or the pictures of its folder as they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gsf.errors import PipelineError, VideoError
from gsf.params.benchmark import Benchmark, Extract
from gsf.provenance.code import code_digests
from gsf.provenance.hashing import canonical_json, sha256_bytes, sha256_file
from gsf.store.plan import PlannedVideo
from gsf.video.ffmpeg import FrameStream, Limits, build_line
from gsf.video.folders import folder_frames, folder_sha256
from gsf.video.probe import header_frames
from gsf.video.whole import is_cut_matroska, is_whole_avi


def recipe(params: Benchmark) -> str:
    """Digest of all that determines the frames of a video, but its bytes."""
    modules = ["folders"] if params.source == "jpeg_folders" else ["ffmpeg", "probe", "whole"]
    code = {name: digest for module in modules for name, digest in code_digests(f"gsf.video.{module}").items()}
    how = {"source": params.source, "extract": params.extract.model_dump(), "code": code}
    return sha256_bytes(canonical_json(how | programs(params)))


def programs(params: Benchmark) -> dict[str, str]:
    """Build lines of the programs that make the frames."""
    return {} if params.source == "jpeg_folders" else {"ffmpeg": build_line()}


def packages(params: Benchmark) -> list[str]:
    """Python packages that have a say in the frames."""
    return ["lmdb", "pillow" if params.source == "jpeg_folders" else "av"]


def decode(params: Benchmark, video: PlannedVideo, path: Path) -> Iterator[bytes]:
    """The JPEG frames of a video; VideoError where they cannot all be had, PipelineError where it has changed."""
    folder = params.source == "jpeg_folders"
    there = path.is_dir() if folder else path.is_file()
    if not there or (folder_sha256(path) if folder else sha256_file(path)) != video.sha256:
        raise PipelineError(
            f"video {video.id}: {'changed' if there else 'is gone'} since the inventory;"
            f" run `gsf scan {params.name}` and the inventory stage again"
        )
    if folder:
        how = params.extract
        yield from folder_frames(
            path, name=video.id, max_frames=how.max_frames, max_pixels=how.max_pixels, max_seconds=how.max_seconds
        )
    else:
        yield from file_frames(params.extract, path, name=video.id)


def file_frames(how: Extract, path: Path, *, name: str) -> Iterator[bytes]:
    """The JPEG frames of a video file, upright and scaled; VideoError where they cannot all be had.

    Args:
        how: with `short_side` and `jpeg_quality`.
        path: the file.
        name: what errors call it.
    """
    limits = Limits(seconds=how.max_seconds, frames=how.max_frames, pixels=how.max_pixels)
    assert how.short_side is not None  # of videos; the schema sees to it
    assert how.jpeg_quality is not None
    stream = FrameStream(
        path, name=name, short_side=how.short_side, quality=how.jpeg_quality, fps=how.fps, limits=limits
    )
    yield from stream
    promised, counts = header_frames(path, name=name), stream.counts
    fewer = promised is not None and counts is not None and counts.packets < promised
    if fewer and not is_whole_avi(path):
        there = 0 if counts is None else counts.packets
        raise VideoError(f"{name}: is cut short: its header says {promised} frames, {there} are there")
    if is_cut_matroska(path):
        raise VideoError(f"{name}: is cut short: its header says that more bytes follow than are there")
