"""Weighted grammars as they are written: patterns with slots, and lexicons that become nodes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import gcd
from typing import Any, NamedTuple

from toolkit.core.errors import UsageError, unknown
from toolkit.providers.letters import CASES
from toolkit.providers.nodes import Choice, Digits, Node, Range, Sequence_

SLOT = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
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
