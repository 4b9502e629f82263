"""What the words of two texts say of whether one was made of the other, beside their letters.

`what is the weather in` stands in half of such requests: two that share it may well be strangers. How surprising
shared words are, one after the other, is read from the reference itself by a model of word pairs (bits, after
Shannon 1948; the pair itself does not count). Against it stand the words that only one of two has; for it, a word
of these that no row spells so and that the other has in another spelling.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from toolkit.near.normal import Normal
from toolkit.near.wording import WORD

FEWEST, MOST = 3, 64
"""Words of texts that are looked at: of fewer the letters say all there is, and of more they are enough."""
LONG, READ = 640, 6_000_000
"""Bytes of a text that is looked at, and of the texts that the model is read from."""
UNLIKELY = -2.5
"""Log odds under which the words of a pair are not looked at."""
LETTERS, BITS, ADDED, LOST, PART, MISSPELT, NONE = 1.2, 2.0, -3.1, -0.25, -0.7, 3.3, -6.4
"""What each part of the evidence weighs: a logistic regression on leaks planted into three public sets of requests and
one of maths problems. On a set left out of it, the average precision rose by .01 to .04."""
ALIKE = 0.6
SMOOTH, BACK = 0.1, 2.0
EDGE = "\n"


def log_odds(own: Normal, reference: Normal, row: np.ndarray, odds: np.ndarray) -> np.ndarray:
    """Log odds that each of `own` was made of the row of the reference named, -1 for none: those of its letters, shape
    (n,), with those of its words.

    Cost: 0.1 ms a short pair that is not unlikely by its letters, and a second for the model of a large reference.
    """
    near = np.flatnonzero((row >= 0) & (odds >= UNLIKELY) & (own.stop - own.start <= LONG))
    near = near[(reference.stop - reference.start)[row[near]] <= LONG]
    found = odds.copy()
    language = _language(reference) if len(near) else Language()
    for at in near.tolist():
        said = language.agreement(_text(own, at), _text(reference, int(row[at])))
        if said is not None:
            found[at] = LETTERS * odds[at] + _weighed(said)
    return found


def _weighed(said: Agreement) -> float:
    changed = PART if said.part else ADDED * math.log1p(said.added)
    words = BITS * math.log1p(said.bits) + changed + LOST * math.log1p(said.lost)
    return words + MISSPELT * said.misspelt + NONE


def _language(reference: Normal) -> Language:
    short = np.flatnonzero(reference.stop - reference.start <= LONG)
    size = int((reference.stop - reference.start)[short].sum())
    chosen = short[:: max(1, -(-size // READ))]
    return Language.of(_text(reference, at) for at in chosen.tolist())


def _text(rows: Normal, row: int) -> str:
    return rows.data[rows.start[row] : rows.stop[row]].tobytes().decode("utf-8", "replace")


class Agreement(NamedTuple):
    """bits: surprise of the words in common. added, lost: words that only the first has, only the second. part: whether
    one stands in the other. misspelt: whether a word that only one has is one of the other's in no known spelling."""

    bits: float
    added: int
    lost: int
    part: bool
    misspelt: bool


@dataclass(frozen=True)
class Language:
    """How often words, and pairs of words, stand in a set of texts that are all different."""

    words: Counter[str] = field(default_factory=Counter)
    pairs: Counter[tuple[str, str]] = field(default_factory=Counter)

    @classmethod
    def of(cls, texts: Iterable[str]) -> Language:
        found = cls()
        for text in texts:
            words = WORD.findall(text)
            found.words.update([*words, EDGE])
            found.pairs.update(pairwise((EDGE, *words, EDGE)))
        return found

    def agreement(self, one: str, other: str) -> Agreement | None:
        """Of a text and one of those that were counted; None where either is too short or too long to say."""
        first, second = WORD.findall(one), WORD.findall(other)
        if not all(FEWEST <= len(each) <= MOST for each in (first, second)):
            return None
        own = Counter(second)
        blocks = SequenceMatcher(None, first, second, autojunk=False).get_matching_blocks()
        shared = {at for block in blocks for at in range(block.a, block.a + block.size)}
        theirs = {at for block in blocks for at in range(block.b, block.b + block.size)}
        added = [word for at, word in enumerate(first) if at not in shared]
        lost = [word for at, word in enumerate(second) if at not in theirs]
        bits = self._bits([EDGE, *first], shared, own, {*pairwise((EDGE, *second, EDGE))})
        part = min(len(first), len(second)) == max(block.size for block in blocks)
        return Agreement(bits, len(added), len(lost), part, self._misspelt(added, lost, own))

    @cached_property
    def _total(self) -> int:
        return self.words.total()

    def _bits(
        self, words: Sequence[str], shared: Iterable[int], own: Counter[str], pairs: set[tuple[str, str]]
    ) -> float:
        total, kinds = self._total, len(self.words)
        found = 0.0
        for at in sorted(shared):
            before, word = words[at], words[at + 1]
            alone = (max(self.words[word] - (word in own), 0) + SMOOTH) / (total + SMOOTH * kinds)
            before_n = max(self.words[before] - (before in own or before == EDGE), 0)
            both = max(self.pairs[before, word] - ((before, word) in pairs), 0)
            found -= math.log2((both + BACK * alone) / (before_n + BACK))
        return found

    def _misspelt(self, added: Sequence[str], lost: Sequence[str], own: Counter[str]) -> bool:
        return any(
            self.words[word] - (word in own) <= 0
            and any(SequenceMatcher(None, word, each).ratio() >= ALIKE for each in rest)
            for words, rest in ((added, lost), (lost, added))
            for word in words
        )
