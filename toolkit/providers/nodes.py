"""What a grammar is once it is read: nodes that are counted exactly, drawn by weight or visited one by one.

Every node knows two sizes: `texts`, its derivations, and `masked`, those that differ once numbers are
masked. A grammar that writes one text in two ways counts it twice; equal entries of one slot do not.
A node is drawn from a source of numbers, `random`, that are at least 0 and less than 1.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import Any

from toolkit.core.text import mask_numbers
from toolkit.providers.letters import CASES, article
from toolkit.providers.seams import Edge, edge_of, either, in_turn

Source = Callable[[], float]
Program = tuple[Any, ...]

_NONE: frozenset[Any] = frozenset()
_DIGITS_AT_ONCE = 15  # a float between 0 and 1 has no more
_TABLE = 4096


class Words(list[str]):
    """Alternatives that are all plain texts: told by their type, so that drawing need not look at them."""


class Digits:
    """A pattern of digits: each `#` is any digit, all else stands as it is. One text once masked."""

    __slots__ = ("edge", "form", "longest", "masked", "texts", "tops")
    sure = maybe = _NONE

    def __init__(self, pattern: str) -> None:
        pieces = re.findall(f"#{{1,{_DIGITS_AT_ONCE}}}|[^#]+", pattern)
        self.form = "".join(f"%0{len(each)}d" if each[0] == "#" else each.replace("%", "%%") for each in pieces)
        self.tops = [10 ** len(each) for each in pieces if each[0] == "#"]
        self.texts = 10 ** pattern.count("#")
        self.masked = 1
        self.longest = len(pattern)
        self.edge = edge_of(pattern)

    def draw(self, random: Source) -> str:
        return self.form % tuple([int(random() * top) for top in self.tops])

    def visit(self, rank: int, random: Source) -> str:
        return self.draw(random)

    def all(self) -> Iterator[str]:
        for number in range(self.texts):
            digits = []
            for top in reversed(self.tops):
                number, digit = divmod(number, top)
                digits.append(digit)
            yield self.form % tuple(reversed(digits))


class Range:
    """A whole number from `low` to `high`, both included, of at least `pad` digits. One text once masked."""

    __slots__ = ("edge", "form", "longest", "low", "masked", "texts")
    sure = maybe = _NONE

    def __init__(self, low: int, high: int, pad: int = 0) -> None:
        self.low = low
        self.form = f"%0{pad}d" if pad else "%d"
        self.texts = high - low + 1
        self.masked = 1
        self.longest = max(len(str(low)), len(str(high)), pad)
        self.edge = edge_of("0")

    def draw(self, random: Source) -> str:
        return self.form % (self.low + int(random() * self.texts))

    def visit(self, rank: int, random: Source) -> str:
        return self.draw(random)

    def all(self) -> Iterator[str]:
        yield from (self.form % (self.low + each) for each in range(self.texts))


class Sequence_:  # noqa: N801 - `Sequence` is taken
    """Parts one after the other: sizes multiply."""

    __slots__ = ("case", "edge", "longest", "masked", "maybe", "parts", "program", "sure", "texts")

    def __init__(self, parts: Sequence[Any], case: str = "") -> None:
        self.parts = list(_flat(parts))
        self.case = CASES.get(case)
        self.program: Program = tuple(_drawn(part) for part in self.parts)
        self.texts = self.masked = 1
        for part in parts:
            if part.__class__ is not str:
                self.texts *= part.texts
                self.masked *= part.masked
        self.longest = sum(len(part) if part.__class__ is str else part.longest for part in self.parts)
        self.edge = _cased(in_turn(map(_edge, self.parts)), self.case)
        self.sure = _NONE.union(*map(_sure, self.parts))
        self.maybe = _NONE.union(*map(_maybe, self.parts))

    def draw(self, random: Source) -> str:
        text = write(self.program, random)
        return self.case(text) if self.case else text

    def visit(self, rank: int, random: Source) -> str:
        pieces = []
        for part in self.parts:
            if part.__class__ is str:
                pieces.append(part)
                continue
            rank, inner = divmod(rank, part.masked)
            pieces.append(part.visit(inner, random))
        text = "".join(pieces)
        return self.case(text) if self.case else text

    def all(self) -> Iterator[str]:
        texts = _all(self.parts)
        yield from map(self.case, texts) if self.case else texts


class Choice:
    """One of several parts, by weight: sizes add up. Parts that differ in numbers alone form one group.

    table: what drawing picks from, each part as often as it weighs; None where weights are broken numbers.
    """

    __slots__ = (
        *("edge", "groups", "items", "longest", "masked", "maybe"),
        *("starts", "sure", "table", "texts", "total", "weights"),
    )

    def __init__(self, items: Sequence[tuple[float, str, Any]]) -> None:
        """items: (weight, pattern, part); the pattern tells which parts are equal once masked."""
        grouped: dict[str, list[Any]] = {}
        for _, pattern, part in items:
            grouped.setdefault(mask_numbers(pattern), []).append(part)
        self.groups = list(grouped.values())
        self.items = [part for _, _, part in items]
        even = len({weight for weight, _, _ in items}) == 1
        self.weights = None if even else list(accumulate(weight for weight, _, _ in items))
        self.total = self.weights[-1] if self.weights else float(len(items))
        self.table = _table([weight for weight, _, _ in items], self.items)
        self.texts = sum(_size(part, "texts") for part in self.items)
        sizes = [_size(group[0], "masked") for group in self.groups]
        self.masked = sum(sizes)
        self.starts = [0, *accumulate(sizes)]
        self.longest = max(len(part) if part.__class__ is str else part.longest for part in self.items)
        self.edge = either(map(_edge, self.items))
        self.sure = _sure(self.items[0]).intersection(*map(_sure, self.items))
        self.maybe = _NONE.union(*map(_maybe, self.items))

    def pick(self, random: Source) -> int:
        """The index of an item, drawn by weight."""
        at = random() * self.total
        return int(at) if self.weights is None else bisect_right(self.weights, at, 0, len(self.items) - 1)

    def draw(self, random: Source) -> str:
        item = self.items[self.pick(random)]
        text: str = item if item.__class__ is str else item.draw(random)
        return text

    def visit(self, rank: int, random: Source) -> str:
        nth = bisect_right(self.starts, rank) - 1
        group = self.groups[nth]
        item = group[int(random() * len(group))]
        text: str = item if item.__class__ is str else item.visit(rank - self.starts[nth], random)
        return text

    def all(self) -> Iterator[str]:
        for item in self.items:
            yield from [item] if item.__class__ is str else item.all()


Node = Any
"""Digits, Range, Sequence_, Choice, and those of `memory`: all draw, visit, list and count themselves."""


def write(program: Program, random: Source) -> str:
    """A text of a program, whose parts are texts, `Words`, lists of alternatives, programs and nodes.

    Types are asked for one by one, the most frequent first: a call for each part costs a third of the time.
    """
    text = ""
    for part in program:
        if type(part) is str:
            text += part
            continue
        if type(part) is Words:
            text += part[int(random() * len(part))]
            continue
        if type(part) is list:
            part = part[int(random() * len(part))]
        if type(part) is str:
            text += part
        elif type(part) is tuple:
            text += write(part, random)
        else:
            text += part.draw(random)
    return text


def _drawn(part: Any) -> Any:
    """A part as a program has it."""
    if isinstance(part, Choice) and part.table is not None:
        return part.table
    return part.program if isinstance(part, Sequence_) and part.case is None else part


def _table(weights: Sequence[float], items: Sequence[Any]) -> list[Any] | None:
    """Each item as often as it weighs: an index into it is drawn as one by the sums of the weights would be."""
    drawn = [_drawn(item) for item in items]
    if len(set(weights)) > 1:
        if sum(weights) > max(_TABLE, 4 * len(items)) or any(weight % 1 for weight in weights):
            return None
        drawn = [each for each, weight in zip(drawn, weights, strict=True) for _ in range(int(weight))]
    return Words(drawn) if all(each.__class__ is str for each in drawn) else drawn


def _cased(edge: Edge, case: Callable[[str], str] | None) -> Edge:
    """Letters do not change the edge of a text, an article does."""
    if case is not article:
        return edge
    said = in_turn([edge_of("a "), edge])
    return either([Edge(), said]) if edge.empty else said


def _flat(parts: Sequence[Any]) -> Iterator[Any]:
    """Parts with plain sequences and choices of one laid open, and literals that meet joined: fewer calls a text."""
    literal = ""
    for part in parts:
        if isinstance(part, Choice) and len(part.items) == 1:
            part = part.items[0]
        inner = part.parts if isinstance(part, Sequence_) and part.case is None else [part]
        for each in inner:
            if isinstance(each, str):
                literal += each
                continue
            if literal:
                yield literal
            literal = ""
            yield each
    if literal:
        yield literal


def _all(parts: Sequence[Any]) -> Iterator[str]:
    """Every text of parts in turn; what a part says is known to those after it."""
    if not parts:
        yield ""
        return
    for start in [parts[0]] if parts[0].__class__ is str else parts[0].all():
        for end in _all(parts[1:]):
            yield start + end


def _sure(part: Any) -> frozenset[Any]:
    """The lexicons drawn once that every text of a part names."""
    sure: frozenset[Any] = _NONE if part.__class__ is str else part.sure
    return sure


def _maybe(part: Any) -> frozenset[Any]:
    """The lexicons drawn once that a text of a part can name."""
    maybe: frozenset[Any] = _NONE if part.__class__ is str else part.maybe
    return maybe


def _edge(part: Any) -> Edge:
    edge: Edge = edge_of(part) if part.__class__ is str else part.edge
    return edge


def _size(part: Any, which: str) -> int:
    return 1 if part.__class__ is str else int(getattr(part, which))
