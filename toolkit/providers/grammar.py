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
from toolkit.providers.expansion import Entry, Lexicons, merged, patterns, stride
from toolkit.providers.memory import Remembering
from toolkit.providers.nodes import Choice, Sequence_, Source, write
from toolkit.providers.seams import Tidy
from toolkit.providers.typos import mark, with_typo
from toolkit.providers.written import definition, entries

TEMPLATE = "template"
_ALL = 100_000
_COUNTED = 10**100  # numbers that are longer still say no more and cannot be shown


@dataclass(frozen=True, slots=True)
class GrammarProvider:
    """Texts from weighted templates with nested `{slots}`, for each label and attribute value.

    A text is a template of its label inside `wrap`, slots filled from lexicons. A lexicon is a list of
    entries, `{digits: 'A-####'}`, `{range: [1, 9]}` (with `pad: 2` for `07`; with `one: day, many: days` for
    `1 day`, `2 days`), `{dates: [2026-01-01, 2026-12-31], form: '%-d %B'}`, or entries `by` an attribute
    (`{by: tone, values: ...}`, or `by: label`). `{once: ...}` around any of them draws it once a text:
    whatever names it, template or wrap, says the same. `{slot:other}` says another text than earlier
    `{slot}`s of its pattern.

    An entry is a text or `{text: ..., weight: 3, case: cap}`. Cases are of an entry or a slot (`{slot:cap}`):
    `lower`, `upper`, `cap`, `sentences` (each begins with a capital) and `a` (English `a` or `an` before it).
    Blanks, commas and full stops that empty slots leave are taken away.
    `typos` is the share of texts with one misspelled word.

    The first quarter of a cell's capacity is drawn by weight. From there every text, numbers masked,
    comes up once in a scattered order, so a run ends with the last text and not with a long hunt for it.
    Capacity counts derivations, before typos; a lexicon drawn `once` counts where every text of a template
    names it.

    Every row says `source_kind: grammar`. A model trained on such rows alone learns the grammar, so
    readiness shows their share.
    """

    id: ClassVar[str] = "grammar"
    version: ClassVar[str] = "2"
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
        given = self._entries(cell.label)
        names = {each[::2]: f"{cell.label}/{nth}" for nth, each in reversed(list(enumerate(given, 1)))}
        wrapped: list[Template] = []
        for entry in merged(given):
            inner = Sequence_([shelf.sequence(entry, cell.label, values, {})])
            outer = Sequence_([shelf.build(wrap, "wrap", values, {TEMPLATE: inner})])
            part = Remembering(outer) if outer.maybe else outer
            wrapped.append(Template(names[entry[::2]], entry, part))
        return CellGrammar(wrapped)

    def _entries(self, label: str) -> list[Entry]:
        if label not in self.templates:
            raise unknown("label without templates in the grammar:", label, self.templates)
        found = entries(f"templates of {label}", self.templates[label])
        if not found:
            raise UsageError(f"the label '{label}' has an empty list of templates", "give it at least one text")
        return found

    def _lexicons(self) -> Lexicons:
        if not self._shelf:
            self._shelf.append(Lexicons({name: definition(name, told) for name, told in self.lexicons.items()}))
        return self._shelf[0]

    def reads(self, label: str) -> set[str]:
        """The attributes that the texts of a label depend on. Raises UsageError for a slot that is unknown."""
        shelf, wrap = self._lexicons(), definition("wrap", self.wrap)
        found = {wrap.by} if wrap.by else set[str]()
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


class Template(NamedTuple):
    """A template of a label inside its wrap. name: `label/n`."""

    name: str
    entry: Entry
    part: Any


class CellGrammar:
    """The texts of one cell: drawn by weight at first, then each one once."""

    def __init__(self, templates: Sequence[Template]) -> None:
        self.choice = Choice([(each.entry.weight, "|".join(each.entry[::2]), each.part) for each in templates])
        self.tidy = Tidy(self.choice.edge)
        self.lines = [(each.part.program, each.name) for each in templates]
        self.names = {id(each.part): each.name for each in templates}
        self.drawn = self.choice.masked // 4
        counts = self.choice.texts, self.choice.masked, self.drawn + self.choice.masked
        self.capacity = Capacity(*(min(count, _COUNTED) for count in counts))
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


def _plain(value: Any) -> Any:
    """Values of a recipe as JSON: YAML's own subclasses of list, dict, int and float."""
    if isinstance(value, Mapping):
        return dict(value)
    return float(value) if isinstance(value, float) else list(value)
