"""S04: every turn has something in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.core.types import Findings, Result
from toolkit.store import columns as cols
from toolkit.store.view import View

PLACEHOLDER = (
    r"(?i)^[\s\p{P}]*(todo|tbd|tbc|fixme|n/a|nan|null|undefined|placeholder|lorem ipsum\b.*"
    r"|to be (added|completed|filled( in)?|written|determined|continued)( later)?|coming soon"
    r"|\{\{[^{}]*\}\}|\[(insert|your|add) [^\]]*\]|<(insert |add |your )?(answer|response|completion|output)( here)?>"
    r"|(insert|add|your) (answer|response|text|completion) here"
    r"|(no|empty) (answer|response|output|completion)( provided)?"
    r"|[\[(<]((answer|response|output) here|empty|blank)[\])>]|\[object object\])[\s\p{P}]*$"
    r"|^\s*(\.{3,}|…+|_{3,}|-{3,}|x{3,})\s*$"
)
FAILED = (
    r"(?i)^\s*(error( code)?:? ?\d{3}\b|((openai|anthropic|api|http|server|request) ?)?error: "
    r"|(50[0234]|429|40[0138]) (internal server error|bad gateway|service unavailable|gateway time-?out"
    r"|too many requests|bad request|unauthorized|forbidden|request timeout)\b|rate limit (exceeded|reached)"
    r"|(internal server error|bad gateway|service unavailable)[\s\p{P}]*$"
    r"|(the )?(request|connection|read) (has )?(timed out|timeout)\b|the server (had an error|is overloaded)\b"
    r"|error (communicating with|connecting to|calling) |\{\s*\"error\"\s*:\s*(\{|\"[^\"]{3,}\"\s*[,}])"
    r"|httpsconnectionpool\(|(openai|anthropic|requests|httpx|aiohttp)\.[\w.]*(error|exception|timeout)\b)"
)
SHORT = 400
"""Characters; an error that fills a page is what the answer is about."""
NOT_TEXT = ("number", "bool", "object", "list")


@dataclass(frozen=True, slots=True)
class EmptyAnswer:
    """An empty, blank or placeholder answer teaches the model to say nothing.

    Found, in answers: missing, null, empty or white-space content (unless the turn calls a tool),
    content that is a number, a boolean or an object, and a placeholder that is all there is (TODO,
    TBD, N/A, null, `{{name}}`, lorem ipsum, [insert ...], dots alone), and what a server says in place
    of an answer (`error-message`: a rate limit, a time-out; for review). In prompts and texts: empty ones. In
    classification rows: no label. The rejected side of a pair is looked at like an answer.

    Missed: answers that are empty in meaning alone. Example: `{"role": "assistant", "content": "  "}`.
    """

    id: ClassVar[str] = "empty-answer"
    code: ClassVar[str] = "S04"
    version: ClassVar[int] = 3
    scope: ClassVar[str] = "input"
    reads: ClassVar[tuple[str, ...]] = ("turns", "rejected", "faults")

    def look(self, batch: pa.RecordBatch, view: View) -> Iterator[Result]:
        for column in ("turns", "rejected"):
            yield from _turns(batch, column)
        faults = batch.column("faults")
        owners = np.repeat(batch.column("row").to_numpy(), pc.list_value_length(faults).to_numpy(zero_copy_only=False))
        unlabelled = owners[faults.flatten().to_numpy(zero_copy_only=False) == "no-label"]
        yield from _found(unlabelled, "no label", "missing-label", "label")


def _turns(batch: pa.RecordBatch, column: str) -> Iterator[Result]:
    owners = cols.turn_rows(batch, column)
    if not len(owners):
        return
    content = cols.turn_field(batch, "content", column)
    kind = cols.turn_field(batch, "kind", column).to_numpy(zero_copy_only=False)
    role = cols.turn_field(batch, "role", column).to_numpy(zero_copy_only=False)
    calls = cols.mask(cols.turn_field(batch, "calls", column).is_valid())
    blank = ~cols.matches(content, r"[^\s\p{Z}\p{C}]") & ~calls & (kind != "not a turn")
    answers = role == "assistant"
    where = "rejected" if column == "rejected" else "answer"
    for kind_name in ("missing", "null"):
        is_kind = blank & answers & (kind == kind_name)
        yield from _found(owners[is_kind], f"an answer's content is {kind_name}", f"{kind_name}-answer", where)
    written = blank & ~np.isin(kind.astype(str), ["missing", "null"])
    yield from _found(owners[written & answers], "an answer is empty", "empty-answer", where)
    others = blank & ~answers & ~np.isin(role.astype(str), ["tool", "function", "system"])
    yield from _found(owners[others], "a prompt or text is empty", "empty-prompt", "prompt")
    odd = np.isin(kind.astype(str), NOT_TEXT) & ~np.isin(role.astype(str), ["tool", "function"])
    yield from _found(owners[odd], "a message's content is not text", "not-text", where)
    placeholder = cols.matches(content, PLACEHOLDER) & answers & ~blank
    yield from _found(owners[placeholder], "an answer is a placeholder", "placeholder", where)
    short = cols.mask(pc.less_equal(pc.utf8_length(content), SHORT))
    failed = cols.matches(content, FAILED) & answers & short & ~placeholder
    yield from _found(owners[failed], "a server's error stands in the place of an answer", "error-message", where)


def _found(rows: np.ndarray, message: str, kind: str, column: str) -> Iterator[Findings]:
    if len(rows):
        yield Findings(np.unique(rows), 1.0, message, kind, column=column)
