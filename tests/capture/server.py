"""A server to capture from: it answers what a test told it to, byte by byte where that matters.

h11 reads the requests, so the proxy's own reading of HTTP is judged by another.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import h11


@dataclass
class Request:
    """What reached the server."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""

    def json(self) -> Any:
        return json.loads(self.body)


Piece = bytes | float | str
"""Bytes to send, seconds to wait, or a word: `close`, `abort`, or `stop` (send nothing more, keep the line open)."""
Answer = Callable[[Request], Sequence[Piece]]


@dataclass
class Upstream:
    """A real server on a thread of its own; `answer` may be exchanged while it runs."""

    answer: Answer
    context: ssl.SSLContext | None = None
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    lost: int = 0
    port: int = 0

    def __enter__(self) -> Upstream:
        started = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self._thread.start()
        assert started.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    @property
    def url(self) -> str:
        return f"{'https' if self.context else 'http'}://localhost:{self.port}"

    def _run(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)

        async def start() -> None:
            server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.context, backlog=1000)
            self.port = server.sockets[0].getsockname()[1]
            self._server = server
            started.set()

        self._loop.run_until_complete(start())
        self._loop.run_forever()
        self._server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while await self._one(reader, writer):
                pass
        except (OSError, asyncio.CancelledError):
            self.lost += 1
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        machine = h11.Connection(h11.SERVER)
        request: Request | None = None
        body = bytearray()
        while True:
            event = machine.next_event()
            if event is h11.NEED_DATA:
                if machine.they_are_waiting_for_100_continue:
                    writer.write(machine.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")
                data = await reader.read(1 << 16)
                if not data and request is None:
                    return False
                machine.receive_data(data)
            elif isinstance(event, h11.Request):
                headers = {name.decode(): value.decode("latin-1") for name, value in event.headers}
                request = Request(event.method.decode(), event.target.decode("latin-1"), headers)
            elif isinstance(event, h11.Data) and request is not None:
                body += event.data
            elif isinstance(event, h11.EndOfMessage) and request is not None:
                request.body = bytes(body)
                self.requests.append(request)
                return await self._say(request, writer)
            else:
                return False

    async def _say(self, request: Request, writer: asyncio.StreamWriter) -> bool:
        for piece in self.answer(request):
            if isinstance(piece, float):
                await asyncio.sleep(piece)
            elif isinstance(piece, bytes):
                writer.write(piece)
                await writer.drain()
            elif piece == "abort":
                writer.transport.abort()
                return False
            elif piece == "close":
                return False
            else:
                await asyncio.sleep(60)
        return True


def reply(body: bytes, *headers: str, status: str = "200 OK", kind: str = "application/json") -> bytes:
    """A reply of known length."""
    lines = [f"HTTP/1.1 {status}", f"content-type: {kind}", f"content-length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def stream_head(*headers: str) -> bytes:
    lines = [
        "HTTP/1.1 200 OK",
        "content-type: text/event-stream; charset=utf-8",
        "transfer-encoding: chunked",
        *headers,
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def chunked(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def events(*told: dict[str, Any]) -> list[bytes]:
    """Server-sent events as anthropic writes them."""
    return [f"event: {each['type']}\ndata: {json.dumps(each)}\n\n".encode() for each in told]


def message(text: str = "Hello there.", **more: Any) -> dict[str, Any]:
    """A reply of anthropic's messages."""
    return {
        "id": "msg_01",
        "type": "message",
        "role": "assistant",
        "model": "claude-test-1",
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 12, "output_tokens": 5},
        **more,
    }


def message_events(*texts: str, tool: dict[str, Any] | None = None, stop: str = "end_turn") -> list[bytes]:
    """The same as events: a text in deltas, and a tool call whose JSON comes in pieces."""
    start = message(content=[], stop_reason=None, usage={"input_tokens": 12, "output_tokens": 1})
    told: list[dict[str, Any]] = [{"type": "message_start", "message": start}, {"type": "ping"}]
    told.append({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})
    told += [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}} for text in texts
    ]
    told.append({"type": "content_block_stop", "index": 0})
    if tool is not None:
        block = {"type": "tool_use", "id": "toolu_1", "name": tool["name"], "input": {}}
        told.append({"type": "content_block_start", "index": 1, "content_block": block})
        text = json.dumps(tool["input"])
        told += [
            {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": piece}}
            for piece in ("", text[:5], text[5:])
        ]
        told.append({"type": "content_block_stop", "index": 1})
    usage = {"output_tokens": 9}
    told.append({"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": None}, "usage": usage})
    told.append({"type": "message_stop"})
    return events(*told)
