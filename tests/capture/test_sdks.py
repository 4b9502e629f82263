"""The real SDKs through the proxy, and what compaction makes of their calls."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from tests.capture.running import Proxy, start
from tests.capture.server import Piece, Request, Upstream, chunked, message, message_events, reply, stream_head
from toolkit.capture.compact import compact

KEY = "sk-ant-" + "api03-" + "U2RrVGVzdEtleTEyMzQ1Njc4OTAxMg"
TOOL = {"name": "weather", "description": "of a place", "input_schema": {"type": "object", "properties": {}}}


def _answer(request: Request) -> Sequence[Piece]:
    path = request.target.partition("?")[0]
    asked = request.json() if request.body else {}
    if path.endswith("/count_tokens"):
        return [reply(b'{"input_tokens": 7}')]
    if path.endswith("/chat/completions"):
        return _chat(asked)
    if path.endswith("/responses"):
        return _responses(asked)
    if asked.get("stream"):
        tool = {"name": "weather", "input": {"place": "Zürich"}} if asked.get("tools") else None
        sent = message_events("Grüezi ", "mitenand", tool=tool, stop="tool_use" if tool else "end_turn")
        return [stream_head(), *[chunked(each) for each in sent], b"0\r\n\r\n"]
    body = gzip.compress(json.dumps(message(f"said {asked['messages'][-1]['content']}")).encode())
    return [reply(body, "content-encoding: gzip")]


def _chat(asked: dict[str, Any]) -> Sequence[Piece]:
    about = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-test"}
    if not asked.get("stream"):
        choice = {"index": 0, "message": {"role": "assistant", "content": "plain"}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
        return [reply(json.dumps({**about, "choices": [choice], "usage": usage}).encode())]
    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a'}}
    deltas: list[dict[str, Any]] = [
        {"role": "assistant", "content": "str"},
        {"content": "eamed"},
        {"tool_calls": [call]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '": 1}'}}]},
    ]
    choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": "tool_calls"})
    chunks = [{**about, "object": "chat.completion.chunk", "choices": [each]} for each in choices]
    sent = [f"data: {json.dumps(each)}\n\n".encode() for each in chunks] + [b"data: [DONE]\n\n"]
    return [stream_head(), *[chunked(each) for each in sent], b"0\r\n\r\n"]


def _responses(asked: dict[str, Any]) -> Sequence[Piece]:
    part = {"type": "output_text", "text": "responded", "annotations": []}
    item = {"id": "m1", "type": "message", "role": "assistant", "status": "completed", "content": [part]}
    told = {
        "id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "gpt-test",
        "output": [item], "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
    }  # fmt: skip
    if not asked.get("stream"):
        return [reply(json.dumps(told).encode())]
    sent = [
        {"type": "response.created", "sequence_number": 0, "response": {**told, "status": "in_progress", "output": []}},
        {"type": "response.completed", "sequence_number": 1, "response": told},
    ]
    lines = [f"event: {each['type']}\ndata: {json.dumps(each)}\n\n".encode() for each in sent]
    return [stream_head(), *[chunked(each) for each in lines], b"0\r\n\r\n"]


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Proxy]:
    with Upstream(_answer) as upstream:
        running = start(upstream.url, tmp_path / "log")
        yield running
        running.stop()


def _rows(proxy: Proxy, tmp_path: Path) -> list[dict[str, Any]]:
    proxy.stop()
    made = compact(proxy.log, tmp_path / "out")
    assert made.answers == made.rows + sum(made.excluded.values())
    written = b"".join(each.read_bytes() for each in [*proxy.log.iterdir(), *(tmp_path / "out").iterdir()])
    assert KEY.encode() not in written
    return [json.loads(line) for line in (tmp_path / "out" / "rows.jsonl").read_text().splitlines()]


def _ask(text: str) -> dict[str, Any]:
    return {"model": "claude-test-1", "max_tokens": 99, "messages": [{"role": "user", "content": text}]}


def test_anthropic(proxy: Proxy, tmp_path: Path) -> None:
    with anthropic.Anthropic(api_key=KEY, base_url=proxy.url, max_retries=0) as client:
        assert client.messages.create(**_ask("one")).content[0].text == "said one"
        assert client.messages.count_tokens(model="claude-test-1", messages=_ask("x")["messages"]).input_tokens == 7
        with client.messages.stream(**_ask("two"), tools=[TOOL], system="Be brief.") as stream:
            got = stream.get_final_message()
    assert got.content[0].text == "Grüezi mitenand" and got.content[1].input == {"place": "Zürich"}

    async def ask() -> None:
        async with anthropic.AsyncAnthropic(api_key=KEY, base_url=proxy.url, max_retries=0) as client:
            replies = await asyncio.gather(*[client.messages.create(**_ask(f"async {at}")) for at in range(8)])
            assert {each.content[0].text for each in replies} == {f"said async {at}" for at in range(8)}
            async with client.messages.stream(**_ask("three")) as stream:
                assert await stream.get_final_text() == "Grüezi mitenand"

    asyncio.run(ask())
    rows = {row["messages"][-2]["content"]: row for row in _rows(proxy, tmp_path)}
    assert len(rows) == 11
    assert rows["one"]["messages"] == [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "said one"},
    ]
    tools = rows["two"]
    assert tools["messages"][0] == {"role": "system", "content": "Be brief."}
    assert tools["messages"][-1]["content"] == "Grüezi mitenand"
    assert tools["messages"][-1]["tool_calls"][0]["function"] == {"name": "weather", "arguments": {"place": "Zürich"}}
    assert tools["tools"][0]["function"]["name"] == "weather"
    lineage = tools["lineage"]
    assert (lineage["source_kind"], lineage["model"], lineage["fidelity"]) == ("captured", "claude-test-1", "exact")


def test_openai(proxy: Proxy, tmp_path: Path) -> None:
    asked: list[Any] = [{"role": "user", "content": "hi"}]
    with openai.OpenAI(api_key=KEY, base_url=f"{proxy.url}/v1", max_retries=0) as client:
        assert client.chat.completions.create(model="gpt-test", messages=asked).choices[0].message.content == "plain"
        with client.chat.completions.create(model="gpt-test", messages=asked, stream=True) as stream:
            assert "".join(each.choices[0].delta.content or "" for each in stream) == "streamed"
        assert client.responses.create(model="gpt-test", input="hi there").output_text == "responded"
        with client.responses.create(model="gpt-test", input="hi again", stream=True) as events:
            assert [each.type for each in events][-1] == "response.completed"

    async def ask() -> None:
        async with openai.AsyncOpenAI(api_key=KEY, base_url=f"{proxy.url}/v1", max_retries=0) as client:
            told = await client.chat.completions.create(model="gpt-test", messages=[*asked, *asked])
            assert told.choices[0].message.content == "plain"

    asyncio.run(ask())
    rows = _rows(proxy, tmp_path)
    answers = [row["messages"][-1] for row in rows]
    assert [each["content"] for each in answers] == ["plain", "streamed", "responded", "responded", "plain"]
    assert answers[1]["tool_calls"][0]["function"] == {"name": "f", "arguments": {"a": 1}}
    assert rows[3]["messages"][0] == {"role": "user", "content": "hi again"}


def test_an_sdk_shows_what_the_proxy_says(tmp_path: Path) -> None:
    proxy = start("http://127.0.0.1:9", tmp_path / "log")
    with (
        anthropic.Anthropic(api_key=KEY, base_url=proxy.url, max_retries=0) as client,
        pytest.raises(anthropic.InternalServerError, match="cannot be reached"),
    ):
        client.messages.create(**_ask("x"))
    proxy.stop()
