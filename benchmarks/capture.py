"""The capture proxy beside no proxy and LiteLLM: CPU a call, calls a second, delay, memory; and compaction.

    python benchmarks/capture.py [--calls 8000] [--litellm ENV/bin/litellm] [--rows 20000]

A server of this file answers with 1.2 kB of JSON, or with 20 events a few milliseconds apart. The heads are
those of OpenAI's SDK and servers; no two requests in a row are of one length, and no two replies have one id.
CPU is that of the proxy's process alone, as the machine counts it; the client and the server take their own
share, so calls a second say how the three compare, not how fast any of them is. LiteLLM runs with a callback
that writes each call as one JSON line.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import multiprocessing
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count, cycle
from pathlib import Path
from typing import Any

import psutil

REPLY = {
    "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-test",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "word " * 180}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 300, "completion_tokens": 180, "total_tokens": 480},
}  # fmt: skip
EVENTS, APART_S = 20, 0.005


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--calls", type=int, default=8000)
    asked.add_argument("--rows", type=int, default=20_000)
    asked.add_argument("--litellm", default="")
    told = asked.parse_args()
    with _server() as upstream:
        _show("direct", upstream, None, told.calls)
        with tempfile.TemporaryDirectory() as folder, _toolkit(upstream, Path(folder)) as (port, process):
            _show("toolkit", port, process, told.calls)
        if told.litellm:
            with tempfile.TemporaryDirectory() as folder, _litellm(told.litellm, upstream, Path(folder)) as found:
                _show("litellm", *found, max(100, told.calls // 20))
    compaction(told.rows)
    compaction(told.rows, streams=True)


def _show(name: str, port: int, process: psutil.Process | None, calls: int) -> None:
    asyncio.run(_load(port, 16, 100))
    alone = asyncio.run(_load(port, 1, max(50, calls // 8)))
    before, started = _cpu(process), time.perf_counter()
    asyncio.run(_load(port, 16, calls))
    rate = calls / (time.perf_counter() - started)
    cpu_us = (_cpu(process) - before) / calls * 1e6
    first = asyncio.run(_load(port, 32, 160, stream=True))[32:]
    memory = process.memory_info().rss / 1e6 if process else 0.0
    figures = {
        "cpu_us_a_call": round(cpu_us), "p50_ms": round(statistics.median(alone) * 1e3, 3),
        "calls_a_second_at_16": round(rate), "first_event_ms_at_32": round(statistics.median(first) * 1e3, 2),
        "memory_mb": round(memory, 1),
    }  # fmt: skip
    print(json.dumps({"name": name, **figures}))


def _cpu(process: psutil.Process | None) -> float:
    if process is None:
        return 0.0
    family = [process, *process.children(recursive=True)]
    return sum(sum(each.cpu_times()[:2]) for each in family)


async def _load(port: int, at_once: int, calls: int, *, stream: bool = False) -> list[float]:
    """Calls over `at_once` connections; seconds of each to its end, or with `stream` to its first event."""
    requests = cycle([_request(words, stream) for words in range(50, 70)])
    took: list[float] = []
    left = iter(range(calls))

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in left:
            if stream:  # 32 are under way while one begins
                await asyncio.sleep(random.random() * EVENTS * APART_S)  # noqa: S311 - no secret is made
            request = next(requests)
            started = time.perf_counter()
            writer.write(request)
            answer = await reader.readuntil(b"\r\n\r\n")
            if stream:
                await reader.readuntil(b"data: ")
                took.append(time.perf_counter() - started)
                await reader.readuntil(b"0\r\n\r\n")
                continue
            lines = answer.lower().split(b"content-length: ")
            await reader.readexactly(int(lines[1].split(b"\r\n")[0]))
            took.append(time.perf_counter() - started)
        writer.close()

    await asyncio.gather(*[one() for _ in range(at_once)])
    return took


def _request(words: int, stream: bool) -> bytes:
    turns = [{"role": "user", "content": "question " * words}]
    body = json.dumps({"model": "gpt-test", "stream": stream, "messages": turns}).encode()
    return b"%bContent-Length: %d\r\n\r\n%b" % (ASKING, len(body), body)


KEY = b"Bearer sk-" + b"1" * 32
ASKING = (
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAccept-Encoding: identity\r\nConnection: keep-alive\r\n"
    b"Accept: application/json\r\nContent-Type: application/json\r\nUser-Agent: OpenAI/Python 3.1.0\r\n"
    b"X-Stainless-Lang: python\r\nX-Stainless-Package-Version: 3.1.0\r\nX-Stainless-OS: Linux\r\n"
    b"X-Stainless-Arch: x64\r\nX-Stainless-Runtime: CPython\r\nX-Stainless-Runtime-Version: 3.11.7\r\n"
    b"X-Stainless-Async: false\r\nX-Stainless-Retry-Count: 0\r\nX-Stainless-Read-Timeout: 600\r\n"
    b"Authorization: %b\r\n" % KEY
)


class Server(asyncio.Protocol):
    """Answers each request as soon as it is whole."""

    def connection_made(self, transport: Any) -> None:
        self.transport, self.buffer = transport, b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        at = self.buffer.find(b"\r\n\r\n") + 4
        if at < 4:
            return
        sizes = self.buffer[:at].lower().split(b"content-length: ")
        length = int(sizes[1].split(b"\r\n")[0]) if len(sizes) > 1 else 0
        if len(self.buffer) < at + length:
            return
        body, self.buffer = self.buffer[at : at + length], b""
        if b'"stream": true' in body or b'"stream":true' in body:
            self.tell = asyncio.ensure_future(self._events())
        else:
            self.transport.write(PLAIN % next(IDS))

    async def _events(self) -> None:
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        self.transport.write(head)
        for at in range(EVENTS):
            delta = {"index": 0, "delta": {"content": f"word {at}"}, "finish_reason": None}
            told = {**REPLY, "object": "chat.completion.chunk", "choices": [delta], "usage": None}
            event = f"data: {json.dumps(told)}\n\n"
            self.transport.write(b"%x\r\n%b\r\n" % (len(event), event.encode()))
            await asyncio.sleep(APART_S)
        self.transport.write(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")


TEXT = json.dumps(REPLY).encode()
PLAIN = (
    b"HTTP/1.1 200 OK\r\ndate: Sun, 22 Nov 2026 08:00:00 GMT\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\nopenai-processing-ms: 512\r\nopenai-version: 2020-10-01\r\n"
    b"x-ratelimit-limit-requests: 10000\r\nx-ratelimit-remaining-requests: 9999\r\nserver: cloudflare\r\n"
    b"set-cookie: __cf_bm=%%016d; path=/\r\nx-request-id: req_%%016d\r\n\r\n%b" % (len(TEXT), TEXT)
)
IDS = ((at, at) for at in count())


def _streamed() -> bytes:
    deltas = [{"content": f"word {at} "} for at in range(40)] + [{}]
    choices = [{"index": 0, "delta": each, "finish_reason": None if each else "stop"} for each in deltas]
    told = [{**REPLY, "object": "chat.completion.chunk", "choices": [each], "usage": None} for each in choices]
    return gzip.compress("".join(f"data: {json.dumps(each)}\n\n" for each in told).encode() + b"data: [DONE]\n\n")


STREAMED = _streamed()


def _serve(port: int) -> None:
    async def forever() -> None:
        server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", port)
        await server.serve_forever()

    asyncio.run(forever())


def _free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def _wait(port: int, limit_s: float = 90.0) -> None:
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit(f"nothing listens on {port}")


@contextmanager
def _server() -> Iterator[int]:
    port = _free()
    process = multiprocessing.Process(target=_serve, args=(port,), daemon=True)
    process.start()
    _wait(port)
    yield port
    process.kill()


@contextmanager
def _toolkit(upstream: int, folder: Path) -> Iterator[tuple[int, psutil.Process]]:
    port = _free()
    command = [sys.executable, "-m", "toolkit", "capture", "proxy", "--upstream", f"http://127.0.0.1:{upstream}"]
    command += ["--log", str(folder / "log"), "--port", str(port)]
    compiled = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
    with _running(command, port, **compiled):
        pass  # compiles, as an installation does: compiling costs memory
    with _running(command, port, **compiled) as process:
        yield port, process


@contextmanager
def _litellm(program: str, upstream: int, folder: Path) -> Iterator[tuple[int, psutil.Process]]:
    (folder / "written.py").write_text(
        "import json\nfrom litellm.integrations.custom_logger import CustomLogger\n"
        "class Written(CustomLogger):\n"
        "    async def async_log_success_event(self, kwargs, response_obj, start_time, end_time):\n"
        f"        with open({str(folder / 'calls.jsonl')!r}, 'a') as file:\n"
        "            told = {'messages': kwargs.get('messages'), 'reply': str(response_obj)}\n"
        "            file.write(json.dumps(told) + '\\n')\n"
        "written = Written()\n",
        encoding="utf-8",
    )
    model = {"model": "openai/gpt-test", "api_base": f"http://127.0.0.1:{upstream}/v1", "api_key": "none"}
    config = {
        "model_list": [{"model_name": "gpt-test", "litellm_params": model}],
        "litellm_settings": {"callbacks": "written.written"},
    }
    (folder / "config.yaml").write_text(json.dumps(config), encoding="utf-8")
    port = _free()
    command = [program, "--config", str(folder / "config.yaml"), "--port", str(port), "--host", "127.0.0.1"]
    permit = {"LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true"}
    with _running(command, port, cwd=folder, **permit) as process:
        yield port, process


@contextmanager
def _running(command: list[str], port: int, cwd: Path | None = None, **more: str) -> Iterator[psutil.Process]:
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=cwd, env={**os.environ, **more}
    )
    try:
        _wait(port)
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(20)


def compaction(rows: int, *, streams: bool = False) -> None:
    """Rows a CPU second, of short replies or with every second one a compressed stream of 42 events."""
    from toolkit.capture.compact import compact
    from toolkit.capture.privacy import Keys
    from toolkit.capture.record import Answered, Asked, Recording
    from toolkit.store.frames import FrameLog

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        log, keys = FrameLog(folder / "log", sync="off"), Keys()
        for at in range(rows):
            turns = [{"role": "user", "content": f"{at} " + "question " * 60}]
            asked = json.dumps({"model": "gpt-test", "messages": turns}).encode()
            recording = Recording(log, keys)
            heads = [(b"authorization", KEY), (b"content-type", b"application/json")]
            recording.begin(Asked("POST", b"/v1/chat/completions", heads, "https://api.openai.com"), asked, last=True)
            kind, body, coding = b"application/json", TEXT, []
            if streams and at % 2:
                kind, body, coding = b"text/event-stream", STREAMED, [(b"content-encoding", b"gzip")]
            recording.end("complete", body, Answered(200, [(b"content-type", kind), *coding]))
        log.close()
        compact(folder / "log", folder / "warm")
        started = time.process_time()
        made = compact(folder / "log", folder / "out")
        took = time.process_time() - started
    print(
        json.dumps(
            {
                "name": "compaction of streams" if streams else "compaction",
                "rows": made.rows,
                "cpu_s": round(took, 2),
                "rows_a_cpu_second": round(rows / took),
            }
        )
    )


if __name__ == "__main__":
    main()
