"""A model server that fails on purpose: late, throttling, resetting, truncating, stalling, repeating, mislabelling.

It speaks OpenAI's chat completions, Anthropic's messages and Anthropic's message batches, and counts what
it served and would have billed. `serving(Faults(...))` runs it in a thread; `python -m tests.fault_server
'{"latency_s": 2}'` runs it in a process of its own and prints its port.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import json
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from random import Random
from typing import Any

import orjson

WORDS = (
    *("amber", "birch", "cedar", "delta", "ember", "frost", "grove", "heron"),
    *("ivory", "jade", "kelp", "lunar", "maple", "north", "ocean", "pearl"),
)
ASKED = re.compile(r'Write (\d+) (?:different )?texts? of the class "([^"]+)"')
CLOSE = b"\r\n\r\n"


@dataclass
class Faults:
    """Shares are of the requests, drawn by `seed`. rate: requests a second, with a bucket of as many.

    key: what `Authorization` or `x-api-key` must carry, if anything. refuses: parameters answered with 400.
    models: those that are known; empty for all. batch_s: how long a batch is worked on. labels: for
    `mislabelled`. leaks: for `leaking`, texts of an evaluation set that the model knows by heart. text: the
    answer to everything, instead of texts of the label that was asked for.
    """

    latency_s: float = 0.0
    throttled: float = 0.0
    retry_after_s: float | None = None
    failing: float = 0.0
    reset: float = 0.0
    truncated: float = 0.0
    loris: float = 0.0
    duplicates: float = 0.0
    broken_json: float = 0.0
    mislabelled: float = 0.0
    leaking: float = 0.0
    rate: float = 0.0
    says_rate: bool = True
    key: str = ""
    refuses: list[str] = field(default_factory=list)
    models: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=lambda: ["refund", "track"])
    leaks: list[str] = field(default_factory=list)
    batch_s: float = 0.2
    text: str = ""
    stop: str = ""
    seed: int = 0


@dataclass
class Served:
    """What the server did. billed: replies by the sha of the prompt, whether or not they arrived whole.

    first: when the first request came, in Unix seconds.
    """

    statuses: Counter[int] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    billed: Counter[str] = field(default_factory=Counter)
    tokens_in: int = 0
    tokens_out: int = 0
    busy: int = 0
    busiest: int = 0
    first: float = 0.0
    bodies: list[dict[str, Any]] = field(default_factory=list)
    seen_headers: list[dict[str, str]] = field(default_factory=list)


class FaultServer:
    """The server's state: one for a port."""

    def __init__(self, faults: Faults, *, keep: bool = True) -> None:
        self.faults, self.keep = faults, keep
        self.served = Served()
        self.rng = Random(faults.seed)
        self.batches: dict[str, dict[str, Any]] = {}
        self.left, self.at = faults.rate, time.monotonic()
        self.made = 0
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def draw(self, share: float) -> bool:
        return share > 0 and self.rng.random() < share

    def take(self) -> bool:
        """Whether the rate limit lets one more through."""
        if not self.faults.rate:
            return True
        now = time.monotonic()
        self.left = min(self.faults.rate, self.left + (now - self.at) * self.faults.rate)
        self.at = now
        if self.left < 1:
            return False
        self.left -= 1
        return True

    def limits(self, path: str) -> dict[str, str]:
        """The rate limit in the headers of the API that was called."""
        if not self.faults.rate or not self.faults.says_rate:
            return {}
        reset_s = (self.faults.rate - self.left) / self.faults.rate
        told = (str(int(self.faults.rate)), str(max(0, int(self.left))))
        if path.endswith("/messages"):
            when = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=reset_s)
            names = ("limit", "remaining", "reset")
            return {
                f"anthropic-ratelimit-requests-{name}": value
                for name, value in zip(names, (*told, when.isoformat()), strict=True)
            }
        return {
            "x-ratelimit-limit-requests": told[0],
            "x-ratelimit-remaining-requests": told[1],
            "x-ratelimit-reset-requests": f"{reset_s * 1000:.0f}ms",
        }

    def text(self, prompt: str) -> str:
        """An answer to the prompt, with what faults of content there are."""
        if self.faults.text:
            return self.faults.text
        if self.draw(self.faults.broken_json):
            return '["cut off in the mid'
        asked = ASKED.search(prompt)
        rows, label = (int(asked[1]), asked[2]) if asked else (1, "none")
        items: list[Any] = []
        for _ in range(rows):
            if self.draw(self.faults.mislabelled):
                others = [each for each in self.faults.labels if each != label]
                items.append({"text": f"wrong {self.words(10**9)}", "label": self.rng.choice(others)})
            elif self.draw(self.faults.leaking):
                items.append(self.rng.choice(self.faults.leaks))
            else:
                items.append(f"{label} {self.words(12 if self.draw(self.faults.duplicates) else 10**9)}")
        return json.dumps(items)

    def words(self, span: int) -> str:
        return " ".join(WORDS[int(digit)] for digit in str(self.rng.randrange(span)))

    def reply(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """A whole reply, billed."""
        prompt = "\n".join(str(each.get("content")) for each in body["messages"])
        text = self.text(prompt)
        self.made += 1
        self.served.billed[f"{hash(prompt):x}"] += 1
        size_in, size_out = max(1, len(prompt) // 4), max(1, len(text) // 4)
        self.served.tokens_in += size_in
        self.served.tokens_out += size_out
        if path.endswith("/messages"):
            usage = {"input_tokens": size_in, "output_tokens": size_out}
            return {
                **{"id": f"msg_{self.made}", "type": "message", "role": "assistant", "model": body["model"]},
                **{"content": [{"type": "text", "text": text}], "usage": usage, "stop_sequence": None},
                "stop_reason": self.faults.stop or "end_turn",
            }
        message = {"role": "assistant", "content": text}
        usage = {"prompt_tokens": size_in, "completion_tokens": size_out, "total_tokens": size_in + size_out}
        choice = {"index": 0, "message": message, "finish_reason": self.faults.stop or "stop"}
        return {
            **{"id": f"c{self.made}", "object": "chat.completion", "created": 0, "model": body["model"]},
            **{"choices": [choice], "usage": usage},
        }


class Connection(asyncio.Protocol):
    """One connection: HTTP/1.1 with keep-alive, a content length on every request."""

    def __init__(self, server: FaultServer) -> None:
        self.server, self.buffer = server, b""
        self.tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def connection_lost(self, failure: Exception | None) -> None:
        for task in self.tasks:
            task.cancel()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(CLOSE)) >= 0:
            first, *lines = self.buffer[:end].decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            size = end + len(CLOSE) + int(headers.get("content-length", 0))
            if len(self.buffer) < size:
                return
            content, self.buffer = self.buffer[end + len(CLOSE) : size], self.buffer[size:]
            method, path, _ = first.split(" ", 2)
            task = asyncio.get_running_loop().create_task(self.handle(method, path.split("?")[0], headers, content))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def handle(self, method: str, path: str, headers: dict[str, str], content: bytes) -> None:
        server, faults = self.server, self.server.faults
        server.served.busy += 1
        server.served.first = server.served.first or time.time()
        server.served.busiest = max(server.served.busiest, server.served.busy)
        try:
            if "/batches" in path:
                self.batch(method, path, headers, content)
                return
            body = orjson.loads(content)
            if server.keep:
                server.served.bodies.append(body)
                server.served.seen_headers.append(headers)
            refusal = self.refusal(path, headers, body)
            if refusal is not None:
                self.send(refusal[0], {"type": "error", "error": {"type": "error", "message": refusal[1]}}, {})
                return
            if server.draw(faults.throttled) or not server.take():
                wish = {} if faults.retry_after_s is None else {"retry-after": str(faults.retry_after_s)}
                self.error(429, "too many requests", {**wish, **server.limits(path)})
                return
            told = server.limits(path)
            if server.draw(faults.reset):
                server.served.kinds["reset"] += 1
                self.transport.abort()
                return
            if faults.latency_s:
                await asyncio.sleep(faults.latency_s)
            if server.draw(faults.failing):
                self.error(500, "an accident", {})
                return
            await self.whole(server.reply(path, body), told)
        finally:
            server.served.busy -= 1

    async def whole(self, reply: dict[str, Any], told: dict[str, str]) -> None:
        server, faults = self.server, self.server.faults
        if server.draw(faults.loris):
            server.served.kinds["loris"] += 1
            self.transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
            while not self.transport.is_closing():
                self.transport.write(b" ")
                await asyncio.sleep(0.05)
            return
        if server.draw(faults.truncated):
            server.served.kinds["truncated"] += 1
            sent = orjson.dumps(reply)
            self.transport.write(f"HTTP/1.1 200 OK\r\ncontent-length: {len(sent)}\r\n\r\n".encode() + sent[:-20])
            self.transport.close()
            return
        self.send(200, reply, told)

    def refusal(self, path: str, headers: dict[str, str], body: dict[str, Any]) -> tuple[int, str] | None:
        faults = self.server.faults
        given = headers.get("authorization", "").removeprefix("Bearer ") or headers.get("x-api-key", "")
        if faults.key and given != faults.key:
            return 401, f"the key {given} is wrong"
        if faults.models and body["model"] not in faults.models:
            return 404, f"the model {body['model']} does not exist"
        for name in faults.refuses:
            if name in body:
                return 400, f"{name}: this parameter is not supported"
        return None

    def batch(self, method: str, path: str, headers: dict[str, str], content: bytes) -> None:
        server = self.server
        if method == "POST":
            requests = orjson.loads(content)["requests"]
            refusal = self.refusal(path, headers, requests[0]["params"])
            if refusal is not None:
                self.error(*refusal, {})
                return
            name = f"msgbatch_{len(server.batches) + 1}"
            server.batches[name] = {"at": time.monotonic(), "made": datetime.datetime.now(datetime.UTC), "of": requests}
            self.send(200, self.shown(name), {})
        elif path.endswith("/results"):
            name = path.split("/")[-2]
            held = server.batches[name]
            if "lines" not in held:
                of = list(reversed(held["of"]))
                held["lines"] = [
                    {
                        "custom_id": each["custom_id"],
                        "result": {"type": "succeeded", "message": server.reply("/messages", each["params"])},
                    }
                    for each in of
                ]
            self.raw(200, b"\n".join(orjson.dumps(line) for line in held["lines"]), {})
        elif path.endswith("/batches"):
            shown = [self.shown(name) for name in reversed(server.batches)]
            self.send(200, {"data": shown, "has_more": False, "first_id": None, "last_id": None}, {})
        else:
            self.send(200, self.shown(path.split("/")[-1]), {})

    def shown(self, name: str) -> dict[str, Any]:
        held = self.server.batches[name]
        ended = time.monotonic() - held["at"] >= self.server.faults.batch_s
        size, made = len(held["of"]), held["made"]
        counts = dict.fromkeys(("processing", "succeeded", "errored", "canceled", "expired"), 0)
        counts["succeeded" if ended else "processing"] = size
        return {
            **{"id": name, "type": "message_batch", "processing_status": "ended" if ended else "in_progress"},
            **{"request_counts": counts, "created_at": made.isoformat(), "ended_at": None},
            "expires_at": (made + datetime.timedelta(days=1)).isoformat(),
            "results_url": f"{self.server.url}/v1/messages/batches/{name}/results" if ended else None,
        }

    def error(self, status: int, words: str, told: dict[str, str]) -> None:
        self.send(status, {"type": "error", "error": {"type": "error", "message": words}}, told)

    def send(self, status: int, body: dict[str, Any], told: dict[str, str]) -> None:
        self.raw(status, orjson.dumps(body), told)

    def raw(self, status: int, content: bytes, told: dict[str, str]) -> None:
        self.server.served.statuses[status] += 1
        lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(content)}\r\n{lines}\r\n"
        if not self.transport.is_closing():
            self.transport.write(head.encode() + content)


@contextlib.contextmanager
def serving(faults: Faults | None = None) -> Iterator[FaultServer]:
    """The server in a thread of its own, on a free port of this machine."""
    server, ready = FaultServer(faults or Faults()), threading.Event()
    ended: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def listen() -> None:
        loop, end = asyncio.get_running_loop(), asyncio.Event()
        ended.append((loop, end))
        listener = await loop.create_server(lambda: Connection(server), "127.0.0.1", 0, backlog=2048)
        server.port = listener.sockets[0].getsockname()[1]
        ready.set()
        await end.wait()
        listener.close()

    thread = threading.Thread(target=lambda: asyncio.run(listen()), name="fault-server", daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield server
    finally:
        loop, end = ended[0]
        loop.call_soon_threadsafe(end.set)
        thread.join(10)


def main() -> None:
    """Serve until the standard input ends, then print what was served."""
    told = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}
    known = {each.name for each in fields(Faults)}
    server = FaultServer(Faults(**{name: value for name, value in told.items() if name in known}), keep=False)

    async def listen() -> None:
        loop = asyncio.get_running_loop()
        listener = await loop.create_server(lambda: Connection(server), "127.0.0.1", told.get("port", 0), backlog=4096)
        server.port = listener.sockets[0].getsockname()[1]
        print(server.port, flush=True)
        await loop.run_in_executor(None, sys.stdin.read)

    asyncio.run(listen())
    done = server.served
    billed = {
        "most": max(done.billed.values(), default=0),
        "all": sum(done.billed.values()),
        "prompts": len(done.billed),
    }
    print(
        json.dumps(
            {
                "statuses": done.statuses,
                "kinds": done.kinds,
                "busiest": done.busiest,
                "first": done.first,
                "billed": billed,
                "tokens_out": done.tokens_out,
            }
        )
    )


if __name__ == "__main__":
    main()
