"""Whether two texts of nearly the same letters say the same: which words differ, and how much they weigh.

A Jaccard of .7 ties `add two numbers` to `multiply two numbers`. Words that only one of two texts has are
weighed by how seldom they are in this data set; typing errors, endings and fillers weigh nothing. Where what is
left is an eighth of either text, they say something else, and so they do with another number, a negation or
an opposite. After the weights of Spärck Jones 1972. What this misses: a synonym is another word.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from toolkit.near.folded import skeleton
from toolkit.near.semantic_kinds import difference

UNSEEN = 100
"""Texts that are taken to have none of the words: in a set of three, a word of all three still tells something."""
TOLERATED = 0.125
"""Share of a text's weight that may differ: a word in a long text, none that tells anything in a short one."""
SPECIFIC = 2.5
"""Weight of an answer that is given to one question: two or three seldom words."""
RARE = 2
CUT = 12
"""Words from which a text that stands in a longer one was cut from it; fewer may be a request of their own."""
SPELT = 80
SHORT = 64
"""Words of texts in which a number, a negation or an opposite is what they are about."""
SAMPLE, LONGEST = 4_000, 4_096
KEPT = 16_384
"""Rows whose words are kept at a time."""
WORD = re.compile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\u0e00-\u0e7f]|[^\\W_]+")
_FILLERS = frozenset(
    re.findall(
        "[a-z]+",
        """
a an the this that these those some any of in at for with by as and or but so if then than
i me my mine we us our you your yours he him his she her it its they them their
is are am was were be been being do does did have has had will would shall should can could may might must let lets
s t m re ve ll d please thanks thank advance appreciate appreciated question sorry hi hey hello ok okay well
just really also now very actually kindly quite there here whom whose want wanna need like help
""",
    )
)


class Words(NamedTuple):
    """times: how often each word stands in a text; text: its skeleton (see `near.folded`)."""

    text: str
    times: Counter[str]


class Said(NamedTuple):
    """A row as words: what it asks, or all of it, and the answer; `answer` has no words where nobody answers."""

    prompt: Words
    answer: Words


@dataclass(frozen=True)
class Weights:
    """How much each word tells, 0 to 1, from the number of texts that have it."""

    seen: Mapping[str, int]
    texts: int

    @classmethod
    def of(cls, texts: Iterable[Words]) -> Weights:
        seen: Counter[str] = Counter()
        n = 0
        for text in texts:
            seen.update(text.times.keys())
            n += 1
        return cls(seen, n)

    def of_word(self, word: str) -> float:
        if word in _FILLERS:
            return 0.0
        texts = self.texts + UNSEEN
        return math.log(texts / (self.seen.get(word, 0) + 1)) / math.log(texts)

    def total(self, text: Words) -> float:
        return self._weight(text.times)

    def differs(self, one: Words, other: Words) -> bool:
        """Whether the words that only one of two has weigh more than may differ."""
        if one.text == other.text:
            return False
        mine, theirs = one.times - other.times, other.times - one.times
        self._pair(mine, theirs)
        lefts = ((+mine, one), (+theirs, other))
        if all(self._weight(left) <= TOLERATED * self.total(text) for left, text in lefts):
            return False
        return not self._misspelt(*lefts)

    def _weight(self, words: Counter[str]) -> float:
        return sum(self.of_word(word) * n for word, n in words.items())

    def _misspelt(self, one: tuple[Counter[str], Words], other: tuple[Counter[str], Words]) -> bool:
        """Whether what is left is the same letters, but for a fifth, in words of which few rows have any."""
        first, second = ("".join(_in_order(*side)) for side in (one, other))
        longest = max(len(first), len(second))
        if longest > SPELT or _digits(first) != _digits(second) or edits(first, second, longest) > longest // 5:
            return False
        return any(sum(self.seen.get(word, 0) <= RARE for word in left) * 2 > len(left) for left, _ in (one, other))

    def _pair(self, mine: Counter[str], theirs: Counter[str]) -> None:
        """Take away the words that are the other's but for an ending, a typing error or a blank."""
        for word in sorted(mine):
            twin = next((each for each in sorted(theirs) if theirs[each] > 0 and self._same(word, each)), None)
            if twin is not None:
                shared = min(mine[word], theirs[twin])
                mine[word] -= shared
                theirs[twin] -= shared
        for some, others in ((mine, theirs), (theirs, mine)):
            for word in sorted(+some):
                cuts = ((word[:at], word[at:]) for at in range(1, len(word)))
                # A half may be gone already, to another word that begins or ends with it.
                halves = next((cut for cut in cuts if cut[0] != cut[1] and min(map(others.get, cut, (0, 0))) > 0), None)
                if halves is not None:
                    some.subtract((word,))
                    others.subtract(halves)

    def _same(self, one: str, other: str) -> bool:
        if one[:1].isdigit() or other[:1].isdigit():
            return False
        short, long = sorted((one, other), key=len)
        common = next((at for at, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short))
        if common >= 3 and len(short) - common <= 1 and len(long) - common <= 3:
            return True
        if {one, other} & _FILLERS:
            return min(self.seen.get(one, 0), self.seen.get(other, 0)) <= 1 and edits(short, long) <= 1
        seen = min(self.seen.get(one, 0), self.seen.get(other, 0))
        return seen <= RARE and edits(short, long) <= (len(long) >= (4 if seen else 3)) + (len(long) >= 8)


def words(text: str) -> Words:
    """The words of a text, in lower case; a letter of a script without blanks is a word."""
    plain = skeleton(text[:LONGEST])
    return Words(plain, Counter(WORD.findall(plain)))


def saying_otherwise(
    rows: Sequence[tuple[str | None, str | None]], left: Iterable[int], right: Iterable[int], weights: Weights
) -> list[bool]:
    """`say_otherwise` of pairs of rows, each a prompt and an answer, by their places."""

    # Words take fourteen times the memory of their text; of a cluster, one side of most pairs is the same row.
    @lru_cache(KEPT)
    def said(at: int) -> Said:
        prompt, answer = rows[at]
        return Said(words(prompt or ""), words(answer or ""))

    return [say_otherwise(said(one), said(other), weights) for one, other in zip(left, right, strict=True)]


def say_otherwise(one: Said, other: Said, weights: Weights) -> bool:
    """Whether one of two rows of nearly the same letters is no copy of the other.

    The same answer, in words that few others have, makes a copy of a prompt that was cut off or told otherwise.
    """
    same = _compact(one.answer) == _compact(other.answer)
    if same and weights.total(one.answer) >= SPECIFIC:
        return False
    if weights.differs(one.answer, other.answer) or _opposed(one.answer, other.answer):
        return True
    short, long = sorted((one.prompt, other.prompt), key=lambda each: len(each.text))
    if short.text in long.text and short.times.total() >= CUT:
        return False
    return _opposed(short, long) or weights.differs(short, long)


def _compact(words: Words) -> str:
    return words.text.replace(" ", "")


def _opposed(one: Words, other: Words) -> bool:
    short = max(one.times.total(), other.times.total()) <= SHORT
    return short and one.text != other.text and difference(one.text, other.text) != "paraphrase"


def edits(one: str, other: str, most: int = 2) -> int:
    """Letters inserted, removed, replaced or swapped with their neighbour; over `most` not counted further."""
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for at, letter in enumerate(one):
        above, before, row = before, row, [at + 1]
        for to, its in enumerate(other):
            best = min(row[to] + 1, before[to + 1] + 1, before[to] + (letter != its))
            if at and to and letter == other[to - 1] and one[at - 1] == its:
                best = min(best, above[to - 1] + 1)
            row.append(best)
    return min(row[-1], most + 1)


def _in_order(left: Counter[str], text: Words) -> list[str]:
    return [word for word in WORD.findall(text.text) if word in left]


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))
