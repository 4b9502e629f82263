"""The record that an answer becomes: like the rows of the training file, else like the row that was asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toolkit.core.errors import UsageError
from toolkit.formats.prompt_completion import PAIRS
from toolkit.formats.text_label import LABELS, TEXTS
from toolkit.sample.queue import QueueRow
from toolkit.store.labels import Value

Record = dict[str, Any]


def record_of(row: QueueRow, value: Value, like: Mapping[str, Any] | None) -> Record:
    """The record. like: a row of the training file, None for a new file.

    Raises UsageError where the answer's kind does not fit rows like that.
    """
    own = _id(row) if like is None or "id" in like else {}
    if row.kind == "preference":
        return own | _preference(row, int(value), like)
    if row.kind == "text" or (like is not None and "messages" in like):
        return own | _answered(row, str(value), like)
    return own | _labelled(row, str(value), like)


def label_column(like: Mapping[str, Any] | None) -> str:
    """The column of a row that holds its label; `label` where it has none."""
    return next((name for name in LABELS if name in like), "label") if like else "label"


def _id(row: QueueRow) -> Record:
    """The row's own id; a place in a pool is none, so such a row is named by its text."""
    return {"id": row.id if str(row.row.get("id")) == row.id else row.hash}


def _labelled(row: QueueRow, label: str, like: Mapping[str, Any] | None) -> Record:
    if like is None:
        return {_text_column(row): row.text, "label": label}
    column = label_column(like)
    text = next((name for name in TEXTS if name in like and name != column), "")
    if not text or column not in like:
        raise _unlike(row, like)
    return {text: row.text, column: label}


def _text_column(row: QueueRow) -> str:
    return next((name for name in TEXTS if row.row.get(name) == row.text), "text")


def _answered(row: QueueRow, answer: str, like: Mapping[str, Any] | None) -> Record:
    turns = [*_prompt(row), {"role": "assistant", "content": answer}]
    if like is None or "messages" in like:
        tools = {"tools": row.row["tools"]} if row.row.get("tools") else {}
        return {"messages": turns, **tools}
    pair = next((pair for pair in PAIRS if set(pair) <= like.keys()), None)
    if pair is None:
        raise _unlike(row, like)
    if isinstance(like[pair[0]], list):
        return {pair[0]: turns[:-1], pair[1]: turns[-1:]}
    return {pair[0]: row.text, pair[1]: answer}


def _prompt(row: QueueRow) -> list[Any]:
    """The turns before the answer."""
    turns = row.row.get("messages")
    if not isinstance(turns, list) or not turns:
        return [{"role": "user", "content": row.text}]
    last = turns[-1]
    return turns[:-1] if isinstance(last, Mapping) and last.get("role") == "assistant" else list(turns)


def _preference(row: QueueRow, chosen: int, like: Mapping[str, Any] | None) -> Record:
    if like is not None and not {"chosen", "rejected"} <= like.keys():
        raise _unlike(row, like)
    drafts = list((row.draft or {})["answers"])
    prompt = {"prompt": row.row["prompt"]} if "prompt" in row.row else {"prompt": row.text}
    if isinstance(drafts[0], list) and "prompt" not in row.row:
        prompt = {}  # whole conversations, which hold it
    return {**prompt, "chosen": drafts[chosen], "rejected": drafts[1 - chosen]}


def _unlike(row: QueueRow, like: Mapping[str, Any]) -> UsageError:
    what = f"an answer of kind {row.kind} fits no row with the columns {', '.join(sorted(like))[:80]}"
    return UsageError(what, "--into a file of such rows, or a new one")
