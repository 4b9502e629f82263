"""One row as a trainer's loader gets it, and what the trainer makes of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import orjson
import pyarrow as pa

from toolkit.core import turns
from toolkit.core.types import Turn

READS = ("ref", "format", "turns", "label", "tools", "raw")
"""The columns that `examples` needs."""
UNFIT = ("preference", "unpaired-preference", "unknown")


class Example(NamedTuple):
    """A row before any template. One of `messages`, `prompt` with `completion`, and `text` is set.

    prompt, completion: both texts or both lists of messages. columns: how many a row of the exported
    file has, which MLX-LM sorts by.
    """

    row: int
    ref: str
    messages: list[dict[str, Any]] | None = None
    prompt: Any = None
    completion: Any = None
    text: str | None = None
    tools: list[Any] | None = None
    columns: int = 1

    @property
    def chat(self) -> list[dict[str, Any]]:
        """The whole conversation; texts of a prompt and its completion become a user's and an assistant's turn."""
        if self.messages is not None:
            return self.messages
        if self.text is not None:
            return []
        if isinstance(self.prompt, list):
            return [*self.prompt, *self.completion]
        return [{"role": "user", "content": self.prompt}, {"role": "assistant", "content": self.completion}]

    @property
    def plain(self) -> bool:
        """Whether prompt and completion are texts."""
        return isinstance(self.prompt, str)


class Trained(NamedTuple):
    """What a trainer makes of one row. Spans are half-open ranges of places in `ids`, after the cut.

    kept: the row reaches the model. reason: why not, or why it stops the trainer (`stops`). full: tokens
    before the cut. answer_cut: the trainer would have trained on tokens that it cuts. prompt_cut: it cuts
    tokens that only were context. ids, spans: empty for a row that is not kept.
    """

    row: int
    kept: bool
    reason: str = ""
    stops: bool = False
    full: int = 0
    wanted: int = 0
    answer_cut: bool = False
    prompt_cut: bool = False
    ids: Sequence[int] = ()
    spans: Sequence[tuple[int, int]] = ()

    @property
    def trained(self) -> int:
        """Tokens that have a loss."""
        return sum(end - begin for begin, end in self.spans)

    def labels(self) -> list[int]:
        """The ids where there is a loss, -100 elsewhere."""
        found = [-100] * len(self.ids)
        for begin, end in self.spans:
            found[begin:end] = self.ids[begin:end]
        return found


def stopped(example: Example, why: str) -> Trained:
    """A row at which the trainer stops with an error."""
    return Trained(example.row, False, why, True)


def examples(batch: pa.RecordBatch) -> Iterator[Example]:
    """The rows of a batch of `READS`; a row's own messages and tools where it has them, else its turns."""
    for row in batch.to_pylist():
        yield _example(row)


def _example(row: dict[str, Any]) -> Example:
    head = (row["row"], row["ref"])
    found = _turns(row["turns"])
    tools = _tools(row["tools"])
    if row["format"] == "text":
        return Example(*head, text=found[0].content if found and found[0].content is not None else "")
    raw = orjson.loads(row["raw"]) if row["format"] in ("messages", "prompt-completion") else {}
    width = 1 + (tools is not None)
    if row["format"] == "prompt-completion":
        sides = _sides(raw)
        if sides is not None and not (found and found[0].role == "system" and isinstance(sides[0], str)):
            return Example(*head, prompt=sides[0], completion=sides[1], tools=tools, columns=width + 1)
    own = raw.get("messages")
    if isinstance(own, list) and all(isinstance(each, dict) for each in own):
        return Example(*head, messages=own, tools=tools, columns=width)
    if row["label"] is not None and not any(turn.role == "assistant" for turn in found):
        found.append(Turn("assistant", row["label"]))
    return Example(*head, messages=[turns.as_message(turn) for turn in found], tools=tools, columns=width)


def _sides(raw: dict[str, Any]) -> tuple[Any, Any] | None:
    """Prompt and completion where both are texts or both are messages."""
    prompt, completion = raw.get("prompt"), raw.get("completion")
    same = any(isinstance(prompt, kind) and isinstance(completion, kind) for kind in (str, list))
    return (prompt, completion) if same else None


def _turns(found: list[dict[str, Any]] | None) -> list[Turn]:
    return [Turn(**each) for each in found or ()]


def _tools(text: str | None) -> list[Any] | None:
    if not text:
        return None
    found = orjson.loads(text)
    return found if isinstance(found, list) else [found]
