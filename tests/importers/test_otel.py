"""Spans and events of model calls as instrumentations write them: attributes seen in runs of these, not their code.

opentelemetry-instrumentation-genai-openai 1.3, OpenLLMetry 0.62 (and before it had messages), OpenInference 0.1.66.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.importers.test_import import _run, _write

PARAMETERS = {"type": "object", "properties": {"place": {"type": "string"}}}
ASKED = [
    {"role": "system", "parts": [{"type": "text", "content": "Be kind."}], "name": None},
    {"role": "user", "parts": [{"type": "text", "content": "How is it?"}], "name": None},
]
CALL = {"type": "tool_call", "id": "call_1", "name": "weather", "arguments": {"place": "Bern", "days": 3}}
SAID = [{"role": "assistant", "parts": [{"type": "reasoning", "content": "Hm."}, CALL], "finish_reason": "tool_call"}]
TOOLS = [{"name": "weather", "description": "of a place", "input_schema": PARAMETERS}]


def _any(value: Any) -> dict[str, Any]:
    """A value as OTLP's JSON wraps it."""
    if value is None:
        return {}
    if isinstance(value, dict):
        return {"kvlistValue": {"values": [{"key": key, "value": _any(each)} for key, each in value.items()]}}
    if isinstance(value, list):
        return {"arrayValue": {"values": [_any(each) for each in value]}}
    return {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}


def _told(**more: Any) -> dict[str, Any]:
    return {
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic", "gen_ai.response.model": "m",
        "gen_ai.response.id": "r1", "gen_ai.input.messages": ASKED, "gen_ai.output.messages": SAID,
        "gen_ai.tool.definitions": TOOLS, **more,
    }  # fmt: skip


def _span(told: dict[str, Any]) -> dict[str, Any]:
    flat = {key: json.dumps(value) if isinstance(value, list | dict) else value for key, value in told.items()}
    attributes = [{"key": key, "value": _any(value)} for key, value in flat.items()]
    return {"spanId": "a", "startTimeUnixNano": "1760000000000000000", "attributes": attributes}


def _spans(*told: dict[str, Any]) -> dict[str, Any]:
    return {"resourceSpans": [{"scopeSpans": [{"scope": {}, "spans": [_span(each) for each in told]}]}]}


def test_an_event_of_a_call_is_read_as_its_span_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    attributes = [{"key": key, "value": _any(value)} for key, value in _told().items()]
    event = {"eventName": "gen_ai.client.inference.operation.details", "observedTimeUnixNano": "1760000000000000000"}
    logs = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{**event, "body": {}, "attributes": attributes}]}]}]}
    _, (one,) = _run(_write(tmp_path / "log", [logs]), capsys)
    _, (other,) = _run(_write(tmp_path / "log", [_spans(_told())]), capsys)
    assert one == other
    assert one["messages"][0] == {"role": "system", "content": "Be kind."}
    assert one["messages"][2]["tool_calls"][0]["function"]["arguments"] == {"place": "Bern", "days": 3}
    assert one["tools"][0]["function"]["parameters"] == PARAMETERS
    assert one["lineage"]["date"] == "2025-10-09" and one["lineage"]["provider"] == "anthropic"
    assert one["lineage"]["fidelity"] == "reconstructed"


def test_an_end_beside_the_message_an_error_and_media(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain = [{"role": "assistant", "parts": [{"type": "text", "content": "Fine."}]}]
    image = [{"role": "user", "parts": [{"type": "blob", "mime_type": "image/png", "content": "aGk="}]}]
    export = _spans(
        _told(**{"gen_ai.output.messages": plain, "gen_ai.response.finish_reasons": ["stop"]}),
        _told(**{"gen_ai.output.messages": plain, "gen_ai.response.finish_reasons": ["length"]}),
        _told(**{"error.type": "BadRequestError"}),
        _told(**{"gen_ai.input.messages": image}),
        {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic"},
        {"http.route": "/v1/messages"},
    )
    told, (row,) = _run(_write(tmp_path / "log", [export, export]), capsys)
    assert row["messages"][-1]["content"] == "Fine."
    assert told["excluded"] == {
        "an error instead of a reply": 2,
        "its messages were not logged": 2,
        "media in the messages": 2,
        "stopped by length": 2,
        "the same conversation again": 1,
    }
    assert (told["records"], told["aside"]) == (12, 2)
    held = [json.loads(each)["held"] for each in (tmp_path / "rows.quarantine.jsonl").read_text("utf-8").splitlines()]
    assert sum(map(len, held)) == 9, "a record is held once, and is a span, not the export that it came in"


INFERENCE = {
    "openinference.span.kind": "LLM", "llm.system": "openai", "llm.model_name": "m", "llm.finish_reason": "stop",
    "llm.input_messages.0.message.role": "system", "llm.input_messages.0.message.content": "Be kind.",
    "llm.input_messages.1.message.role": "user",
    "llm.input_messages.1.message.contents.0.message_content.type": "text",
    "llm.input_messages.1.message.contents.0.message_content.text": "How is it?",
    "llm.input_messages.2.message.role": "assistant",
    "llm.input_messages.2.message.tool_calls.0.tool_call.id": "call_1",
    "llm.input_messages.2.message.tool_calls.0.tool_call.function.name": "weather",
    "llm.input_messages.2.message.tool_calls.0.tool_call.function.arguments": '{"place": "Bern", "days": 3}',
    "llm.input_messages.3.message.role": "tool", "llm.input_messages.3.message.tool_call_id": "call_1",
    "llm.input_messages.3.message.content": "3 degrees",
    "llm.output_messages.0.message.role": "assistant", "llm.output_messages.0.message.content": "It is 3.",
    "llm.tools.0.tool.json_schema": json.dumps({"type": "function", "function": {"name": "weather"}}),
    "output.value": json.dumps({"id": "r1"}),
}  # fmt: skip
OLDER = {
    "llm.request.type": "chat", "gen_ai.system": "openai", "gen_ai.response.model": "m", "gen_ai.response.id": "r1",
    "gen_ai.prompt.0.role": "system", "gen_ai.prompt.0.content": "Be kind.",
    "gen_ai.prompt.1.role": "user", "gen_ai.prompt.1.content": '[{"type": "text", "text": "How is it?"}]',
    "gen_ai.prompt.2.role": "assistant", "gen_ai.prompt.2.tool_calls.0.id": "call_1",
    "gen_ai.prompt.2.tool_calls.0.name": "weather",
    "gen_ai.prompt.2.tool_calls.0.arguments": '{"place": "Bern", "days": 3}',
    "gen_ai.prompt.3.role": "tool", "gen_ai.prompt.3.tool_call_id": "call_1", "gen_ai.prompt.3.content": "3 degrees",
    "gen_ai.completion.0.role": "assistant", "gen_ai.completion.0.content": "It is 3.",
    "gen_ai.completion.0.finish_reason": "end_turn", "llm.request.functions.0.name": "weather",
}  # fmt: skip


@pytest.mark.parametrize("told", [INFERENCE, OLDER], ids=["openinference", "older"])
def test_spans_that_spell_a_conversation_over_many_attributes(
    told: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = {name: "length" if name.endswith("finish_reason") else value for name, value in told.items()}
    cut = {name: value for name, value in told.items() if "output_messages" not in name and "completion" not in name}
    found, (row,) = _run(_write(tmp_path / "log", [_spans(told, ended, cut)]), capsys)
    assert [each["role"] for each in row["messages"]] == ["system", "user", "assistant", "tool", "assistant"]
    assert row["messages"][1]["content"] == "How is it?"
    assert row["messages"][2]["tool_calls"][0]["function"]["arguments"] == {"place": "Bern", "days": 3}
    assert (row["id"], row["lineage"]["model"], row["lineage"]["provider"]) == ("r1", "m", "openai")
    assert row["tools"][0]["function"]["name"] == "weather" and row["lineage"]["fidelity"] == "reconstructed"
    assert found["excluded"] == {"its messages were not logged": 1, "stopped by length": 1}
