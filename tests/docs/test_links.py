"""Every relative link, anchor and picture of the documentation resolves, and the site reads a page as GitHub does."""

from __future__ import annotations

import itertools
import re
from pathlib import PurePosixPath

import pytest
import yaml

from tests.docs.pages import PAGES, ROOT, anchors, links


@pytest.mark.parametrize("page", PAGES)
def test_links_and_pictures_lead_somewhere(page: str) -> None:
    wrong = []
    for line, target in links(page):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (ROOT / PurePosixPath(page).parent / path).resolve() if path else ROOT / page
        if not file.exists():
            wrong.append(f"{page}:{line}: {target}: no such file")
        elif anchor and anchor not in anchors(file.relative_to(ROOT).as_posix()):
            wrong.append(f"{page}:{line}: {target}: no such heading")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("page", [page for page in PAGES if page.startswith("docs/")])
def test_lists_stand_apart_and_their_blocks_are_indented_by_four(page: str) -> None:
    """Else the site, whose Markdown is stricter than GitHub's, would show a list as running text."""
    lines = (ROOT / page).read_text(encoding="utf-8").splitlines()
    item = re.compile(r"( *)([*-]|\d+\.) ")
    wrong, fenced = [], False
    for number, (before, line) in enumerate(itertools.pairwise(lines), start=2):
        fenced ^= line.lstrip().startswith("```")
        begins = not fenced and item.match(line)
        if begins and before.strip() and not item.match(before) and not before.startswith(" "):
            wrong.append(f"{page}:{number}: a list right behind a line of text, must follow an empty one")
        if not fenced and re.match(r" {1,3}(```|<!--)", line):
            wrong.append(f"{page}:{number}: a block in a list, must be indented by four")
    assert not wrong, "\n".join(wrong)


def test_every_page_is_in_the_navigation() -> None:
    shown = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    listed = re.findall(r"[\w-]+\.md", str(shown))
    assert sorted(f"docs/{name}" for name in listed) == sorted(page for page in PAGES if page.startswith("docs/"))
