"""Items looked for in the rows of a view: batches of rows, one bar for all, matches with their places."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.core.text import normal_text
from toolkit.near.asked import own_prompts
from toolkit.near.contain import Evidence, Rarity, evidence
from toolkit.near.contain_bar import Bar, bar, best_of, logit, score
from toolkit.near.pairs import exact_groups
from toolkit.near.windows import LINE, Floats, Ints, Items, Room, Tokens, candidates, items_of, tokens
from toolkit.store.columns import null_where_blank
from toolkit.store.view import Encode, View

LONGEST = 1_000_000
BATCH_BYTES = 1 << 24
ASKED = 2
GATE = -6.0
JUDGED = 1_000


class Match(NamedTuple):
    """The best item of a row. start, stop: characters of the row's body. run_text: of the longest equal run.

    numbers: weighted share in common, None where neither has one. length: tokens of the item. cosine:
    None without an encoder. The rest as in `Evidence`.
    """

    row: int
    item: int
    score: float
    start: int
    stop: int
    words: float
    back: float
    grams: float
    run: float
    run_text: str
    length: int
    numbers: float | None
    changed: bool
    cosine: float | None


class Pairs(NamedTuple):
    """Pairs that passed the gate. row: ordinals; the places of the evidence count from the row's start."""

    row: Ints
    item: Ints
    evidence: Evidence
    cosine: Floats | None


@dataclass(frozen=True)
class Found:
    """What a search found. names: the place of each item among the texts given. bar: see `contain_bar`."""

    view: View
    pairs: Pairs
    names: Ints
    items: Tokens
    bar: Bar

    def matches(self, floor: float) -> Iterator[Match]:
        """The best match of each row that scores at least `floor`, by row."""
        pairs = self.pairs
        scores = score(logit(pairs.evidence, pairs.cosine), self.bar)
        order = np.lexsort((pairs.item, -scores, pairs.row))
        best = order[np.diff(pairs.row[order], prepend=-1) > 0]
        best = best[scores[best] >= floor]
        texts = _bodies(self.view, pairs.row[best])
        for at, text in zip(best.tolist(), texts, strict=True):
            yield self._match(at, float(scores[at]), text)

    def _match(self, at: int, sure: float, text: str) -> Match:
        pairs, seen, item = self.pairs, self.pairs.evidence, int(self.pairs.item[at])
        start, stop = _place(text, int(seen.begin[at]), int(seen.end[at]))
        bounds = slice(self.items.text.start[item], self.items.text.stop[item])
        wanted = self.items.text.data[bounds].tobytes().decode("utf-8", "replace")
        return Match(
            row=int(pairs.row[at]),
            item=int(self.names[item]),
            score=sure,
            start=start,
            stop=stop,
            words=float(seen.words[at]),
            back=float(seen.back[at]),
            grams=float(seen.grams[at]),
            run=float(seen.run[at]),
            run_text=_longest_run(normal_text(text[start:stop]), wanted.replace(chr(LINE), " ")),
            length=int(self.items.offset[item + 1] - self.items.offset[item]),
            numbers=float(seen.numbers[at]) if seen.numbers[at] >= 0 else None,
            changed=bool(seen.changed[at]),
            cosine=None if pairs.cosine is None else float(pairs.cosine[at]),
        )


def items_in(reference: View) -> tuple[list[str], list[str | None]]:
    """Names and texts of what a reference asks: prompts, or bodies where ten rows and 1 % share the prompt.

    The second of two equal items is None, and so is an empty one.
    """
    table = reference.table("body", "question", "ref")
    chosen = pc.coalesce(own_prompts(table.column("question")), null_where_blank(table.column("body")))
    again = exact_groups(chosen) != np.arange(len(chosen))
    texts = pc.if_else(pa.array(again), pa.scalar(None, pa.large_string()), chosen).to_pylist()
    return table.column("ref").to_pylist(), texts


class Search:
    """Looks for `texts` in rows; None and texts of fewer than `least` tokens are not looked for."""

    def __init__(self, texts: list[str | None], *, least: int, encode: Encode | None) -> None:
        every = tokens(pa.array(texts, pa.large_string()))
        self._names = np.flatnonzero(np.diff(every.offset) >= least)
        self._texts = pa.array([texts[at] for at in self._names.tolist()], pa.large_string())
        self._tokens = tokens(self._texts)
        self._encode = encode
        first, last = self._tokens.offset[:-1], self._tokens.offset[1:] - 1
        whole = _texts(self._tokens, self._tokens.start[first], self._tokens.stop[last])
        self._vectors = encode(whole) if encode is not None and whole else None

    @property
    def n_items(self) -> int:
        return len(self._names)

    def rows(self, view: View) -> Found:
        """Every row against every item, in two passes over the rows: one to count, one to compare."""
        rarity, room = Rarity(), Room()
        for _, texts in _batches(view):
            rarity.count(tokens(texts, room))
        rarity.count(self._tokens)
        items, weights = items_of(self._tokens, rarity.table, rarity.n), rarity.weights()
        parts = [
            self._compare(tokens(texts, room), ordinals, items, weights)
            for ordinals, texts in _batches(view)
            if self.n_items
        ]
        pairs = _joined(parts, self._vectors is not None)
        best = best_of(np.unique(pairs.row, return_inverse=True)[1], _logit(pairs), len(np.unique(pairs.row)))
        own = bar(self._null(items, weights), best, view.n_rows)
        return Found(view, pairs, self._names, self._tokens, own)

    def _null(self, items: Items, weights: tuple[Floats, Floats]) -> Floats:
        """The best logit of another item for each item, of 1,000 at most; nothing is ruled out by words alone."""
        chosen = np.unique(np.linspace(0, max(self.n_items - 1, 0), min(self.n_items, JUDGED)).astype(np.int64))
        found = self._compare(
            tokens(self._texts.take(pa.array(chosen))), chosen, items, weights, own=chosen, gate=-np.inf
        )
        return best_of(np.searchsorted(chosen, found.row), _logit(found), len(chosen))

    def _compare(
        self,
        rows: Tokens,
        ordinals: Ints,
        items: Items,
        weights: tuple[Floats, Floats],
        *,
        own: Ints | None = None,
        gate: float = GATE,
    ) -> Pairs:
        pairs = candidates(rows, items, own)
        found = evidence(rows, items, pairs, weights)
        kept = _gate(pairs.row, logit(found, None), gate)
        found, row, item = found.taken(kept), pairs.row[kept], pairs.item[kept]
        cosine = None
        if self._encode is not None and self._vectors is not None:
            near = self._encode(_texts(rows, found.begin, found.end))
            cosine = np.einsum("ij,ij->i", near, self._vectors[item]).astype(np.float64)
        first = rows.text.start[row]
        return Pairs(ordinals[row], item, found._replace(begin=found.begin - first, end=found.end - first), cosine)


def _logit(pairs: Pairs) -> Floats:
    return logit(pairs.evidence, pairs.cosine)


def _gate(row: Ints, worth: Floats, least: float) -> Ints:
    """The two best pairs of each row, of those worth at least `least`."""
    order = np.lexsort((-worth, row))
    starts = np.flatnonzero(np.diff(row[order], prepend=-1))
    rank = np.arange(len(row)) - np.repeat(starts, np.diff(starts, append=len(row)))
    return np.sort(order[(rank < ASKED) & (worth[order] >= least)])


def _joined(parts: list[Pairs], with_cosine: bool) -> Pairs:
    if not parts:
        none, zero = np.empty(0, np.int64), np.empty(0)
        seen = Evidence(none, none, zero, zero, zero, zero, zero, zero, np.empty(0, np.bool_), zero)
        return Pairs(none, none, seen, zero if with_cosine else None)
    columns = zip(*(part.evidence for part in parts), strict=True)
    seen = Evidence(*(np.concatenate(each) for each in columns))
    cosines = [part.cosine for part in parts if part.cosine is not None]
    row, item = np.concatenate([part.row for part in parts]), np.concatenate([part.item for part in parts])
    return Pairs(row, item, seen, np.concatenate(cosines) if cosines else None)


def _batches(view: View) -> Iterator[tuple[Ints, pa.Array]]:
    """Ordinals and bodies, about 16 MB at a time; of a body its first million characters."""
    for batch in view.batches("body"):
        texts = batch.column("body")
        size = pc.fill_null(pc.binary_length(texts), 0).to_numpy(zero_copy_only=False)
        if len(size) and size.max() > LONGEST:
            texts = pc.utf8_slice_codeunits(texts, 0, LONGEST)
            size = pc.fill_null(pc.binary_length(texts), 0).to_numpy(zero_copy_only=False)
        size = np.cumsum(size)
        cuts = np.unique(np.searchsorted(size, np.arange(0, size[-1] if len(size) else 0, BATCH_BYTES)))
        for low, high in zip(cuts, [*cuts[1:], len(texts)], strict=True):
            yield batch.column("row").to_numpy()[low:high], texts[low:high]


def _bodies(view: View, rows: Ints) -> list[str]:
    """The bodies of some rows, in order."""
    wanted = pa.array(rows)
    found: list[str] = []
    for batch in view.batches("body") if len(rows) else ():
        chosen = batch.filter(pc.is_in(batch.column("row"), value_set=wanted))
        found += pc.utf8_slice_codeunits(chosen.column("body"), 0, LONGEST).to_pylist()
    return found


def _texts(rows: Tokens, start: Ints, stop: Ints) -> list[str]:
    """Stretches of normalised text, for the encoder."""
    found = (rows.text.data[low:high].tobytes() for low, high in zip(start.tolist(), stop.tolist(), strict=True))
    return [each.decode("utf-8", "replace").replace(chr(LINE), "\n") for each in found]


def _place(text: str, begin: int, end: int) -> tuple[int, int]:
    """Characters of a text that bytes of its normalised form come from."""
    at, start, stop, blank = 0, 0, len(text), True
    for place, char in enumerate(text):
        width, space = _width(char)
        width, blank = int(not blank) if space else width, space
        if at <= begin < at + width:
            start = place
        at += width
        if at >= end:
            stop = place + 1
            break
    return start, stop


@cache
def _width(char: str) -> tuple[int, bool]:
    """Bytes of a character's normalised form, and whether it is a blank, of which several are one; no line break is."""
    line = char == "\n"
    return 1 if line else len(normal_text(char).encode()), char.isspace() and not line


def _longest_run(one: str, other: str) -> str:
    """The longest run of words that both hold, of their first 400."""
    first, second = one.split()[:400], other.split()[:400]
    match = SequenceMatcher(None, first, second, autojunk=False).find_longest_match()
    return " ".join(first[match.a : match.a + match.size])
