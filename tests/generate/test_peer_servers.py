"""Servers that others wrote, asked by both providers: replies, usage, and errors that end where they should.

`FAKELLM` and `LITELLM` name their commands, each in an environment of its own.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from toolkit.core.errors import ProviderError
from toolkit.core.request import Message, Request
from toolkit.generate.ask import Asked, ask
from toolkit.generate.engine import Limits
from toolkit.generate.models import provider

pytestmark = pytest.mark.soak
RULES = """
version: 1
defaults: {fallback: deterministic_echo}
rules:
  - {name: slow, when: {messages_contain: "too fast"}, respond: {status: 429, error: "slow down"}}
  - {name: broken, when: {messages_contain: "break"}, respond: {status: 500, error: "an accident"}}
  - {name: refused, when: {messages_contain: "refuse"}, respond: {status: 400, error: "not like this"}}
  - {name: greeting, when: {messages_contain: "hello"}, respond: {content: "Good day."}}
"""
MODELS = """
model_list:
  - {model_name: mock, litellm_params: {model: openai/mock, api_key: none, mock_response: "Good day."}}
  - {model_name: slow, litellm_params: {model: openai/m, api_key: none, mock_response: "litellm.RateLimitError"}}
"""
KEY = f"sk-{secrets.token_hex(24)}"
QUICK = Limits(concurrency=8, deadline_s=60, backoff_s=0.01, patience_s=2.0)


@contextlib.contextmanager
def served(command: list[str], ready: str) -> Iterator[str]:
    """A server on a free port, once it answers at `ready`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    quiet, env = subprocess.DEVNULL, {**os.environ, "LITELLM_MASTER_KEY": KEY}
    with subprocess.Popen([*command, "--port", str(port)], stdout=quiet, stderr=quiet, env=env) as peer:
        try:
            for _ in range(240):
                with contextlib.suppress(OSError):
                    urllib.request.urlopen(url + ready, timeout=5).close()  # noqa: S310 - our own address
                    break
                assert peer.poll() is None, f"{command[0]} ended with {peer.returncode}"
                time.sleep(0.5)
            yield url
        finally:
            peer.terminate()


@pytest.fixture(scope="module")
def fakellm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    command = os.environ.get("FAKELLM")
    if not command:
        pytest.skip("FAKELLM names no command of fakellm")
    rules = tmp_path_factory.mktemp("fakellm") / "fakellm.yaml"
    rules.write_text(RULES)
    with served([command, "serve", "--config", str(rules)], "/docs") as url:
        yield url


@pytest.fixture(scope="module")
def litellm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    command = os.environ.get("LITELLM")
    if not command:
        pytest.skip("LITELLM names no command of LiteLLM's proxy")
    models = tmp_path_factory.mktemp("litellm") / "models.yaml"
    models.write_text(MODELS)
    with served([command, "--config", str(models)], "/health/liveliness") as url:
        yield url


def asked(use: str, url: str, words: list[str], monkeypatch: pytest.MonkeyPatch) -> Asked:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    base = url + ("/v1" if use.startswith("openai") else "")
    requests = [Request(messages=(Message("system", "Be brief."), Message("user", each))) for each in words]
    return ask(provider(use, base_url=base), requests, folder=Path("asked"), limits=QUICK)


@pytest.mark.parametrize("use", ["openai:gpt-4o-mini", "anthropic:claude-haiku-4-5"])
def test_fakellm_serves_both_providers(use: str, fakellm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = asked(use, fakellm, [f"hello {nth}" for nth in range(50)], monkeypatch)
    assert found.complete
    assert {reply.text for reply in found.replies if reply} == {"Good day."}
    assert found.usage.input_tokens > 0 < found.usage.output_tokens
    assert asked(use, fakellm, [f"hello {nth}" for nth in range(50)], monkeypatch).requests == 0


@pytest.mark.parametrize("use", ["openai:gpt-4o-mini", "anthropic:claude-haiku-4-5"])
def test_errors_of_fakellm_cost_their_own_request(use: str, fakellm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["hello 1", "break", "refuse", *(f"hello {nth}" for nth in range(2, 20))]
    asked(use, fakellm, ["hello 0"], monkeypatch)
    found = asked(use, fakellm, words, monkeypatch)
    assert [bool(each.dead) for each in found.answers] == [False, True, True, *[False] * 18]
    assert "500: " in found.answers[1].dead
    assert "400: " in found.answers[2].dead
    with pytest.raises(ProviderError, match="answered nothing but '429"):
        asked(use, fakellm, ["too fast"], monkeypatch)


@pytest.mark.parametrize("use", ["openai:mock", "anthropic:mock"])
def test_litellm_serves_both_providers(use: str, litellm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = asked(use, litellm, [f"hello {nth}" for nth in range(20)], monkeypatch)
    assert found.complete
    assert {reply.text for reply in found.replies if reply} == {"Good day."}
    assert found.usage.output_tokens > 0


@pytest.mark.parametrize("use", ["openai:unknown", "anthropic:unknown"])
def test_a_model_that_litellm_does_not_know_ends_the_run(
    use: str, litellm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ProviderError, match="unknown"):
        asked(use, litellm, ["hello"], monkeypatch)


def test_a_throttling_litellm_is_waited_for_and_then_named(litellm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ProviderError, match="answered nothing but '429"):
        asked("openai:slow", litellm, ["hello"], monkeypatch)
