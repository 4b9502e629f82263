"""What a page is to its reader: elements, attributes and text, by a parser that the renderer does not know."""

from __future__ import annotations

import os
import unicodedata
from html.parser import HTMLParser
from pathlib import Path

GOLDEN = Path(__file__).parent / "golden"
VOID = {"meta", "link", "br", "img", "input", "hr", "source"}


class Page(HTMLParser):
    """Elements with their attributes, the text outside of style, and whether every element was closed."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.crossed: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.crossed.append(tag)

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


def acting(text: str) -> set[str]:
    """Characters that act instead of showing, by their Unicode categories; line ends, blanks and joiners apart."""
    bad = ("Cc", "Cf", "Cs", "Zl", "Zp")
    return {letter for letter in set(text) if unicodedata.category(letter) in bad and letter not in "\n\u200c\u200d"}


def golden(name: str, text: str) -> None:
    """Compare with a file of `golden/`; TOOLKIT_GOLDEN=write writes it instead."""
    path = GOLDEN / name
    if os.environ.get("TOOLKIT_GOLDEN") == "write":
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), f"{name} differs; TOOLKIT_GOLDEN=write pytest ... writes it anew"
