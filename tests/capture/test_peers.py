"""Other tools on either side of the proxy: fakellm behind it, LiteLLM behind and in front of it, bytes compared.

TOOLKIT_FAKELLM and TOOLKIT_LITELLM name their programs, each in an environment of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import random
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from tests.capture.running import Proxy, ask, start
from tests.capture.server import Piece, Request, Upstream, chunked, reply, stream_head
from toolkit.capture.compact import compact
from toolkit.store.calls import Tally

pytestmark = pytest.mark.soak
TURNS: list[Any] = [{"role": "user", "content": "Where is my parcel?"}]
CALLS = 40


def _program(name: str) -> str:
    found = os.environ.get(name, "")
    if not found:
        pytest.skip(f"{name} names no program")
    return found


@contextlib.contextmanager
def _running(command: list[str], folder: Path, **more: str) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with (folder / "peer.log").open("wb") as told:
        process = subprocess.Popen(
            [*command, "--port", str(port)], cwd=folder, stdout=told, stderr=told, env={**os.environ, **more}
        )
    try:
        for _ in range(900):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _bodies(*, stream: bool) -> list[tuple[str, bytes]]:
    told: list[tuple[str, dict[str, Any]]] = [
        ("/v1/chat/completions", {"model": "gpt-test"}),
        ("/v1/messages", {"model": "gpt-test", "max_tokens": 99}),
    ]
    return [(path, json.dumps({**more, "stream": stream, "messages": TURNS}).encode()) for path, more in told]


def _logged(proxy: Proxy, side: str) -> Counter[str]:
    proxy.stop()
    found = proxy.calls(tally := Tally())
    assert not tally.torn and not tally.gaps
    odd = [(each.outcome, dict(each.end), each.begin["method"], each.begin["url"]) for each in found if not each.whole]
    assert not odd
    return Counter(_digest(bytes(getattr(each, side))) for each in found)


def test_fakellm_behind_the_proxy(tmp_path: Path) -> None:
    program = _program("TOOLKIT_FAKELLM")
    subprocess.run([program, "init"], cwd=tmp_path, check=True, capture_output=True)
    with _running([program, "serve"], tmp_path) as home:
        proxy = start(home, tmp_path / "log")
        got: Counter[str] = Counter()
        for stream in (False, True):
            for path, body in _bodies(stream=stream):
                for _ in range(CALLS // 4):
                    status, _, said = ask(proxy.url, path, body)
                    assert status == 200
                    got[_digest(said)] += 1
        status, _, said = ask(proxy.url, "/v1/messages", _bodies(stream=False)[1][1], x_test_scenario="rate_limit")
        assert status == 429
        got[_digest(said)] += 1
        assert _logged(proxy, "response") == got
        _same_answers(home, tmp_path)


def _same_answers(home: str, folder: Path) -> None:
    """What the SDKs make of fakellm's answers is the same with the proxy between them, and becomes rows."""
    proxy = start(home, folder / "sdks")
    direct, between = asyncio.run(_answers(home)), asyncio.run(_answers(proxy.url))
    assert direct == between
    proxy.stop()
    made = compact(proxy.log, folder / "out")
    assert made.answers == len(between) and set(made.excluded) <= {"the same conversation again"}


async def _answers(home: str) -> list[str]:
    """The text of an answer by each of the SDKs, sync and async, streamed and not."""
    told: dict[str, Any] = {"model": "m", "messages": TURNS}
    with anthropic.Anthropic(api_key="none", base_url=home) as claude:
        plain: Any = claude.messages.create(max_tokens=99, **told).content[0]
        with claude.messages.stream(max_tokens=99, **told) as events:
            found = [plain.text, events.get_final_text()]
    with openai.OpenAI(api_key="none", base_url=f"{home}/v1") as gpt:
        found.append(str(gpt.chat.completions.create(**told).choices[0].message.content))
        chunks: Any = gpt.chat.completions.create(stream=True, **told)
        found.append("".join(each.choices[0].delta.content or "" for each in chunks))
    later = anthropic.AsyncAnthropic(api_key="none", base_url=home)
    async with later, later.messages.stream(max_tokens=99, **told) as coming:
        found.append(await coming.get_final_text())
    async with openai.AsyncOpenAI(api_key="none", base_url=f"{home}/v1") as gpt_too:
        found.append(str((await gpt_too.chat.completions.create(**told)).choices[0].message.content))
    return found


class Model:
    """OpenAI's chat; keeps the digest of what it was asked and of what it said."""

    def __init__(self) -> None:
        self.asked, self.said = Counter[str](), Counter[str]()

    def __call__(self, request: Request) -> Sequence[Piece]:
        self.asked[_digest(request.body)] += 1
        if request.method == "GET":  # LiteLLM looks which models there are
            listed = b'{"object": "list", "data": []}'
            self.said[_digest(listed)] += 1
            return [reply(listed)]
        stream = bool(request.json().get("stream"))
        kind = "chat.completion.chunk" if stream else "chat.completion"
        about = {"id": f"c{self.asked.total()}", "object": kind, "created": 1, "model": "gpt-test"}
        if not stream:
            choice = {"index": 0, "message": {"role": "assistant", "content": "It left."}, "finish_reason": "stop"}
            usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
            body = json.dumps({**about, "choices": [choice], "usage": usage}).encode()
            self.said[_digest(body)] += 1
            return [reply(body)]
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": "It "}, {"content": "left."}, {}]
        ends = [None, None, "stop"]
        events = [
            {**about, "choices": [{"index": 0, "delta": delta, "finish_reason": end}]}
            for delta, end in zip(deltas, ends, strict=True)
        ]
        sent = [f"data: {json.dumps(each)}\n\n".encode() for each in events] + [b"data: [DONE]\n\n"]
        self.said[_digest(b"".join(sent))] += 1
        return [stream_head(), *[piece for each in sent for piece in (chunked(each), 0.002)], b"0\r\n\r\n"]


def test_litellm_between_two_proxies(tmp_path: Path) -> None:
    """client, proxy, LiteLLM, proxy, server: each proxy holds what its own two sides sent, to the byte."""
    program, model = _program("TOOLKIT_LITELLM"), Model()
    with Upstream(model) as upstream:
        inner = start(upstream.url, tmp_path / "inner")
        about = {"model": "openai/gpt-test", "api_base": f"{inner.url}/v1", "api_key": "none"}
        config = {"model_list": [{"model_name": "gpt-test", "litellm_params": about}]}
        (tmp_path / "config.yaml").write_text(json.dumps(config), encoding="utf-8")
        permit = {"LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true"}
        with _running([program, "--config", "config.yaml", "--host", "127.0.0.1"], tmp_path, **permit) as home:
            outer = start(home, tmp_path / "outer")
            got: Counter[str] = Counter()
            for stream in (False, True):
                path, body = _bodies(stream=stream)[0]
                for _ in range(CALLS // 2):
                    status, _, said = ask(outer.url, path, body)
                    assert status == 200, said
                    got[_digest(said)] += 1
        assert _logged(outer, "response") == got
        assert _logged(inner, "response") == model.said
        assert Counter(_digest(bytes(each.request)) for each in inner.calls()) == model.asked
    for proxy in (inner, outer):
        made = compact(proxy.log, tmp_path / "out")
        odd = set(made.excluded) - {"the same conversation again", "not a chat call"}
        assert made.answers >= CALLS and made.rows and not odd


def test_bodies_of_32_mb_both_ways_eight_at_once(tmp_path: Path) -> None:
    """Eight clients at once, thrice: what is large is neither held whole nor changed."""
    import threading

    import psutil

    bodies = [random.Random(at).randbytes(32 << 20) for at in range(2)]
    with Upstream(lambda request: [reply(bodies[len(request.body) % 2])]) as upstream:
        proxy = start(upstream.url, tmp_path / "log")
        before = psutil.Process(proxy.process.pid).memory_info().rss
        wrong: list[str] = []

        def one(at: int) -> None:
            for _ in range(3):
                asked = bodies[at % 2] if at < 4 else bodies[at % 2][:-1]
                if ask(proxy.url, "/v1/files", asked)[2] != bodies[len(asked) % 2]:
                    wrong.append(f"client {at}")

        threads = [threading.Thread(target=one, args=(at,)) for at in range(8)]
        for each in threads:
            each.start()
        for each in threads:
            each.join(300)
        grown = psutil.Process(proxy.process.pid).memory_info().rss - before
        proxy.stop()
    assert not wrong
    found = proxy.calls()
    assert len(found) == 24 and all(each.whole for each in found)
    sent = Counter(_digest(bytes(each.request)) for each in found)
    assert sent == Counter({_digest(each): 6 for body in bodies for each in (body, body[:-1])})
    assert grown < 64 << 20, f"{grown >> 20} MB"
