"""S06: the rows survive Arrow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.core.types import Finding, Result
from toolkit.store.view import View

FREE = frozenset({"tools", "functions", "arguments", "input"})
"""Below these nothing is stripped."""
PARTS = {"type", "text", "image_url", "id", "input", "tool_use_id", "is_error", "thinking", "toolUse", "toolResult"}
TOP = frozenset(
    {"role", "content", "tool_calls", "name", "tool_call_id", "weight", "function_call", "from", "value", *PARTS}
    | {"tools", "functions", "messages", "conversations"}
)


@dataclass(frozen=True, slots=True)
class ArrowRoundTrip:
    """Loading rows through Arrow, as `datasets` and most trainers do, must not change them.

    Arrow gives all objects of a column the same fields. Tool definitions and call arguments that are
    objects of different keys come back with each other's keys, set to null, and a model is trained on
    parameters that no one wrote. Found: rows whose `tools` or tool-call arguments differ after the
    trip. The cure is to store them as JSON text, which `toolkit export` does, so this is a risk of whoever
    trains on the run's own train.jsonl and no fault of the rows that stay, which are the ones looked at.

    Method: the objects of each batch through a pyarrow array and back, compared. Missed: objects
    that differ only between batches of 8,192 rows; other nested columns.
    """

    id: ClassVar[str] = "arrow-round-trip"
    code: ClassVar[str] = "S06"
    version: ClassVar[int] = 3
    scope: ClassVar[str] = "kept"
    reads: ClassVar[tuple[str, ...]] = ("tools", "turns", "raw")

    def look(self, batch: pa.RecordBatch, view: View) -> Iterator[Result]:
        flat = pc.struct_field(batch.column("turns").flatten(), "calls")
        if batch.column("tools").null_count == len(batch) and flat.null_count == len(flat):
            return
        raw = batch.column("raw")
        with_objects = pc.or_(
            pc.match_substring_regex(raw, r'"(tools|functions)"\s*:\s*\['),
            pc.match_substring_regex(raw, r'"(arguments|input)"\s*:\s*\{'),
        )
        rows = batch.column("row").filter(with_objects).to_pylist()
        values = [_objects(orjson.loads(text)) for text in raw.filter(with_objects).to_pylist()]
        yield from _differences(rows, values)


def _objects(row: dict[str, Any]) -> dict[str, Any]:
    """The columns of a row that hold tool definitions or calls."""
    return {key: value for key, value in row.items() if key in ("tools", "functions", "messages", "conversations")}


def _differences(rows: list[int], values: list[dict[str, Any]]) -> Iterator[Finding]:
    if not rows:
        return
    try:
        back = pa.array(values).to_pylist()
    except (pa.ArrowInvalid, pa.ArrowTypeError) as failure:
        message = f"the rows do not fit one Arrow type: {str(failure)[:120]}"
        yield Finding(rows[0], 1.0, message, kind="no-arrow-type", column="tools")
        return
    for row, before, after in zip(rows, values, back, strict=True):
        if before != _strip_known(after, before):
            message = "keys of other rows' tools or arguments come back as null"
            yield Finding(row, 1.0, message, kind="injected-nulls", column="tools")


def _strip_known(after: Any, before: Any, *, free: bool = False) -> Any:
    """What came back, without the nulls of messages and content parts, which every trainer reads as absent.

    free: within tools and arguments, whose keys are the user's own and may have any of those names.
    """
    if isinstance(after, dict) and isinstance(before, dict):
        kept = {key: each for key, each in after.items() if free or key in before or each is not None or key not in TOP}
        return {key: _strip_known(each, before.get(key), free=free or key in FREE) for key, each in kept.items()}
    if isinstance(after, list) and isinstance(before, list) and len(after) == len(before):
        return [_strip_known(one, other, free=free) for one, other in zip(after, before, strict=True)]
    return after
