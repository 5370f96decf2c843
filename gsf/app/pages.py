"""The pages of the app, with escaping on and in the style of the results site."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment

from gsf.names import shown, visible
from gsf.site.pages import STATIC, percent, short, templates

HERE = Path(__file__).parent
FILES = {
    "style.css": STATIC["style.css"],
    "app.css": HERE / "static" / "app.css",
    "app.js": HERE / "static" / "app.js",
}


def render(template: str, **context: Any) -> str:
    """A page."""
    return _environment().get_template(template).render(**context)


@cache
def _environment() -> Environment:
    environment = templates(HERE / "templates")
    filters: dict[str, Callable[..., object]] = {
        "name": shown,
        "visible": visible,
        "visible_lines": lambda text: "\n".join(visible(line) for line in str(text).split("\n")),
        "percent": percent,
        "short": short,
    }
    environment.filters.update(filters)
    return environment
