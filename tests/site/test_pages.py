from __future__ import annotations

import posixpath
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from gsf.names import shown as shown_name
from gsf.names import slug
from gsf.project import Project
from gsf.site.build import site_files
from tests.site.made import HOSTILE, QUOTES, SCRIPT, TURNED
from tests.site.reading import Element, read

_LABELLED = {"input", "select"}


@pytest.fixture(scope="session", params=["site", "hostile"])
def pages(request: pytest.FixtureRequest) -> tuple[dict[str, bytes], dict[str, Element]]:
    """The files of a site, and its pages as trees."""
    files: dict[str, bytes] = request.getfixturevalue(request.param)
    return files, {name: read(data) for name, data in files.items() if name.endswith(".html")}


def test_the_same_inputs_give_the_same_bytes(shown: Project, site: dict[str, bytes]) -> None:
    assert dict(site_files(shown, ["demo"])) == site


def test_every_link_leads_to_a_place_in_the_site(pages: tuple[dict[str, bytes], dict[str, Element]]) -> None:
    files, trees = pages
    ids = {name: {e.attributes["id"] for e in tree.all() if "id" in e.attributes} for name, tree in trees.items()}
    followed = 0
    for name, tree in trees.items():
        for element in tree.all():
            for attribute in ("href", "src"):
                if attribute not in element.attributes:
                    continue
                parts = urlsplit(element.attributes[attribute])
                assert not parts.scheme
                assert not parts.netloc
                place = _joined(name, unquote(parts.path))
                place = place if parts.path else name
                assert place in files, (name, element.attributes[attribute])
                assert not parts.fragment or unquote(parts.fragment) in ids[place], (name, parts.fragment)
                followed += 1
    assert followed > 50


def test_every_page_can_be_read_aloud(pages: tuple[dict[str, bytes], dict[str, Element]]) -> None:
    for name, tree in pages[1].items():
        everything = list(tree.all())
        ids = [e.attributes["id"] for e in everything if "id" in e.attributes]
        assert len(set(ids)) == len(ids), name
        assert [e.attributes.get("lang") for e in tree.all("html")] == ["en"]
        assert len(list(tree.all("h1"))) == 1, name
        assert len(list(tree.all("main"))) == 1
        assert next(tree.all("title")).text
        first = next(next(tree.all("body")).all("a"))
        assert first.attributes["href"] == "#content"  # the skip link comes first
        levels = [int(e.tag[1]) for e in tree.all("h1", "h2", "h3", "h4")]
        assert all(after <= before + 1 for before, after in pairwise(levels)), name
        for element in everything:
            where = (name, element.tag, element.attributes)
            if element.tag == "img":
                assert element.attributes.get("alt"), where
            if element.tag == "svg":
                assert element.attributes.get("aria-label") or element.attributes.get("aria-hidden") == "true", where
            if element.tag == "table":
                assert next(element.all("caption")).text, where
            if element.tag == "th":
                assert element.attributes.get("scope") in ("row", "col", "colgroup"), where
                assert element.text, where
            if element.tag in _LABELLED:
                label = element.above("label")
                assert label is not None, where
                assert label.text, where
            if element.tag == "a":
                pictures = [e.attributes.get("aria-label") for e in element.all("svg")]
                assert element.text or element.attributes.get("aria-label") or any(pictures), where
            if "aria-labelledby" in element.attributes:
                assert element.attributes["aria-labelledby"] in ids, where
            assert "style" not in element.attributes, where  # which the policy forbids
            assert not any(attribute.startswith("on") for attribute in element.attributes), where


def test_every_page_forbids_what_it_does_not_need(pages: tuple[dict[str, bytes], dict[str, Element]]) -> None:
    for name, tree in pages[1].items():
        policy = [e.attributes["content"] for e in tree.all("meta") if "http-equiv" in e.attributes]
        assert policy, name
        assert policy[0].startswith("default-src 'none';")
        assert "unsafe" not in policy[0]
        scripts = list(tree.all("script"))
        assert [posixpath.basename(script.attributes["src"]) for script in scripts] == ["site.js"]
        assert not scripts[0].text


def test_a_number_leads_to_frames_in_three_clicks(site: dict[str, bytes]) -> None:
    number = next(e for e in read(site["index.html"]).all("a") if e.attributes.get("class") == "number")
    trace_page = urlsplit(number.attributes["href"]).path
    trace = read(site[trace_page])
    row = next(e for e in trace.all("th") if e.text == "left")
    class_page = _joined(trace_page, next(row.all("a")).attributes["href"])
    strip = next(e for e in read(site[class_page]).all("a") if e.attributes.get("class") == "strip")
    assert "left/test_000.mp4" in next(strip.all("svg")).attributes["aria-label"]
    sheet = _joined(class_page, strip.attributes["href"])
    assert site[sheet][8:12] == b"WEBP"


def test_hostile_names_are_only_text(hostile: dict[str, bytes]) -> None:
    text = "".join(data.decode() for name, data in hostile.items() if name.endswith(".html"))
    assert "<script>alert" not in text
    assert "\u202e" not in text
    assert "\u2066" not in text
    assert "tfel [U+202E][U+2066]" in text
    index = read(hostile["index.html"])
    rows = [e.text for e in index.all("th") if e.attributes.get("scope") == "row"]
    assert SCRIPT in rows
    assert any(e.text == QUOTES for e in index.all("bdi"))
    for place in hostile:
        assert ".." not in place.split("/")
        assert slug(Path(place).name) == Path(place).name
    classes = [data for name, data in hostile.items() if "/class-" in name]
    assert len(classes) == len(HOSTILE)


def test_a_number_whose_chain_is_broken_says_so(hostile: dict[str, bytes]) -> None:
    index = read(hostile["index.html"])
    assert any("broken" in e.text for e in index.all("strong"))


def test_names_keep_their_own_direction_and_hidden_characters_show() -> None:
    assert str(shown_name(TURNED)) == "<bdi>tfel [U+202E][U+2066] ../../up</bdi>"
    assert slug("gsf-s0") == "gsf-s0"
    assert slug("../up") != slug("..up")
    assert "/" not in slug("../up")


def _joined(page: str, href: str) -> str:
    """The place in the site to which a link of a page leads."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(page), href))
