"""Weighted grammars as they are written: patterns with slots, and lexicons that become nodes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import gcd
from typing import Any, NamedTuple

from toolkit.core.errors import UsageError, unknown
from toolkit.providers.letters import CASES
from toolkit.providers.memory import Once, Other
from toolkit.providers.nodes import Choice, Digits, Node, Range, Sequence_

SLOT = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
GOLDEN = 0.6180339887498949
OTHER = "other"
DEEPEST = 100
LONGEST = 100_000
_FLOATS = 10**300


class Slot(NamedTuple):
    """A place in a pattern: `{name}`, `{name:lower}` to change its letters, `{name:other}` for another text."""

    name: str
    case: str = ""
    other: bool = False


class Entry(NamedTuple):
    """One alternative of a lexicon or one template of a label. case: done to the whole of it."""

    pattern: str
    weight: float = 1.0
    case: str = ""


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
    name, *told = (each.strip() for each in inside.split(":"))
    cases = [each for each in told if each != OTHER]
    if not name or len(cases) > 1 or len(told) > len(cases) + 1:
        what = f"{where}: the slot {{{inside[:60]}}} is not `{{name}}`, `{{name:case}}` or `{{name:other:case}}`"
        raise UsageError(what, f"a case is one of: {', '.join(CASES)}; write {{{{ or }}}} for a plain brace")
    if cases and cases[0] not in CASES:
        raise unknown(f"letter case in {where},", cases[0], [*CASES, OTHER])
    return Slot(name, cases[0] if cases else "", OTHER in told)


class Definition(NamedTuple):
    """What a lexicon says: its entries, a digit pattern or a range, or entries `by` an attribute.

    pad: the digits that a number of the range has at least. words: what is counted, if it is one and if not.
    once: drawn once a text.
    """

    entries: tuple[Entry, ...] = ()
    digits: str = ""
    span: tuple[int, int] | None = None
    by: str = ""
    values: Mapping[str, tuple[Entry, ...]] | None = None
    pad: int = 0
    words: tuple[str, str] | None = None
    once: bool = False


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
        if len(path) > DEEPEST:
            what = f"slots lead more than {DEEPEST} deep: {' > '.join(path[:4])} > ... > {name}"
            raise UsageError(what, "write what the inner ones say into the outer ones")
        own = frozenset({definition.by} if definition.by else ())
        self._reads[name] = own.union(*(self.pattern_reads(each, (*path, name)) for each in patterns(definition)))
        return self._reads[name]

    def pattern_reads(self, pattern: str, path: tuple[str, ...], bound: frozenset[str] = frozenset()) -> frozenset[str]:
        """The attributes that a pattern's slots depend on; `bound` slots are filled from elsewhere."""
        if plain(pattern):
            return frozenset()
        slots = [part.name for part in split_pattern(pattern, path[-1]) if isinstance(part, Slot)]
        return frozenset().union(*(self.reads(name, path) for name in slots if name not in bound))

    def node(self, name: str, values: Mapping[str, str]) -> Node:
        """The node of a lexicon in a cell with these attribute values, `label` among them."""
        key = (name, *(values.get(each, "") for each in sorted(self.reads(name))))
        if key not in self._nodes:
            found = self.definitions[name]
            node = self.build(found, name, values, {})
            self._nodes[key] = Once(node, len(self._nodes)) if found.once else node
        return self._nodes[key]

    def build(self, found: Definition, name: str, values: Mapping[str, str], bound: Mapping[str, Node]) -> Node:
        """A definition as a node. bound: nodes for slots that are no lexicons."""
        if found.digits:
            return Digits(found.digits)
        if found.span:
            return _counted(found.span, found.pad, found.words)
        items = []
        for entry in _chosen(found, name, values):
            part = self.sequence(entry, name, values, bound)
            # Entries that say the same in other letters are two; those that differ in numbers alone are one.
            items.append((entry.weight, part if part.__class__ is str else f"{entry.case}|{entry.pattern}", part))
        return Choice(items)

    def sequence(self, entry: Entry, where: str, values: Mapping[str, str], bound: Mapping[str, Node]) -> Any:
        """An entry as nodes; one without slots stays a plain text."""
        parts: list[Any] = []
        said: dict[str, list[Any]] = {}
        slots = (entry.pattern,) if plain(entry.pattern) else split_pattern(entry.pattern, where)
        others = {part.name for part in slots if isinstance(part, Slot) and part.other}
        for part in slots:
            if isinstance(part, str):
                parts.append(part)
                continue
            node = bound[part.name] if part.name in bound else self.node(part.name, values)
            if part.name in others:
                node = _remembered(part, node, said.setdefault(part.name, []), where)
            parts.append(Sequence_([node], part.case) if part.case else node)
        longest = sum(len(part) if isinstance(part, str) else part.longest for part in parts)
        if longest > LONGEST:
            what = f"{where}: {entry.pattern[:60]!r} can become {longest:,} characters"
            raise UsageError(what, f"a text has at most {LONGEST:,}; let fewer slots hold slots")
        if all(part.__class__ is str for part in parts):
            text = "".join(parts)
            return CASES[entry.case](text) if entry.case else text
        return Sequence_(parts, entry.case)


def _remembered(slot: Slot, node: Node, said: list[Any], where: str) -> Node:
    """A slot of a pattern that has `{name:other}`: the first is remembered, others differ from those before."""
    if isinstance(node, Once):
        if not said:
            said.append(node)
        if not slot.other:
            return node
        node = node.node
    elif slot.other and not said:
        what = f"{where}: {{{slot.name}:{OTHER}}} has no {{{slot.name}}} before it"
        raise UsageError(what, f"write {{{slot.name}}} first, or make the lexicon one that is drawn `once` a text")
    found = Other(node, said if slot.other else (), f"{where}: {{{slot.name}:{OTHER}}}")
    said.append(found)
    return found


def _counted(span: tuple[int, int], pad: int, words: tuple[str, str] | None) -> Node:
    """A range of numbers, and what is counted in the form that the number asks for."""
    low, high = span
    if words is None:
        return Range(low, high, pad)
    runs = [(low, min(high, 0)), (1, 1), (max(low, 2), high)]
    kept = [(start, end) for start, end in runs if low <= start <= end <= high]
    parts = [Sequence_([Range(start, end, pad), " " + words[0 if start == 1 else 1]]) for start, end in kept]
    said = [words[0 if start == 1 else 1] for start, _ in kept]
    return Choice(
        [(float(end - start + 1), word, part) for (start, end), word, part in zip(kept, said, parts, strict=True)]
    )


def plain(pattern: str) -> bool:
    """Whether a pattern is its text: without slots, and without braces that are doubled."""
    return "{" not in pattern and "}" not in pattern


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
    weights: dict[tuple[str, str], float] = {}
    for entry in entries:
        key = entry.pattern, entry.case
        weights[key] = weights.get(key, 0.0) + entry.weight
    return [Entry(pattern, weight, case) for (pattern, case), weight in weights.items()]


def stride(size: int) -> int:
    """A step that visits every number below `size` once, near the golden ratio so that early visits spread."""
    step = max(1, int(size * GOLDEN) if size < _FLOATS else size * 618 // 1000)
    while gcd(step, size) != 1:
        step += 1
    return step
