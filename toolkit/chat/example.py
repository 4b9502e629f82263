"""One row as a trainer's loader gets it, and what the trainer makes of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import orjson
import pyarrow as pa

from toolkit.core import turns
from toolkit.core.types import Turn

READS = ("ref", "format", "turns", "rejected", "label", "tools", "raw")
"""The columns that `examples` needs."""
STAGES: Mapping[str, str] = {"preference": "dpo", "unpaired-preference": "kto"}
"""The kind of training that rows of a format are for; all others are for supervised fine-tuning, `sft`."""
UNFIT = ("prompt-only", "stepwise", "unknown")
"""Formats whose rows have no answer to train on as a whole."""


class Example(NamedTuple):
    """A row before any template. One of `messages`, `prompt` with `completion`, and `text` is set.

    prompt, completion: both texts or both lists of messages. columns: how many a row of the exported
    file has, which MLX-LM sorts by. rejected: of a pair, the worse answer, `completion` being the better;
    of the same kind as these.
    """

    row: int
    ref: str
    messages: list[dict[str, Any]] | None = None
    prompt: Any = None
    completion: Any = None
    text: str | None = None
    tools: list[Any] | None = None
    columns: int = 1
    rejected: Any = None

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
    tokens that only were context. ids, spans: empty for a row that is not kept. other: the rejected side of
    a pair, whose own ids and spans are those of the chosen one; full is then that of the longer side, and
    wanted, answer_cut and prompt_cut speak of both.
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
    other: Trained | None = None

    @property
    def tokens(self) -> int:
        """Tokens that reach the model."""
        return len(self.ids) + (self.other.tokens if self.other else 0)

    @property
    def trained(self) -> int:
        """Tokens that have a loss."""
        return sum(end - begin for begin, end in self.spans) + (self.other.trained if self.other else 0)

    def labels(self) -> list[int]:
        """The ids where there is a loss, -100 elsewhere."""
        found = [-100] * len(self.ids)
        for begin, end in self.spans:
            found[begin:end] = self.ids[begin:end]
        return found


def stopped(example: Example, why: str) -> Trained:
    """A row at which the trainer stops with an error."""
    return Trained(example.row, False, why, True)


def stage_of(row_format: str) -> str:
    """What rows of a format train: sft, dpo or kto; empty where no trainer's dry run takes them."""
    return "" if row_format in UNFIT else STAGES.get(row_format, "sft")


def paired(chosen: Trained, rejected: Trained) -> Trained:
    """Both sides of a pair as one row, of which a side that stops the trainer speaks."""
    stop = next((each for each in (chosen, rejected) if each.stops), None)
    if stop is not None:
        return stop
    return chosen._replace(
        full=max(chosen.full, rejected.full),
        wanted=chosen.wanted + rejected.wanted,
        answer_cut=chosen.answer_cut or rejected.answer_cut,
        prompt_cut=chosen.prompt_cut or rejected.prompt_cut,
        other=rejected if chosen.kept else None,
    )


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
    width = 1 + (tools is not None)
    if row["format"] in STAGES:
        return _preference(Example(*head, tools=tools, columns=width + 2), row, found)
    raw = orjson.loads(row["raw"]) if row["format"] in ("messages", "prompt-completion") else {}
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


def _preference(head: Example, row: dict[str, Any], found: list[Turn]) -> Example:
    """A pair, or one answer that is wanted or not, as `toolkit export` writes it: texts where the row has texts."""
    pair = row["format"] == "preference"
    raw = orjson.loads(row["raw"])
    names = ("prompt", "chosen", "rejected") if pair else ("prompt", "completion")
    if all(isinstance(raw.get(name), str) for name in names) and not raw.get("system") and not raw.get("tools"):
        prompt, *answers = (raw[name] for name in names)
    else:
        at = len(found) - bool(found and found[-1].role == "assistant")
        sides = (found[:at], found[at:], _turns(row["rejected"]))
        prompt, *answers = ([turns.as_message(turn) for turn in side] for side in sides[: len(names)])
    return head._replace(prompt=prompt, completion=answers[0], rejected=answers[1] if pair else None)


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
