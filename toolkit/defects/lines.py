"""Lines that are no rows, rows of another shape, ids that stand twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from toolkit.core.jsontext import written
from toolkit.core.planting import Around, Row, Spoiled, Way

ID_KEYS = ("id", "row_id", "uuid", "_id", "example_id")


@dataclass(frozen=True, slots=True)
class BrokenLine:
    """A line that ends in the middle as after a full disk, has a comma too many, or says a key twice."""

    id: ClassVar[str] = "broken-line"
    tests: ClassVar[str] = "parse"

    def ways(self) -> Mapping[str, Way]:
        return {"truncated": _truncated, "trailing-comma": _trailing_comma, "duplicate-key": _duplicate_key}


def _truncated(row: Row, around: Around) -> Spoiled:
    line = written(row.value)
    cut = max(1, len(line) * around.rng.randrange(30, 95) // 100)
    return Spoiled(line[:cut].decode(errors="ignore").encode())


def _trailing_comma(row: Row, around: Around) -> Spoiled:
    return Spoiled(written(row.value)[:-1] + b",}")


def _duplicate_key(row: Row, around: Around) -> Spoiled | None:
    if not row.value:
        return None
    key, value = next(iter(row.value.items()))
    return Spoiled(b"{" + written(key) + b":" + written(value) + b"," + written(row.value)[1:])


@dataclass(frozen=True, slots=True)
class OddRow:
    """A row of another format among the rows of a file."""

    id: ClassVar[str] = "odd-row"
    tests: ClassVar[str] = "row-format"

    def ways(self) -> Mapping[str, Way]:
        return {"another-format": _another_format}


def _another_format(row: Row, around: Around) -> Spoiled | None:
    text = row.prompt or "What is it?"
    if row.form.id == "sharegpt":
        return Spoiled(
            written({"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": "."}]})
        )
    turns = [{"from": "human", "value": text}, {"from": "gpt", "value": row.answer or "It is so."}]
    return Spoiled(written({"conversations": turns}))


@dataclass(frozen=True, slots=True)
class RepeatedId:
    """A row under the id of another one: labels and splits are joined to the wrong row."""

    id: ClassVar[str] = "repeated-id"
    tests: ClassVar[str] = "duplicate-id"

    def ways(self) -> Mapping[str, Way]:
        return {"same-id": _same_id}


def _same_id(row: Row, around: Around) -> Spoiled | None:
    key = next((key for key in ID_KEYS if row.value.get(key) not in (None, "")), None)
    other = around.other(lambda each: key is not None and each.value.get(key) not in (None, "", row.value[key]))
    return None if key is None or other is None else row.with_value(**{key: other.value[key]})
