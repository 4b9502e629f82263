"""The logs of `llm`, as it was before 0.36 and as 0.36.0 writes them (its tables copied by hand from a run of it)."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.importers.test_import import _run


def test_before_messages_were_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with sqlite3.connect(tmp_path / "logs.db") as file:
        file.execute("create table responses (id, model, prompt, system, response, conversation_id, datetime_utc)")
        file.execute("create table tool_calls (id, response_id, name, arguments, tool_call_id)")
        file.execute("create table tool_results (id, response_id, name, output, tool_call_id)")
        file.execute("create table prompt_fragments (response_id, fragment_id)")
        file.execute("create table odd (id)")
        rows = [
            ("1", "m", "Hello", "Be kind.", "Hi.", "c", "2026-01-02T03:04:05"),
            ("2", "m", "And?", None, "More.", "c", "2026-01-02T03:05:05"),
            ("3", "m", "Use it", None, "", "d", "2026-01-02T03:06:05"),
            ("4", "m", "", None, "It is 3.", "d", "2026-01-02T03:06:06"),
            ("5", "m", "Sum up", None, "A sum.", "e", "2026-01-02T03:07:05"),
        ]
        file.executemany("insert into responses values (?, ?, ?, ?, ?, ?, ?)", rows)
        file.execute("insert into tool_calls values ('t', '3', 'weather', '{\"place\": \"Bern\"}', 'call_1')")
        file.execute("insert into tool_results values ('u', '4', 'weather', '3 degrees', 'call_1')")
        file.execute("insert into prompt_fragments values ('5', 1)")
        file.execute("insert into odd values ('x')")
    file.close()
    told, (row, with_tools) = _run(tmp_path / "logs.db", capsys)
    assert told["source"] == "llm" and told["kinds"] == {"lossy": 2}
    assert [each["role"] for each in row["messages"]] == ["system", "user", "assistant", "user", "assistant"]
    assert [each["role"] for each in with_tools["messages"]] == ["user", "assistant", "tool", "assistant"]
    assert with_tools["messages"][1]["tool_calls"][0]["function"]["arguments"] == {"place": "Bern"}
    assert told["excluded"] == {"fragments, which this importer does not read": 1}
    assert told["aside"] == 1


SAID: list[Any] = [
    ("m1", None, "system", [("text", "Be kind.", None)]),
    ("m2", "m1", "user", [("text", None, {"text_ref": [{"fragment": 1}, {"literal": "\nHow is the weather?"}]})]),
    (
        "m3", "m2", "assistant",
        [("reasoning", "", {"redacted": True}),
         ("tool_call", None, {"name": "weather", "arguments": {"place": "Bern"}, "tool_call_id": "call_1"})],
    ),
    ("m4", "m3", "tool", [("tool_result", None, {"name": "weather", "output": "3 degrees", "tool_call_id": "call_1"})]),
    ("m5", "m4", "assistant", [("reasoning", "I see.", None), ("text", "It is 3 degrees.", None)]),
    ("m6", "m4", "assistant", [("text", "It is cold.", None)]),
    ("m7", None, "user", [("text", "What is it?", None), ("attachment", None, {"attachment": {"id": "a"}})]),
    ("m8", "m7", "assistant", [("text", "A cat.", None)]),
    ("m9", "m1", "user", [("text", "On and on", None)]),
    ("m10", "m9", "assistant", [("text", "and on", None)]),
]  # fmt: skip
TURNS: list[Any] = [
    ("t1", "m2", "m3", "tool_calls", 1), ("t2", "m4", "m5", "stop", 1), ("t3", "m4", "m6", None, 0),
    ("t4", "m7", "m8", "stop", 0), ("t5", "m9", "m10", "length", 0),
]  # fmt: skip


def test_since_messages_are_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with sqlite3.connect(tmp_path / "logs.db") as file:
        file.execute("create table responses (id, model, prompt, system, response, conversation_id, datetime_utc)")
        file.execute("create table messages (hash, parent_hash, role, provider_metadata)")
        file.execute("create table parts (id, message_hash, position, type, tool_name, text, payload)")
        file.execute("create table fragments (id, hash, content)")
        file.execute("create table tools (id, hash, name, description, input_schema)")
        file.execute("create table turn_tools (turn_id, tool_id, instance_id)")
        file.execute(
            "create table turns (id, parent_message_hash, tip_message_hash, model, resolved_model, datetime_utc,"
            " response_json)"
        )
        for name, parent, role, parts in SAID:
            file.execute("insert into messages values (?, ?, ?, null)", (name, parent, role))
            for at, (kind, text, payload) in reversed(list(enumerate(parts))):
                held = json.dumps(payload) if payload else None
                file.execute("insert into parts values (null, ?, ?, ?, null, ?, ?)", (name, at, kind, text, held))
        for name, parent, tip, stop, tools in TURNS:
            reply = json.dumps({"finish_reason": stop}) if stop else None
            made = (name, parent, tip, "loc", "m", "2026-11-22T08:02:22+00:00", reply)
            file.execute("insert into turns values (?, ?, ?, ?, ?, ?, ?)", made)
            if tools:
                file.execute("insert into turn_tools values (?, 1, null)", (name,))
        file.execute("insert into fragments values (1, 'h', 'Bern is a town.')")
        file.execute("insert into tools values (1, 'h', 'weather', 'of a place', '{\"type\": \"object\"}')")
    file.close()
    told, rows = _run(tmp_path / "logs.db", capsys, "--thinking")
    assert told["source"] == "llm" and told["aside"] == 0
    by_id = {row["id"]: row for row in rows}
    assert set(by_id) == {"t2", "t3"}
    asked = by_id["t2"]["messages"]
    assert [each["role"] for each in asked] == ["system", "user", "assistant", "tool", "assistant"]
    assert asked[1]["content"] == "Bern is a town.\nHow is the weather?"
    assert asked[2]["tool_calls"][0]["function"] == {"name": "weather", "arguments": {"place": "Bern"}}
    assert asked[4]["reasoning_content"] == "I see."
    assert by_id["t2"]["tools"][0]["function"]["parameters"] == {"type": "object"}
    assert (by_id["t2"]["lineage"]["fidelity"], by_id["t2"]["lineage"]["model"]) == ("reconstructed", "m")
    assert by_id["t3"]["lineage"]["fidelity"] == "lossy"  # how it ended is not told
    assert told["excluded"] == {
        "an earlier part of a longer conversation": 1,
        "media in the messages": 1,
        "stopped by length": 1,
    }
