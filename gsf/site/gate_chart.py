"""How much each layer moves: the mean size of each of its two gates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from gsf.site.plots import listed, x_axis
from gsf.site.svg import Axis, el, label, picture

_ROW, _TOP, _WIDTH, _LEFT, _RIGHT, _FOOT = 30.0, 30.0, 380.0, 150.0, 20.0, 40.0  # px


def gate_chart(layers: Sequence[Mapping[str, Any]]) -> Markup:
    """Two bars a layer, of one at least, in the order of the network; the axis begins at 0."""
    bottom = _TOP + _ROW * len(layers)
    most = max((float(share) for layer in layers for share in layer["mean"]), default=0.0)
    high = Axis.around([0, most], 0, 1, least=0, most=1).high if most else 1.0
    axis = Axis(0, high, _LEFT, _WIDTH - _RIGHT)
    parts = x_axis(axis, top=_TOP, bottom=bottom, words="mean |gate|: 0 all stays, 1 all moves")
    words_of = [words.removeprefix("gate ") for words in layers[0]["rows"][:2]]
    for plane, words in enumerate(words_of):
        x = 30 + 165.0 * plane
        parts += [el("rect", x=x, y=7.0, width=11, height=11, class_=f"bar s{plane}"), label(x + 17, 17, words)]
    for row, layer in enumerate(layers):
        y = _TOP + _ROW * row
        parts.append(label(_LEFT - 8, y + _ROW / 2 + 4, layer["name"], anchor="end", class_="name"))
        for plane, share in enumerate(layer["mean"]):
            width = axis(float(share)) - _LEFT
            parts.append(el("rect", x=_LEFT, y=y + 4 + 11 * plane, width=width, height=10, class_=f"bar s{plane}"))
    said = (f"{layer['name']} {layer['mean'][0]} {words_of[0]}, {layer['mean'][1]} {words_of[1]}" for layer in layers)
    return picture(parts, width=_WIDTH, height=bottom + _FOOT, title="Mean gate by layer", text=listed(said))
