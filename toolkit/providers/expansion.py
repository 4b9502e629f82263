"""Weighted grammars: patterns with slots, counted exactly, drawn by weight or visited one by one.

Every node knows two sizes: `texts`, its derivations, and `masked`, those that differ once numbers are
masked. A grammar that writes one text in two ways counts it twice; equal entries of one slot do not.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate
from math import gcd
from random import Random
from typing import Any, NamedTuple

from toolkit.core.errors import UsageError, unknown
from toolkit.core.text import mask_numbers

SLOT = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
CASES: Mapping[str, Callable[[str], str]] = {
    "lower": str.lower,
    "upper": str.upper,
    "cap": lambda text: text[:1].upper() + text[1:],
}
GOLDEN = 0.6180339887498949


class Slot(NamedTuple):
    """A place in a pattern: `{name}`, or `{name:lower}` to change its letters."""

    name: str
    case: str = ""


class Entry(NamedTuple):
    """One alternative of a lexicon or one template of a label."""

    pattern: str
    weight: float = 1.0


Part = str | Slot


@lru_cache(maxsize=100_000)
def split_pattern(pattern: str, where: str) -> tuple[Part, ...]:
    """A pattern as literals and slots; `{{` and `}}` are plain braces. Raises UsageError for a lone brace."""
    parts: list[Part] = []
    at = 0
    for match in SLOT.finditer(pattern):
        parts.append(pattern[at : match.start()])
        at = match.end()
        if match.group() in ("{{", "}}"):
            parts.append(match.group()[0])
        elif match.group(1) is None:
            raise UsageError(
                f"{where}: a lone '{match.group()}' in {pattern[:60]!r}", "write {{ or }} for a plain brace"
            )
        else:
            parts.append(_slot(match.group(1), where))
    parts.append(pattern[at:])
    return tuple(part for part in parts if part != "")


def _slot(inside: str, where: str) -> Slot:
    name, _, case = inside.partition(":")
    if case and case not in CASES:
        raise unknown(f"letter case in {where},", case, CASES)
    return Slot(name.strip(), case)


class Digits:
    """A pattern of digits: each `#` is any digit, all else stands as it is. One text once masked."""

    __slots__ = ("masked", "pieces", "texts")

    def __init__(self, pattern: str) -> None:
        self.pieces = [
            (len(each), each[0] == "#") if each[0] == "#" else each for each in re.findall("#+|[^#]+", pattern)
        ]
        self.texts = 10 ** pattern.count("#")
        self.masked = 1

    def draw(self, rng: Random) -> str:
        return "".join(
            each if isinstance(each, str) else f"{int(rng.random() * 10 ** each[0]):0{each[0]}d}"
            for each in self.pieces
        )

    def visit(self, rank: int, rng: Random) -> str:
        return self.draw(rng)

    def all(self) -> Iterator[str]:
        width = sum(each[0] for each in self.pieces if not isinstance(each, str))
        for number in range(self.texts):
            digits, at, text = f"{number:0{width}d}", 0, ""
            for each in self.pieces:
                text += each if isinstance(each, str) else digits[at : at + each[0]]
                at += 0 if isinstance(each, str) else each[0]
            yield text


class Range:
    """A whole number from `low` to `high`, both included. One text once masked."""

    __slots__ = ("low", "masked", "texts")

    def __init__(self, low: int, high: int) -> None:
        self.low = low
        self.texts = high - low + 1
        self.masked = 1

    def draw(self, rng: Random) -> str:
        return str(self.low + int(rng.random() * self.texts))

    def visit(self, rank: int, rng: Random) -> str:
        return self.draw(rng)

    def all(self) -> Iterator[str]:
        yield from (str(self.low + each) for each in range(self.texts))


class Sequence_:  # noqa: N801 - `Sequence` is taken
    """Parts one after the other: sizes multiply."""

    __slots__ = ("case", "masked", "parts", "texts")

    def __init__(self, parts: Sequence[Any], case: str = "") -> None:
        self.parts = list(_flat(parts))
        self.case = CASES.get(case)
        self.texts = self.masked = 1
        for part in parts:
            if part.__class__ is not str:
                self.texts *= part.texts
                self.masked *= part.masked

    def draw(self, rng: Random) -> str:
        pieces: list[str] = []
        _draw_into(self.parts, pieces, rng)
        text = "".join(pieces)
        return self.case(text) if self.case else text

    def visit(self, rank: int, rng: Random) -> str:
        pieces = []
        for part in self.parts:
            if part.__class__ is str:
                pieces.append(part)
                continue
            rank, inner = divmod(rank, part.masked)
            pieces.append(part.visit(inner, rng))
        text = "".join(pieces)
        return self.case(text) if self.case else text

    def all(self) -> Iterator[str]:
        texts = [""]
        for part in self.parts:
            ends = [part] if part.__class__ is str else list(part.all())
            texts = [text + end for text in texts for end in ends]
        yield from (self.case(text) if self.case else text for text in texts)


class Choice:
    """One of several parts, by weight: sizes add up. Parts that differ in numbers alone form one group."""

    __slots__ = ("groups", "items", "masked", "starts", "texts", "total", "weights")

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
        self.texts = sum(_size(part, "texts") for part in self.items)
        sizes = [_size(group[0], "masked") for group in self.groups]
        self.masked = sum(sizes)
        self.starts = [0, *accumulate(sizes)]

    def pick(self, rng: Random) -> int:
        """The index of an item, drawn by weight."""
        at = rng.random() * self.total
        return int(at) if self.weights is None else bisect_right(self.weights, at)

    def draw(self, rng: Random) -> str:
        at = rng.random() * self.total
        item = self.items[int(at) if self.weights is None else bisect_right(self.weights, at)]
        text: str = item if item.__class__ is str else item.draw(rng)
        return text

    def visit(self, rank: int, rng: Random) -> str:
        nth = bisect_right(self.starts, rank) - 1
        group = self.groups[nth]
        item = group[int(rng.random() * len(group))]
        text: str = item if item.__class__ is str else item.visit(rank - self.starts[nth], rng)
        return text

    def all(self) -> Iterator[str]:
        for item in self.items:
            yield from [item] if item.__class__ is str else item.all()


Node = Digits | Range | Sequence_ | Choice


def _draw_into(parts: Sequence[Any], pieces: list[str], rng: Random) -> None:
    """Add the pieces of a text to a list; a choice is drawn here, since a call for each costs a fifth of the time."""
    for part in parts:
        if part.__class__ is Choice:
            at = rng.random() * part.total
            part = part.items[int(at) if part.weights is None else bisect_right(part.weights, at)]
        if part.__class__ is str:
            pieces.append(part)
        elif part.__class__ is Sequence_ and part.case is None:
            _draw_into(part.parts, pieces, rng)
        else:
            pieces.append(part.draw(rng))


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


def _size(part: Any, which: str) -> int:
    return 1 if part.__class__ is str else int(getattr(part, which))


class Definition(NamedTuple):
    """What a lexicon says: its entries, a digit pattern or a range, or entries `by` an attribute."""

    entries: tuple[Entry, ...] = ()
    digits: str = ""
    span: tuple[int, int] | None = None
    by: str = ""
    values: Mapping[str, tuple[Entry, ...]] | None = None


class Lexicons:
    """The lexicons of a grammar as nodes, built once for each combination of the attribute values they read."""

    def __init__(self, definitions: Mapping[str, Definition]) -> None:
        self.definitions = definitions
        self._nodes: dict[tuple[str, ...], Node] = {}
        self._reads: dict[str, frozenset[str]] = {}

    def reads(self, name: str, path: tuple[str, ...] = ()) -> frozenset[str]:
        """The attributes that the texts of a lexicon depend on. path: the slots that lead to it."""
        if name in self._reads:
            return self._reads[name]
        definition = self.definitions.get(name)
        if definition is None:
            raise unknown(f"slot in {' > '.join(path) or 'the grammar'}:", name, self.definitions)
        if name in path:
            circle = " > ".join((*path, name))
            raise UsageError(f"the lexicon '{name}' leads back to itself: {circle}", "break the circle")
        own = frozenset({definition.by} if definition.by else ())
        self._reads[name] = own.union(*(self.pattern_reads(each, (*path, name)) for each in patterns(definition)))
        return self._reads[name]

    def pattern_reads(self, pattern: str, path: tuple[str, ...], bound: frozenset[str] = frozenset()) -> frozenset[str]:
        """The attributes that a pattern's slots depend on; `bound` slots are filled from elsewhere."""
        slots = [part.name for part in split_pattern(pattern, path[-1]) if isinstance(part, Slot)]
        return frozenset().union(*(self.reads(name, path) for name in slots if name not in bound))

    def node(self, name: str, values: Mapping[str, str]) -> Node:
        """The node of a lexicon in a cell with these attribute values, `label` among them."""
        key = (name, *(values.get(each, "") for each in sorted(self.reads(name))))
        if key not in self._nodes:
            self._nodes[key] = self.build(self.definitions[name], name, values, {})
        return self._nodes[key]

    def build(self, found: Definition, name: str, values: Mapping[str, str], bound: Mapping[str, Node]) -> Node:
        """A definition as a node. bound: nodes for slots that are no lexicons."""
        if found.digits:
            return Digits(found.digits)
        if found.span:
            return Range(*found.span)
        chosen = _chosen(found, name, values)
        return Choice(
            [(each.weight, each.pattern, self.sequence(each.pattern, name, values, bound)) for each in chosen]
        )

    def sequence(
        self, pattern: str, where: str, values: Mapping[str, str], bound: Mapping[str, Node]
    ) -> str | Sequence_:
        """A pattern as nodes; one without slots stays a plain text."""
        parts: list[Any] = []
        for part in split_pattern(pattern, where):
            if isinstance(part, str):
                parts.append(part)
                continue
            node = bound[part.name] if part.name in bound else self.node(part.name, values)
            parts.append(Sequence_([node], part.case) if part.case else node)
        if all(part.__class__ is str for part in parts):
            return "".join(parts)
        return Sequence_(parts)


def patterns(found: Definition) -> list[str]:
    """Every pattern of a definition, whatever the attribute that it goes by."""
    every = [*found.entries, *(entry for each in (found.values or {}).values() for entry in each)]
    return [entry.pattern for entry in every]


def _chosen(found: Definition, name: str, values: Mapping[str, str]) -> list[Entry]:
    """The entries of a definition in a cell. Raises UsageError where there is none."""
    if found.by and found.by not in values:
        raise unknown(f"attribute of the lexicon '{name}':", found.by, values)
    entries = (found.values or {}).get(values[found.by], ()) if found.by else found.entries
    if not entries:
        what = f"the lexicon '{name}' has no entry" + (f" for {found.by}={values[found.by]}" if found.by else "")
        raise UsageError(what, "give it at least one text (an empty one is '')")
    return merged(entries)


def merged(entries: Sequence[Entry]) -> list[Entry]:
    """Entries without repeats; a repeated one weighs as much as all its copies."""
    weights: dict[str, float] = {}
    for entry in entries:
        weights[entry.pattern] = weights.get(entry.pattern, 0.0) + entry.weight
    return [Entry(pattern, weight) for pattern, weight in weights.items()]


def stride(size: int) -> int:
    """A step that visits every number below `size` once, near the golden ratio so that early visits spread."""
    step = max(1, int(size * GOLDEN))
    while gcd(step, size) != 1:
        step += 1
    return step
