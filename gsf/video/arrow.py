"""arrow: clips of actions in pairs that are each other's reversal, drawn so that no single frame tells the two apart.

The state of an action is a phase on a circle: where an object stands on a torus, how large, how open, how visible, how
far turned. A clip starts at a uniformly random phase and runs through part of the circle. The first class of a pair
runs forwards; a clip of the second class is an independent draw of the same process, played backwards. So the
distribution of every single frame, of the set of frames and of their mean is the same for both, and only order tells.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

PAIRS = (
    ("left", "right"),
    ("up", "down"),
    ("approach", "recede"),
    ("open", "close"),
    ("appear", "vanish"),
    ("turn_clockwise", "turn_counterclockwise"),
)
CLASSES = tuple(name for pair in PAIRS for name in pair)

Image = npt.NDArray[np.float32]  # (H, W, 3), 0..1
Plane = npt.NDArray[np.float32]  # (H, W)


@dataclass(frozen=True)
class Scene:
    """Everything about a clip but its class."""

    frames: int
    phase: float  # of the first frame, 0..1
    travel: float  # share of the circle that the clip runs through
    background: Image
    colour: Image  # of the object, a texture
    shape: str
    radius: float  # px
    centre: tuple[float, float]  # y, x in px
    angle: float  # rad
    distractors: tuple[tuple[float, float, float, float, float, tuple[float, float, float]], ...]


def clip_frames(label: str, *, seed: tuple[int, ...], width: int, height: int, frames: tuple[int, int]) -> list[Image]:
    """The frames of one clip, `(H, W, 3)` in 0..1; `seed` determines all but the class, `frames` is a range."""
    if label not in CLASSES:
        raise ValueError(f"class {label!r} is unknown, must be one of {', '.join(CLASSES)}")
    pair = next(pair for pair in PAIRS if label in pair)
    generator = np.random.default_rng(seed)
    scene = _draw_scene(generator, width=width, height=height, frames=frames)
    images = list(_play(pair[0], scene, width=width, height=height))
    return images if label == pair[0] else images[::-1]


def _draw_scene(generator: np.random.Generator, *, width: int, height: int, frames: tuple[int, int]) -> Scene:
    uniform = generator.uniform
    background = _texture(generator, height, width, contrast=0.2)
    colour = _texture(generator, height, width, contrast=0.2)
    # The object stands out from its background in brightness, one way or the other.
    offset = uniform(0.4, 0.6) * (1 if background.mean() < 0.5 else -1)
    colour = np.clip(colour - colour.mean() + background.mean() + offset, 0, 1).astype(np.float32)
    distractors = tuple(
        (
            *(uniform(0, height), uniform(0, width), uniform(2, 4), uniform(-1.0, 1.0), uniform(-1.0, 1.0)),
            (uniform(), uniform(), uniform()),
        )
        for _ in range(int(generator.integers(0, 3)))
    )
    return Scene(
        frames=int(generator.integers(frames[0], frames[1] + 1)),
        phase=uniform(),
        travel=uniform(0.55, 0.95),
        background=background,
        colour=colour,
        shape=str(generator.choice(["disc", "square", "triangle"])),
        radius=uniform(0.24, 0.34) * height,
        centre=(height * uniform(0.4, 0.6), width * uniform(0.4, 0.6)),
        angle=uniform(0, 2 * np.pi),
        distractors=distractors,
    )


def _play(action: str, scene: Scene, *, width: int, height: int) -> Iterator[Image]:
    """The frames of the first class of a pair, forwards."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) + 0.5
    for index in range(scene.frames):
        image = scene.background.copy()
        for dy, dx, size, vy, vx, tint in scene.distractors:
            centre = ((dy + vy * index) % height, (dx + vx * index) % width)
            _blend(image, _mask("disc", y, x, centre, size, 0.0, wrap=(height, width)), np.array(tint, np.float32))
        phase = (scene.phase + scene.travel * index / (scene.frames - 1)) % 1.0
        _blend(image, _object(action, phase, scene, y, x), scene.colour)
        yield image


def _object(action: str, phase: float, scene: Scene, y: Plane, x: Plane) -> Plane:
    """Opacity of the object at a phase of its action."""
    height, width = y.shape
    centre, radius, angle, shape = scene.centre, scene.radius, scene.angle, scene.shape
    wrap = (height, width)
    if action == "left":
        return _mask(shape, y, x, (centre[0], (1 - phase) * width), radius, angle, wrap=wrap)
    if action == "up":
        return _mask(shape, y, x, ((1 - phase) * height, centre[1]), radius, angle, wrap=wrap)
    if action == "approach":
        return _mask(shape, y, x, centre, radius * (0.35 + 1.25 * phase), angle, wrap=wrap)
    if action == "open":
        # Two halves that slide apart along the object's axis.
        gap = 1.4 * radius * phase
        dy, dx = np.sin(angle) * gap / 2, np.cos(angle) * gap / 2
        one = _mask("square", y, x, (centre[0] + dy, centre[1] + dx), radius * 0.7, angle, wrap=wrap)
        other = _mask("square", y, x, (centre[0] - dy, centre[1] - dx), radius * 0.7, angle, wrap=wrap)
        return np.maximum(one, other)
    if action == "appear":
        return (_mask(shape, y, x, centre, radius, angle, wrap=wrap) * phase).astype(np.float32)
    return _mask("arrow", y, x, centre, radius * 1.35, angle + 2 * np.pi * phase, wrap=wrap)


def _mask(
    shape: str,
    y: Plane,
    x: Plane,
    centre: tuple[float, float],
    radius: float,
    angle: float,
    *,
    wrap: tuple[int, int],
) -> Plane:
    """Opacity 0..1 of a shape with soft edges, on a torus of the picture's size."""
    dy = (y - centre[0] + wrap[0] / 2) % wrap[0] - wrap[0] / 2
    dx = (x - centre[1] + wrap[1] / 2) % wrap[1] - wrap[1] / 2
    # The picture's y axis points down: a growing angle turns clockwise.
    u = np.cos(angle) * dx + np.sin(angle) * dy
    v = -np.sin(angle) * dx + np.cos(angle) * dy
    if shape == "disc":
        inside = radius - np.hypot(u, v)
    elif shape == "square":
        inside = 0.85 * radius - np.maximum(np.abs(u), np.abs(v))
    elif shape == "triangle":
        inside = np.minimum(0.5 * radius + u, 0.5 * (radius - u) - 0.87 * np.abs(v))
    else:  # arrow: a head in front of a shaft
        head = np.minimum(u, 0.6 * (radius - u) - 0.8 * np.abs(v))
        shaft = np.minimum(np.minimum(u + radius, -u + 1.0), 0.25 * radius - np.abs(v))
        inside = np.maximum(head, shaft)
    soft: Plane = np.clip(inside + 0.5, 0, 1).astype(np.float32)
    return soft


def _blend(image: Image, opacity: Plane, colour: Image) -> None:
    image += opacity[..., None] * (colour - image)


def _texture(generator: np.random.Generator, height: int, width: int, *, contrast: float) -> Image:
    """Coloured waves around a random colour: smooth, and without a direction that they share."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    base = generator.uniform(0.2, 0.8, size=3)
    picture = np.broadcast_to(base, (height, width, 3)).copy()
    for _ in range(3):
        angle, length = generator.uniform(0, 2 * np.pi), generator.uniform(8, 48)
        wave = np.sin((np.cos(angle) * x + np.sin(angle) * y) * 2 * np.pi / length + generator.uniform(0, 2 * np.pi))
        picture += contrast / 3 * wave[..., None] * generator.uniform(-1, 1, size=3)
    return np.clip(picture, 0, 1).astype(np.float32)
