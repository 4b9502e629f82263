"""Tokens and dollars of what passes, as the terminal shows them while the proxy runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.capture.running import ask, start
from tests.capture.server import Piece, Request, Upstream, message, message_events, reply
from toolkit.capture.spend import MOST_MODELS, OTHER, Tokens, add, spent

CACHED = {"input_tokens": 100, "output_tokens": 40, "cache_read_input_tokens": 900, "cache_creation_input_tokens": 50}
DETAILS = {"prompt_tokens_details": {"cached_tokens": 20}, "completion_tokens_details": {"reasoning_tokens": 5}}
CHAT = {"model": "gpt-test", "usage": {"prompt_tokens": 30, "completion_tokens": 7, "total_tokens": 37, **DETAILS}}
RESPONSES = {
    "model": "m",
    "usage": {"input_tokens": 8, "input_tokens_details": {"cached_tokens": 3}, "output_tokens": 2},
}


@pytest.mark.parametrize(
    ("pieces", "model", "counts"),
    [
        ([json.dumps(message(usage=CACHED)).encode()], "claude-test-1", (100, 40, 900, 50)),
        (message_events("a", "b"), "claude-test-1", (12, 9, 0, 0)),
        ([json.dumps(CHAT).encode()], "gpt-test", (10, 7, 20, 0)),
        ([json.dumps(RESPONSES, separators=(",", ":")).encode()], "m", (5, 2, 3, 0)),
        ([b'{"text": "no counts"}'], "", (0, 0, 0, 0)),
        ([b'"output_tokens": 99999999999999999999'], "", (0, 0, 0, 0)),
    ],
)
def test_what_a_reply_tells(pieces: list[bytes], model: str, counts: tuple[int, ...]) -> None:
    tokens = Tokens()
    for each in pieces:
        tokens.hear(each)
    assert (tokens.model, tokens.counts()) == (model, counts)


def test_models_are_bounded() -> None:
    totals: dict[str, list[int]] = {}
    for at in range(300):
        tokens = Tokens()
        tokens.hear(b'{"model": "m%d", "output_tokens": 2}' % at)
        add(totals, tokens)
    assert len(totals) == MOST_MODELS + 1 and totals[OTHER][1] == 400


def test_dollars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prices = tmp_path / "prices.yaml"
    price = "{input: 1, output: 10, cached: 0.1, written: 2, long: {over: 10, times: 9}}"
    prices.write_text(f"version: 1\nmodels: {{'anthropic:of-this-test': {price}}}\n", encoding="utf-8")
    monkeypatch.setenv("TOOLKIT_PRICES", str(prices))
    counts = {"input": 1000, "output": 100, "cached": 10_000, "written": 500}
    told: dict[str, Any] = {"upstream": "https://api.anthropic.com", "tokens": {"of-this-test": counts}}
    assert (round(spent(told)[0], 9), spent(told)[1]) == (0.004, False)
    told["tokens"]["nobody-knows"] = counts
    assert (round(spent(told)[0], 9), spent(told)[1]) == (0.004, True)
    prices.write_text("broken: [", encoding="utf-8")
    told["tokens"] = {"another-of-this-test": counts}
    assert spent(told) == (0, True)  # the traffic goes on


def _answer(request: Request) -> Sequence[Piece]:
    return [reply(json.dumps(CHAT).encode())]


def test_the_health_and_the_last_line(tmp_path: Path) -> None:
    prices = tmp_path / "prices.yaml"
    prices.write_text("version: 1\nmodels: {'openai:gpt-test': {input: 1000, output: 10000}}\n", encoding="utf-8")
    with Upstream(_answer) as upstream:
        proxy = start(upstream.url, tmp_path / "log", TOOLKIT_PRICES=str(prices))
        for _ in range(2):
            ask(proxy.url, "/v1/chat/completions")
        assert proxy.health()[1]["tokens"] == {"gpt-test": {"input": 20, "output": 14, "cached": 40, "written": 0}}
        assert "14 output tokens, at least $0.2000" in proxy.stop()[1]


def test_the_live_line_on_a_terminal(tmp_path: Path) -> None:
    ours, theirs = os.openpty()
    with Upstream(_answer) as upstream:
        command = [sys.executable, "-m", "toolkit", "capture", "proxy", "--upstream", upstream.url, "--port", "0"]
        process = subprocess.Popen([*command, "--json"], stdout=subprocess.PIPE, stderr=theirs, text=True, cwd=tmp_path)
        os.close(theirs)
        assert process.stdout is not None
        ask(json.loads(process.stdout.readline())["url"], "/v1/chat/completions")
        seen, end = b"", time.monotonic() + 20
        while b"at least $" not in seen and time.monotonic() < end:
            seen += os.read(ours, 4096)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
    os.close(ours)
    assert b"1 calls" in seen and b"7 output tokens, at least $0.0000, and models without a price" in seen
