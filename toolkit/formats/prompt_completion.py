"""A prompt and its completion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.core import turns
from toolkit.core.types import Parsed, Turn

PAIRS: tuple[tuple[str, str], ...] = (
    ("prompt", "completion"),
    ("prompt", "response"),
    ("instruction", "response"),
    ("question", "answer"),
    ("query", "response"),
    ("input", "output"),
    ("source", "target"),
)
SQUAD = ("question", "answers")
GIVEN = ("input", "context")
"""Columns of what a prompt is about, under the prompt; where it is called `prompt` it is whole."""


@dataclass(frozen=True, slots=True)
class PromptCompletion:
    """`{"prompt", "completion"}` as text or as lists of messages; also question/answer, instruction/response,
    query/response, input/output and source/target, or the two columns named here. What an instruction, a
    question or a query is about may stand in `input` or `context`. Of SQuAD's `answers` the first text counts, and
    none is an empty answer."""

    id: ClassVar[str] = "prompt-completion"
    prompt: str = ""
    completion: str = ""

    def claims(self, row: Mapping[str, Any]) -> int:
        return 7 if self._columns(row) else 0

    def parse(self, row: Mapping[str, Any]) -> Parsed:
        prompt, completion = self._columns(row) or (self.prompt or "prompt", self.completion or "completion")
        found = [*side("user", _asked(row, prompt)), *side("assistant", _first(row.get(completion)))]
        system = [turns.plain("system", row["system"])] if isinstance(row.get("system"), str) and row["system"] else []
        return Parsed([*system, *found], tools=turns.as_text(row.get("tools")))

    def write(self, parsed: Parsed) -> dict[str, Any]:
        names = (self.prompt or "prompt", self.completion or "completion")
        row = dict(zip(names, split(parsed.turns), strict=True))
        return row if parsed.tools is None else {**row, "tools": parsed.tools}

    def _columns(self, row: Mapping[str, Any]) -> tuple[str, str] | None:
        if self.prompt and self.completion:
            return (self.prompt, self.completion) if self.prompt in row and self.completion in row else None
        found = next((pair for pair in PAIRS if pair[0] in row and pair[1] in row), None)
        return found or (SQUAD if "question" in row and isinstance(row.get("answers"), Mapping) else None)


def _asked(row: Mapping[str, Any], prompt: str) -> Any:
    """The prompt, with the text that it is about under it where there is one."""
    asked = row.get(prompt)
    given = next((row[name] for name in GIVEN if isinstance(row.get(name), str) and row[name].strip()), "")
    joined = isinstance(asked, str) and prompt in ("instruction", "question", "query")
    return f"{asked}\n{given}" if joined and given else asked


def _first(answers: Any) -> Any:
    """The first text of SQuAD's `{"text": [...]}`; anything else as it is."""
    if not isinstance(answers, Mapping) or not isinstance(answers.get("text"), list):
        return answers
    return next(iter(answers["text"]), "")


def side(role: str, value: Any) -> list[Turn]:
    """One side of an example: text becomes one turn of `role`, a list of messages its turns."""
    return turns.messages(value) if turns.is_messages(value) else [turns.plain(role, value)]


def split(found: Any) -> tuple[Any, Any]:
    """Turns as (prompt, completion): text where one turn stands on each side, else lists of messages."""
    body = list(found)
    last = [body.pop()] if body and body[-1].role == "assistant" else []
    if len(body) == 1 and body[0].role == "user" and len(last) == 1 and not last[0].calls:
        return body[0].content, last[0].content
    return [turns.as_message(turn) for turn in body], [turns.as_message(turn) for turn in last]
