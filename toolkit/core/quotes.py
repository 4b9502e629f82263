"""Whether quotes and citations of a text stand in the documents that it was given: pure, so that gates may ask too."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from toolkit.core.text import normal_text

LEAST_WORDS = 4
LONGEST = 100_000
# Short ones too: a mark that closes one would else be taken for one that opens the next.
QUOTED = re.compile(r'(?<![A-Za-z0-9])"([^"\n]{1,2000})"|“([^”]{10,2000})”|«([^»]{10,2000})»|„([^“”]{10,2000})[“”]')
BLOCK = re.compile(r"(?m)^[ \t]*>[ \t]?(.*)$")
CITED = re.compile(r"(?<![\w\])])\[(\d{1,3}(?:\s*[,;]\s*\d{1,3})*)\](?!\()")
NAMED = re.compile(r"[(\[]\s*[Ss]ource\s*:\s*([^)\]\n]{2,120})[)\]]")
LISTED = re.compile(
    r"(?mi)^[ \t]*(?:\[(\d{1,3})\](?!\()|(?:document|passage|source|context|doc)\s*#?\s*(\d{1,3})\s*[:.)\]-])"
)
CUT = re.compile(r"\s*(?:\[?(?:\.{3}|…)\]?|\[[^\]]{1,40}\])\s*")
CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", re.DOTALL)
WORD = re.compile(r"\w+")


class Unsupported(NamedTuple):
    """What lacks support. kind: quote or citation; support: the share of its word triples that stand there."""

    kind: str
    text: str
    support: float


class Documents:
    """The words of the documents given, ready to be asked for quotes; `listed` are the numbers citations may name."""

    def __init__(self, texts: Sequence[str], listed: Sequence[int] | None = None) -> None:
        words = [_words(text) for text in texts]
        self._joined = " " + " \n ".join(" ".join(each) for each in words) + " "
        self._triples = {triple for each in words for triple in zip(each, each[1:], each[2:], strict=False)}
        found = [int(one or two) for text in texts for one, two in LISTED.findall(text)]
        self.listed = frozenset(found if listed is None else [*listed, *found])

    def support(self, quote: str) -> float:
        """1 where the words of the quote stand together in a document, else the share of its word triples there.

        Case, punctuation and white space do not count; what `...` or brackets join is looked up apart.
        """
        pieces = [words for words in (_words(piece) for piece in CUT.split(quote)) if words]
        if not pieces:
            return 1.0
        return min(self._piece(words) for words in pieces)

    def _piece(self, words: Sequence[str]) -> float:
        if f" {' '.join(words)} " in self._joined:
            return 1.0
        triples = list(zip(words, words[1:], words[2:], strict=False))
        if not triples:
            return 0.0
        return sum(triple in self._triples for triple in triples) / len(triples)


def quotes(text: str) -> list[str]:
    """What a text puts in quotation marks or block quotes, of four words and more; code is left out."""
    plain = CODE.sub(" ", text[:LONGEST])
    found = [next(group for group in match.groups() if group) for match in QUOTED.finditer(plain)]
    blocks = re.split(r"\n(?!>)", "\n".join(match[0] for match in BLOCK.finditer(plain)))
    found += [BLOCK.sub(r"\1", block).strip().strip('"“”') for block in BLOCK.findall(plain) and blocks]
    return [each for each in found if len(_words(each)) >= LEAST_WORDS]


def standing(quote: str, document: str) -> str:
    """The words of a quote as the document writes them, where they stand there together; else empty."""
    wanted, found = _words(quote), list(WORD.finditer(document))
    own = [normal_text(each[0]) for each in found]
    for first in range(len(own) - len(wanted) + 1) if wanted else ():
        if own[first : first + len(wanted)] == wanted:
            last = found[first + len(wanted) - 1].end()
            ends = re.match(r"[.!?%]?", document[last:])
            return document[found[first].start() : last] + (ends[0] if ends and quote.rstrip()[-1:] == ends[0] else "")
    return ""


def missing(record: Any, text: str) -> str:
    """The path of the first value of a record, a text or a number, that does not stand in a text as whole words."""
    words = f" {' '.join(_words(text))} "
    return next((name for name, value in _leaves(record) if f" {' '.join(_words(value))} " not in words), "")


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _leaves(each, f"{name}.{key}" if name else str(key))
    elif isinstance(value, str) or (isinstance(value, int | float) and not isinstance(value, bool)):
        yield name, str(value)
    elif isinstance(value, Sequence):
        for each in value:
            yield from _leaves(each, name)


def unsupported(text: str, documents: Documents) -> Iterator[Unsupported]:
    """The quotes of a text that its documents do not hold, and citations of passages that are not among them."""
    for quote in quotes(text):
        share = documents.support(quote)
        if share < 1.0:
            yield Unsupported("quote", quote, share)
    plain = CODE.sub(" ", text[:LONGEST])
    if documents.listed:
        cited = {int(number) for match in CITED.finditer(plain) for number in re.findall(r"\d+", match[1])}
        for number in sorted(cited - documents.listed):
            yield Unsupported("citation", f"[{number}]", 0.0)
    for match in NAMED.finditer(plain):
        share = documents.support(match[1])
        if share < 1.0 and not match[1].strip().isdigit():
            yield Unsupported("citation", match[0], share)


def _words(text: str) -> list[str]:
    return WORD.findall(normal_text(text))
