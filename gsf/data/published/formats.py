"""What each published benchmark is: one table, for the stage, `gsf init` and docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from gsf.data.published import diving48, epic100, kinetics400, something, ucf101
from gsf.data.published.files import Files
from gsf.data.published.reading import Reading
from gsf.errors import DataError
from gsf.params.benchmark import Published


@dataclass(frozen=True)
class FileRole:
    """A published file: what it is for, and the names under which it is published."""

    role: str
    names: tuple[str, ...]  # the official one first
    required: bool = True


@dataclass(frozen=True)
class PublishedBenchmark:
    """One published benchmark."""

    title: str
    home: str  # where its files are to be had
    files: tuple[FileRole, ...]
    read: Callable[[Files, Published], Reading]
    naming: str  # of videos on disk
    grouping: str  # what a validation split holds out whole
    flip: Literal["pairs", "free"]  # pairs: classes that a mirror swaps are derived from their names
    flip_reason: str
    source: Literal["videos", "jpeg_folders"] = "videos"
    on_missing: Literal["stop", "exclude"] = "stop"
    any_case: bool = False  # whether file names on disk may differ in case
    max_frames: int = 20_000
    max_seconds: int = 300  # wall clock for decoding one video


_SSV1_FILES = (
    FileRole("labels", ("something-something-v1-labels.csv",)),
    FileRole("train", ("something-something-v1-train.csv",)),
    FileRole("val", ("something-something-v1-validation.csv",)),
    FileRole("test", ("something-something-v1-test.csv",), required=False),
)
_SSV2_FILES = (
    FileRole("labels", ("something-something-v2-labels.json", "labels.json")),
    FileRole("train", ("something-something-v2-train.json", "train.json")),
    FileRole("val", ("something-something-v2-validation.json", "validation.json")),
    FileRole("test", ("something-something-v2-test.json", "test.json"), required=False),
)


def _ucf101_files(split: int) -> tuple[FileRole, ...]:
    return (
        FileRole("classes", ("classInd.txt",)),
        FileRole("train", (f"trainlist{split:02d}.txt",)),
        FileRole("test", (f"testlist{split:02d}.txt",)),
    )


_LEFT_RIGHT = (
    "a mirror turns left into right: the classes of these pairs, and no others, become each other."
    " 'pulling it right out' means 'at once'"
)

BENCHMARKS: Mapping[str, PublishedBenchmark] = MappingProxyType(
    {
        "ssv1": PublishedBenchmark(
            title="Something-Something V1",
            home="20BN; https://www.qualcomm.com/developer/software/something-something-v-2-dataset has V2",
            files=_SSV1_FILES,
            read=lambda files, _: something.read_v1(files),
            naming="a folder of frames each: <id>/00001.jpg",
            grouping="single videos: who made them is not published",
            flip="pairs",
            flip_reason=_LEFT_RIGHT,
            source="jpeg_folders",
        ),
        "ssv2": PublishedBenchmark(
            title="Something-Something V2",
            home="https://www.qualcomm.com/developer/software/something-something-v-2-dataset",
            files=_SSV2_FILES,
            read=lambda files, _: something.read_v2(files),
            naming="<id>.webm",
            grouping="single videos: who made them is not published",
            flip="pairs",
            flip_reason=_LEFT_RIGHT,
        ),
        "kinetics400": PublishedBenchmark(
            title="Kinetics-400",
            home="https://github.com/cvdfoundation/kinetics-dataset",
            files=(
                FileRole("train", ("kinetics-400_train.csv", "train.csv", "kinetics400_train.csv")),
                FileRole("val", ("kinetics-400_val.csv", "val.csv", "validate.csv", "kinetics400_val.csv")),
                FileRole("test", ("kinetics-400_test.csv", "test.csv", "kinetics400_test.csv"), required=False),
            ),
            read=lambda files, _: kinetics400.read(files),
            naming="<youtube_id>_<start:06d>_<end:06d>.mp4",
            grouping="clips of one YouTube video",
            flip="free",
            flip_reason="no class name has a side; writing in the picture is mirrored, as in every published recipe",
            on_missing="exclude",
        ),
        "diving48": PublishedBenchmark(
            title="Diving48",
            home="http://www.svcl.ucsd.edu/projects/resound/dataset.html",
            files=(
                FileRole("vocabulary", ("Diving48_vocab.json",)),
                FileRole("train", ("Diving48_V2_train.json", "Diving48_train.json")),
                FileRole("test", ("Diving48_V2_test.json", "Diving48_test.json")),
            ),
            read=lambda files, _: diving48.read(files),
            naming="<vid_name>.mp4; the names in the lists have no suffix",
            grouping="dives cut from one long video",
            flip="free",
            flip_reason=(
                "a class is take-off, somersaults, twists and position: it says how often a diver turns, never to"
                " which side, and boards are filmed from both"
            ),
        ),
        "epic100": PublishedBenchmark(
            title="EPIC-KITCHENS-100",
            home="https://github.com/epic-kitchens/epic-kitchens-100-annotations",
            files=(
                FileRole("train", ("EPIC_100_train.csv",)),
                FileRole("val", ("EPIC_100_validation.csv",)),
                FileRole("verbs", ("EPIC_100_verb_classes.csv",)),
                FileRole("nouns", ("EPIC_100_noun_classes.csv",)),
                FileRole("test", ("EPIC_100_test_timestamps.csv",), required=False),
                FileRole("tail_verbs", ("EPIC_100_tail_verbs.csv",), required=False),
                FileRole("tail_nouns", ("EPIC_100_tail_nouns.csv",), required=False),
                FileRole("unseen", ("EPIC_100_unseen_participant_ids_validation.csv",), required=False),
            ),
            read=lambda files, how: epic100.read(files, target=how.target or "action"),
            naming="<participant>/videos/<video_id>.MP4, or flat",
            grouping="segments of one video",
            flip="free",
            flip_reason=(
                "no verb or noun has a side, and published recipes mirror; screw and unscrew alone differ by the"
                " sense of a rotation"
            ),
            max_frames=400_000,
            max_seconds=14_400,
        ),
        "ucf101": PublishedBenchmark(
            title="UCF101",
            home="https://www.crcv.ucf.edu/data/UCF101.php",
            files=_ucf101_files(1),
            read=lambda files, how: ucf101.read(files, split=how.split or 1),
            naming="<class>/v_<class>_g01_c01.avi",
            grouping="clips of one group (one scene of one class)",
            flip="free",
            flip_reason="no class name has a side",
            any_case=True,
        ),
    }
)


def roles(format: str, *, split: int | None = None) -> tuple[FileRole, ...]:
    """The files of a benchmark; UCF101's depend on the split."""
    return _ucf101_files(split) if format == "ucf101" and split is not None else BENCHMARKS[format].files


def choose(wanted: tuple[FileRole, ...], there: Collection[str], *, folder: Path) -> dict[str, str]:
    """The name of each role's file among those `there`; DataError where one is missing, or there under two names."""
    found: dict[str, str] = {}
    for item in wanted:
        names = [name for name in item.names if name in there]
        if len(names) > 1:
            raise DataError(
                f"{folder}: has {' and '.join(names)}, must have one of them: both are the {item.role} file"
            )
        if names:
            found[item.role] = names[0]
        elif item.required:
            raise DataError(f"{folder}: lacks {' or '.join(item.names)}, must hold it; see docs/benchmarks.md")
    return found
