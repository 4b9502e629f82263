"""TRL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.core import turns
from toolkit.outbound.example import Example, flat


@dataclass(frozen=True, slots=True)
class Trl:
    """JSON Lines for TRL's trainers: SFT, DPO, KTO, online methods (prompts) and process rewards (stepwise).

    Conversations are `messages`; prompt and completion that are texts stay texts, of which TRL trains on
    the completion alone. Tools and the arguments of calls are JSON text: as objects, Arrow would give each
    row the keys of all others. TRL parses the tools itself. `weight: 0` is kept, and TRL does not read it.
    """

    id: ClassVar[str] = "trl"
    title: ClassVar[str] = "TRL: SFT, DPO, KTO, prompts, stepwise"
    takes: ClassVar[Mapping[str, str]] = {
        "chat": "sft",
        "preference": "dpo",
        "unpaired": "kto",
        "prompt": "prompt",
        "stepwise": "stepwise",
        "text": "text",
    }
    reads: ClassVar[Mapping[str, str]] = {
        "sft": "",
        "dpo": "preference",
        "kto": "unpaired-preference",
        "prompt": "prompt-only",
        "stepwise": "stepwise",
        "text": "text",
    }
    keys: ClassVar[frozenset[str] | None] = None
    store: ClassVar[str] = "jsonl"
    profile: ClassVar[str] = ""
    names: ClassVar[Mapping[str, str]] = {}
    shards: ClassVar[bool] = True

    def convert(self, found: Example, mode: str) -> dict[str, Any]:
        return {**CONVERT[mode](found), **_tools(found)}

    def beside(self, told: Mapping[str, Any]) -> Mapping[str, str]:
        return {}


def _tools(found: Example) -> dict[str, Any]:
    return {} if found.tools is None else {"tools": turns.as_json(found.tools)}


def _sft(found: Example) -> dict[str, Any]:
    if found.sides is not None:
        return {"prompt": found.sides[0], "completion": found.sides[1]}
    return {"messages": flat(found.messages)}


def _dpo(found: Example) -> dict[str, Any]:
    if found.sides is not None:
        return dict(zip(("prompt", "chosen", "rejected"), found.sides, strict=True))
    prompt, chosen = found.prompt_and_answer()
    return {"prompt": flat(prompt), "chosen": flat(chosen), "rejected": flat(found.rejected or ())}


def _kto(found: Example) -> dict[str, Any]:
    label = found.parsed.label == "true"
    if found.sides is not None:
        return {"prompt": found.sides[0], "completion": found.sides[1], "label": label}
    prompt, answer = found.prompt_and_answer()
    return {"prompt": flat(prompt), "completion": flat(answer), "label": label}


def _prompt(found: Example) -> dict[str, Any]:
    prompt, answer = found.prompt_and_answer()
    return {"prompt": flat(prompt), **({"reference": answer[0].get("content")} if answer else {})}


def _stepwise(found: Example) -> dict[str, Any]:
    from toolkit.formats.stepwise import Stepwise

    return Stepwise().write(found.parsed)


def _text(found: Example) -> dict[str, Any]:
    return {"text": found.text}


CONVERT = {"sft": _sft, "dpo": _dpo, "kto": _kto, "prompt": _prompt, "stepwise": _stepwise, "text": _text}
