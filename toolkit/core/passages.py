"""Documents in pieces that fit a prompt: cut at paragraphs, then at sentences, each piece a little into the next."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from toolkit.core.errors import UsageError

PARAGRAPH = re.compile(r"\n\s*\n")
SENTENCE = re.compile(r"(?<=[.!?。！？])\s+")


class Passage(NamedTuple):
    """A piece of a document. source: the document's name. nth: its place in the document, 0-based."""

    text: str
    source: str
    nth: int = 0

    @property
    def ref(self) -> str:
        return f"{self.source}#{self.nth}"


def passages(text: str, source: str, *, words: int = 250, overlap: int = 40) -> Iterator[Passage]:
    """The pieces of a document, of at most `words` words, each beginning with the last `overlap` of the one before.

    A sentence longer than `words` is cut between words. Pieces of white space alone are left out.
    Raises UsageError where the overlap leaves no room.
    """
    if not 0 <= overlap < words:
        raise UsageError(f"passages of {words} words cannot share {overlap}", "overlap less than words")
    held: list[str] = []
    fresh = nth = 0
    for sentence in _sentences(text, words - overlap):
        own = sentence.split()
        if held and len(held) + len(own) > words:
            yield Passage(" ".join(held), source, nth)
            held, fresh, nth = held[len(held) - overlap :] if overlap else [], 0, nth + 1
        held += own
        fresh += len(own)
    if fresh:
        yield Passage(" ".join(held), source, nth)


def _sentences(text: str, words: int) -> Iterator[str]:
    for paragraph in PARAGRAPH.split(text):
        for sentence in SENTENCE.split(paragraph.strip()):
            own = sentence.split()
            for first in range(0, len(own), words):
                yield " ".join(own[first : first + words])
