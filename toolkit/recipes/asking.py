"""The conversation that list recipes share: ask for a JSON list, ask again where there was none."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from toolkit.core.request import Conversation, GeneratedRow, Malformed, Message, Reply, Request, Seed
from toolkit.core.template import render

ASKED_AGAIN = 2
AGAIN = "That was not a JSON list as asked for. Answer with the JSON list alone."
_FENCE = re.compile(r"```(?:json)?\s*\n(.*?)```", re.DOTALL)


def ask_for_list(request: Request, make: Callable[[Any, Seed], GeneratedRow]) -> Conversation:
    """Yield a request until its reply is a JSON list, at most three times; every item becomes a row.

    Raises Malformed when no reply was a list. An item that is none of what was asked for is a row
    with a `fault`, so that one bad item costs one row.
    """
    for left in range(ASKED_AGAIN, -1, -1):
        reply = yield request
        try:
            items = read_list(reply)
        except Malformed:
            if left == 0:
                raise
            request = _again(request, reply)
            continue
        return [_with_origin(make(item, request.seed), reply, nth) for nth, item in enumerate(items)]
    raise AssertionError("the loop returns or raises")


def read_list(reply: Reply) -> list[Any]:
    """The JSON list in a reply, whatever was written around it. Raises Malformed where there is none."""
    text = reply.text.strip()
    fenced = _FENCE.search(text)
    for candidate in (text, fenced.group(1) if fenced else "", text[text.find("[") : text.rfind("]") + 1]):
        found = _parsed(candidate)
        if isinstance(found, list):
            return found
    ended = f"; the reply ended with {reply.stop}" if reply.stop != "end_turn" else ""
    raise Malformed(f"the reply holds no JSON list{ended}")


def prompts(seed: Seed, labels: Mapping[str, str], system: str, prompt: str) -> tuple[Message, ...]:
    """The two messages of a list recipe: its templates, filled with what a seed says."""
    label = seed.cell.label
    seen: dict[str, Any] = {
        "rows": seed.rows,
        "label": label,
        "description": labels.get(label, ""),
        "attributes": [{"name": name, "value": value} for name, value in seed.cell.attributes],
        "others": [each for each in labels if each != label],
        "examples": [example._asdict() for example in seed.examples],
        "shun": list(seed.shun),
    }
    asked = render(prompt, seen, "strategy.prompt").strip()
    return Message("system", render(system, seen, "strategy.system")), Message("user", asked)


def _again(request: Request, reply: Reply) -> Request:
    added = (Message("assistant", reply.text), Message("user", AGAIN))
    return Request(request.seed, (*request.messages, *added), request.params)


def _with_origin(row: GeneratedRow, reply: Reply, nth: int) -> GeneratedRow:
    if nth >= len(reply.origins):
        return row
    lineage = {**row.lineage, "template": reply.origins[nth]}
    return GeneratedRow(row.fields, row.text, row.label, lineage, row.fault)


def _parsed(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
