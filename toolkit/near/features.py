"""One flat row an example: counts, lengths and roles of the turns, for contracts, drift and coverage.

Nothing here is nested: an expectation about the length or uniqueness of a list column passes in
silence, so what a contract may ask is laid out flat first. Only the features asked for are computed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.core.tools import between
from toolkit.store.columns import turn_field
from toolkit.store.view import View

Ints = npt.NDArray[np.int64]
LETTERS = {"system": "s", "developer": "s", "user": "u", "assistant": "a", "tool": "t", "function": "t"}
SPACES = np.isin(np.arange(256), np.frombuffer(b" \t\n\r\f\v", np.uint8))


class Rows:
    """A batch whose turns were flattened once; what several features need is kept until the batch goes."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        self.batch = batch

    @cached_property
    def turns(self) -> Turns:
        return Turns(self.batch, "turns")

    @cached_property
    def rejected(self) -> Turns:
        return Turns(self.batch, "rejected")

    @cached_property
    def answer(self) -> pa.Array:
        """The flat index of each row's answer, null where the last turn is not the assistant's."""
        last = self.turns.ends - 1
        has = (self.turns.lengths > 0) & (self.turns.last_letter == ord("a"))
        return pa.array(np.where(has, last, 0), mask=~has)

    def text(self, name: str) -> pa.Array:
        return self.batch.column(name).cast(pa.string())


class Turns:
    """The flattened turns of one list column: arrays of shape (n_turns,), sums of shape (n_rows,)."""

    def __init__(self, batch: pa.RecordBatch, column: str) -> None:
        self.batch = batch
        self.column = column
        lists = batch.column(column)
        self.lengths: Ints = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False).astype(int)
        self.ends = np.cumsum(self.lengths)

    def field(self, name: str) -> pa.Array:
        return turn_field(self.batch, name, self.column)

    def sum(self, values: Any) -> Ints:
        """The sum of a value of every turn over each row's turns."""
        total = np.concatenate([[0], np.cumsum(np.asarray(values, np.int64))])
        found: Ints = total[self.ends] - total[self.ends - self.lengths]
        return found

    @cached_property
    def content(self) -> pa.Array:
        return self.field("content")

    @cached_property
    def chars(self) -> Ints:
        found: Ints = _numbers(pc.utf8_length(self.content))
        return found

    @cached_property
    def letters(self) -> npt.NDArray[np.uint8]:
        """One ASCII letter a turn, as in the derived column `roles`."""
        roles = self.field("role").dictionary_encode()
        letters = [ord(LETTERS.get(role, "x")) for role in roles.dictionary.to_pylist()]
        at = pc.fill_null(roles.indices, len(letters)).to_numpy(zero_copy_only=False)
        found: npt.NDArray[np.uint8] = np.array([*letters, ord("x")], np.uint8)[at]
        return found

    @cached_property
    def last_letter(self) -> npt.NDArray[np.uint8]:
        found: npt.NDArray[np.uint8] = np.append(self.letters, np.uint8(0))[
            np.where(self.lengths > 0, self.ends - 1, -1)
        ]
        return found

    @cached_property
    def has_calls(self) -> npt.NDArray[np.bool_]:
        found: npt.NDArray[np.bool_] = _flags(pc.is_valid(self.field("calls")))
        return found

    def role(self, at: Ints) -> pa.Array:
        """The role at a flat index for each row, null for rows without turns."""
        empty = self.lengths == 0
        return self.field("role").take(pa.array(np.where(empty, 0, at), mask=empty))

    def count(self, letter: str) -> Ints:
        return self.sum(self.letters == ord(letter))


def _numbers(values: pa.Array) -> Any:
    return pc.fill_null(values, 0).to_numpy(zero_copy_only=False).astype(np.int64)


def _flags(values: pa.Array) -> Any:
    return pc.fill_null(values, False).to_numpy(zero_copy_only=False)


def _roles(rows: Rows) -> pa.Array:
    turns = rows.turns
    offsets = pa.array(np.concatenate([[0], turns.ends]), pa.int32())
    return pa.StringArray.from_buffers(len(turns.lengths), offsets.buffers()[1], pa.py_buffer(turns.letters))


def _late_system(rows: Rows) -> Ints:
    is_system = rows.turns.letters == ord("s")
    has = rows.turns.lengths > 0
    starts = np.zeros(len(has), np.int64)
    starts[has] = is_system[(rows.turns.ends - rows.turns.lengths)[has]]
    found: Ints = rows.turns.count("s") - starts
    return found


def _answer_chars(rows: Rows) -> pa.Array:
    return pc.utf8_length(rows.turns.content).take(rows.answer)


def _prompt_chars(rows: Rows) -> Ints:
    found: Ints = rows.turns.sum(rows.turns.chars) - _numbers(_answer_chars(rows))
    return found


def _answer_words(rows: Rows) -> pa.Array:
    """Runs of bytes between ASCII white space; a text without spaces, Chinese say, is one word a line."""
    answers = rows.turns.content.take(rows.answer).cast(pa.large_string())
    data, starts, ends = _bytes(answers)
    space = SPACES[data]
    after_space = np.concatenate([[True], space])
    after_space[starts] = True
    words = _within(~space & after_space[:-1], starts, ends)
    return pa.array(words, mask=~_flags(pc.is_valid(answers)))


def _bytes(texts: pa.LargeStringArray) -> tuple[npt.NDArray[np.uint8], Ints, Ints]:
    """The UTF-8 bytes of an array of texts, and where each begins and ends in them."""
    offsets = np.frombuffer(texts.buffers()[1], np.int64)[texts.offset : texts.offset + len(texts) + 1]
    held = texts.buffers()[2]
    data = np.frombuffer(held, np.uint8) if held is not None else np.empty(0, np.uint8)
    first, last = (int(offsets[0]), int(offsets[-1])) if len(offsets) else (0, 0)
    return data[first:last], offsets[:-1] - first, offsets[1:] - first


def _within(marks: npt.NDArray[np.bool_], starts: Ints, ends: Ints) -> Ints:
    """How many marked bytes lie in each range."""
    at = np.flatnonzero(marks)
    found: Ints = np.searchsorted(at, ends) - np.searchsorted(at, starts)
    return found


def _non_ascii(rows: Rows) -> pa.Array:
    """The share of characters outside ASCII, 0..1; null where a row has no text."""
    turns = rows.turns
    total = turns.sum(turns.chars)
    wide = np.flatnonzero(_numbers(pc.binary_length(turns.content)) != turns.chars)
    found = np.zeros(len(turns.chars), np.int64)
    if len(wide):
        data, starts, ends = _bytes(turns.content.take(pa.array(wide)).cast(pa.large_string()))
        found[wide] = _within(data >= 0xC0, starts, ends)  # the first byte of a character outside ASCII
    return pa.array(turns.sum(found) / np.maximum(total, 1), mask=total == 0)


def _silent(turns: Turns) -> npt.NDArray[np.bool_]:
    """Which turns say nothing: white space alone, no call, no image. A tool may answer with nothing."""
    blank = turns.chars == 0
    some = np.flatnonzero(~blank)
    # A turn that is not blank nearly always shows it in its first characters.
    heads = pc.utf8_slice_codeunits(turns.content.take(pa.array(some)), 0, 8)
    doubtful = some[_flags(pc.utf8_is_space(heads))]
    blank[doubtful] = _flags(pc.utf8_is_space(turns.content.take(pa.array(doubtful))))
    speaks = turns.has_calls | (turns.letters == ord("t")) | _flags(pc.equal(turns.field("kind"), "parts"))
    found: npt.NDArray[np.bool_] = blank & ~speaks
    return found


def _empty(turns: Turns) -> Ints:
    return turns.sum(_silent(turns))


def _answer_empty(rows: Rows) -> pa.Array:
    return pc.fill_null(pa.array(_silent(rows.turns), _BOOL).take(rows.answer), False)


def _kinds(rows: Rows, *kinds: str) -> Ints:
    turns = rows.turns
    is_kind = _flags(pc.is_in(turns.field("kind"), value_set=pa.array(kinds)))
    return turns.sum(is_kind & ~turns.has_calls)


def _n_calls(rows: Rows) -> Ints:
    turns = rows.turns
    counts = np.zeros(len(turns.has_calls), np.int64)
    at = np.flatnonzero(turns.has_calls)
    counts[at] = [_items(text) for text in turns.field("calls").take(pa.array(at)).to_pylist()]
    counts += _tagged(turns, "a", "tool_call") * ~turns.has_calls
    return turns.sum(counts)


def _tagged(turns: Any, letter: str, tag: str) -> Ints:
    """How many tools or calls each turn of a role holds as text between tags, shape (n_turns,)."""
    content = turns.content
    counts = np.zeros(len(content), np.int64)
    at = np.flatnonzero((turns.letters == ord(letter)) & _flags(pc.match_substring(content, f"<{tag}>")))
    counts[at] = [sum(map(_items, between(text, tag))) for text in content.take(pa.array(at)).to_pylist()]
    return counts


def _n_tools(rows: Rows) -> pa.Array:
    texts = rows.text("tools").dictionary_encode()
    counts = pa.array([_items(text) for text in texts.dictionary.to_pylist()], pa.int64())
    listed = pc.fill_null(counts.take(texts.indices), 0)
    return pc.if_else(pc.equal(listed, 0), pa.array(rows.turns.sum(_tagged(rows.turns, "s", "tools"))), listed)


def _items(text: str) -> int:
    """How many tools or calls a JSON text holds; text that is no JSON is one."""
    try:
        found = orjson.loads(text)
    except ValueError:
        return 1 if text.strip() else 0
    return len(found) if isinstance(found, list) else int(found is not None)


def _uses_tools(rows: Rows) -> Any:
    return (_n_tools(rows).to_numpy() > 0) | (rows.turns.sum(rows.turns.has_calls) > 0) | (rows.turns.count("t") > 0)


class Feature(NamedTuple):
    """reads: the stored columns that it needs. make: its values, of type `type`, shape (n_rows,)."""

    reads: tuple[str, ...]
    make: Callable[[Rows], Any]
    type: pa.DataType
    about: str


_INT, _TEXT, _REAL, _BOOL = pa.int64(), pa.string(), pa.float64(), pa.bool_()
_TURNS = ("turns",)


def _turn(make: Callable[[Turns], Any], about: str, kind: pa.DataType = _INT) -> Feature:
    return Feature(_TURNS, lambda rows: make(rows.turns), kind, about)


FEATURES: dict[str, Feature] = {
    "n_turns": _turn(lambda turns: turns.lengths, "turns of the example"),
    "roles": Feature(_TURNS, _roles, _TEXT, "one letter a turn: s system, u user, a assistant, t tool, x other"),
    "first_role": _turn(lambda turns: turns.role(turns.ends - turns.lengths), "role of the first turn", _TEXT),
    "last_role": _turn(lambda turns: turns.role(turns.ends - 1), "role of the last turn", _TEXT),
    "system_turns": _turn(lambda turns: turns.count("s"), "turns of the system or developer"),
    "late_system_turns": Feature(_TURNS, _late_system, _INT, "system turns that are not the first turn"),
    "user_turns": _turn(lambda turns: turns.count("u"), "turns of the user"),
    "assistant_turns": _turn(lambda turns: turns.count("a"), "turns of the assistant"),
    "tool_turns": _turn(lambda turns: turns.count("t"), "results of tools"),
    "other_turns": _turn(lambda turns: turns.count("x"), "turns of any other role, or of none"),
    "trained_turns": _turn(
        lambda turns: turns.sum((turns.letters == ord("a")) & _flags(turns.field("trains"))),
        "assistant turns that the row does not take out of training",
    ),
    "text_chars": _turn(lambda turns: turns.sum(turns.chars), "characters of every turn"),
    "prompt_chars": Feature(_TURNS, _prompt_chars, _INT, "characters before the answer"),
    "answer_chars": Feature(_TURNS, _answer_chars, _INT, "characters of the final answer; null where it has no text"),
    "answer_words": Feature(_TURNS, _answer_words, _INT, "words of the final answer; null where it has no text"),
    "answer_is_empty": Feature(
        _TURNS, _answer_empty, _BOOL, "the final answer is nothing but white space and calls no tool"
    ),
    "empty_turns": _turn(_empty, "turns of nothing but white space, without a call or image; results of tools apart"),
    "null_contents": Feature(
        _TURNS, lambda rows: _kinds(rows, "null", "missing"), _INT, "turns without content that call no tool"
    ),
    "odd_contents": Feature(
        _TURNS,
        lambda rows: _kinds(rows, "number", "bool", "object", "list", "not a turn"),
        _INT,
        "turns whose content is not text",
    ),
    "non_ascii_share": Feature(_TURNS, _non_ascii, _REAL, "share of characters outside ASCII; null without text"),
    "rejected_turns": Feature(
        ("rejected",), lambda rows: rows.rejected.lengths, _INT, "turns of the rejected side of a pair"
    ),
    "rejected_chars": Feature(
        ("rejected",), lambda rows: rows.rejected.sum(rows.rejected.chars), _INT, "characters of the rejected side"
    ),
    "rejected_empty_turns": Feature(
        ("rejected",), lambda rows: _empty(rows.rejected), _INT, "empty turns of the rejected side"
    ),
    "label": Feature(("label",), lambda rows: rows.text("label"), _TEXT, "the class, or true and false of a vote"),
    "label_chars": Feature(
        ("label",), lambda rows: pc.utf8_length(rows.text("label")), _INT, "characters of the label; null without one"
    ),
    "n_tools": Feature(("turns", "tools"), _n_tools, _INT, "tools that the row declares"),
    "n_calls": Feature(_TURNS, _n_calls, _INT, "tool calls of every turn"),
    "has_tools": Feature(
        ("turns", "tools"), lambda rows: _n_tools(rows).to_numpy() > 0, _BOOL, "the row declares tools"
    ),
    "uses_tools": Feature(("turns", "tools"), _uses_tools, _BOOL, "the row declares, calls or answers a tool"),
    "n_faults": Feature(
        ("faults",),
        lambda rows: pc.fill_null(pc.list_value_length(rows.batch.column("faults")), 0),
        _INT,
        "what the format could not place",
    ),
    "nth": Feature(
        ("nth",), lambda rows: rows.batch.column("nth"), _INT, "0 for the first of equal rows, then 1, 2, ..."
    ),
    "format": Feature(("format",), lambda rows: rows.text("format"), _TEXT, "the row's format"),
    "source_kind": Feature(("source_kind",), lambda rows: rows.text("source_kind"), _TEXT, "real, llm, grammar, ..."),
    "group": Feature(("group",), lambda rows: rows.text("group"), _TEXT, "what keeps rows in one split"),
}
"""Every feature by name."""


def reads(names: Iterable[str]) -> tuple[str, ...]:
    """The stored columns that the named features need."""
    return tuple(dict.fromkeys(column for name in names for column in FEATURES[name].reads))


def features(batch: pa.RecordBatch, names: Iterable[str]) -> pa.RecordBatch:
    """`row` and the named features of a batch that holds `row` and `reads(names)`."""
    rows = Rows(batch)
    made = {"row": batch.column("row")}
    for name in names:
        feature = FEATURES[name]
        values = feature.make(rows)
        made[name] = values.cast(feature.type) if isinstance(values, pa.Array) else pa.array(values, feature.type)
    return pa.RecordBatch.from_pydict(made)


def feature_table(view: View, names: Iterable[str]) -> pa.Table:
    """`row` and the named features of every row in a view, about 8 bytes a number; KeyError for an unknown name."""
    wanted = tuple(dict.fromkeys(names))
    found = [features(batch, wanted) for batch in view.batches(*reads(wanted))]
    schema = pa.schema([("row", _INT), *((name, FEATURES[name].type) for name in wanted)])
    return pa.Table.from_batches(found, schema=schema)
