"""A clip as a short film: each frame as the network sees it, with what its layers move and fuse in it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from PIL import Image, ImageDraw

from gsf.explain.cells import CARD, INK, MUTED, evidence_cell, font, frame_cell, fuse_cell, gate_cell
from gsf.explain.evidence import Evidence
from gsf.explain.recording import Layer
from gsf.explain.sheet import by_mean, fitting, kinds, legend, scale_of, words_of_rows
from gsf.names import visible
from gsf.video.ffmpeg import encode_h264

_BIG, _CELL, _GAP, _EDGE = 320, 80, 2, 16  # px: the frame, a cell of a layer, between cells, around all
_HEAD, _NAME, _CHART, _LEGEND = 62, 16, 84, 26  # px: heights of the title, a layer's name, the evidence, the colours
_WORDS = 124  # px: between the frame and the layers, for what their rows show
_ACROSS = 8  # layers beside each other
_QP = 18  # constant quantiser: thin lines stay sharp


def frames_a_second(num_frames: int) -> int:
    """Slow enough to look at each frame of a short clip: 2 for 8 frames, 4 for 16, 8 from 32 on."""
    return max(1, min(8, num_frames // 4))


class Film:
    """The pictures of a film.

    Args:
        frames: `(T, 3, S, S)` uint8.
        layers: those to show.
        found: the evidence.
        classes: by index of a logit.
        title: what stands above; the first line in large letters.
        times: of each frame, in words.
    """

    def __init__(
        self,
        frames: torch.Tensor,
        layers: Sequence[Layer],
        found: Evidence,
        classes: Sequence[str],
        *,
        title: Sequence[str],
        times: Sequence[str],
    ) -> None:
        self._frames, self._found, self._classes = frames, found, classes
        self._title, self._times = title, times
        self._layers = [layer for layer in layers if words_of_rows(layer)]
        self._scales = [scale_of([layer]) for layer in self._layers]
        self._fuse = [None if layer.fuse is None else by_mean(layer.fuse) for layer in self._layers]
        self._rows = max((words_of_rows(layer) for layer in self._layers), key=len, default=[])
        across = min(_ACROSS, len(self._layers))
        blocks = -(-len(self._layers) // _ACROSS)
        right = _WORDS + across * (_CELL + _GAP) if across else 0
        self._block = _NAME + len(self._rows) * (_CELL + _GAP) + 6
        width = 2 * _EDGE + _BIG + right + (200 if across < 5 else 0)
        height = 2 * _EDGE + _HEAD + max(_BIG + 20, blocks * self._block) + _CHART + 30 + _LEGEND
        self.size = (width + width % 2, height + height % 2)  # yuv420p has a colour for two by two pixels

    def __iter__(self) -> Iterator[Image.Image]:
        return (self._picture(frame) for frame in range(len(self._frames)))

    def write(self, path: Path) -> None:
        """As MP4 (H.264, yuv420p); VideoError where ffmpeg cannot."""
        width, height = self.size
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            made = Path(folder) / path.name
            pixels = (picture.tobytes() for picture in self)
            encode_h264(made, pixels, width=width, height=height, fps=frames_a_second(len(self._frames)), qp=_QP)
            made.replace(path)

    def _picture(self, frame: int) -> Image.Image:
        picture = Image.new("RGB", self.size, CARD)
        draw = ImageDraw.Draw(picture)
        room = self.size[0] - 2 * _EDGE
        for number, words in enumerate(self._title):
            face = font(12) if number else font(17, bold=True)
            draw.text(
                (_EDGE, _EDGE + 22 * number), fitting(words, face, room), font=face, fill=MUTED if number else INK
            )
        top = _EDGE + _HEAD
        picture.paste(frame_cell(self._frames[frame], _BIG), (_EDGE, top))
        words = f"{frame + 1} of {len(self._frames)}: {self._times[frame]}"
        draw.text((_EDGE, top + _BIG + 5), words, font=font(12), fill=MUTED)
        for number in range(len(self._layers)):
            x, y = _EDGE + _BIG + _WORDS + number % _ACROSS * (_CELL + _GAP), top + number // _ACROSS * self._block
            self._paste_layer(picture, number, frame, x, y)
            for place, words in enumerate(self._rows if number % _ACROSS == 0 else ()):
                middle = y + _NAME + place * (_CELL + _GAP) + _CELL / 2
                draw.text((x - 8, middle), words.removeprefix("gate "), font=font(9), fill=MUTED, anchor="rm")
        self._paste_evidence(picture, frame)
        shown = [row for layer in self._layers for row in words_of_rows(layer)]
        legend(draw, _EDGE, self.size[1] - _EDGE - 4, kinds(shown))
        return picture

    def _paste_layer(self, picture: Image.Image, number: int, frame: int, x: int, y: int) -> None:
        layer, fuse = self._layers[number], self._fuse[number]
        draw = ImageDraw.Draw(picture)
        draw.text((x, y), fitting(layer.name, font(9), _CELL), font=font(9), fill=INK)
        cells = []
        if layer.gate is not None:
            gates = layer.gate[frame]
            cells += [gate_cell(self._frames[frame], gate, self._scales[number].gate, _CELL) for gate in gates]
        if fuse is not None:
            cells.append(fuse_cell(fuse[frame], self._scales[number].fuse, _CELL))
        for place, cell in enumerate(cells):
            picture.paste(cell, (x, y + _NAME + place * (_CELL + _GAP)))

    def _paste_evidence(self, picture: Image.Image, now: int) -> None:
        """Bars of all frames; that of the frame shown is the dark one."""
        draw = ImageDraw.Draw(picture)
        room = self.size[0] - 2 * _EDGE
        top = self.size[1] - _EDGE - _LEGEND - _CHART
        rival = "" if self._found.rival is None else f"; line: for {visible(self._classes[self._found.rival])}"
        words = f"evidence of each frame for {visible(self._classes[self._found.label])}{rival}"
        draw.text((_EDGE, top - 17), fitting(words, font(12), room), font=font(12), fill=MUTED)
        width = room // len(self._frames)
        for frame in range(len(self._frames)):
            cell = evidence_cell(self._found, frame, width, _CHART, pale=frame != now)
            picture.paste(cell, (_EDGE + frame * width, top))
