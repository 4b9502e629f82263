"""Alpaca instructions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.core import turns
from toolkit.core.types import Parsed, Turn


@dataclass(frozen=True, slots=True)
class Alpaca:
    """`{"instruction", "input", "output"}`, with optional `system` and `history` of [question, answer] pairs."""

    id: ClassVar[str] = "alpaca"

    def claims(self, row: Mapping[str, Any]) -> int:
        return 8 if "instruction" in row and "output" in row else 0

    def parse(self, row: Mapping[str, Any]) -> Parsed:
        found = [turns.plain("system", row["system"])] if row.get("system") else []
        for pair in row.get("history") or ():
            question, answer = (*pair, None)[:2] if isinstance(pair, list) else (pair, None)
            found += [turns.plain("user", question), turns.plain("assistant", answer)]
        found += [_question(row), turns.plain("assistant", row.get("output"))]
        return Parsed(found, tools=turns.as_text(row.get("tools")))

    def write(self, parsed: Parsed) -> dict[str, Any]:
        body = list(parsed.turns)
        row: dict[str, Any] = {"instruction": "", "input": "", "output": ""}
        if body and body[0].role == "system":
            row["system"] = body.pop(0).content
        if body and body[-1].role == "assistant":
            row["output"] = body.pop().content
        if body and body[-1].role == "user":
            row["instruction"] = body.pop().content
        if body:
            contents = [turn.content for turn in body]
            row["history"] = [contents[at : at + 2] for at in range(0, len(contents), 2)]
        return row


def _question(row: Mapping[str, Any]) -> Turn:
    """The instruction, with the input under it where there is one."""
    content, kind = turns.content_of(row.get("instruction"))
    extra, extra_kind = turns.content_of(row.get("input"))
    if extra and kind == "text":
        return Turn("user", f"{content}\n{extra}", extra_kind)
    return Turn("user", content, kind)
