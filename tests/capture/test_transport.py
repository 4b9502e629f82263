"""The real SDKs with the recording transport inside them, against a local server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import openai
import pytest

from tests.capture.server import Piece, Request, Upstream, chunked, message_events, reply, stream_head
from tests.capture.test_sdks import KEY, TOOL, _answer, _ask
from toolkit.capture.compact import compact
from toolkit.capture.transport import record
from toolkit.store.calls import Call, calls


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream(_answer) as server:
        yield server


def _rows(folder: Path) -> list[dict[str, Any]]:
    compact(folder / "log", folder / "rows.jsonl")
    return [json.loads(line) for line in (folder / "rows.jsonl").read_text("utf-8").splitlines()]


def _calls(folder: Path) -> list[Call]:
    return list(calls(folder / "log"))


def test_anthropic(upstream: Upstream, tmp_path: Path) -> None:
    http = anthropic.DefaultHttpxClient(transport=record(tmp_path / "log"))
    with anthropic.Anthropic(api_key=KEY, base_url=upstream.url, max_retries=0, http_client=http) as client:
        assert client.messages.create(**_ask("one")).content[0].text == "said one"
        with client.messages.stream(**_ask("two"), tools=[TOOL]) as stream:
            assert stream.get_final_message().content[1].input == {"place": "Zürich"}

    async def ask() -> None:
        http = anthropic.DefaultAsyncHttpxClient(transport=record(tmp_path / "log"))
        async with anthropic.AsyncAnthropic(api_key=KEY, base_url=upstream.url, max_retries=0, http_client=http) as c:
            replies = await asyncio.gather(*[c.messages.create(**_ask(f"async {at}")) for at in range(4)])
            assert {each.content[0].text for each in replies} == {f"said async {at}" for at in range(4)}
            async with c.messages.stream(**_ask("three")) as stream:
                assert await stream.get_final_text() == "Grüezi mitenand"

    asyncio.run(ask())
    rows = {row["messages"][-2]["content"]: row for row in _rows(tmp_path)}
    assert set(rows) == {"one", "two", "three", *(f"async {at}" for at in range(4))}
    assert rows["one"]["messages"][-1] == {"role": "assistant", "content": "said one"}
    assert {call.begin["via"] for call in _calls(tmp_path)} == {"transport"}
    assert not any(KEY.encode() in each.read_bytes() for each in (tmp_path / "log").iterdir())


def test_openai(upstream: Upstream, tmp_path: Path) -> None:
    asked: list[Any] = [{"role": "user", "content": "hi"}]
    http = openai.DefaultHttpxClient(transport=record(tmp_path / "log"))
    with openai.OpenAI(api_key=KEY, base_url=f"{upstream.url}/v1", max_retries=0, http_client=http) as client:
        tag = {"x-toolkit-tag-team": "a"}
        told = client.chat.completions.create(model="gpt-test", messages=asked, extra_headers=tag)
        assert told.choices[0].message.content == "plain"
        with client.chat.completions.create(model="gpt-test", messages=asked, stream=True) as stream:
            assert "".join(each.choices[0].delta.content or "" for each in stream) == "streamed"
        with client.responses.create(model="gpt-test", input="hi again", stream=True) as events:
            assert [each.type for each in events][-1] == "response.completed"
    rows = _rows(tmp_path)
    assert [row["messages"][-1]["content"] for row in rows] == ["plain", "streamed", "responded"]
    assert rows[0]["tags"] == {"team": "a"}
    assert "x-toolkit-tag-team" not in upstream.requests[0].headers


def test_every_attempt_is_there(tmp_path: Path) -> None:
    answers: list[bytes] = [reply(b'{"error": {}}', "retry-after: 0", status="529 Overloaded")]

    def answer(request: Request) -> Sequence[Piece]:
        return [answers.pop()] if answers else _answer(request)

    with Upstream(answer) as upstream:
        http = anthropic.DefaultHttpxClient(transport=record(tmp_path / "log"))
        with anthropic.Anthropic(api_key=KEY, base_url=upstream.url, max_retries=1, http_client=http) as client:
            assert client.messages.create(**_ask("one")).content[0].text == "said one"
    assert [call.status for call in _calls(tmp_path)] == [529, 200]


def test_streams_come_as_they_are_sent_and_a_client_that_leaves_is_told(tmp_path: Path) -> None:
    first, *rest = [chunked(each) for each in message_events("Grüezi ", "mitenand")]

    def answer(_: Request) -> Sequence[Piece]:
        return [stream_head(), first, "stop", *rest]

    with Upstream(answer) as upstream, httpx2.Client(transport=record(tmp_path / "log"), timeout=5) as client:
        with client.stream("POST", f"{upstream.url}/v1/messages", json=_ask("one")) as stream:
            assert b"message_start" in next(stream.iter_raw())  # the rest never comes
        (call,) = _calls(tmp_path)
    assert (call.outcome, call.status) == ("client-gone", 200)
    assert b"message_start" in call.response


def test_a_server_that_breaks_off_or_is_not_there(tmp_path: Path) -> None:
    with Upstream(lambda _: [stream_head(), chunked(b"data: x\n\n"), "abort"]) as upstream:
        url = upstream.url
        with httpx2.Client(transport=record(tmp_path / "log")) as client, pytest.raises(httpx2.HTTPError):
            client.post(f"{url}/v1/messages", json={})
    with httpx2.Client(transport=record(tmp_path / "log")) as client, pytest.raises(httpx2.ConnectError):
        client.post("http://127.0.0.1:1/v1/messages", json={})
    assert sorted(call.outcome for call in _calls(tmp_path)) == ["unreachable", "upstream-lost"]


def test_bodies_that_are_read_while_they_are_sent(upstream: Upstream, tmp_path: Path) -> None:
    body = json.dumps(_ask("pieces")).encode()
    pieces = [body[:10], body[10:]]

    async def later() -> AsyncIterator[bytes]:
        for each in pieces:
            yield each

    async def send() -> None:
        async with httpx2.AsyncClient(transport=record(tmp_path / "log")) as client:
            assert (await client.post(f"{upstream.url}/v1/messages", content=later())).status_code == 200

    with httpx2.Client(transport=record(tmp_path / "log")) as client:
        assert client.post(f"{upstream.url}/v1/messages", content=iter(pieces)).status_code == 200
    asyncio.run(send())
    assert [bytes(call.request) for call in _calls(tmp_path)] == [body, body]


def test_a_log_that_cannot_be_written_stops_no_call(upstream: Upstream, tmp_path: Path) -> None:
    (tmp_path / "log").write_text("a file where the folder should be")
    recorder = record(tmp_path / "log")
    with httpx2.Client(transport=recorder) as client:
        assert client.post(f"{upstream.url}/v1/messages", json=_ask("one")).status_code == 200
        assert recorder.lost == 1
        assert recorder.trouble


def test_a_fault_of_the_recorder_stops_no_call(
    upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = record(tmp_path / "log")
    monkeypatch.setattr(recorder._log, "write", None)
    with httpx2.Client(transport=recorder) as client:
        for _ in range(2):
            assert client.post(f"{upstream.url}/v1/messages", json=_ask("one")).status_code == 200
    assert recorder.lost == 2
    assert caplog.text.count("a call is not recorded") == 1
