"""Servers of OpenAI's kind as they are: what they leave out, spell differently or say in the wrong place."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from tests.generate.scripted import run_of
from toolkit.core import answered
from toolkit.core.errors import ProviderError, UsageError
from toolkit.core.prices import Price
from toolkit.core.request import Declined, Message, Request, Retry, Usage
from toolkit.generate import limiter, waiting
from toolkit.generate.ask import Asked, ask
from toolkit.generate.budget import Budget
from toolkit.generate.engine import Limits
from toolkit.generate.limiter import Pacer
from toolkit.generate.models import provider
from toolkit.providers import completion

SCHEMA = {"type": "object", "properties": {"label": {"type": "string"}}, "required": ["label"]}
QUICK = Limits(concurrency=8, deadline_s=10, backoff_s=0.01)
USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
Told = tuple[int, Mapping[str, str], Any]


def whole(content: Any = "yes", usage: Any = USAGE, **more: Any) -> dict[str, Any]:
    """A chat completion."""
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop", **more}
    return {"model": "m", "choices": [choice], "usage": usage}


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "TOOLKIT_PRICES"):
        monkeypatch.delenv(variable, raising=False)


@contextmanager
def answering(serve: Callable[[int, str, dict[str, Any]], Told]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A server that answers by a function of the request's number, path and body; its address and the bodies."""
    bodies: list[dict[str, Any]] = []

    class Answers(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            bodies.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.answer(*serve(len(bodies), self.path, bodies[-1]))

        def do_GET(self) -> None:
            self.answer(405, {}, "only POST")

        def answer(self, status: int, headers: Mapping[str, str], body: Any) -> None:
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        server.daemon_threads = True
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1", bodies
        server.shutdown()


def asked(url: str, count: int = 2, *, schema: Any = None, **told: Any) -> Asked:
    requests = [Request(messages=(Message("user", f"Say {nth}."),), schema=schema) for nth in range(count)]
    return ask(provider("openai:m", base_url=url), requests, **{"limits": QUICK, **told})


@pytest.mark.parametrize("refused", [["temperature"], ["response_format"], ["temperature", "response_format", "n"]])
def test_what_is_refused_by_name_is_left_out_however_many_are_asked_at_once(refused: list[str]) -> None:
    def serve(nth: int, path: str, body: dict[str, Any]) -> Told:
        time.sleep(0.02)  # so that many are under way when the first is refused
        name = next((each for each in refused if each in body), None)
        return (200, {}, whole()) if name is None else (400, {}, {"error": {"message": f"Unknown: '{name}'."}})

    with answering(serve) as (url, _):
        assert asked(url, 12, schema=SCHEMA, params={"temperature": 1, "n": 1}).complete


def test_what_was_left_out_and_a_price_that_looks_wrong_are_noted() -> None:
    price = {"input": 0.001, "output": 0.002}

    def serve(nth: int, path: str, body: dict[str, Any]) -> Told:
        return (400, {}, {"error": "no temperature"}) if "temperature" in body else (200, {}, whole('["a", "b"]'))

    with answering(serve) as (url, _):
        model = {"use": "openai:m", "base_url": url, "params": {"temperature": 1}, "price": price}
        notes = run_of(target={"rows": 1}, model=model).run().notes
    assert "openai:m refused temperature: sent without" in notes
    assert any("price of a thousand" in note for note in notes)


def test_a_schema_becomes_plain_json_and_a_length_the_name_that_is_known() -> None:
    def serve(nth: int, path: str, body: dict[str, Any]) -> Told:
        time.sleep(0.02)
        if body.get("response_format", {}).get("type") == "json_schema":
            return 400, {}, {"detail": "json_schema is not supported"}
        if "max_tokens" in body:
            return 400, {}, {"error": "'max_tokens' is not supported, use 'max_completion_tokens'"}
        return 200, {}, whole()

    with answering(serve) as (url, bodies):
        assert asked(url, 12, schema=SCHEMA).complete
        assert bodies[-1]["response_format"] == {"type": "json_object"}
        assert bodies[-1]["max_completion_tokens"] == 2048


def test_the_length_of_a_reply_is_the_users_and_is_never_left_out() -> None:
    def serve(nth: int, path: str, body: dict[str, Any]) -> Told:
        return 400, {}, {"error": "max_completion_tokens is too large"}

    with answering(serve) as (url, bodies), pytest.raises(ProviderError, match="too large"):
        asked(url, params={"max_completion_tokens": 500})
    assert all(body["max_completion_tokens"] == 500 and "max_tokens" not in body for body in bodies)


@pytest.mark.parametrize("params", [{"max_tokens": "many"}, {"max_tokens": None}, {"n": 0}, {"stream": True}])
def test_parameters_that_nothing_can_be_counted_by_are_refused(params: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        asked("http://127.0.0.1:9/v1", params=params)


@pytest.mark.parametrize(
    ("told", "counted"),
    [
        (USAGE, Usage(10, 5)),
        ({"prompt_tokens": 20, "completion_tokens": 198, "total_tokens": 623}, Usage(20, 603)),  # thoughts aside
        ({"prompt_tokens": 9, "completion_tokens": 0, "total_tokens": 9}, Usage(9, 0)),
        ({"total_tokens": 50}, Usage(0, 50)),
        ({**USAGE, "prompt_tokens_details": {"cached_tokens": 8}}, Usage(2, 5, 8)),
        ({**USAGE, "prompt_cache_hit_tokens": 4, "prompt_tokens_details": None}, Usage(6, 5, 4)),
        ({**USAGE, "prompt_tokens_details": {"cached_tokens": 80, "cache_write_tokens": 9}}, Usage(0, 5, 10)),
        ({"prompt_tokens": "ten", "completion_tokens": -5, "total_tokens": float("inf")}, Usage()),
        ([1, 2], Usage()),
        (None, Usage()),
    ],
)
def test_tokens_are_read_as_servers_tell_them(told: Any, counted: Usage) -> None:
    assert completion.tokens(told) == counted


def test_a_reply_without_tokens_counts_as_the_most_it_can_have_been() -> None:
    with answering(lambda *_: (200, {}, whole(usage=None))) as (url, bodies):
        found = asked(url, 20, price=Price(input=0, output=100), budget=Budget(usd=1.0))
        assert found.cost_usd == pytest.approx(4 * 0.2048)
        assert len(bodies) == 4
        assert "the budget is spent" in found.stopped


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([{"type": "text", "text": "ye"}, {"type": "image"}, {"type": "text", "text": "s"}], "yes"),
        (None, ""),
        ("<think>[no, or yes]</think>\n\nyes", "yes"),
        ("It must be yes.\n</think>\nyes", "yes"),
        ("<think>cut in the mid", ""),
        ('["a thought ends with </think>"]', '["a thought ends with </think>"]'),
        ("say <think> and </think>", "say <think> and </think>"),
    ],
)
def test_the_text_of_a_reply_is_its_answer_alone(content: Any, text: str) -> None:
    assert completion.completed(whole(content)).text == text


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(whole("a\ud83d")).encode(),
        json.dumps({**whole("a?"), "logprob": float("nan")}).encode(),
        b"\xef\xbb\xbf" + json.dumps(whole("a?")).encode(),
        json.dumps(whole("a?")).encode().replace(b"a?", b"a\xff"),
    ],
)
def test_a_reply_that_is_no_clean_json_was_paid_for_and_is_kept(body: bytes) -> None:
    assert completion.completed(completion.parsed(body)).text in ("a?", "a\ufffd")


@pytest.mark.parametrize(
    "told", [whole(5), {"choices": []}, {"choices": [{"message": "x"}]}, [1], whole(message={"tool_calls": ["f"]})]
)
def test_what_is_no_completion_costs_its_request_and_not_the_run(told: Any) -> None:
    with answering(lambda nth, path, body: (200, {}, told if "Say 1" in str(body) else whole())) as (url, _):
        first, second = asked(url, 2).answers
        assert first.reply is not None
        assert "no chat completion" in second.dead


def test_a_failure_inside_a_success_is_read_as_what_it_is() -> None:
    slow = {"error": {"code": 429, "message": "Provider returned error", "metadata": {"raw": "one at a time"}}}
    with answering(lambda nth, path, body: (200, {}, slow if nth < 4 else whole())) as (url, _):
        assert asked(url, 1, price=Price(input=1, output=1), limits=Limits(attempts=1, backoff_s=0.01)).complete
    assert completion.failed(slow) == (429, "Provider returned error one at a time")
    assert completion.failed(whole(finish_reason="error", error={"code": 502, "message": "gone"})) == (502, "gone")
    assert completion.failed({"error": "crashed"}) == (500, "crashed")
    assert completion.failed(whole()) is None


def test_a_server_that_loads_its_model_is_waited_for() -> None:
    loading: Told = (503, {}, {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}})
    with answering(lambda nth, path, body: loading if nth < 20 else (200, {}, whole())) as (url, _):
        assert asked(url, 4).complete
    with answering(lambda *_: loading) as (url, _), pytest.raises(ProviderError, match="nothing but '503: Loading"):
        asked(url, 1, limits=Limits(backoff_s=0.01, patience_s=0.2))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"error": {"code": "bad", "message": "no"}}, "bad no"),
        ({"object": "error", "message": "too long", "code": 400}, "too long"),
        ({"detail": [{"loc": ["body", "top_k"], "msg": "extra"}]}, "body.top_k: extra"),
        ({"error": "no"}, "no"),
        ({"status": 400, "error": "Bad Request", "message": "no"}, "Bad Request no"),
        ("no", "no"),
        ({}, "{}"),
    ],
)
def test_a_refusal_is_told_in_the_servers_words(body: Any, said: str) -> None:
    assert completion.said(json.dumps(body).encode()) == said


def failure(status: int, message: str = "", **headers: str) -> Exception:
    return answered.failure(status, headers, message, model="m", variable="KEY")


def test_a_status_means_what_its_words_say() -> None:
    assert isinstance(failure(403, "Your input was flagged"), Declined)
    assert "was refused" in str(failure(403, "no such project"))
    assert "no money left" in str(failure(402, "Insufficient Balance"))
    assert "no money left" in str(failure(400, "Your credit balance is too low"))
    assert isinstance(failure(400, "the payment in the schema is no string"), Declined)
    page = "<html><head><title>401</title><style>h1 {}</style></head><body><h1>Who are you?</h1></body></html>"
    assert "(401: Who are you?)" in str(failure(401, page))


def test_times_are_read_in_every_shape_and_by_the_servers_clock() -> None:
    late = failure(429, **{"retry-after": "Wed, 21 Oct 2015 07:28:30 GMT", "date": "Wed, 21 Oct 2015 07:28:00 GMT"})
    assert isinstance(late, Retry)
    assert late.after_s == 30
    now = 1_800_000_000.0
    for told in ("90", "1m30s", "90000ms", "1800000090", "1800000090000", "0.025h"):
        assert answered.seconds_of(told, now) == pytest.approx(90)
    assert answered.seconds_of("350µs") == pytest.approx(0.00035)
    assert [answered.seconds_of(told) for told in ("nan", "inf", "soon", "1.2.3s", "")] == [None] * 5


def test_a_reset_that_is_hours_away_is_asked_about_once_a_minute() -> None:
    pacer = Pacer(rate=1e-6, size=60, told=True, at=1000.0, took=1000.0)
    assert 59 < pacer.wait_s(1000.5) <= 60
    assert pacer.wait_s(1061.0) == 0


def test_a_limit_of_the_day_ends_the_run_instead_of_its_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "LONGEST_PAUSE_S", 0.05)
    monkeypatch.setattr(limiter, "LONGEST_GATE_S", 0.05)
    daily: Told = (429, {"retry-after": "86400"}, {"error": "daily limit"})
    with answering(lambda *_: daily) as (url, _), pytest.raises(ProviderError, match=r"left alone for 24\.0 h"):
        asked(url, 1)


def test_an_address_that_moved_is_named_and_one_that_is_none_is_told_at_once() -> None:
    def serve(nth: int, path: str, body: dict[str, Any]) -> Told:
        return (301, {"location": path.replace("v1", "v2")}, {}) if "v1" in path else (200, {}, whole())

    with answering(serve) as (url, _), pytest.raises(ProviderError, match="points elsewhere") as caught:
        asked(url)
    assert caught.value.fix.endswith("/v2`")
    with pytest.raises(ProviderError, match="is no address"):
        asked("localhost:8000/v1")


def test_a_request_that_rests_keeps_no_other_waiting_and_a_model_that_answers_others_is_asked_soon() -> None:
    def serve(nth: int, path: str, body: dict[str, Any]) -> Told:
        said = body["messages"][0]["content"]
        seen[said] = seen.get(said, 0) + 1
        fails = said in ("Say 0.", "Say 1.") and seen[said] < 5
        return (500, {}, {"error": "an accident"}) if fails else (200, {}, whole())

    seen: dict[str, int] = {}
    with answering(serve) as (url, _):
        begun = time.monotonic()
        assert asked(url, 30, limits=Limits(concurrency=2, attempts=6, backoff_s=0.1)).complete
        assert list(seen)[-1] == "Say 29."
        assert time.monotonic() - begun < 3
    failure = Retry("500", unknown=False)
    assert waiting.pause_s(failure, "key", 6, backoff_s=0.5, silent_s=0.1) <= 1.5
    assert waiting.pause_s(failure, "key", 6, backoff_s=0.5, silent_s=60.0) >= 8
