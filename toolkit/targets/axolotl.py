"""Axolotl."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.core import turns
from toolkit.core.errors import UsageError
from toolkit.outbound.example import Example, Message, Unfit, flat

HEAD = "# The data part of an axolotl configuration; add the model and how to train it.\n"


@dataclass(frozen=True, slots=True)
class Axolotl:
    """JSON Lines and the data part of a configuration for axolotl: chat_template, alpaca, DPO and completion.

    A turn that is not to be trained on (`weight: 0`) gets axolotl's `train: false`. Held-out rows become
    its `test_datasets`. style: chat_template, or alpaca for single questions and answers without tools.
    """

    id: ClassVar[str] = "axolotl"
    title: ClassVar[str] = "axolotl: chat_template, alpaca, DPO, completion, with a configuration"
    takes: ClassVar[Mapping[str, str]] = {"chat": "sft", "preference": "dpo", "text": "text"}
    reads: ClassVar[Mapping[str, str]] = {"sft": "", "dpo": "preference", "text": "text"}
    keys: ClassVar[frozenset[str] | None] = None
    store: ClassVar[str] = "jsonl"
    profile: ClassVar[str] = ""
    names: ClassVar[Mapping[str, str]] = {}
    shards: ClassVar[bool] = True

    style: str = "chat_template"

    def convert(self, found: Example, mode: str) -> dict[str, Any]:
        if mode == "text":
            return {"text": found.text}
        tools = {} if found.tools is None else {"tools": turns.as_json(found.tools)}
        if mode == "dpo":
            prompt, chosen = found.prompt_and_answer()
            sides = {"chosen": _one(chosen, "chosen"), "rejected": _one(found.rejected or [], "rejected")}
            return {"messages": _marked(prompt), **sides, **tools}
        if self.style == "alpaca":
            return _alpaca(found)
        if self.style != "chat_template":
            raise UsageError(f"axolotl has no style '{self.style}' here", "chat_template or alpaca")
        return {"messages": _marked(found.messages), **tools}

    def beside(self, told: Mapping[str, Any]) -> Mapping[str, str]:
        form = {"text": ["type: completion", "field: text"], "dpo": [*PAIR]}.get(told["mode"])
        if form is None:
            form = ["type: alpaca"] if self.style == "alpaca" else [*CHAT]
        train = [file["name"] for file in told["files"] if file["part"] == "train"]
        tests = [file["name"] for file in told["files"] if file["part"] not in ("train", "regression")]
        text = HEAD + ("rl: dpo\n" if told["mode"] == "dpo" else "") + _listed("datasets", train, form)
        return {"axolotl.yaml": text + (_listed("test_datasets", tests, form) if tests else "")}


CHAT = (
    "type: chat_template",
    "field_messages: messages",
    "roles_to_train: [assistant]",
    "message_field_training: train",
)
PAIR = ("type: chat_template.default", "field_messages: messages", "field_chosen: chosen", "field_rejected: rejected")


def _listed(key: str, names: list[str], form: list[str]) -> str:
    lines = [f"{key}:"]
    for name in names:
        split = ["split: train"]
        lines += [f"  - path: {name}", *(f"    {line}" for line in ("ds_type: json", *split, *form))]
    return "\n".join(lines) + "\n"


def _marked(found: list[Message]) -> list[Message]:
    """Messages with axolotl's own mark on turns that have no loss."""
    return [
        {**{key: value for key, value in each.items() if key != "weight"}, "train": False} if "weight" in each else each
        for each in flat(found)
    ]


def _one(side: list[Message], name: str) -> Message:
    if len(side) != 1:
        raise Unfit("one-answer", f"the {name} side is not one message")
    return flat(side)[0]


def _alpaca(found: Example) -> dict[str, Any]:
    from toolkit.formats.alpaca import Alpaca

    roles = [turn.role for turn in found.parsed.turns]
    if roles not in (["user", "assistant"], ["system", "user", "assistant"]) or found.parsed.tools:
        raise Unfit("alpaca", "alpaca holds one question and its answer, without tools")
    return Alpaca().write(found.parsed)
