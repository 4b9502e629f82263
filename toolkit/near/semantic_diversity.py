"""How much texts differ from each other as a set: different n-grams, shared openings, shared templates.

Measured on at most 20,000 different texts, the first in the order of a hash. Distinct-n is the share of
different runs of n words (Li et al. 2016) in the first 50,000 words of that sample, because it falls with
length. Compression is the size of up to 500 kB of the sample over its size under zlib (after Shaib et al. 2024).
A template is what is left of a text when its numbers and the words that fewer than one text in a hundred
has become gaps; it counts from four words on, and from ten texts.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from toolkit.core.text import mask_numbers, normal_text

SAMPLE = 20_000
FEWEST = 200
WORDS = 50_000
OPENING = 3
CUT = 400
RARE = 0.01
KEPT = 4
SHARED = 10
TOP = 10
BYTES = 500_000
GAP = "_"

_WORD = re.compile(r"\w+(?:['’]\w+)*")


class Diversity(NamedTuple):
    """Shares of `texts`. distinct: of runs of one, two and three words. templates: the ten largest, by share."""

    texts: int
    distinct: tuple[float, float, float]
    compression: float
    opening: tuple[str, float]
    templates: tuple[tuple[str, float], ...]

    @property
    def templated(self) -> float:
        """The share of texts that follow one of the ten most frequent templates."""
        return sum(share for _, share in self.templates)


def diversity(texts: Sequence[str]) -> Diversity:
    """Of different texts, in an order that means nothing; texts are cut at 400 characters for their template."""
    words = [_WORD.findall(mask_numbers(normal_text(text))) for text in texts]
    n = max(1, len(texts))
    (opening, count), *_ = Counter(" ".join(each[:OPENING]) for each in words if each).most_common(1) or [("", 0)]
    whole = "\n".join(texts)[:BYTES].encode()
    packed = len(whole) / len(zlib.compress(whole, 6)) if whole else 1.0
    shared = Counter(_templates([text[:CUT] for text in texts]))
    top = tuple((name, many / n) for name, many in shared.most_common(TOP) if name and many >= SHARED)
    return Diversity(len(texts), _distinct(words), packed, (opening, count / n), top)


def _distinct(words: Sequence[Sequence[str]]) -> tuple[float, float, float]:
    seen: tuple[set[tuple[str, ...]], ...] = (set(), set(), set())
    total, used = [0, 0, 0], 0
    for each in words:
        for size in (1, 2, 3):
            runs = [tuple(each[at : at + size]) for at in range(len(each) - size + 1)]
            seen[size - 1].update(runs)
            total[size - 1] += len(runs)
        used += len(each)
        if used >= WORDS:
            break
    one, two, three = (len(found) / max(1, many) for found, many in zip(seen, total, strict=True))
    return one, two, three


def _templates(texts: Sequence[str]) -> list[str]:
    """The template of each text, empty where too little is left."""
    words = [_WORD.findall(mask_numbers(normal_text(text))) for text in texts]
    having = Counter(word for each in words for word in set(each))
    rare = max(SHARED, RARE * len(texts))
    return [_template([GAP if word == "0" or having[word] < rare else word for word in each]) for each in words]


def _template(words: Sequence[str]) -> str:
    """Runs of gaps are one gap. A text without a gap is no template but itself."""
    kept = [word for at, word in enumerate(words) if word != GAP or at == 0 or words[at - 1] != GAP]
    if GAP not in kept or len(kept) - kept.count(GAP) < KEPT:
        return ""
    return " ".join(kept)
