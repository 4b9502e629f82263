"""LLaMA-Factory."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import orjson

from toolkit.core import turns
from toolkit.core.errors import UsageError
from toolkit.outbound.example import Example, Message, Unfit, flat

FROM = {"system": "system", "user": "human", "assistant": "gpt", "tool": "observation"}


@dataclass(frozen=True, slots=True)
class LlamaFactory:
    """JSON Lines and dataset_info.json for LLaMA-Factory: sharegpt or alpaca rows, pairs (`ranking`) and KTO.

    In sharegpt rows a tool call is a turn of its own without an id, and a text beside it is lost; no turn
    can be left out of the loss. style: sharegpt, or alpaca for rows without tools. In alpaca rows a
    conversation's earlier turns are its `history`.
    """

    id: ClassVar[str] = "llamafactory"
    title: ClassVar[str] = "LLaMA-Factory: sharegpt, alpaca, ranking, KTO, with dataset_info.json"
    takes: ClassVar[Mapping[str, str]] = {"chat": "sft", "preference": "dpo", "unpaired": "kto", "text": "text"}
    reads: ClassVar[Mapping[str, str]] = {"sft": "", "dpo": "preference", "kto": "unpaired-preference", "text": "text"}
    keys: ClassVar[frozenset[str] | None] = frozenset()
    store: ClassVar[str] = "jsonl"
    profile: ClassVar[str] = ""
    names: ClassVar[Mapping[str, str]] = {}
    shards: ClassVar[bool] = True

    style: str = "sharegpt"

    def convert(self, found: Example, mode: str) -> dict[str, Any]:
        if self.style not in ("sharegpt", "alpaca"):
            raise UsageError(f"llamafactory has no style '{self.style}' here", "sharegpt or alpaca")
        if mode == "text":
            return {"text": found.text}
        if self.style == "alpaca":
            return _alpaca(found, mode)
        functions = [each["function"] for each in found.tools or ()]
        tools = {"tools": turns.as_json(functions)} if functions else {}
        if mode == "dpo":
            prompt, chosen = found.prompt_and_answer()
            sides = {"chosen": _one(chosen, "chosen"), "rejected": _one(found.rejected or [], "rejected")}
            return {"conversations": _turns(prompt), **sides, **tools}
        label = {"kto_tag": found.parsed.label == "true"} if mode == "kto" else {}
        return {"conversations": _turns(found.messages), **label, **tools}

    def beside(self, told: Mapping[str, Any]) -> Mapping[str, str]:
        info: dict[str, Any] = {}
        for file in told["files"]:
            entry: dict[str, Any] = {"file_name": file["name"], "columns": self._columns(told)}
            if told["mode"] != "text" and self.style == "sharegpt":
                entry["formatting"] = "sharegpt"
            info[file["name"].partition(".")[0]] = {**entry, "ranking": True} if told["mode"] == "dpo" else entry
        return {"dataset_info.json": json.dumps(info, indent=1) + "\n"}

    def _columns(self, told: Mapping[str, Any]) -> dict[str, str]:
        if told["mode"] == "text":
            return {"prompt": "text"}
        columns = {"messages": "conversations"} if self.style == "sharegpt" else dict(ALPACA)
        columns |= {"chosen": "chosen", "rejected": "rejected"} if told["mode"] == "dpo" else {}
        columns |= {"kto_tag": "kto_tag"} if told["mode"] == "kto" else {}
        have = [*told["keys"]]
        for name in ("tools", "system", "history"):  # a column that is named must be there
            columns |= {name: name} if name in have else {}
        return columns


ALPACA = {"prompt": "instruction", "query": "input", "response": "output"}


def _turns(found: list[Message]) -> list[Message]:
    return [_turn(each) for each in flat(found)]


def _turn(message: Message) -> Message:
    if message.get("tool_calls"):
        calls = [{"name": call["function"]["name"], "arguments": _object(call)} for call in message["tool_calls"]]
        return {"from": "function_call", "value": turns.as_json(calls if len(calls) > 1 else calls[0])}
    return {"from": FROM.get(message.get("role", ""), message.get("role")), "value": message.get("content") or ""}


def _object(call: Message) -> Any:
    try:
        return orjson.loads(call["function"]["arguments"])
    except orjson.JSONDecodeError as failure:
        raise Unfit("tool-call", "the arguments of a call are not JSON") from failure


def _one(side: list[Message], name: str) -> Message:
    if len(side) != 1:
        raise Unfit("one-answer", f"the {name} side is not one message")
    return _turn(flat(side)[0])


def _alpaca(found: Example, mode: str) -> dict[str, Any]:
    from toolkit.formats.alpaca import Alpaca

    body = [turn.role for turn in found.parsed.turns if turn.role != "system"]
    if (
        body != ["user", "assistant"] * (len(body) // 2)
        or found.parsed.tools
        or any(t.calls for t in found.parsed.turns)
    ):
        raise Unfit("alpaca", "alpaca holds questions and answers in turn, without tools")
    row = Alpaca().write(found.parsed)
    if mode == "dpo":
        rejected = found.rejected or [{}]
        return {**row, "output": "", "chosen": row["output"], "rejected": rejected[-1].get("content")}
    return {**row, "kto_tag": found.parsed.label == "true"} if mode == "kto" else row
