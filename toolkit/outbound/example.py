"""One row as every target is handed it: its shape, OpenAI's messages, and what else the row had."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import orjson

from toolkit.core import tools as core_tools
from toolkit.core import turns
from toolkit.core.types import Parsed, Turn

Shape = Literal["chat", "preference", "unpaired", "text", "prompt", "stepwise"]
Message = dict[str, Any]
SHAPES: Mapping[str, Shape] = {
    "messages": "chat",
    "messages-column": "chat",
    "sharegpt": "chat",
    "alpaca": "chat",
    "prompt-completion": "chat",
    "text-label": "chat",
    "bedrock": "chat",
    "vertex": "chat",
    "preference": "preference",
    "unpaired-preference": "unpaired",
    "text": "text",
    "prompt-only": "prompt",
    "stepwise": "stepwise",
}
OWN = frozenset({
    "messages", "tools", "functions", "conversations", "system", "instruction", "input", "output", "history", "prompt",
    "completion", "completions", "labels", "text", "label", "chosen", "rejected", "kto_tag", "chosen_messages",
    "rejected_messages", "preferred_output", "non_preferred_output", "schemaVersion", "toolConfig", "contents",
    "systemInstruction", "system_instruction", "reference", "reference_answer", "ground_truth", "solution",
})  # fmt: skip
"""Columns that row formats read; the others are nobody's but the user's."""
STANDARD = frozenset({"role", "content", "tool_calls", "tool_call_id", "weight", "train", "function_call"})
ROLES = {"developer": "system", "function": "tool"}


class Unfit(Exception):  # noqa: N818 - it is an answer, not an accident
    """A row that a target cannot hold. rule: a short name to count by; words: why."""

    def __init__(self, rule: str, words: str) -> None:
        super().__init__(rule, words)
        self.rule = rule
        self.words = words


class Example(NamedTuple):
    """A row before it takes a target's form.

    parsed: its turns, the answer last, roles system, user, assistant and tool. messages: the same as OpenAI has
    them, with the keys and content parts that the row had beside the standard ones. sides: the row's own
    texts where they are no messages: prompt and completion, or prompt, chosen and rejected. extra: its
    other columns.
    """

    shape: Shape
    parsed: Parsed
    messages: list[Message]
    rejected: list[Message] | None = None
    sides: tuple[str, ...] | None = None
    extra: Mapping[str, Any] = {}

    @property
    def tools(self) -> list[Message] | None:
        """The declared tools in OpenAI's form."""
        text = self.parsed.tools
        return list(_declared(text)) if text else None

    @property
    def text(self) -> str:
        """The document of a text row."""
        return "\n".join(turn.content or "" for turn in self.parsed.turns)

    def prompt_and_answer(self) -> tuple[list[Message], list[Message]]:
        """The messages before the final answer, and the answer: one assistant message, or none."""
        ends = bool(self.messages) and self.messages[-1].get("role") == "assistant"
        at = len(self.messages) - ends
        return self.messages[:at], self.messages[at:]


def example(value: Mapping[str, Any], form: Any) -> Example:
    """A row of a row format as an example; a label without an answer becomes the answer. Raises Unfit."""
    shape = SHAPES.get(form.id)
    if shape is None:
        raise Unfit("shape", "its keys are of no known row format")
    parsed: Parsed = form.parse(value)
    body = list(parsed.turns)
    if shape == "chat" and parsed.label is not None:
        if not any(turn.role == "assistant" for turn in body):
            body.append(Turn("assistant", parsed.label))
        parsed = parsed._replace(label=None)
    parsed = parsed._replace(turns=[_named(turn) for turn in body])
    rejected = None
    if parsed.rejected is not None:
        parsed = parsed._replace(rejected=[_named(turn) for turn in parsed.rejected])
        rejected = messages(parsed.rejected or ())
    own = value.get(form.key) if form.id == "messages" else value.get("messages") if shape == "unpaired" else None
    made = messages(parsed.turns)
    extra = {key: each for key, each in value.items() if key not in _used(form)}
    return Example(shape, parsed, _with_own(made, own), rejected, _sides(value, shape), extra)


@lru_cache(maxsize=256)
def _declared(text: str) -> tuple[Message, ...]:
    """The tools of a tool list, which many rows share."""
    return tuple({"type": "function", "function": each} for each in core_tools.functions(text))


def _used(form: Any) -> Iterable[str]:
    named = [getattr(form, name, "") for name in ("text", "label", "prompt", "completion", "key")]
    if form.id == "text-label":
        return {"text", "label", *named}
    if form.id == "prompt-completion":
        return {*OWN, *named, "response", "question", "answer", "query", "source", "target"}
    return {*OWN, *named}


def messages(found: Sequence[Turn]) -> list[Message]:
    """Turns as OpenAI's messages: tool calls with their arguments as JSON text."""
    made = []
    for turn in found:
        message = turns.as_message(turn._replace(calls=None))
        if turn.calls is not None:
            message["tool_calls"] = list(_calls(turn.calls))
        made.append(message)
    return made


def _named(turn: Turn) -> Turn:
    return turn._replace(role=ROLES[turn.role]) if turn.role in ROLES else turn


def _calls(text: str) -> Iterator[Message]:
    found = orjson.loads(text) if text[:1] in "[{" and _is_json(text) else None
    if found is None:
        raise Unfit("tool-call", "a tool call is not JSON")
    for each in found if isinstance(found, list) else [found]:
        inner = each.get("function", each) if isinstance(each, Mapping) else None
        if not isinstance(inner, Mapping) or not isinstance(inner.get("name"), str):
            raise Unfit("tool-call", "a tool call names no function")
        given: Any = next((inner[key] for key in ("arguments", "parameters", "input") if key in inner), {})
        yield core_tools.call(inner["name"], given, each.get("id"))


def _is_json(text: str) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


def _with_own(made: list[Message], own: Any) -> list[Message]:
    """Messages with the further keys and the content parts that the row's own messages have."""
    if not isinstance(own, list):
        return made
    for message, given in zip(made[len(made) - len(own) :], own, strict=False):
        if not isinstance(given, Mapping):
            continue
        if isinstance(given.get("content"), list):
            message["content"] = given["content"]
        for key in given.keys() - STANDARD:
            message[key] = given[key]
    return made


def _sides(value: Mapping[str, Any], shape: Shape) -> tuple[str, ...] | None:
    names = {"preference": ("prompt", "chosen", "rejected")}.get(shape, ("prompt", "completion"))
    found = tuple(value.get(name) for name in names)
    texts = tuple(each for each in found if isinstance(each, str))
    plain = len(texts) == len(found) and not value.get("system") and not value.get("tools")
    return texts if plain else None


def as_shape(found: Example, shape: Shape) -> Example:
    """An example made into another shape, where that can be meant: a pair's better answer, or the prompt alone."""
    if found.shape == shape:
        return found
    parsed = found.parsed
    if shape == "chat" and found.shape == "preference":
        return found._replace(shape=shape, parsed=parsed._replace(rejected=None), rejected=None, sides=None)
    if shape == "chat" and found.shape == "unpaired":
        if parsed.label != "true":
            raise Unfit("unwanted", "the answer is not wanted, and a model would be taught it")
        return found._replace(shape=shape, parsed=parsed._replace(label=None))
    if shape == "prompt" and found.shape == "chat":
        return found._replace(shape=shape, sides=None)
    raise Unfit("shape", f"{found.shape} rows cannot be made into {shape} rows")


def flat(found: Sequence[Message], keys: frozenset[str] | None = None) -> list[Message]:
    """Messages with texts for contents and the keys that a target knows; None keeps all. Raises Unfit for media."""
    return [_flat(each, keys) for each in found]


def _flat(message: Message, keys: frozenset[str] | None) -> Message:
    content = message.get("content")
    kept = message if keys is None else {key: each for key, each in message.items() if key in keys}
    if not isinstance(content, list):
        return kept
    if has_media(content):
        raise Unfit("media", "pictures and other media are not text")
    return {**kept, "content": turns.content_of(content)[0]}


def has_media(content: Any) -> bool:
    """Whether content parts hold more than text."""
    return isinstance(content, list) and any(
        not isinstance(part, str) and not (isinstance(part, Mapping) and isinstance(part.get("text"), str))
        for part in content
    )


def identified(found: Sequence[Message]) -> list[Message]:
    """Messages whose tool calls and results have ids: those without get one by their place, nine letters and digits."""
    made, waiting, n = [], [], 0
    for message in found:
        if message.get("tool_calls"):
            calls = []
            for call in message["tool_calls"]:
                n += 1
                calls.append({"id": f"call{n:05d}", **call})
            waiting = [call["id"] for call in calls]
            message = {**message, "tool_calls": calls}
        elif message.get("role") == "tool":
            own = message.get("tool_call_id")
            if not own and waiting:
                message = {**message, "tool_call_id": waiting[0]}
            waiting = [each for each in waiting if each != message.get("tool_call_id")]
        made.append(message)
    return made
