"""A reader with a video: chooses it, drops it, and sees the answer, in a real browser."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

import pytest

from tests.app.conftest import Running
from tests.site.browser import CHROMIUM, Page, browser, chromium

pytestmark = pytest.mark.skipif(
    chromium() is None,
    reason=f"the app was NOT tried in a browser: none of {', '.join(CHROMIUM)} is in PATH (apt-get install chromium)",
)


@pytest.fixture(scope="module")
def page(running: Running) -> Iterator[Page]:
    """A tab; at its end nothing was complained of, and nothing asked for that is not this program's."""
    with browser() as tab:
        tab.size(1280, 900)
        yield tab
        assert tab.problems == []
        own = (f"{running.address}/", "about:", "data:")  # the last: the buttons that a browser draws on a film
        assert [url for url in tab.requests if not url.startswith(own)] == []


def seen(page: Page) -> None:
    """The answer with its film and its pictures, loaded."""
    assert page.evaluate("document.querySelectorAll('.best tbody tr').length") == 5
    ready = "new Promise(done => { const v = document.querySelector('video');"
    ready += " const end = () => done([v.videoWidth, v.duration]); v.readyState ? end() : v.onloadedmetadata = end; })"
    width, duration = page.evaluate(ready)
    assert width > 300
    assert duration == pytest.approx(2.0, abs=0.6)  # two frames, one a second
    images = page.evaluate("[...document.images].map(i => i.naturalWidth)")
    assert len(images) == 2  # of the timeline, of frames and layers
    assert min(images) > 500
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    assert "evaluate@demo-gsf-s0-2x1x1" in page.evaluate("document.querySelector('.trace pre').textContent")


def test_a_file_that_is_chosen_is_sent_at_once_and_answered(page: Page, running: Running) -> None:
    page.go(running.address)
    page.leads_away(lambda: page.upload("#video", running.video))
    assert page.evaluate("location.pathname").startswith("/answer/")
    assert "test_000.mp4" in page.evaluate("document.querySelector('h1').innerText")
    seen(page)


def test_a_file_that_is_dropped_anywhere_is_answered(page: Page, running: Running) -> None:
    page.go(running.address)
    data = base64.b64encode(running.video.read_bytes()).decode()
    drop = f"""(() => {{
      const bytes = Uint8Array.from(atob({json.dumps(data)}), c => c.charCodeAt(0));
      const moved = new DataTransfer();
      moved.items.add(new File([bytes], "dropped.mp4", {{type: "video/mp4"}}));
      document.querySelector("footer").dispatchEvent(
        new DragEvent("drop", {{dataTransfer: moved, bubbles: true, cancelable: true}}));
    }})()"""
    page.leads_away(lambda: page.evaluate(drop))
    assert "dropped.mp4" in page.evaluate("document.querySelector('h1').innerText")
    seen(page)


def test_an_example_is_answered_without_scripts_too(page: Page, running: Running) -> None:
    page.scripts(False)
    try:
        page.go(running.address)
        page.click(".examples button", leads_away=True)
        assert page.evaluate("document.querySelectorAll('.best tbody tr').length") == 5
    finally:
        page.scripts(True)


def test_a_file_that_is_too_large_is_not_sent(page: Page, running: Running) -> None:
    page.go(running.address)
    before = len(page.requests)
    page.evaluate("""(() => {
      const moved = new DataTransfer();
      moved.items.add(new File([new Uint8Array(2 * 2 ** 20)], "long.mp4", {type: "video/mp4"}));
      document.dispatchEvent(new DragEvent("drop", {dataTransfer: moved, bubbles: true, cancelable: true}));
    })()""")
    assert page.evaluate("document.querySelector('#state').innerText") == "long.mp4 has 2 MB, must have at most 1."
    assert not [asked for asked in page.requests[before:] if asked.endswith("/answer")]


def test_a_bad_file_is_named_and_the_page_fits_a_telephone(page: Page, running: Running) -> None:
    page.size(390, 800)
    page.go(running.address)
    page.leads_away(lambda: page.upload("#video", running.project.root / "params/models/gsf.yaml"))
    assert "No answer: gsf.yaml" in page.evaluate("document.querySelector('[role=alert]').innerText")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.size(1280, 900)
    page.problems[:] = [text for text in page.problems if "422" not in text]  # the status, which is meant
