"""The documentation as pages: built without a warning, complete without a network, searched from a disk."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench import performance
from tests.docs.pages import ROOT
from tests.site.browser import browser, chromium


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site."""
    folder = tmp_path_factory.mktemp("pages")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_pages_load_nothing_from_elsewhere(pages: Path) -> None:
    loaded = re.compile(r"<(?:script|img|link|iframe)\b[^>]*\b(?:src|href)=\"?(https?:[^\" >]*)")
    found = {path.name: loaded.findall(path.read_text(encoding="utf-8")) for path in pages.glob("*.html")}
    assert len(found) > 20
    assert not {name: urls for name, urls in found.items() if urls}


def test_scripts_and_test_data_are_no_pages(pages: Path) -> None:
    assert not [path for path in pages.rglob("*") if path.suffix in (".py", ".pyc")]


@pytest.mark.parametrize("page", performance.PAGES, ids=lambda page: page.name)
def test_the_tables_of_measurements_are_those_of_the_results(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert "\n| " in text.split(performance.START)[1]
    assert performance.current(text, performance.PAGES[page]) == text, "run python bench/performance.py"


@pytest.mark.skipif(chromium() is None, reason="needs a Chromium in PATH")
def test_a_reader_finds_words_from_the_disk_and_no_page_is_wider_than_a_phone(pages: Path) -> None:
    with browser() as page:
        page.size(390, 844)
        wide = {}
        for path in sorted(set(pages.glob("*.html")) - {pages / "404.html"}):  # that one is a server's
            page.open(path)
            wide[path.name] = page.evaluate("document.scrollingElement.scrollWidth - innerWidth")
        assert not {name: over for name, over in wide.items() if over > 0}
        page.size(1280, 900)
        page.open(pages / "index.html")
        page.evaluate("document.querySelector('[data-md-component=search-query]').focus()")
        page.type("interleaving")
        deadline = time.monotonic() + 60
        while not (hits := page.evaluate("document.querySelectorAll('.md-search-result__item').length")):
            assert time.monotonic() < deadline, "the search finds nothing"
            time.sleep(0.2)
        assert hits >= 2
        assert not [address for address in page.requests if not address.startswith(("file:", "blob:", "data:"))]
        assert not page.problems
