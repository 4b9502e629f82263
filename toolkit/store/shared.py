"""What the rows of one data set have in common: instructions that many repeat, answers that are classes, their form.

A chat row of a classifier is often a long instruction, a short text and a class for an answer. Taken as
they stand, two such rows are nearly the same, whatever they ask, and none has a label. So are two with the keys of
one JSON object, or the sentences of one prepared letter, around the word that differs.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from os.path import commonprefix
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

FEWEST, SHARE = 50, 0.05
"""Different texts that an instruction must stand in, and their share of all."""
SHORTEST, SHORT = 48, 6
"""Characters of an instruction, and of one that nearly all have and that has a colon or a line break: the first
words of many questions are the same without one."""
WAYS = 5.0
"""How many ways, in effect, texts must go on after it: copies with a typing error here and there go on in one."""
NEARLY_ALL = 0.9
LABEL_CHARS, LABEL_WORDS, LABELS = 80, 8, 1000
LABEL_ROWS, LABEL_TIMES, LABEL_SHARE = 50, 3, 0.95
FORM, FORMS, PIECE = 0.25, 500, 400
"""Share of the answers' characters that what many of them share must be to be their form; how many such pieces,
and characters of one, there may be."""
_PIECES = re.compile(r"[\n{}\[\]<>,:;]+|(?<=[.!?])\s+|(?<=[。！？])")
FEW = 11
"""Numbers that may be marks, as from 0 to 10; more of them are results."""


class Instruction(NamedTuple):
    """A text that many user turns begin or end with. mark: what stands for it where rows are compared.

    The mark is empty where nearly all rows have the instruction, else eight hex digits: rows that ask
    something else of the same text stay different.
    """

    text: str
    mark: str


@dataclass(frozen=True, slots=True)
class Shared:
    """starts, ends: instructions, the longest first. answers_are_labels: the answers are few and come often.

    form: lines, sentences, keys and values that many answers have, where these are much of the answers.
    """

    starts: tuple[Instruction, ...] = ()
    ends: tuple[Instruction, ...] = ()
    answers_are_labels: bool = False
    form: frozenset[str] = frozenset()

    @classmethod
    def of(cls, told: dict[str, Any]) -> Shared:
        """From a manifest's JSON."""
        starts, ends = ([Instruction(*each) for each in told.get(name, [])] for name in ("starts", "ends"))
        labels = bool(told.get("answers_are_labels", False))
        return cls(tuple(starts), tuple(ends), labels, frozenset(told.get("form", [])))

    def told(self) -> dict[str, Any]:
        """As JSON, for a manifest."""
        return asdict(self) | {"form": sorted(self.form)}

    def joined(self, other: Shared) -> Shared:
        """With the instructions of both, for a data set that is compared with another; its labels are its own."""
        starts, ends = _both(self.starts, other.starts), _both(self.ends, other.ends)
        return Shared(starts, ends, self.answers_are_labels, self.form | other.form)

    def notes(self) -> list[str]:
        """What a reader of the data set should know, in words."""
        found = []
        if both := (*self.starts, *self.ends):
            lengths = sorted({f"{len(each.text):,}" for each in both}, key=lambda text: int(text.replace(",", "")))
            what = f"an instruction of {lengths[0]}" if len(both) == 1 else f"{len(both)} instructions of {lengths[0]}"
            upto = f" to {lengths[-1]}" if len(lengths) > 1 else ""
            left = "is" if len(both) == 1 else "are"
            found.append(f"{what}{upto} characters, which many prompts share, {left} left out where rows are compared")
        if self.form and not self.answers_are_labels:
            found.append("what many answers share, such as keys and set phrases, is left out where rows are compared")
        if self.answers_are_labels:
            found.append("the answers are few and come again and again: they are taken for labels (--no-labels)")
        return found

    def without(self, texts: pa.Array) -> pa.Array:
        """User turns with the mark in place of the instruction; one that is nothing else stays as it is."""
        if not self.starts and not self.ends:
            return texts
        return pa.array([text if text is None else self.bare(text) for text in texts.to_pylist()], texts.type)

    def bare(self, text: str) -> str:
        """One user turn, as `without` gives it."""
        start = next((each for each in self.starts if text.startswith(each.text)), Instruction("", ""))
        end = next((each for each in self.ends if text.endswith(each.text)), Instruction("", ""))
        rest = text[len(start.text) : len(text) - len(end.text)]
        return start.mark + rest + end.mark if rest.strip() else text

    def own_words(self, answers: pa.Array) -> pa.Array:
        """Answers without their form, empty where they are nothing else."""
        if not self.form:
            return answers
        form = self.form
        texts = (None if text is None else pieces(text) for text in answers.to_pylist())
        bare = [None if own is None else " ".join(piece for piece in own if piece not in form) for own in texts]
        return pa.array(bare, answers.type)


NOTHING = Shared()


def _both(own: tuple[Instruction, ...], other: tuple[Instruction, ...]) -> tuple[Instruction, ...]:
    found = {each.text: each for each in (*own, *other)}
    return tuple(sorted(found.values(), key=lambda each: (-len(each.text), each.text)))


def unmarked(files: Iterable[Sequence[str]], fewest: int) -> Shared:
    """What the texts of any of some files begin or end with, nothing in its place; `fewest` as of `instructions`."""
    found = Shared()
    for texts in files:
        sides = (instructions(sorted({*some}), fewest) for some in (texts, [text[::-1] for text in texts]))
        starts, turned = (tuple(Instruction(each, "") for each in side) for side in sides)
        found = found.joined(Shared(starts, tuple(Instruction(each.text[::-1], "") for each in turned)))
    return found


def shared(heads: Iterable[str], tails: Iterable[str], answers: Sequence[str], last: Sequence[str] = ()) -> Shared:
    """What rows share. heads, tails: of their first user turns; answers: of rows that are a prompt and an answer.

    last: what the last turn answers, of rows that are all different.
    """
    begins, turned = sorted({*heads}), sorted({text[::-1] for text in tails})
    ends = [Instruction(each.text[::-1], each.mark) for each in _marked(turned, instructions(turned))]
    return Shared(_marked(begins, instructions(begins)), tuple(ends), are_labels(answers), form(last))


def pieces(answer: str) -> list[str]:
    """The lines, sentences, clauses, keys and values of an answer, without blanks around them."""
    return [stripped for piece in _PIECES.split(answer) if (stripped := piece.strip())]


def form(answers: Sequence[str]) -> frozenset[str]:
    """The pieces that many of `answers` have, at least 50 and 5 %, if they are a quarter of the answers' characters."""
    counts = Counter(piece for answer in answers for piece in {*pieces(answer)})
    least = max(FEWEST, SHARE * len(answers))
    many = [piece for piece, n in counts.most_common(FORMS) if n >= least and len(piece) <= PIECE]
    total = sum(len(piece) * n for piece, n in counts.items())
    return frozenset(many) if sum(len(piece) * counts[piece] for piece in many) >= FORM * max(total, 1) else frozenset()


def instructions(texts: Sequence[str], fewest: int = FEWEST) -> list[str]:
    """The starts that many of `texts`, different and sorted, have, the longest first. fewest: texts that are many.

    A start ends where its texts go on in many ways. Within one start another is looked for that is
    longer by as much as an instruction must be long.
    """
    least = max(fewest, int(SHARE * len(texts)))
    found, todo = set(), [(0, len(texts), 0)] if len(texts) >= least else []
    while todo:
        low, high, known = todo.pop()
        alike = commonprefix([texts[low], texts[high - 1]])  # noqa: RUF071 - letter by letter is what is meant
        cut = _cut(texts[low], len(alike))
        sizes = list(_next_words(texts, low, high, cut))
        counts = np.array([end - begin for begin, end in sizes], float)
        is_mark = high - low >= NEARLY_ALL * len(texts) and not known and not {":", "\n"}.isdisjoint(texts[low][:cut])
        enough = SHORT if is_mark else SHORTEST
        if cut - known >= enough and counts.sum() ** 2 / (counts**2).sum() >= WAYS:
            found.add(texts[low][:cut])
            known = cut
        if len(sizes) > 1:
            todo += [(begin, end, known) for begin, end in sizes if end - begin >= least]
    return sorted(found, key=lambda text: (-len(text), text))


def _cut(text: str, length: int) -> int:
    """The last break between words at or before `length`."""
    while 0 < length < len(text) and not (text[length - 1].isspace() or text[length - 1] in ":\"'([{<>}])"):
        length -= 1
    return length


def _next_words(texts: Sequence[str], low: int, high: int, cut: int) -> Iterator[tuple[int, int]]:
    """Stretches of sorted texts whose word after `cut` is the same."""
    at = low
    for _, some in groupby(range(low, high), key=lambda row: texts[row][cut : cut + 200].split(maxsplit=1)[:1]):
        n = sum(1 for _ in some)
        yield at, at + n
        at += n


def _marked(texts: Sequence[str], starts: Sequence[str]) -> tuple[Instruction, ...]:
    uses = Counter(next((each for each in starts if text.startswith(each)), "") for text in texts)
    return tuple(
        Instruction(each, "" if uses[each] >= NEARLY_ALL * len(texts) else f" {_digits(each)} ") for each in starts
    )


def _digits(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()


def are_labels(answers: Sequence[str]) -> bool:
    """Whether answers are the names of classes: short, few, each given again and again, and not mostly numbers."""
    counts = Counter(answers)
    if len(answers) < LABEL_ROWS or not 2 <= len(counts) <= min(LABELS, len(answers) // 5):
        return False
    names = {name: count for name, count in counts.items() if count >= LABEL_TIMES and _is_name(name)}
    numbers = sum(name.lstrip("-").replace(".", "", 1).isdigit() for name in names)
    return sum(names.values()) >= LABEL_SHARE * len(answers) and (numbers <= len(names) / 2 or len(names) <= FEW)


def _is_name(answer: str) -> bool:
    return len(answer) <= LABEL_CHARS and len(answer.split()) <= LABEL_WORDS and "\n" not in answer.strip()
