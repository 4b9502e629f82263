"""Asking a list of requests against a server that fails on purpose: nothing lost, nothing bought twice."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.fault_server import Faults, FaultServer, serving
from toolkit.core.errors import InputError, ProviderError, ToolkitError, UsageError
from toolkit.core.prices import Price
from toolkit.core.request import Message, Request
from toolkit.generate.ask import Asked, ask
from toolkit.generate.budget import Budget
from toolkit.generate.engine import Limits
from toolkit.generate.models import provider
from toolkit.providers.anthropic import AnthropicProvider
from toolkit.store.journal import events

KEY = "sk-" + "test-never-shown-0123456789"
SCHEMA = {"type": "object", "properties": {"label": {"type": "string"}}, "required": ["label"]}
BOTH = pytest.mark.parametrize("name", ["openai", "anthropic"])
QUICK = Limits(deadline_s=5, backoff_s=0.01)


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL", "OPENAI_BASE_URL", "TOOLKIT_PRICES"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def model(name: str, server: FaultServer, **told: Any) -> Any:
    url = server.url + ("/v1" if name == "openai" else "")
    return provider(f"{name}:claude-haiku-4-5", base_url=url, **told)


def asking(count: int, **told: Any) -> list[Request]:
    system = Message("system", "Be brief.")
    return [Request(messages=(system, Message("user", f"Say {nth}.")), **told) for nth in range(count)]


@contextmanager
def forwarding(to: str) -> Iterator[str]:
    """A server that answers every call with another address."""

    class Elsewhere(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(307)
            self.send_header("location", to + self.path)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def adds_up(found: Asked, server: FaultServer) -> None:
    assert found.complete, [answer.dead for answer in found.answers if answer.dead][:3]
    assert found.stopped == ""
    assert [answer.request.messages[1].content for answer in found.answers] == [
        f"Say {nth}." for nth in range(len(found.answers))
    ]
    # A request on a connection that the server has just closed never reaches it.
    assert 0 <= found.requests - sum(server.served.statuses.values()) - server.served.kinds.total() <= 8


@BOTH
def test_every_fault_at_once_loses_no_reply(name: str) -> None:
    faults = Faults(throttled=0.08, retry_after_s=0.02, failing=0.06, reset=0.06, truncated=0.06, latency_s=0.005)
    with serving(faults) as server:
        found = ask(model(name, server), asking(150), limits=Limits(deadline_s=5, backoff_s=0.01, attempts=9))
        adds_up(found, server)
        assert server.served.statuses[429] > 0
        assert server.served.kinds["reset"] > 0
        assert server.served.kinds["truncated"] > 0


@BOTH
def test_a_reply_that_never_ends_costs_its_deadline(name: str) -> None:
    with serving(Faults(loris=0.04)) as server:
        begun = time.monotonic()
        found = ask(model(name, server), asking(60), limits=Limits(deadline_s=0.5, backoff_s=0.01, attempts=5))
        adds_up(found, server)
        assert server.served.kinds["loris"] > 0
        assert time.monotonic() - begun < 8


@BOTH
def test_the_same_folder_asks_nothing_twice(name: str) -> None:
    with serving() as server:
        first = ask(model(name, server), asking(20), folder=Path("asked"))
        again = ask(model(name, server), asking(30), folder=Path("asked"))
        assert first.requests == 20
        assert again.requests == 10
        assert again.replies[:20] == first.replies
        assert max(server.served.billed.values()) == 1


@BOTH
def test_usage_is_counted_and_priced(name: str) -> None:
    with serving(Faults(text="yes, of course")) as server:
        price = Price(input=2, output=10)
        found = ask(model(name, server), asking(4), price=price)
        usage = (server.served.tokens_in, server.served.tokens_out)
        assert found.usage[:2] == usage
        assert found.cost_usd == pytest.approx((2 * usage[0] + 10 * usage[1]) / 1e6)


@BOTH
def test_a_schema_is_sent_and_left_out_where_it_is_refused(name: str) -> None:
    refused = "response_format" if name == "openai" else "output_config"
    with serving() as server:
        ask(model(name, server), asking(1, schema=SCHEMA))
        sent = server.served.bodies[0][refused]
        assert "json_schema" in json.dumps(sent)
    with serving(Faults(refuses=[refused, "temperature"])) as server:
        found = ask(
            model(name, server), asking(3, schema=SCHEMA), params={"temperature": 0.5}, limits=Limits(concurrency=1)
        )
        assert found.complete
        assert refused not in server.served.bodies[-1]
        assert "temperature" not in server.served.bodies[-1]
        # What was refused once is not tried again: both parameters cost a request each, openai's schema two.
        assert len(server.served.bodies) <= 3 + 3


def test_no_temperature_is_sent_unless_the_recipe_says_so() -> None:
    with serving() as server:
        ask(model("anthropic", server), asking(1))
        assert set(server.served.bodies[0]) == {"model", "max_tokens", "messages", "system"}
        ask(model("anthropic", server), asking(2), params={"temperature": 0.7})
        assert server.served.bodies[-1]["temperature"] == 0.7


def test_a_long_system_message_is_cached_and_a_short_one_not() -> None:
    with serving() as server:
        for words in ("Be brief.", "Be brief. " * 600):
            ask(model("anthropic", server), [Request(messages=(Message("system", words), Message("user", "Hi")))])
        short, long = (body["system"][0] for body in server.served.bodies)
        assert "cache_control" not in short
        assert long["cache_control"] == {"type": "ephemeral"}


def test_a_refusal_keeps_its_stop_reason() -> None:
    with serving(Faults(stop="refusal", text="I would rather not.")) as server:
        reply = ask(model("anthropic", server), asking(1)).replies[0]
        assert reply is not None
        assert (reply.stop, reply.text) == ("refusal", "I would rather not.")


def two_lines(failure: ToolkitError, *words: str) -> None:
    assert "\n" not in failure.what + failure.fix
    assert failure.fix
    assert all(word in failure.what + failure.fix for word in words), (failure.what, failure.fix)
    assert KEY not in failure.what + failure.fix


@BOTH
def test_a_wrong_key_is_two_lines_and_is_not_shown(name: str) -> None:
    with serving(Faults(key="another")) as server, pytest.raises(ProviderError) as caught:
        ask(model(name, server), asking(40), folder=Path("asked"))
    two_lines(caught.value, "key", "401", "[key]")
    assert server.served.statuses[401] <= 32
    assert KEY.encode() not in Path("asked/journal.jsonl").read_bytes()


@BOTH
def test_an_unknown_model_is_two_lines(name: str) -> None:
    with serving(Faults(models=["other"])) as server, pytest.raises(ProviderError) as caught:
        ask(model(name, server), asking(3))
    two_lines(caught.value, "claude-haiku-4-5", "404")


@BOTH
def test_a_request_that_is_refused_is_two_lines_where_none_was_served(name: str) -> None:
    with serving(Faults(refuses=["max_tokens"])) as server, pytest.raises(ProviderError) as caught:
        ask(model(name, server), asking(3))
    two_lines(caught.value, "refused the first request", "max_tokens")


@BOTH
def test_a_server_that_is_not_there_is_two_lines(name: str) -> None:
    with serving() as server:
        gone = model(name, server)
    with pytest.raises(ProviderError) as caught:
        ask(gone, asking(3), limits=QUICK)
    two_lines(caught.value, "cannot be reached", "base_url")


def test_no_key_is_two_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    monkeypatch.delenv("OPENAI_API_KEY")
    for name in ("anthropic:claude-haiku-4-5", "openai:gpt"):
        with pytest.raises(ProviderError) as caught:
            ask(provider(name), asking(1))
        two_lines(caught.value, "needs a key", "_API_KEY")
    with serving() as server:
        assert ask(model("openai", server), asking(1)).complete
        assert "authorization" not in server.served.seen_headers[0]


def test_a_key_file_must_be_its_owners_alone() -> None:
    file = Path("key.txt")
    file.write_text("from-the-file\n")
    with serving(Faults(key="from-the-file")) as server:
        file.chmod(stat.S_IRUSR | stat.S_IRGRP)
        with pytest.raises(InputError, match="others can read"):
            ask(model("openai", server, key_file=str(file)), asking(1))
        file.chmod(stat.S_IRUSR)
        assert ask(model("openai", server, key_file=str(file)), asking(1)).complete
        with pytest.raises(InputError, match="cannot be read"):
            ask(model("anthropic", server, key_file="nothing.txt"), asking(1))


def test_a_variable_that_holds_more_than_a_key_is_told_before_anything_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "one\ntwo")
    with serving() as server, pytest.raises(InputError, match="OPENAI_API_KEY does not hold one key"):
        ask(model("openai", server), asking(1))
    assert not server.served.bodies


def test_a_model_must_be_named() -> None:
    with pytest.raises(UsageError, match="names no model"):
        provider("openai")
    with pytest.raises(UsageError, match="unknown provider 'antropic'"):
        provider("antropic:claude")


def test_dollars_need_a_price() -> None:
    with serving() as server:
        unpriced = provider("openai:qwen3", base_url=server.url + "/v1")
        with pytest.raises(UsageError, match="price of openai:qwen3 is not known"):
            ask(unpriced, asking(1), budget=Budget(usd=1))
        assert ask(unpriced, asking(1), budget=Budget(tokens=10_000)).complete
        assert ask(unpriced, asking(1), budget=Budget(usd=1), price=Price(input=1, output=1)).complete


def test_a_budget_too_small_for_one_request_is_two_lines() -> None:
    with serving() as server, pytest.raises(UsageError) as caught:
        ask(model("anthropic", server), asking(3), budget=Budget(usd=0.0001))
    two_lines(caught.value, "less than one request may cost", "max_tokens")
    assert not server.served.bodies


@BOTH
def test_the_budget_is_used_up_and_never_passed_over_resumptions(name: str) -> None:
    """Replies cost about half of what is set aside for them, so the end must wait for what is in the air."""
    price, cap = Price(input=0, output=100), 0.5
    faults = Faults(text="w" * 400, latency_s=0.002, failing=0.05, truncated=0.02)
    with serving(faults) as server:
        for _ in range(3):
            found = ask(
                *(model(name, server, max_tokens=200), asking(120)),
                **{"folder": Path("asked"), "budget": Budget(usd=cap), "price": price, "limits": QUICK},
            )
            billed = server.served.tokens_out * 100 / 1e6
            assert billed <= cap
            assert found.cost_usd is not None
            assert billed - 1e-9 <= found.cost_usd <= cap
        assert "the budget is spent" in found.stopped
        assert found.cost_usd > cap - 200 * 100 / 1e6
        assert not found.complete


def test_a_killed_run_counts_what_was_in_the_air_as_spent() -> None:
    price = Price(input=0, output=100)
    with serving(Faults(text="w" * 400)) as server:
        ask(model("openai", server, max_tokens=200), asking(5), folder=Path("asked"), price=price)
        journal = Path("asked/journal.jsonl")
        lines = journal.read_bytes().splitlines(keepends=True)
        last = max(nth for nth, line in enumerate(lines) if b'"e":"reply"' in line)
        journal.write_bytes(b"".join(lines[:last]))
        found = ask(model("openai", server, max_tokens=200), asking(5), folder=Path("asked"), price=price)
        assert found.requests == 1
        assert found.cost_usd == pytest.approx(5 * 0.01 + 0.02)


def test_a_batch_costs_half_and_lands_in_order() -> None:
    limits = Limits(batch=True)
    with serving(Faults(text="w" * 400)) as server:
        found = ask(model("anthropic", server), asking(40), limits=limits, price=Price(input=0, output=100, batch=0.5))
        assert found.complete
        assert len(server.batches) == 1
        assert found.cost_usd == pytest.approx(40 * 0.01 / 2)
        assert all(reply is not None and reply.batch for reply in found.replies)


def test_a_batch_that_was_handed_in_before_a_kill_is_not_handed_in_again() -> None:
    """The journal as a kill leaves it: after the id is written, and before it is."""
    limits, folder, price = Limits(batch=True), Path("asked"), Price(input=0, output=100, batch=0.5)
    with serving(Faults(text="w" * 400)) as server:
        for cut in ('"e":"batch"', '"e":"handing"'):
            ask(model("anthropic", server), asking(12), limits=limits, folder=folder, price=price)
            lines = (folder / "journal.jsonl").read_bytes().splitlines(keepends=True)
            last = max(nth for nth, line in enumerate(lines) if cut.encode() in line)
            (folder / "journal.jsonl").write_bytes(b"".join(lines[: last + 1]))
            found = ask(model("anthropic", server), asking(12), limits=limits, folder=folder, price=price)
            assert found.complete
            assert found.requests == 0
            assert found.cost_usd == pytest.approx(12 * 0.01 / 2)
        assert len(server.batches) == 1


@pytest.mark.parametrize("refusal", [Faults(key="another"), Faults(refuses=["max_tokens"])], ids=["key", "request"])
def test_a_batch_that_is_refused_ends_the_run_costs_nothing_and_leaves_again(refusal: Faults) -> None:
    told: dict[str, Any] = {"limits": Limits(batch=True), "folder": Path("asked"), "price": Price(input=0, output=100)}
    told["budget"] = Budget(usd=12 * 0.5)
    with serving(refusal) as server, pytest.raises(ProviderError):
        ask(model("anthropic", server), asking(12), **told)
    with serving(Faults(text="w" * 400)) as server:
        found = ask(model("anthropic", server), asking(12), **told)
        assert found.complete
        assert len(server.batches) == 1
        assert found.cost_usd == pytest.approx(12 * 0.01)


@dataclass(frozen=True, slots=True)
class Breaks(AnthropicProvider):
    """A provider with a mistake in it."""

    async def collect(self, batch: str) -> None:
        raise KeyError("content")


def test_an_accident_while_a_batch_is_waited_for_is_told_and_does_not_hang() -> None:
    with serving() as server, pytest.raises(ProviderError, match="KeyError"):
        ask(Breaks("m", base_url=server.url), asking(3), limits=Limits(batch=True))


def test_a_reply_that_points_elsewhere_is_followed_by_the_sdks_client() -> None:
    with serving(Faults(text="here")) as server, forwarding(server.url) as url:
        assert ask(provider("anthropic:m", base_url=url), asking(2)).complete


def test_a_proxy_of_the_environment_is_used_but_not_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(Faults(text="by the proxy")) as proxy, serving(Faults(text="at home")) as home:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        (far,) = ask(provider("openai:m", base_url="http://model.example/v1"), asking(1)).replies
        (near,) = ask(provider("openai:m", base_url=f"{home.url}/v1"), asking(1)).replies
        (sdk,) = ask(provider("anthropic:m", base_url="http://model.example"), asking(1)).replies
    said = [each.text for each in (far, near, sdk) if each is not None]
    assert said == ["by the proxy", "at home", "by the proxy"]


PROGRAM = """
import sys
from tests.generate.test_ask import asking
from toolkit.generate.ask import ask
from toolkit.generate.engine import Limits
from toolkit.generate.models import provider
from pathlib import Path

model = provider("openai:m", base_url=sys.argv[1])
found = ask(model, asking(400), folder=Path("asked"), limits=Limits(concurrency=16))
print(found.stopped, sum(each is not None for each in found.replies))
"""


def killed(server: FaultServer, after: int, how: signal.Signals) -> str:
    """Ask in a process of its own and signal it after so many replies; what it printed."""
    here = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", PROGRAM, server.url + "/v1"]
    before = server.served.statuses[200]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=here)
    while server.served.statuses[200] < before + after and process.poll() is None:
        time.sleep(0.002)
    process.send_signal(how)
    return process.communicate(timeout=30)[0]


def test_after_a_signal_nothing_is_paid_twice_and_nothing_is_lost() -> None:
    with serving(Faults(latency_s=0.02)) as server:
        said = killed(server, 60, signal.SIGINT)
        assert "stopped by SIGINT" in said
        assert ask(provider("openai:m", base_url=server.url + "/v1"), asking(400), folder=Path("asked")).complete
        assert max(server.served.billed.values()) == 1


def test_after_a_kill_no_more_is_paid_twice_than_was_in_the_air() -> None:
    with serving(Faults(latency_s=0.02)) as server:
        killed(server, 60, signal.SIGKILL)
        replies = sum(event["e"] == "reply" for event in events(Path("asked/journal.jsonl")))
        assert replies >= 40
        assert ask(provider("openai:m", base_url=server.url + "/v1"), asking(400), folder=Path("asked")).complete
        assert sum(server.served.billed.values()) - 400 <= 16


@pytest.mark.soak
def test_twenty_kills_at_random_points_pay_twice_at_most_what_was_in_the_air() -> None:
    with serving(Faults(latency_s=0.02)) as server:
        for nth in range(20):
            killed(server, 3 + 7 * nth % 23, signal.SIGKILL)
        assert ask(provider("openai:m", base_url=server.url + "/v1"), asking(400), folder=Path("asked")).complete
        assert sum(server.served.billed.values()) - 400 <= 20 * 16


def test_the_shelf_of_providers_loads_no_sdk() -> None:
    told = "import sys; from toolkit.core import parts; parts.parts('providers'); print('anthropic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True).stdout == "False\n"
