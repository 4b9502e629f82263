"""Rows from templates and lexicons: no key, no network, and no more variety than its author wrote."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, ClassVar, NamedTuple
from zlib import crc32

import orjson

from toolkit.core.errors import UsageError, unknown
from toolkit.core.request import Capacity, Cell, Reply, Request
from toolkit.providers.expansion import Definition, Entry, Lexicons, merged, patterns, stride
from toolkit.providers.nodes import Choice, Sequence_, Source, write
from toolkit.providers.seams import Tidy
from toolkit.providers.typos import mark, with_typo

TEMPLATE = "template"
_ALL = 100_000


@dataclass(frozen=True, slots=True)
class GrammarProvider:
    """Texts from weighted templates with nested `{slots}`, for each label and attribute value.

    A text is a template of its label inside `wrap`, slots filled from lexicons: a list of entries, a
    pattern of `digits` (`A-####`), a `range`, or entries `by` an attribute (or `by: label`). An entry is
    a text or `{text: ..., weight: 3}`. `{slot:lower}`, `{slot:cap}` and `{slot:upper}` change letters,
    `{slot:sentences}` gives each sentence its capital, `{slot:a}` puts English `a` or `an` before the text.
    `typos` is the share of texts with one misspelled word.

    The first quarter of a cell's capacity is drawn by weight. From there every text, numbers masked,
    comes up once in a scattered order, so a run ends with the last text and not with a long hunt for it.
    Capacity counts derivations, before typos.

    Every row says `source_kind: grammar`. A model trained on such rows alone learns the grammar, so
    readiness shows their share.
    """

    id: ClassVar[str] = "grammar"
    version: ClassVar[str] = "1"
    source_kind: ClassVar[str] = "grammar"
    free: ClassVar[bool] = True
    reads_prompt: ClassVar[bool] = False
    per_call: ClassVar[int] = 64

    templates: Mapping[str, Sequence[Any]]
    lexicons: Mapping[str, Any] = field(default_factory=dict)
    wrap: Any = ("{template}",)
    typos: float = 0.0
    seed: int = 0
    _cells: dict[Cell, CellGrammar] = field(default_factory=dict, init=False, repr=False, compare=False)
    _shelf: list[Lexicons] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def model(self) -> str:
        """`grammar:` and a digest of all that shapes its texts."""
        told = [self.version, self.templates, self.lexicons, self.wrap, self.typos, self.seed]
        return f"grammar:{hashlib.sha256(orjson.dumps(told, default=_plain)).hexdigest()[:16]}"

    def capacity(self, cell: Cell) -> Capacity:
        return self.cell(cell).capacity

    def cell(self, cell: Cell) -> CellGrammar:
        """The grammar of one cell, built once."""
        if cell not in self._cells:
            self._cells[cell] = self._built(cell)
        return self._cells[cell]

    def _built(self, cell: Cell) -> CellGrammar:
        shelf, values = self._lexicons(), cell.values()
        wrap = definition("wrap", self.wrap)
        wrapped: list[tuple[float, str, Sequence_]] = []
        given = self._entries(cell.label)
        first = {entry.pattern: f"{cell.label}/{nth}" for nth, entry in reversed(list(enumerate(given, 1)))}
        for entry in merged(given):
            inner = Sequence_([shelf.sequence(entry.pattern, cell.label, values, {})])
            outer = Sequence_([shelf.build(wrap, "wrap", values, {TEMPLATE: inner})])
            wrapped.append((entry.weight, entry.pattern, outer))
        return CellGrammar([first[pattern] for _, pattern, _ in wrapped], wrapped)

    def _entries(self, label: str) -> list[Entry]:
        if label not in self.templates:
            raise unknown("label without templates in the grammar:", label, self.templates)
        return entries(f"templates of {label}", self.templates[label])

    def _lexicons(self) -> Lexicons:
        if not self._shelf:
            self._shelf.append(Lexicons({name: definition(name, told) for name, told in self.lexicons.items()}))
        return self._shelf[0]

    def reads(self, label: str) -> set[str]:
        """The attributes that the texts of a label depend on. Raises UsageError for a slot that is unknown."""
        shelf, wrap = self._lexicons(), definition("wrap", self.wrap)
        found = {wrap.by} if wrap.by else set()
        for pattern in patterns(wrap):
            if f"{{{TEMPLATE}" not in pattern:
                what = f"an entry of `wrap` lacks {{{TEMPLATE}}}: {pattern[:60]!r}"
                raise UsageError(what, f"write {{{TEMPLATE}}} where the text of the label goes")
            found |= shelf.pattern_reads(pattern, ("wrap",), frozenset({TEMPLATE}))
        for entry in self._entries(label):
            found |= shelf.pattern_reads(entry.pattern, (label,))
        return found - {"label"}

    async def complete(self, request: Request) -> Reply:
        texts = self.texts(request.seed.cell, request.seed.sample, request.seed.rows)
        made = [each.text for each in texts]
        return Reply(orjson.dumps(made).decode(), self.id, origins=tuple(each.origin for each in texts))

    def texts(self, cell: Cell, first: int, count: int) -> list[Expanded]:
        """`count` texts of a cell from the sample index `first`: a function of these and the seed alone."""
        grammar = self.cell(cell)
        # Random takes its start from a text by SHA-512, which no version of Python has changed since 3.2.
        random = Random(f"{self.seed}|{cell.name}|{first}|{count}").random  # noqa: S311 - no secret is made
        made = [grammar.text(index, random) for index in range(first, first + count)]
        return list(self._slipped(made)) if self.typos else made

    def _slipped(self, made: Sequence[Expanded]) -> Iterator[Expanded]:
        """Whether and how a text is misspelled hangs on the text alone: a repeat stays a repeat."""
        start, bar = crc32(str(self.seed).encode()), self.typos * 2**32
        for each in made:
            found = mark(each.text, start)
            yield each if found >= bar else Expanded(with_typo(each.text, Random(found)), each.origin)  # noqa: S311


class Expanded(NamedTuple):
    """One text and the template that made it, as `label/n`, 1-based."""

    text: str
    origin: str


class CellGrammar:
    """The texts of one cell: drawn by weight at first, then each one once."""

    def __init__(self, names: Sequence[str], templates: Sequence[tuple[float, str, Sequence_]]) -> None:
        self.choice = Choice(templates)
        self.tidy = Tidy(self.choice.edge.seams)
        self.lines = [(part.program, name) for name, (_, _, part) in zip(names, templates, strict=True)]
        self.names = {id(part): name for name, (_, _, part) in zip(names, templates, strict=True)}
        self.drawn = self.choice.masked // 4
        self.capacity = Capacity(self.choice.texts, self.choice.masked, self.drawn + self.choice.masked)
        self.step = stride(self.choice.masked)

    def text(self, index: int, random: Source) -> Expanded:
        """The text at a sample index; after `capacity.visits` they come again."""
        if index < self.drawn:
            program, name = self.lines[self.choice.pick(random)]
            return Expanded(self.tidy(write(program, random)), name)
        rank = (index - self.drawn) * self.step % self.choice.masked
        nth = bisect_right(self.choice.starts, rank) - 1
        group = self.choice.groups[nth]
        part = group[int(random() * len(group))]
        return Expanded(self.tidy(part.visit(rank - self.choice.starts[nth], random)), self.names[id(part)])

    def all(self) -> Iterator[str]:
        """Every text of the cell, one derivation after the other; refused beyond 100,000."""
        if self.choice.texts > _ALL:
            raise UsageError(f"{self.choice.texts:,} texts are too many to list", f"ask for at most {_ALL:,}")
        yield from (self.tidy(text) for text in self.choice.all())


def definition(name: str, told: Any) -> Definition:
    """A lexicon as it stands in a recipe. Raises UsageError for a form that is none."""
    if isinstance(told, Mapping) and set(told) == {"digits"}:
        return Definition(digits=str(told["digits"]))
    if isinstance(told, Mapping) and set(told) == {"range"}:
        return Definition(span=_span(name, told["range"]))
    if isinstance(told, Mapping) and set(told) == {"by", "values"} and isinstance(told["values"], Mapping):
        values = {str(key): tuple(entries(f"{name}, {key}", each)) for key, each in told["values"].items()}
        return Definition(by=str(told["by"]), values=values)
    return Definition(entries=tuple(entries(name, told)))


def entries(name: str, told: Any) -> list[Entry]:
    """A list of texts and weighted texts."""
    if isinstance(told, str | Mapping) or not isinstance(told, Sequence):
        what = f"'{name}' in the grammar is neither a list nor digits, range or by"
        raise UsageError(what, "write `[text, text]`, `{digits: '##'}`, `{range: [1, 9]}` or `{by: tone, values: ...}`")
    return [_entry(name, each) for each in told]


def _entry(name: str, told: Any) -> Entry:
    if isinstance(told, str) or (isinstance(told, int) and not isinstance(told, bool)):
        return Entry(str(told))
    if isinstance(told, Mapping) and set(told) <= {"text", "weight"} and isinstance(told.get("text"), str):
        weight = told.get("weight", 1.0)
        if isinstance(weight, int | float) and weight > 0:
            return Entry(told["text"], float(weight))
    raise UsageError(
        f"'{name}' in the grammar has an entry {str(told)[:60]!r}", "write a text or {text: ..., weight: 2}"
    )


def _span(name: str, told: Any) -> tuple[int, int]:
    if (
        isinstance(told, Sequence)
        and len(told) == 2
        and all(isinstance(each, int) for each in told)
        and told[0] <= told[1]
    ):
        return int(told[0]), int(told[1])
    raise UsageError(f"the range of '{name}' in the grammar is {told!r}", "write two whole numbers, the lower first")


def _plain(value: Any) -> Any:
    """Values of a recipe as JSON: YAML's own subclasses of list, dict, int and float."""
    if isinstance(value, Mapping):
        return dict(value)
    return float(value) if isinstance(value, float) else list(value)
