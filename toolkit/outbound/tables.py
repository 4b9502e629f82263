"""Rows as Arrow: one schema for all rows of a mode, so that no row gets the keys of another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from toolkit.core import turns
from toolkit.outbound.example import Example, Message, flat

CALL = pa.struct(
    [
        ("id", pa.string()),
        ("type", pa.string()),
        ("function", pa.struct([("name", pa.string()), ("arguments", pa.string())])),
    ]
)
MESSAGE = pa.struct(
    [
        ("role", pa.string()),
        ("content", pa.string()),
        ("tool_calls", pa.list_(CALL)),
        ("tool_call_id", pa.string()),
        ("weight", pa.int8()),
    ]
)
KEYS = frozenset(field.name for field in MESSAGE)
COLUMNS: Mapping[str, pa.DataType] = {
    "id": pa.string(),
    "messages": pa.list_(MESSAGE),
    "prompt": pa.list_(MESSAGE),
    "completion": pa.list_(MESSAGE),
    "chosen": pa.list_(MESSAGE),
    "rejected": pa.list_(MESSAGE),
    "label": pa.bool_(),
    "completions": pa.list_(pa.string()),
    "labels": pa.list_(pa.bool_()),
    "reference": pa.string(),
    "text": pa.string(),
    "tools": pa.string(),
    "metadata": pa.string(),
}
"""metadata: the JSON text of the row's other columns. Tools and arguments are JSON text too."""
OF_MODE: Mapping[str, tuple[str, ...]] = {
    "sft": ("messages", "tools"),
    "sft-texts": ("prompt", "completion"),
    "dpo": ("prompt", "chosen", "rejected", "tools"),
    "dpo-texts": ("prompt", "chosen", "rejected"),
    "kto": ("prompt", "completion", "label", "tools"),
    "kto-texts": ("prompt", "completion", "label"),
    "prompt": ("prompt", "reference", "tools"),
    "stepwise": ("prompt", "completions", "labels"),
    "text": ("text",),
}
SIDED = frozenset({"prompt", "completion", "chosen", "rejected"})


def schema(row: Mapping[str, Any], mode: str) -> pa.Schema:
    """The schema of a file whose first row is `row`."""
    texts = isinstance(row.get("prompt"), str)
    named = OF_MODE[f"{mode}-texts" if texts and mode != "stepwise" else mode]
    kinds = {name: pa.string() if texts and name in SIDED else COLUMNS[name] for name in named}
    return pa.schema([("id", COLUMNS["id"]), *kinds.items(), ("metadata", COLUMNS["metadata"])])


def row(found: Example, made: Mapping[str, Any]) -> dict[str, Any]:
    """A row with its id and its other columns beside what a trainer reads."""
    own = next((found.extra[key] for key in ("id", "row_id", "uuid") if isinstance(found.extra.get(key), str)), None)
    rest = {key: value for key, value in found.extra.items() if value != own or key not in ("id", "row_id", "uuid")}
    return {"id": own, **made, "metadata": turns.as_json(rest) if rest else None}


def keyed(found: Example) -> Example:
    """An example whose messages, and those it rejects, have the keys of the schema."""
    rejected = None if found.rejected is None else messages(found.rejected)
    return found._replace(messages=messages(found.messages), rejected=rejected)


def messages(found: list[Message]) -> list[Message]:
    """Messages with the keys of the schema."""
    return flat(found, KEYS)
