"""What the documentation's pages need besides mkdocs.yml.

To be searched from a disk: browsers start no worker from a `file:` address, and the theme's search runs in one. So its
code is put into a script that every page loads, and from there the worker is started.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

_SCRIPT = """\
if (location.protocol === "file:") {{
  const code = {code};
  const Started = window.Worker;
  window.Worker = function () {{ return new Started(URL.createObjectURL(new Blob([code]))); }};
}}
"""


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links that show a file's name, which is right on GitHub, show it without the suffix: pages have none."""
    del page, config, files
    return re.sub(r"\[([\w-]+)\.md\]\(", r"[\1](", markdown)


def on_post_build(config: MkDocsConfig) -> None:
    """Write the script that `extra.polyfills` of mkdocs.yml names."""
    assets = Path(config.site_dir) / "assets"
    workers = sorted((assets / "javascripts" / "workers").glob("search.*.js"))
    if len(workers) != 1:
        raise FileNotFoundError(f"{assets}: has {len(workers)} workers of the search, must have one")
    text = _SCRIPT.format(code=json.dumps(workers[0].read_text(encoding="utf-8")))
    (assets / "in-place-of-iframe-worker.js").write_text(text, encoding="utf-8")
