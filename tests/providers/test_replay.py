"""Recorded calls answer the prompts that they were answers to, and no others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.fault_server import serving
from toolkit.core.errors import InputError, ProviderError
from toolkit.core.request import Cell, Message, Request, Seed
from toolkit.generate.ask import ask
from toolkit.generate.models import provider


def say(words: str, sample: int = 0) -> Request:
    return Request(Seed(Cell(""), sample), (Message("system", "Be brief."), Message("user", words)))


def row(words: str, answer: str) -> str:
    told = [("system", "Be brief."), ("user", words), ("assistant", answer)]
    return json.dumps({"messages": [{"role": role, "content": content} for role, content in told]})


def test_a_journal_answers_as_the_model_did() -> None:
    requests = [say(f"Say {nth}.") for nth in range(5)]
    with serving() as server:
        bought = ask(provider("openai:m", base_url=server.url + "/v1"), requests, folder=Path("bought"))
    again = ask(provider("replay:bought/journal.jsonl"), requests)
    assert [each.text for each in again.replies if each] == [each.text for each in bought.replies if each]
    assert again.cost_usd == 0


def test_captured_rows_answer_by_turns() -> None:
    Path("traces.jsonl").write_text("\n".join([row("Hi", "One"), row("Hi", "Two"), row("Bye", "So long"), ""]))
    found = ask(provider("replay:traces.jsonl"), [say("Hi"), say("Hi", 1), say("Hi", 2), say("Bye")])
    assert [each.text for each in found.replies if each] == ["One", "Two", "One", "So long"]


def test_a_prompt_that_was_not_recorded_is_dead_or_stops_a_run_that_has_nothing() -> None:
    Path("traces.jsonl").write_text(row("Hi", "One") + "\n")
    with pytest.raises(ProviderError, match="no reply to this prompt was recorded"):
        ask(provider("replay:traces.jsonl"), [say("Ho")])
    found = ask(provider("replay:traces.jsonl"), [say("Hi")], folder=Path("asked"))
    found = ask(provider("replay:traces.jsonl"), [say("Hi"), say("Ho")], folder=Path("asked"))
    assert "was recorded" in found.answers[1].dead


def test_a_file_without_calls_is_two_lines() -> None:
    Path("empty.jsonl").write_text("\n")
    Path("broken.jsonl").write_text("{\n")
    for name, words in (("empty", "holds no recorded call"), ("broken", "line 1 is not JSON"), ("none", "be read")):
        with pytest.raises(InputError, match=words):
            ask(provider(f"replay:{name}.jsonl"), [say("Hi")])
