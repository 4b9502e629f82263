"""The short way through Anthropic's SDK sends what the SDK sends by itself."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.fault_server import FaultServer, serving
from toolkit.core.request import Message, Request
from toolkit.core.types import JSON
from toolkit.providers.anthropic import AnthropicProvider

CALLS: tuple[dict[str, JSON], ...] = (
    {"max_tokens": 5},
    {"max_tokens": 5},
    {"max_tokens": 7, "temperature": 0.5},
    {"max_tokens": 7, "stop_sequences": ["\n"]},
)


def sent(server: FaultServer) -> tuple[list[dict[str, str]], list[Any]]:
    provider = AnthropicProvider("m", base_url=server.url)

    async def all_() -> None:
        for nth, params in enumerate(CALLS):
            words = Message("user", f"Say ü {nth}")
            await provider.complete(Request(messages=(Message("system", "Be short."), words), params=params))
        await provider.close()

    before = len(server.served.seen_headers), len(server.served.bodies)
    asyncio.run(all_())
    return server.served.seen_headers[before[0] :], server.served.bodies[before[1] :]


def test_headers_and_bodies_are_those_of_the_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    import anthropic

    from toolkit.providers import straight

    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-" + "test-0123456789")
    with serving() as server:
        ours = sent(server)
        with monkeypatch.context() as plain:
            plain.setattr(straight, "client", lambda: anthropic.AsyncAnthropic)
            plain.setattr(straight, "connections", lambda: anthropic.DefaultAioHttpClient)
            theirs = sent(server)
    for each in theirs[0]:
        assert each.pop("connection") == "keep-alive"  # what HTTP/1.1 means without it
    assert len(ours[0]) == len(CALLS)
    assert ours == theirs
    assert "temperature" in ours[1][2] and "temperature" not in ours[1][1]
