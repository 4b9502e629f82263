"""Lines of a part become lines of an export, a block at a time, so that blocks can be worked on side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import orjson
import pyarrow as pa

from toolkit.core import parts
from toolkit.core.jsontext import LONG_NUMBER, Value, parse, written
from toolkit.core.types import Parsed
from toolkit.outbound import lengths, tables
from toolkit.outbound.example import SHAPES, Example, Shape, Unfit, as_shape, example
from toolkit.outbound.losses import lost
from toolkit.outbound.profile import Profile
from toolkit.outbound.rules import Broken, Row, Watch

HELD = ("messages", "prompt", "completion", "chosen", "rejected", "conversations", "instruction", "contents", "text")
"""Columns that must have one type in all rows of a file."""
IDS = ("id", "row_id", "uuid", "_id", "example_id")


class Block(NamedTuple):
    """Some lines of a part. first: the number of the first, from 1."""

    part: str
    first: int
    lines: list[bytes]


class LeftOut(NamedTuple):
    """A row that the target cannot hold or the provider rejects, or that it only warns of. ref: its id or its line."""

    part: str
    ref: str
    broken: tuple[Broken, ...]


class Converted(NamedTuple):
    """A block, converted. data: lines with their ends, or an Arrow stream. lost: how many rows lose each thing;
    left: rows left out; advice: rows with a warning; keys: every column; forms: the columns' types, of which
    a file has one."""

    data: bytes
    rows: int
    lost: Counter[str]
    left: list[LeftOut]
    advice: list[LeftOut]
    keys: frozenset[str]
    forms: frozenset[str]


@dataclass
class Work:
    """How rows of one format become rows of a target. shape: what they are made into; empty for what they are.

    source, target: the parts' ids with their options. profile: the provider's rules; model: a tokenizer to
    count with.
    """

    source: tuple[str, Mapping[str, Any]]
    target: tuple[str, Mapping[str, Any]]
    shape: Shape
    mode: str
    profile: Profile | None = None
    model: str = ""
    schema: pa.Schema | None = None
    _forms: dict[tuple[str, ...], Any] = field(default_factory=dict)

    @cached_property
    def reader(self) -> Any:
        return parts.build("formats", *self.source)

    @cached_property
    def part(self) -> Any:
        return parts.build("targets", *self.target)

    @cached_property
    def watch(self) -> Watch | None:
        return Watch(self.profile, self.mode, bool(self.model)) if self.profile else None

    @cached_property
    def shelf(self) -> dict[str, Any]:
        return {name: found() for name, found in parts.parts("formats").items()}

    def __getstate__(self) -> dict[str, Any]:
        names = ("source", "target", "shape", "mode", "profile", "model", "schema")
        return {**{name: self.__dict__[name] for name in names}, "_forms": {}}

    def block(self, block: Block) -> Converted:
        """Convert some lines; a row that cannot be converted is left out and named."""
        made: list[Any] = []
        losses: Counter[str] = Counter()
        left: list[LeftOut] = []
        advice: list[LeftOut] = []
        forms: set[str] = set()
        keys: set[str] = set()
        for at, line in enumerate(block.lines, block.first):
            try:
                found, value, row = self.row(line)
            except Unfit as failure:
                why = Broken(failure.rule, failure.words, True)
                left.append(LeftOut(block.part, _ref(line, block.part, at), (why,)))
                continue
            broken = tuple(self.watch.row(self._measured(found, row))) if self.watch else ()
            if any(each.refuse for each in broken):
                left.append(LeftOut(block.part, _ref(value, block.part, at), broken))
                continue
            if broken:
                advice.append(LeftOut(block.part, _ref(value, block.part, at), broken))
            losses.update(self._lost(found, value, row))
            forms.add(_form(row))
            keys |= row.keys()
            made.append(row)
        data = self._data(made)
        return Converted(data, len(made), losses, left, advice, frozenset(keys), frozenset(forms))

    def row(self, line: bytes) -> tuple[Example, Mapping[str, Any], dict[str, Any]]:
        """A line's example, its value and the exported row. Raises Unfit."""
        value = _value(line)
        form = self.reader if self.reader.claims(value) else self._claimed(value)
        if form.id != self.reader.id and SHAPES.get(form.id) != SHAPES.get(self.reader.id):
            raise Unfit("mixed-shapes", f"it is a {form.id} row among {self.reader.id} rows")
        found = as_shape(example(value, form), self.shape)
        return found, value, self.part.convert(found, self.mode)

    def _claimed(self, value: Mapping[str, Any]) -> Any:
        """The format that a row looks most like, remembered by its columns."""
        best = max(self.shelf.values(), key=lambda each: int(each.claims(value)))
        return best if best.claims(value) else self.shelf["unknown"]

    def back(self, row: Mapping[str, Any]) -> Parsed:
        """An exported row as our own reader reads it."""
        name = self.part.reads[self.mode]
        if name:
            form = self.shelf[name]
        else:
            key = tuple(row)
            form = self._forms.get(key) or self._forms.setdefault(key, self._claimed(row))
        parsed: Parsed = form.parse(row)
        return parsed

    def _lost(self, found: Example, value: Mapping[str, Any], row: Mapping[str, Any]) -> set[str]:
        names = set() if _same(value, row) else lost(found, self.back(row), self.part.keys)
        if self.part.store not in ("arrow", "parquet"):
            names |= {f"column {key}" for key in found.extra if key not in row}
        return names

    def _measured(self, found: Example, row: Mapping[str, Any]) -> Row:
        watch = self.watch
        most = max((rule.high or 0 for rule, _ in watch.rules if rule.rule == "tokens"), default=0) if watch else 0
        texts = lengths.contents(found.messages) if most else []
        if sum(map(len, texts)) * 4 <= most:  # a token is a byte at least, a character four bytes at most
            return Row(found, row, 0)
        return Row(found, row, sum(lengths.count(texts, self.model)))

    def _data(self, made: Sequence[Any]) -> bytes:
        if self.part.store not in ("arrow", "parquet"):
            return b"".join(line for row in made for line in (written(row), b"\n"))
        if not made:
            return b""
        schema = self.schema or tables.schema(made[0], self.mode)
        sink = pa.BufferOutputStream()
        rows = [{name: row.get(name) for name in schema.names} for row in made]
        with pa.ipc.new_stream(sink, schema) as stream:
            stream.write_batch(pa.RecordBatch.from_pylist(rows, schema=schema))
        return bytes(sink.getvalue())


def _value(line: bytes) -> dict[str, Any]:
    """A line's object, its integers to the digit. Raises Unfit."""
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError as failure:
        raise Unfit("json", "it is no JSON") from failure
    if LONG_NUMBER.search(line):
        read = parse(line)
        found = read.value if isinstance(read, Value) else found
    if not isinstance(found, dict):
        raise Unfit("json", "it is no JSON object")
    return found


def _same(value: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    """Whether a row of messages is exported as it was, which reading it back would only say more slowly."""
    if "messages" not in row or row["messages"] != value.get("messages") or "system" in value:
        return False
    tools = row.get("tools")
    return tools == value.get("tools") or (isinstance(tools, str) and orjson.loads(tools) == value.get("tools"))


def _form(row: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {type(row[key]).__name__}" for key in HELD if key in row)


def _ref(value: Any, part: str, at: int) -> str:
    """A row's own id, else where it stands in its part."""
    if isinstance(value, bytes):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            value = None
    own = next((value[key] for key in IDS if isinstance(value.get(key), str | int)), None) if value else None
    return f"{part} line {at}" if own is None or own == "" else str(own)
