"""What a reader does, in a real browser: sort, find, follow a number to its frames, with a keyboard and in the dark."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.site.browser import CHROMIUM, Page, browser, chromium

pytestmark = pytest.mark.skipif(
    chromium() is None,
    reason=f"the site was NOT tried in a browser: none of {', '.join(CHROMIUM)} is in PATH (apt-get install chromium)",
)


@pytest.fixture(scope="module")
def folders(
    site: dict[str, bytes], hostile: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """Both sites on disk."""
    folders = {}
    for name, files in (("site", site), ("hostile", hostile)):
        folders[name] = tmp_path_factory.mktemp(name)
        for place, data in files.items():
            path = folders[name] / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    return folders


@pytest.fixture(scope="module")
def tab() -> Iterator[Page]:
    with browser() as page:
        yield page


@pytest.fixture
def page(tab: Page) -> Iterator[Page]:
    """The tab as new; at its end nothing was complained of, and nothing asked for that is not on this disk."""
    tab.problems.clear()
    tab.requests.clear()
    tab.size(1280, 900)
    tab.dark(False)
    tab.scripts(True)
    yield tab
    assert tab.problems == []
    assert all(url.startswith(("file:", "about:")) for url in tab.requests)


def _column(page: Page, number: int) -> list[str]:
    rows = "[...document.querySelectorAll('#results tbody tr')].filter(row => !row.hidden)"
    found: list[str] = page.evaluate(f"{rows}.map(row => row.cells[{number}].innerText)")
    return found


def test_headers_sort_by_mouse_and_keyboard_and_say_so(page: Page, folders: dict[str, Path]) -> None:
    page.open(folders["site"] / "index.html")
    before = _column(page, 0)
    page.click("#results th:nth-child(5) button")  # top-1, the best first
    numbers = [float(text.split()[0]) for text in _column(page, 4)]
    assert numbers == sorted(numbers, reverse=True)
    state = "document.querySelector('#results th:nth-child(5)').getAttribute('aria-sort')"
    assert page.evaluate(state) == "descending"
    page.press("Enter", 13, text="\r")  # the button has the focus
    assert page.evaluate(state) == "ascending"
    page.click("#results th:nth-child(1) button")
    assert page.evaluate(state) is None
    assert _column(page, 0) == sorted(before)


def test_rows_are_found_by_words_and_choices(page: Page, folders: dict[str, Path]) -> None:
    page.open(folders["site"] / "index.html")
    everything = len(_column(page, 0))
    page.click("input[type=search]")
    page.type("gsf 2x2x3")
    assert _column(page, 0) == ["gsf-s0"]
    assert page.evaluate("document.querySelector('output').textContent") == f"1 of {everything} rows"
    page.type(" nowhere")
    assert _column(page, 0) == []
    page.open(folders["site"] / "index.html")
    choose = "(v => {const s = document.querySelector('[name=protocol]'); s.value = v;"
    page.evaluate(f"{choose} s.dispatchEvent(new Event('input', {{bubbles: true}}))}})('2x1x1')")
    assert len(_column(page, 0)) == everything // 2


def test_a_number_leads_to_frames_in_three_clicks(page: Page, folders: dict[str, Path]) -> None:
    page.open(folders["site"] / "index.html")
    number = page.evaluate("document.querySelector('a.number').textContent")
    page.click("a.number", leads_away=True)
    assert number in page.evaluate("document.querySelector('.numbers div:target').innerText")
    page.click("th[scope=row] a", leads_away=True)
    strip = page.evaluate("document.querySelector('.strip svg').getBoundingClientRect().toJSON()")
    assert strip["width"] > 200
    assert page.evaluate("document.querySelector('.strip image').getBBox().height") >= 48  # the picture is there
    page.click("a.strip", leads_away=True)
    assert page.evaluate("location.href").endswith(".webp")
    assert page.evaluate("document.images[0].naturalWidth") > 200


def test_without_scripts_the_table_is_whole(page: Page, folders: dict[str, Path]) -> None:
    page.scripts(False)
    page.open(folders["site"] / "index.html")
    assert len(_column(page, 0)) == 4
    assert page.evaluate("document.querySelectorAll('th button').length") == 0
    assert page.evaluate("getComputedStyle(document.querySelector('form')).display") == "none"


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", ["index.html", "study/demo.html", "trace/demo/gsf-s0--2x1x1.html"])
def test_pages_fit_their_window_in_light_and_dark(page: Page, folders: dict[str, Path], name: str, width: int) -> None:
    page.size(width, 800)
    brightness = {}
    for dark in (False, True):
        page.dark(dark)
        page.open(folders["site"] / name)
        assert page.evaluate("document.documentElement.scrollWidth") <= width  # wide tables scroll by themselves
        with Image.open(io.BytesIO(page.screenshot())) as picture:
            assert picture.width == width
            histogram = picture.convert("L").histogram()
            brightness[dark] = sum(level * count for level, count in enumerate(histogram)) / sum(histogram)
        assert page.evaluate(_LEAST_CONTRAST) >= 4.5
    assert brightness[False] > 200
    assert brightness[True] < 80


def test_every_step_of_a_keyboard_can_be_seen(page: Page, folders: dict[str, Path]) -> None:
    page.open(folders["site"] / "index.html")
    seen = []
    for _ in range(12):
        page.press("Tab", 9)
        seen.append(page.evaluate(f"({_FOCUS})(document.activeElement)"))
    assert seen[0][0] == "A"
    assert seen[0][2] >= 0  # the skip link comes into sight
    assert all(outline != "none" for _, outline, _ in seen)
    assert {"INPUT", "SELECT", "BUTTON"} & {tag for tag, _, _ in seen}


def test_hostile_names_run_nothing(page: Page, folders: dict[str, Path]) -> None:
    for path in sorted(folders["hostile"].rglob("*.html")):
        page.open(path)
        assert page.evaluate("document.querySelectorAll('script:not([src]), [onload], [onerror]').length") == 0
    page.open(folders["hostile"] / "index.html")
    assert "<script>alert('x')</script>" in page.evaluate("document.querySelector('#results').innerText")


_FOCUS = "e => [e.tagName, getComputedStyle(e).outlineStyle, e.getBoundingClientRect().left]"

# The least contrast of text on what lies behind it (WCAG 2, 1.4.3), over all elements with text of their own.
_LEAST_CONTRAST = """
(() => {
  const linear = v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => [r, g, b].map(v => linear(v / 255)).reduce(
    (sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const parts = text => { const n = text.match(/[\\d.]+/g).map(Number); return n.length < 4 ? [...n, 1] : n; };
  const over = (top, under) => [0, 1, 2].map(i => top[3] * top[i] + (1 - top[3]) * under[i]);
  const ground = element => {
    const stack = [];
    for (let e = element; e; e = e.parentElement) {
      const colour = parts(getComputedStyle(e).backgroundColor);
      if (colour[3] > 0) stack.push(colour);
      if (colour[3] === 1) break;
    }
    return stack.reverse().reduce((under, top) => over(top, under), [255, 255, 255]);
  };
  let least = 21;
  for (const e of document.querySelectorAll('main *, header *, footer *')) {
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!own || e.closest('svg') || !e.getClientRects().length) continue;
    const style = getComputedStyle(e), under = ground(e);
    const [a, b] = [light(over(parts(style.color), under)), light(under)];
    least = Math.min(least, (Math.max(a, b) + .05) / (Math.min(a, b) + .05));
  }
  return least;
})()
"""
