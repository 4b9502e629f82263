"""Conversations that go on: which call is the beginning of another."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from toolkit.core.jsontext import written
from toolkit.core.talk import Message

NOTHING = b""


def states(messages: Sequence[Message]) -> Iterator[bytes]:
    """The digest of the conversation after each message: equal digests are equal conversations so far."""
    state = NOTHING
    for message in messages:
        state = after(state, message)
        yield state


def after(state: bytes, message: Message) -> bytes:
    """The digest of a conversation with one message more.

    Thoughts do not count, nor space around a text, nor how it is cut into parts: clients that send a
    conversation back change these.
    """
    told = [message["role"], _text(message["content"]), message.get("tool_calls"), message.get("tool_call_id")]
    return hashlib.blake2b(written(told, sort_keys=True), digest_size=16, key=state).digest()


def _text(content: object) -> str:
    if isinstance(content, list):
        return "".join(part["text"] for part in content).strip()
    return str(content).strip()


def family(messages: Sequence[Message], known: Sequence[bytes]) -> str:
    """What all calls share that begin with the same first question: a split keeps them together."""
    first = next((at for at, each in enumerate(messages) if each["role"] == "user"), 0)
    return known[first].hex() if known else ""
