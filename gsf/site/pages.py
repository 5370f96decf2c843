"""How pages are written: the templates beside this module, with escaping on, and what all of them may call."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from gsf.names import link, shown, slug, visible
from gsf.site.study import metric_name

HERE = Path(__file__).parent
STATIC = {"style.css": HERE / "static" / "style.css", "site.js": HERE / "static" / "site.js"}


def render(template: str, place: str, context: Mapping[str, Any]) -> bytes:
    """A page; `place` is where it will lie in the site, from which its links lead back to the root."""
    root = "../" * place.count("/")
    text = _environment().get_template(template).render({**context, "root": root})
    return text.encode("utf-8")


def templates(folder: Path) -> Environment:
    """The templates of a folder: with escaping on, and what they are not given an error."""
    return Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


@cache
def _environment() -> Environment:
    environment = templates(HERE / "templates")
    environment.filters |= {
        "name": shown,
        "visible": visible,
        "slug": slug,
        "link": link,
        "percent": percent,
        "signed": signed,
        "count": count,
        "giga": giga,
        "millions": millions,
        "metric": metric_name,
        "short": short,
        "p": p_value,
        "said": said,
    }
    return environment


def percent(value: float) -> str:
    """A share as percent; what is no share as it is."""
    return f"{100 * value:.1f}" if 0 <= value <= 1 else f"{value:g}"


def signed(value: float) -> str:
    """A difference of shares in points."""
    return f"{100 * value:+.1f}".replace("-", "\u2212")


def count(value: int) -> Markup:
    """A whole number in groups of three."""
    return Markup(f"{value:,}")


def giga(value: int) -> str:
    """Multiply-adds in billions."""
    return f"{value / 1e9:.2f}" if value < 1e11 else f"{value / 1e9:,.0f}"


def millions(value: int) -> str:
    """Parameters in millions."""
    return f"{value / 1e6:.2f}"


def short(digest: str) -> str:
    """The first twelve characters of a digest: enough for every verb that takes one."""
    return digest[:12]


def said(value: object) -> str:
    """A value of a parameter file as text."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


def p_value(value: float) -> str:
    return f"{value:.3f}" if value >= 0.001 else "< 0.001"
