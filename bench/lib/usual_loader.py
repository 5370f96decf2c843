"""What loaders of video networks usually do, for comparison: Pillow, frame by frame, from files.

The draws are ours, so that both sides do the same work: the same frames, operations, boxes and flips.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import numpy as np
import torch
from PIL import Image, ImageChops, ImageEnhance, ImageOps
from torch.utils.data import Dataset
from torchvision.transforms import functional as tv

from gsf.data.augment.clip import ClipTransform
from gsf.data.augment.operations import GEOMETRIC, Operation
from gsf.data.sampling import segment_random
from gsf.params.augment import Augment

SEGMENTS, SIZE, SEED = 8, 224, 0
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
Position = tuple[int, int]


def drawn_frames(num_frames: int, position: Position) -> tuple[list[int], np.random.Generator]:
    """The frames that `TrainingClips` takes, and its generator after them."""
    generator = np.random.default_rng([SEED, *position])
    return segment_random(num_frames, SEGMENTS, generator=generator).tolist(), generator


def drawn_transform(augment: Augment, size: tuple[int, int], generator: np.random.Generator) -> ClipTransform:
    """What `TrainingClips` does to frames of a size (width, height)."""
    return ClipTransform.draw(augment, height=size[1], width=size[0], size=SIZE, may_flip=True, generator=generator)


class JpegFolders(Dataset[tuple[torch.Tensor, int, int]]):
    """A folder of JPEG files a video; `((T, 3, size, size) float32 normalised, label, index)`."""

    def __init__(self, folders: Sequence[Path], *, frames: int, augment: Augment) -> None:
        self._folders, self._frames, self._augment = folders, frames, augment

    def __len__(self) -> int:
        return len(self._folders)

    def __getitem__(self, position: Position) -> tuple[torch.Tensor, int, int]:
        index = position[1]
        wanted, generator = drawn_frames(self._frames, position)
        pictures = []
        for frame in wanted:
            with Image.open(self._folders[index] / f"{frame:05d}.jpg") as picture:
                pictures.append(picture.convert("RGB"))
        transform = drawn_transform(self._augment, pictures[0].size, generator)
        frames = [to_float(augmented(picture, transform)) for picture in pictures]
        return torch.stack(frames), 0, index


class VideoFiles(Dataset[tuple[torch.Tensor, int, int]]):
    """Frames out of the video file by PyAV, then our augmentation: `((T, 3, size, size) uint8, label, index)`."""

    def __init__(self, files: Sequence[Path], *, frames: int, augment: Augment, seek: bool) -> None:
        self._files, self._frames, self._augment, self._seek = files, frames, augment, seek

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, position: Position) -> tuple[torch.Tensor, int, int]:
        index = position[1]
        wanted, generator = drawn_frames(self._frames, position)
        read = seek_frames if self._seek else decode_until
        clip = torch.from_numpy(np.stack(list(read(self._files[index], wanted)))).permute(0, 3, 1, 2)
        transform = drawn_transform(self._augment, (clip.shape[-1], clip.shape[-2]), generator)
        return transform(clip), 0, index


def decode_until(path: Path, wanted: Sequence[int]) -> Iterator[np.ndarray]:
    """Decode from the start to the last wanted frame; only wanted ones become RGB."""
    needed = set(wanted)
    with av.open(str(path)) as container:
        container.streams.video[0].codec_context.thread_count = 1  # as many processes as cores load at once
        for number, frame in enumerate(container.decode(video=0)):
            if number in needed:
                yield frame.to_ndarray(format="rgb24")
            if number == wanted[-1]:
                return


def seek_frames(path: Path, wanted: Sequence[int]) -> Iterator[np.ndarray]:
    """Seek to the key frame before each wanted frame and decode from there; constant frame rate."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        ticks = 1 / (stream.average_rate * stream.time_base)  # of the stream's clock, a frame
        for number in wanted:
            target = int((stream.start_time or 0) + number * ticks)
            container.seek(target, stream=stream)
            yield next(frame for frame in container.decode(video=0) if frame.pts >= target).to_ndarray(format="rgb24")


def to_float(picture: Image.Image) -> torch.Tensor:
    return tv.normalize(tv.to_tensor(picture), MEAN, STD)


def augmented(picture: Image.Image, transform: ClipTransform) -> Image.Image:
    """One frame through what was drawn for its clip."""
    for operation in transform.operations:
        picture = operated(picture, operation, transform.fill)
    box = transform.box
    corners = (box.left, box.top, box.left + box.width, box.top + box.height)
    picture = picture.crop(corners).resize((transform.size, transform.size), Image.Resampling.BILINEAR)
    return picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if transform.flip else picture


def operated(picture: Image.Image, operation: Operation, fill: tuple[int, ...]) -> Image.Image:
    """One of RandAugment's operations by Pillow."""
    level, name = operation.level, operation.name
    factor = 0.1 + 0.18 * level
    match name:
        case "autocontrast":
            return ImageOps.autocontrast(picture)
        case "equalize":
            return ImageOps.equalize(picture)
        case "invert":
            return ImageOps.invert(picture)
        case "posterize":
            return ImageOps.posterize(picture, max(1, int(0.4 * level)))
        case "solarize":
            return ImageOps.solarize(picture, int(25.6 * level))
        case "solarize_add":
            table = [min(255, grey + int(11 * level)) if grey < 128 else grey for grey in range(256)]
            return picture.point(table * 3)
        case "color":
            return ImageEnhance.Color(picture).enhance(factor)
        case "contrast":
            return ImageEnhance.Contrast(picture).enhance(factor)
        case "brightness":
            return ImageEnhance.Brightness(picture).enhance(factor)
        case "sharpness":
            return ImageEnhance.Sharpness(picture).enhance(factor)
    assert name in GEOMETRIC
    return moved(picture, operation, fill)


def moved(picture: Image.Image, operation: Operation, fill: tuple[int, ...]) -> Image.Image:
    """A rotation, shear or translation by Pillow."""
    strength = operation.sign * operation.level / 10
    if operation.name == "rotate":
        return picture.rotate(30 * strength, resample=Image.Resampling.BILINEAR, fillcolor=fill)
    coefficients = {
        "shear_x": (1, 0.3 * strength, 0, 0, 1, 0),
        "shear_y": (1, 0, 0, 0.3 * strength, 1, 0),
        "translate_x": (1, 0, 0.45 * strength * picture.width, 0, 1, 0),
        "translate_y": (1, 0, 0, 0, 1, 0.45 * strength * picture.height),
    }[operation.name]
    return picture.transform(
        picture.size, Image.Transform.AFFINE, coefficients, resample=Image.Resampling.BILINEAR, fillcolor=fill
    )


def difference(one: Image.Image, other: torch.Tensor) -> float:
    """Mean of the grey levels between a Pillow picture and `(3, H, W)` uint8."""
    theirs = Image.fromarray(other.permute(1, 2, 0).contiguous().numpy())
    return float(np.asarray(ImageChops.difference(one, theirs)).mean())
