"""A captured call as a conversation, or the reason why it gives no row."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import orjson

from toolkit.capture.decode import Undecodable, decoded, events
from toolkit.capture.privacy import Prints
from toolkit.core import parts
from toolkit.core.talk import Answer, Joined, Odd, Talk
from toolkit.store.calls import Call

COMPETING = ("frontier_llm", "reasoning_extraction")
"""Refusals that concern competing models: recorded, never a row."""
BROKEN = "a body that is not what its API says"
PROVIDERS = {"api.anthropic.com": "anthropic", "api.openai.com": "openai"}


class Understood(NamedTuple):
    """A call and what it says. request, response: decoded bodies. joined: the JSON that a stream adds up to.

    excluded: why the call gives no row at all, empty where each answer is to be asked (`fault`). corrected:
    whether the answer is what somebody said it should have been. part: which of a batch's requests it is about.
    """

    call: Call
    api: str
    request: bytes
    response: bytes
    joined: bytes | None
    talk: Talk
    excluded: str
    corrected: bool = False
    part: str = ""

    @property
    def provider(self) -> str:
        return _provider(str(self.call.begin.get("upstream", "")))


def understand(call: Call) -> Understood:
    """Read a call. Never raises for what it holds: what cannot be read is the reason in `excluded`."""
    wire = wire_of(str(call.begin.get("url", "")).partition("?")[0])
    hide = Prints(call.begin.get("keys", ())).hide
    request, lost = _body(call.begin.get("headers", {}), bytes(call.request), hide)
    response, lost_too = _body(call.head.get("headers", {}), bytes(call.response), hide)
    why = _unfit(call) or lost or lost_too
    if wire is None or call.begin.get("method") != "POST":
        return Understood(call, "", request, response, None, Talk(), why or "not a chat call")
    joined, talk = None, Talk()
    try:
        asked = orjson.loads(request) if request else {}
        if "event-stream" in call.head.get("headers", {}).get("content-type", ""):
            stream = wire.join(events(response))
            why = why or _cut(stream)
            told = orjson.dumps(stream.message)
            joined = hide(told)  # a key that came in pieces is whole here
            reply = stream.message if joined is told else orjson.loads(joined)
        elif not why:
            reply = orjson.loads(response)
        if not why:
            talk = wire.talk(asked, reply)
    except Odd as reason:
        why = why or str(reason)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        why = why or BROKEN
    return Understood(call, wire.id, request, response, joined, talk, why)


def fault(answer: Answer) -> str:
    """Why one answer makes no row, empty where it does."""
    if answer.category in COMPETING:
        return f"refusal: {answer.category}"
    if answer.refused or answer.category:
        return "refusal"
    if not answer.good:
        return f"stopped by {answer.stop}"
    message = answer.message
    return "" if message.get("content") or message.get("tool_calls") else "empty answer"


def _unfit(call: Call) -> str:
    """What the log alone says against a call."""
    if call.gap:
        return "not whole in the log"
    if call.outcome != "complete":
        return f"cut off: {call.outcome}"
    if not 200 <= call.status < 300:
        return f"status {call.status}"
    return "its client had hung up" if call.end.get("client") == "gone" else ""


def _cut(joined: Joined) -> str:
    if joined.fault:
        return "an error in the stream"
    return "" if joined.whole else "a stream without its end"


def _body(headers: Mapping[str, str], body: bytes, hide: Any) -> tuple[bytes, str]:
    """A body decoded, and why it could not be. A key that compression hid is masked."""
    try:
        found = decoded(headers, body)
    except Undecodable as reason:
        return body, str(reason)
    return (found if found is body else hide(found)), ""


@cache
def _provider(upstream: str) -> str:
    host = urlsplit(upstream).netloc
    return PROVIDERS.get(host, host)


@cache
def wire_of(path: str) -> Any:
    """The API of the path of an address, None for one that no part of the shelf reads."""
    return next((wire for name in parts.parts("wires") if (wire := parts.build("wires", name)).claims(path)), None)
