"""ATIF: trajectories of agents in the interchange format."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.core.imported import Item, Taken, day, talked
from toolkit.core.talk import Answer, Message, Odd, Talk, call, tool


@dataclass(frozen=True, slots=True)
class ATIF:
    """A trajectory in the Agent Trajectory Interchange Format (`schema_version: ATIF-v1...`), one row.

    Reconstructed where it declares its tools, else lossy if it calls any. Results of tools are turns of
    their own; what came back where no tool was called is a turn of the user. A trajectory that ends with the user
    or a tool ends with the agent's last step.
    """

    id: ClassVar[str] = "atif"

    def claims(self, record: Mapping[str, Any]) -> int:
        return 9 if str(record.get("schema_version", "")).startswith("ATIF") and "steps" in record else 0

    def take(self, items: Iterable[Item]) -> Iterator[Taken]:
        for position, value in items:
            talk, why = talked(_talk, value)
            steps = [] if why else value["steps"]
            when = day(steps[-1].get("timestamp")) if steps else ""
            calls = any(step.get("tool_calls") for step in steps)
            made = str(value.get("session_id") or "")
            yield Taken([position], talk, "lossy" if calls and not talk.tools else "reconstructed", "", when, made, why)


def _talk(told: Mapping[str, Any]) -> Talk:
    messages: list[Message] = []
    for step in told["steps"]:
        role = {"agent": "assistant"}.get(step["source"], step["source"])
        message: Message = {"role": role, "content": _text(step.get("message") or "")}
        if step.get("reasoning_content"):
            message["reasoning_content"] = step["reasoning_content"]
        if calls := step.get("tool_calls"):
            message["tool_calls"] = [
                call(each["function_name"], each["arguments"], each["tool_call_id"]) for each in calls
            ]
        messages.append(message)
        for result in (step.get("observation") or {}).get("results") or ():
            if result.get("subagent_trajectory_ref"):
                raise Odd("a part of the trajectory is in another file")
            messages.append(_result(result, calls or ()))
    while messages and messages[-1]["role"] != "assistant":
        messages.pop()
    if not messages:
        raise Odd("nothing that the model said")
    agent = told.get("agent") or {}
    models = [step["model_name"] for step in told["steps"] if step.get("model_name")]
    tools = [_tool(each) for each in agent.get("tool_definitions") or ()]
    answer = Answer(messages.pop(), "end", True)
    return Talk(messages, [answer], tools, str((models or [agent.get("model_name")])[-1] or ""))


def _result(told: Mapping[str, Any], calls: Sequence[Mapping[str, Any]]) -> Message:
    """What came back from a step. Raises Odd where it is not told of which of several calls."""
    said, call_id = _text(told.get("content") or ""), told.get("source_call_id")
    if not call_id and not calls:
        return {"role": "user", "content": said}
    if not call_id and len(calls) > 1:
        raise Odd("a result that names none of several calls")
    return {"role": "tool", "tool_call_id": call_id or calls[0]["tool_call_id"], "content": said}


def _tool(told: Mapping[str, Any]) -> dict[str, Any]:
    function = told.get("function", told)
    return tool(function["name"], function.get("description"), function.get("parameters"))


def _text(said: Any) -> str:
    if isinstance(said, str):
        return said
    if any(part["type"] != "text" for part in said):
        raise Odd("media in the messages")
    return "".join(part["text"] for part in said)
