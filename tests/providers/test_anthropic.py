"""What servers of Anthropic's kind send besides a whole message."""

from __future__ import annotations

from typing import Any

import pytest

from tests.providers.test_openai import answering
from toolkit.core.errors import ProviderError
from toolkit.core.request import Message, Request
from toolkit.generate.ask import Asked, ask
from toolkit.generate.engine import Limits
from toolkit.generate.models import provider

WHOLE = {
    "type": "message",
    "model": "m",
    "content": [{"type": "text", "text": "yes"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 3, "output_tokens": 1},
}


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-" + "test-0123456789")


def asked(url: str, **told: Any) -> Asked:
    limits = Limits(backoff_s=0.001, attempts=3, deadline_s=5)
    requests = [Request(messages=(Message("user", "Say."),))]
    return ask(provider("anthropic:m", base_url=url.removesuffix("/v1")), requests, limits=limits, **told)


@pytest.mark.parametrize(
    ("odd", "text"),
    [
        ({"content": None}, ""),
        ({"usage": None}, "yes"),
        ({"usage": "none"}, "yes"),
        ({"usage": {"input_tokens": "many", "output_tokens": None}}, "yes"),
        ({"model": None}, "yes"),
    ],
)
def test_a_reply_that_lacks_something_is_a_reply(odd: dict[str, Any], text: str) -> None:
    with answering(lambda nth, path, body: (200, {}, {**WHOLE, **odd})) as (url, bodies):
        (reply,) = asked(url).replies
    assert reply is not None and reply.text == text
    assert reply.usage.total > 0  # what is not told counts as the most it can have been
    assert len(bodies) == 1


def test_an_error_with_the_status_of_a_success_is_an_error() -> None:
    def serve(nth: int, path: str, body: dict[str, Any]) -> Any:
        error = {"type": "error", "error": {"type": "api_error", "message": "broke off"}}
        return (200, {}, error if nth < 3 else WHOLE)

    with answering(serve) as (url, bodies):
        (reply,) = asked(url).replies
    assert reply is not None and reply.text == "yes" and len(bodies) == 3

    refused = {"type": "error", "error": {"type": "authentication_error", "message": "invalid x-api-key"}}
    with answering(lambda nth, path, body: (200, {}, refused)) as (url, _), pytest.raises(ProviderError, match="key"):
        asked(url)


def test_an_address_that_points_elsewhere_is_told() -> None:
    def serve(nth: int, path: str, body: dict[str, Any]) -> Any:
        return 301, {"location": "/v2/messages"}, {}

    with answering(serve) as (url, _), pytest.raises(ProviderError, match="points elsewhere"):
        asked(url)


def test_what_was_refused_by_name_is_noted() -> None:
    def serve(nth: int, path: str, body: dict[str, Any]) -> Any:
        error = {"type": "error", "error": {"type": "invalid_request_error", "message": "top_k: not for this model"}}
        return (400, {}, error) if "top_k" in body else (200, {}, WHOLE)

    with answering(serve) as (url, _):
        model = provider("anthropic:m", base_url=url.removesuffix("/v1"))
        assert ask(model, [Request(messages=(Message("user", "Say."),), params={"top_k": 4})]).complete
    assert model.left_out == ["top_k"]  # type: ignore[attr-defined]
