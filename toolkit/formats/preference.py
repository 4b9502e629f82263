"""Preference pairs, with the prompt beside them or inside both sides."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.core import turns
from toolkit.core.types import Parsed, Turn
from toolkit.formats import prompt_completion, sharegpt

SIDES = (
    ("chosen", "rejected"),
    ("chosen_messages", "rejected_messages"),
    ("preferred_output", "non_preferred_output"),
)
SPEAKER = re.compile(r"(?:\A\s*|\n\n)(Human|Assistant):[ \t]*")
BREAK = re.compile(r"\s")
SPEAKERS = {"Human": "user", "Assistant": "assistant"}


@dataclass(frozen=True, slots=True)
class Preference:
    """`{"prompt", "chosen", "rejected"}`; without a prompt, what both sides begin with is the prompt. Sides are
    text, a message, a list of messages, or a transcript (`Human: ... Assistant: ...`); LLaMA-Factory's
    `conversations` or `instruction` and axolotl's `messages` serve as prompt. Also `chosen_messages` and
    `rejected_messages`, and OpenAI's `input` with `preferred_output` and `non_preferred_output`. A prompt that
    is text, beside conversations that tell it again, counts once."""

    id: ClassVar[str] = "preference"

    def claims(self, row: Mapping[str, Any]) -> int:
        return 12 if any(chosen in row and rejected in row for chosen, rejected in SIDES) else 0

    def parse(self, row: Mapping[str, Any]) -> Parsed:
        row = _plainly(row)
        before = _prompt(row)
        chosen, rejected = _side(row.get("chosen")), _side(row.get("rejected"))
        if before is None or (isinstance(row.get("prompt"), str) and _again(chosen, rejected)):
            before, chosen, rejected = _shared(*map(_spoken, (chosen, rejected)))
        return Parsed([*before, *chosen], rejected=rejected, tools=turns.as_text(row.get("tools")))

    def write(self, parsed: Parsed) -> dict[str, Any]:
        rejected = list(parsed.rejected or ())
        prompt, chosen = prompt_completion.split(parsed.turns)
        if isinstance(chosen, str) and len(rejected) == 1 and rejected[0].role == "assistant":
            return {"prompt": prompt, "chosen": chosen, "rejected": rejected[0].content}
        as_lists = [turns.as_message(turn) for turn in parsed.turns]
        body = as_lists[:-1] if as_lists and as_lists[-1].get("role") == "assistant" else as_lists
        row = {"prompt": body, "chosen": as_lists[len(body) :], "rejected": [turns.as_message(t) for t in rejected]}
        return row if parsed.tools is None else {**row, "tools": parsed.tools}


def _plainly(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """The row with its sides called chosen and rejected, and what OpenAI has in `input` beside them."""
    if "chosen" in row and "rejected" in row:
        return row
    names = next((pair for pair in SIDES if pair[0] in row and pair[1] in row), SIDES[0])
    sides = {"chosen": row.get(names[0]), "rejected": row.get(names[1])}
    given = row.get("input")
    if isinstance(given, Mapping):
        return {"prompt": given.get("messages"), "tools": given.get("tools"), **sides}
    return {"tools": row.get("tools"), **sides}


def _prompt(row: Mapping[str, Any]) -> list[Turn] | None:
    """The prompt's turns, or None where both sides carry it."""
    if "prompt" in row:
        return prompt_completion.side("user", row["prompt"])
    if turns.is_messages(row.get("messages")):
        return turns.messages(row["messages"])
    if isinstance(row.get("conversations"), list):
        return [sharegpt.turn(each) for each in row["conversations"]]
    for key in ("instruction", "question", "input"):
        if key in row:
            extra = row.get("input") if key == "instruction" else None
            question = f"{row[key]}\n{extra}" if extra else row[key]
            system = [turns.plain("system", row["system"])] if row.get("system") else []
            return [*system, turns.plain("user", question)]
    return None


def _side(value: Any) -> list[Turn]:
    if isinstance(value, Mapping):
        return [sharegpt.turn(value)]
    return prompt_completion.side("assistant", value)


def _again(chosen: Sequence[Turn], rejected: Sequence[Turn]) -> bool:
    """Whether both sides are conversations that tell the prompt again, as UltraFeedback's do."""
    both = len(chosen) > 1 and len(rejected) > 1
    return both and chosen[0].role in ("system", "user") and chosen[0] == rejected[0]


def _spoken(side: list[Turn]) -> list[Turn]:
    """A side that is one transcript, which starts with `Human:`, as its turns; any other as it is."""
    content = side[0].content if len(side) == 1 else None
    if not content or not content.lstrip().startswith("Human:"):
        return side
    _, *pieces = SPEAKER.split(content)
    return [turns.plain(SPEAKERS[who], said.strip()) for who, said in zip(pieces[::2], pieces[1::2], strict=True)]


def _shared(chosen: Sequence[Turn], rejected: Sequence[Turn]) -> tuple[list[Turn], list[Turn], list[Turn]]:
    """The common beginning of two conversations, and what is left of each; each keeps at least its last turn."""
    most = min(len(chosen), len(rejected)) - 1
    if not most and len(chosen) == len(rejected) == 1:
        return _shared_text(chosen[0], rejected[0])
    same = 0
    while same < most and chosen[same] == rejected[same]:
        same += 1
    return list(chosen[:same]), list(chosen[same:]), list(rejected[same:])


def _shared_text(chosen: Turn, rejected: Turn) -> tuple[list[Turn], list[Turn], list[Turn]]:
    """The beginning that two texts share, up to a space or a line break, as the prompt; none where that is nothing."""
    one, other = chosen.content or "", rejected.content or ""
    same = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    cut = max((m.end() for m in BREAK.finditer(one, 0, same)), default=0)
    if not one[:cut].strip() or not one[cut:].strip() or not other[cut:].strip():
        return [], [chosen], [rejected]
    prompt = turns.plain("user", one[:cut].rstrip())
    return [prompt], [chosen._replace(content=one[cut:])], [rejected._replace(content=other[cut:])]
