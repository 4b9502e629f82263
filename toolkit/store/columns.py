"""The columns of a frozen data set, and those derived from them by Arrow kernels.

Stored columns hold what was read. `text`, `prompt`, `answer` and `content` are views of `turns`,
computed per batch, so that the text is on disk once.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.store.shared import NOTHING, Shared

TURN = pa.struct(
    [
        ("role", pa.string()),
        ("content", pa.string()),
        ("kind", pa.dictionary(pa.int8(), pa.string())),
        ("calls", pa.string()),
        ("trains", pa.bool_()),
        ("reply_to", pa.string()),
    ]
)

STORED = pa.schema(
    [
        ("row", pa.int64()),  # ordinal over every record read, kept or not
        ("hash", pa.uint64()),  # blake2b-64 of the canonical row
        ("nth", pa.int32()),  # 0 for the first row of this hash, then 1, 2, ...
        ("ref", pa.string()),  # the row's own id, else line-N or row-N
        ("own_id", pa.string()),
        ("source", pa.dictionary(pa.int16(), pa.string())),
        ("position", pa.int64()),  # 1-based line of a text file or record of any other
        ("format", pa.dictionary(pa.int8(), pa.string())),
        ("turns", pa.list_(TURN)),
        ("rejected", pa.list_(TURN)),
        ("label", pa.string()),
        ("tools", pa.string()),
        ("faults", pa.list_(pa.string())),
        ("source_kind", pa.dictionary(pa.int8(), pa.string())),
        ("group", pa.string()),  # rows of one group stay in one split
        ("lineage", pa.string()),  # JSON, for rows that the toolkit made
        ("raw", pa.large_string()),  # the row's own JSON, as it was read
    ]
)

REJECT = pa.schema(
    [
        ("row", pa.int64()),
        ("ref", pa.string()),
        ("source", pa.string()),
        ("position", pa.int64()),
        ("code", pa.string()),
        ("reason", pa.string()),
        ("raw", pa.large_binary()),
    ]
)


def mask(values: pa.Array) -> np.ndarray:
    """Booleans as numpy, shape (n,); null is false."""
    return np.asarray(pc.fill_null(values, False).to_numpy(zero_copy_only=False), dtype=bool)


def matches(texts: pa.Array, pattern: str) -> np.ndarray:
    """Which texts an RE2 pattern is found in, shape (n,); null has nothing in it."""
    return mask(pc.match_substring_regex(texts, pattern))


def turn_rows(batch: pa.RecordBatch, column: str = "turns") -> np.ndarray:
    """The row ordinal of every flattened turn, shape (n_turns,), int64."""
    offsets = _offsets(batch.column(column))
    return np.repeat(batch.column("row").to_numpy(), np.diff(offsets))


def turn_field(batch: pa.RecordBatch, field: str, column: str = "turns") -> pa.Array:
    """One field of every turn of a batch, flattened, shape (n_turns,)."""
    flat = batch.column(column).flatten()
    values = pc.struct_field(flat, field)
    return values.cast(pa.string()) if pa.types.is_dictionary(values.type) else values


def _offsets(lists: pa.ListArray) -> np.ndarray:
    """Offsets of a list column that start at 0 and leave out what null lists may hide, shape (n + 1,)."""
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def _join(contents: pa.Array, offsets: np.ndarray) -> pa.Array:
    """Each list's contents as one text with line breaks between turns; a null content is empty."""
    filled = pc.fill_null(contents, "").cast(pa.large_string())
    lists = pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), filled)
    return pc.binary_join(lists, pa.scalar("\n", pa.large_string()))


def _last_assistant(batch: pa.RecordBatch) -> tuple[np.ndarray, np.ndarray]:
    """Offsets of the turns, and for every row whether its last turn is the assistant's."""
    offsets = _offsets(batch.column("turns"))
    roles = turn_field(batch, "role")
    last = offsets[1:] - 1
    some = np.diff(offsets) > 0
    is_assistant = mask(pc.equal(roles, "assistant"))
    ends = np.zeros(len(batch), dtype=bool)
    ends[some] = is_assistant[last[some]]
    return offsets, ends


def text(batch: pa.RecordBatch) -> pa.Array:
    """Every content of a row joined by line breaks; the rejected answer of a pair is not part of it."""
    return _join(turn_field(batch, "content"), _offsets(batch.column("turns")))


def body(batch: pa.RecordBatch) -> pa.Array:
    """`text` without the system turns: a long system prompt that all rows share would make them all alike.

    So would an instruction in the user's turn, or the form of the answers: `derive` leaves them out.
    """
    offsets = _offsets(batch.column("turns"))
    return _joined_where(batch, offsets, ~_is_system(batch))


def system(batch: pa.RecordBatch) -> pa.Array:
    """The contents of the system and developer turns."""
    offsets = _offsets(batch.column("turns"))
    return _joined_where(batch, offsets, _is_system(batch))


def answer(batch: pa.RecordBatch) -> pa.Array:
    """The last turn's content where the assistant wrote it, else null."""
    offsets, ends = _last_assistant(batch)
    contents = turn_field(batch, "content")
    if len(contents) == 0:
        return pa.nulls(len(batch), pa.large_string())
    take = pa.array(np.where(ends, offsets[1:] - 1, 0), mask=~ends)
    return contents.take(take).cast(pa.large_string())


def prompt(batch: pa.RecordBatch) -> pa.Array:
    """Every content before the final answer but the system turns, joined by line breaks."""
    offsets, ends = _last_assistant(batch)
    keep = ~_is_system(batch)
    keep[(offsets[1:] - 1)[ends]] = False
    return _joined_where(batch, offsets, keep)


def opening(batch: pa.RecordBatch) -> pa.Array:
    """The first user turn of a row, null where it has none."""
    offsets = _offsets(batch.column("turns"))
    at = np.flatnonzero(mask(pc.equal(turn_field(batch, "role"), "user")))
    rows, first = np.unique(np.searchsorted(offsets, at, side="right") - 1, return_index=True)
    place = np.zeros(len(batch), np.int64)
    place[rows] = at[first]
    none = np.ones(len(batch), dtype=bool)
    none[rows] = False
    if not len(at):
        return pa.nulls(len(batch), pa.large_string())
    return turn_field(batch, "content").take(pa.array(place, mask=none)).cast(pa.large_string())


def only_answer(batch: pa.RecordBatch) -> pa.Array:
    """The answer of a row that is one user turn and one answer, but for system turns, and has no label of its own."""
    plain = mask(pc.match_substring_regex(roles(batch), "^s*ua$")) & mask(pc.is_null(batch.column("label")))
    paired = mask(pc.greater(pc.fill_null(pc.list_value_length(batch.column("rejected")), 0), 0))
    return pc.if_else(pa.array(plain & ~paired), answer(batch), pa.scalar(None, pa.large_string()))


def _bare(batch: pa.RecordBatch, common: Shared) -> pa.RecordBatch:
    """The batch with a mark for every instruction in the user's turns, and answers without their form."""
    if not common.starts and not common.ends and not common.form:
        return batch
    lists = batch.column("turns")
    flat = lists.flatten()
    content = pc.struct_field(flat, "content")
    roles = turn_field(batch, "role")
    bare = pc.if_else(pc.equal(roles, "user"), common.without(content), content)
    if common.form:
        bare = pc.if_else(pc.equal(roles, "assistant"), common.own_words(content), bare)
    fields = [bare if field.name == "content" else pc.struct_field(flat, field.name) for field in TURN]
    made = pa.ListArray.from_arrays(
        pa.array(_offsets(lists), pa.int32()), pa.StructArray.from_arrays(fields, fields=list(TURN))
    )
    return batch.set_column(batch.schema.get_field_index("turns"), "turns", made)


def _labels(batch: pa.RecordBatch) -> pa.Array:
    """The row's own label, else its answer, without blanks around it."""
    answers = pc.utf8_trim_whitespace(only_answer(batch)).cast(pa.string())
    return pc.coalesce(batch.column("label").cast(pa.string()), answers)


def _is_system(batch: pa.RecordBatch) -> np.ndarray:
    roles = turn_field(batch, "role")
    found = pc.is_in(roles, value_set=pa.array(["system", "developer"]))
    return np.asarray(found.to_numpy(zero_copy_only=False))


def _joined_where(batch: pa.RecordBatch, offsets: np.ndarray, keep: np.ndarray) -> pa.Array:
    """Each row's contents where `keep`, shape (n_turns,), is true, as one text."""
    kept = np.concatenate([[0], np.cumsum(keep)]).astype(np.int64)
    return _join(turn_field(batch, "content").filter(pa.array(keep)), kept[offsets])


def roles(batch: pa.RecordBatch) -> pa.Array:
    """One letter a turn: s system, u user, a assistant, t tool, x anything else; `sua` is a plain chat."""
    named = turn_field(batch, "role")
    letters = np.full(len(named), "x", dtype=object)
    for letter, role in (
        ("s", "system"),
        ("s", "developer"),
        ("u", "user"),
        ("a", "assistant"),
        ("t", "tool"),
        ("t", "function"),
    ):
        is_role = mask(pc.equal(named, role))
        letters[is_role] = letter
    offsets = _offsets(batch.column("turns"))
    lists = pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(letters, pa.large_string()))
    return pc.binary_join(lists, pa.scalar("", pa.large_string()))


def row_id(batch: pa.RecordBatch) -> pa.Array:
    """The row ids: blake2b-64 of the canonical row in hex, `-N` for the N-th further copy."""
    hashes = batch.column("hash").to_numpy()
    nth = batch.column("nth").to_numpy()
    return pa.array([f"{h:016x}-{n}" if n else f"{h:016x}" for h, n in zip(hashes.tolist(), nth.tolist(), strict=True)])


DERIVED: dict[str, tuple[tuple[str, ...], Callable[[pa.RecordBatch], pa.Array]]] = {
    "text": (("turns",), text),
    "body": (("turns",), body),
    "system": (("turns",), system),
    "answer": (("turns",), answer),
    "prompt": (("turns",), prompt),
    "question": (("turns",), prompt),
    "roles": (("turns",), roles),
    "row_id": (("hash", "nth"), row_id),
}
"""Derived columns by name: the stored columns that each needs, and how it is made."""
BARE = ("body", "question")
"""Made of turns without the instructions and forms that rows share: what is compared; `prompt` is what is asked."""
NAMES: tuple[str, ...] = (*STORED.names, *DERIVED)


def needed(columns: tuple[str, ...], common: Shared = NOTHING) -> list[str]:
    """The stored columns to read, in stored order, so that `columns` can be had."""
    wanted = {"row"}
    for name in columns:
        wanted.update(DERIVED[name][0] if name in DERIVED else (name,))
    if common.answers_are_labels and "label" in columns:
        wanted |= {"turns", "rejected"}
    return [name for name in STORED.names if name in wanted]


def derive(batch: pa.RecordBatch, columns: tuple[str, ...], common: Shared = NOTHING) -> pa.RecordBatch:
    """A batch of exactly `row` and `columns`, derived ones computed. common: what the rows of the data set share."""
    names = list(dict.fromkeys(("row", *columns)))
    bare = _bare(batch, common) if any(name in BARE for name in names) else batch
    arrays = []
    for name in names:
        if name in DERIVED:
            # An answer that is a label is no part of the text: rows of one class would be alike by it.
            made = "question" if name == "body" and common.answers_are_labels else name
            arrays.append(DERIVED[made][1](bare if name in BARE else batch))
        else:
            arrays.append(_labels(batch) if name == "label" and common.answers_are_labels else batch.column(name))
    return pa.RecordBatch.from_arrays(arrays, names=names)


def null_where_blank(texts: pa.Array | pa.ChunkedArray, value: pa.Array | None = None) -> pa.Array | pa.ChunkedArray:
    """`value`, by default the texts themselves, with null wherever the text is blank: a blank row is nobody's copy."""
    blank = pc.equal(pc.utf8_length(pc.utf8_trim_whitespace(texts)), 0)
    return pc.if_else(blank, pa.scalar(None, pa.large_string()), texts if value is None else value)
