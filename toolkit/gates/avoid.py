"""The gate of leaks: a candidate holds no piece of a file that is to be avoided."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from toolkit.core.errors import UsageError
from toolkit.core.gating import Context, Guard, strings
from toolkit.core.quotes import WORD
from toolkit.core.request import Cell, GeneratedRow
from toolkit.core.text import normal_text
from toolkit.gates._instructions import bare

LEAST = 4


@dataclass(frozen=True, slots=True)
class Avoid:
    """No run of `words` words of a candidate stands in a file of `avoid`, and no whole text of one in a candidate.

    A held-out question that comes back in a longer row measures memory. All that the row holds is looked
    at, not only what `dedupe` compares. Texts of under four words are compared by `dedupe` alone. seeds:
    look for the seeds and their answers in the same way. An instruction that at least eight rows of a file begin
    or end with is no piece of any: rows for the same task have it too.

    Method: runs of 13 words as in Brown et al. (2020), and whole shorter texts, which those runs miss.
    Missed: leaks with changed words; `toolkit verify --against` looks for these.
    """

    id: ClassVar[str] = "avoid"
    rank: ClassVar[int] = 40
    costly: ClassVar[bool] = False

    words: int = 13
    seeds: bool = False

    def guard(self, context: Context) -> Guard:
        if self.words < LEAST:
            raise UsageError(f"avoid: {self.words} words make no evidence", f"at least {LEAST}, 13 is usual")
        found = _Known(self.words)
        answers = [each.answer for each in context.examples if each.answer]
        own = [*context.seeds.items(), ("an answer of your seeds", answers)] if self.seeds else ()
        known = [*context.avoid.items(), *own]
        without = bare(texts for _, texts in known)
        for where, texts in known:
            for text in texts:
                found.learn(_words(without(text)), where)
        return found


@dataclass(slots=True)
class _Known:
    """runs: hashes of runs of words with the file of each. short: lengths of whole shorter texts."""

    id: ClassVar[str] = "avoid"
    length: int
    runs: dict[tuple[str, ...], str] = field(default_factory=dict)
    short: set[int] = field(default_factory=set)

    def learn(self, words: Sequence[str], where: str) -> None:
        if LEAST <= len(words) < self.length:
            self.short.add(len(words))
            self.runs.setdefault(tuple(words), where)
        for run in _runs(words, self.length):
            self.runs.setdefault(run, where)

    def judge(self, row: GeneratedRow, cell: Cell) -> str:
        for text in strings(dict(row.fields)):
            words = _words(text)
            for length in (self.length, *sorted(self.short)):
                for run in _runs(words, length):
                    if run in self.runs:
                        return f"{length} words of it stand in {self.runs[run]}"
        return ""

    def keep(self, row: GeneratedRow) -> None:
        """Accepted rows are the business of `dedupe`."""


def _runs(words: Sequence[str], length: int) -> Iterator[tuple[str, ...]]:
    for first in range(len(words) - length + 1):
        yield tuple(words[first : first + length])


def _words(text: str) -> list[str]:
    return WORD.findall(normal_text(text))
