"""Pages as programs that read them aloud or follow their links find them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = {"meta", "link", "img", "input", "br", "hr"}


@dataclass(eq=False)
class Element:
    tag: str
    attributes: dict[str, str]
    parent: Element | None = None
    children: list[Element] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    def all(self, *tags: str) -> Iterator[Element]:
        """Elements within this one, of these tags or any."""
        for child in self.children:
            if not tags or child.tag in tags:
                yield child
            yield from child.all(*tags)

    def above(self, tag: str) -> Element | None:
        found = self.parent
        while found is not None and found.tag != tag:
            found = found.parent
        return found

    @property
    def text(self) -> str:
        """What is written in it, in any order."""
        return " ".join([*self.words, *(child.text for child in self.children)]).strip()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("", {})
        self.at = self.root
        self.unmatched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs}, self.at)
        self.at.children.append(element)
        if tag not in _VOID:
            self.at = element

    def handle_endtag(self, tag: str) -> None:
        if self.at.tag != tag or self.at.parent is None:
            self.unmatched.append(tag)
        else:
            self.at = self.at.parent

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.at.words.append(data.strip())


def read(page: bytes) -> Element:
    """The page as a tree; an error where an element is not closed as it was opened."""
    reader = _Reader()
    reader.feed(page.decode("utf-8"))
    assert not reader.unmatched, reader.unmatched
    assert reader.at is reader.root, reader.at.tag
    return reader.root
