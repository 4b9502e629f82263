"""Session files of coding agents: branches, calls at once, compactions and what was rolled back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.importers.test_import import CALL, ENDED, MESSAGE, RESULT, USER, _item, _line, _run, _write


def test_a_session_with_tools_and_a_branch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call = {**MESSAGE, "id": "msg_0", "stop_reason": None, "content": [{"type": "text", "text": "I look."}]}
    lines = [
        _line("a", None, "user", USER),
        _line("b", "a", "assistant", call),
        _line("c", "b", "assistant", {**call, "content": [CALL], "stop_reason": "tool_use"}),
        _line("d", "c", "user", {"role": "user", "content": [RESULT]}),
        {"type": "system", "uuid": "x", "parentUuid": "d", "sessionId": "s", "content": "a hook ran"},
        _line("e", "x", "assistant", ENDED),
        _line("f", "d", "assistant", {**ENDED, "id": "msg_2", "content": [{"type": "text", "text": "No."}]}),
    ]
    told, rows = _run(_write(tmp_path / "log", lines), capsys)
    assert [row["messages"][-1]["content"] for row in rows] == ["It is on its way.", "No."]
    asked = rows[0]["messages"][1]
    assert asked["content"] == "I look."
    assert asked["tool_calls"][0]["function"] == {"name": "Bash", "arguments": {"command": "ls"}}
    assert rows[0]["messages"][2] == {"role": "tool", "tool_call_id": "t1", "content": "a.txt"}
    assert rows[0]["lineage"]["group"] == rows[1]["lineage"]["group"]
    assert told["aside"] == 1


def test_a_session_with_calls_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each result follows the line of its own call, so that the file is a tree though the talk is none."""
    other = {**CALL, "id": "t2", "input": {"command": "pwd"}}
    thought = {"type": "thinking", "thinking": "", "signature": "x"}
    part = {**MESSAGE, "id": "msg_0", "stop_reason": None}
    failed = {**MESSAGE, "id": "e1", "model": "<synthetic>", "content": [{"type": "text", "text": "API Error"}]}
    lines = [
        _line("a", None, "user", USER),
        _line("b", "a", "assistant", {**part, "content": [thought]}),
        _line("c", "b", "assistant", {**part, "content": [CALL]}),
        _line("d", "c", "user", {"role": "user", "content": [RESULT]}),
        _line("e", "c", "assistant", {**part, "content": [other], "stop_reason": "tool_use"}),
        _line("f", "e", "user", {"role": "user", "content": [{**RESULT, "tool_use_id": "t2", "is_error": True}]}),
        {**_line("g", "f", "assistant", failed), "isApiErrorMessage": True},
        _line("h", "g", "assistant", {**ENDED, "stop_reason": None}),
    ]
    told, (row,) = _run(_write(tmp_path / "log", lines), capsys)
    assert [each["role"] for each in row["messages"]] == ["user", "assistant", "tool", "tool", "assistant"]
    assert [each["id"] for each in row["messages"][1]["tool_calls"]] == ["t1", "t2"]
    assert [each["tool_call_id"] for each in row["messages"][2:4]] == ["t1", "t2"]
    assert told["excluded"] == {} and told["aside"] == 1


def _said(role: str, text: str) -> dict[str, Any]:
    kind = "output_text" if role == "assistant" else "input_text"
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}


def _event(kind: str, **more: Any) -> dict[str, Any]:
    return {"timestamp": "2026-01-02T03:04:05Z", "type": "event_msg", "payload": {"type": kind, **more}}


META = {"timestamp": "t", "type": "session_meta", "payload": {"id": "s", "base_instructions": {"text": "Be brief."}}}
TURN = [
    _item(**_said("user", "Fix it")),
    _item(type="ghost_snapshot", ghost_commit={"id": "x"}),
    _item(type="reasoning", summary=[{"type": "summary_text", "text": "Hm."}], encrypted_content="x"),
    _item(**_said("assistant", "I look first.")),
    _item(type="function_call", name="shell", arguments='{"command": ["ls"]}', call_id="c1"),
    _item(type="custom_tool_call", name="apply_patch", input="*** Begin", call_id="c2"),
    _item(type="function_call_output", call_id="c1", output="a.txt"),
    _item(type="custom_tool_call_output", call_id="c2", output={"content": "done", "success": True}),
    _item(**_said("assistant", "Now I know.")),
    _item(**_said("assistant", "It is fixed.")),
]


def test_codex_with_tools(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told, (row,) = _run(_write(tmp_path / "log", [META, *TURN, _item(**_said("user", "Thanks"))]), capsys)
    roles = ["system", "user", "assistant", "tool", "tool", "assistant", "assistant"]
    assert [each["role"] for each in row["messages"]] == roles
    assert row["messages"][2]["content"] == "I look first."
    assert [each["function"]["name"] for each in row["messages"][2]["tool_calls"]] == ["shell", "apply_patch"]
    assert row["messages"][4] == {"role": "tool", "tool_call_id": "c2", "content": "done"}
    assert row["messages"][-1]["content"] == "It is fixed."
    assert told["excluded"] == {}


def test_codex_sessions_one_after_the_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = {"timestamp": "t", "type": "session_meta", "payload": {"id": "s2", "model_provider": "x"}}
    lines = [META, META, *TURN, other, _item(**_said("user", "Hello")), _item(**_said("assistant", "Hi."))]
    _, (first, second) = _run(_write(tmp_path / "log", lines), capsys)
    assert first["messages"][0]["content"] == "Be brief." and first["id"] == "s"
    assert [each["role"] for each in second["messages"]] == ["user", "assistant"]
    assert second["lineage"]["provider"] == "x" and second["id"].startswith("s2")


def test_codex_rolled_back_and_compacted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = [{"role": "user", "content": [{"type": "input_text", "text": "So far: fixed."}]}]
    lines = [
        META, *TURN,
        _item(**_said("user", "Undo it")), _item(**_said("assistant", "Undone.")),
        _event("thread_rolled_back", num_turns=1),
        _item(**_said("user", "Test it")), _item(**_said("assistant", "It passes.")),
        {"timestamp": "t", "type": "compacted", "payload": {"message": "", "replacement_history": kept}},
        _item(**_said("user", "And now?")), _item(**_said("assistant", "Ship it.")),
        {"timestamp": "t", "type": "compacted",
         "payload": {"replacement_history": [*kept, {"type": "compaction", "encrypted_content": "x"}]}},
        _item(**_said("user", "What was it?")), _item(**_said("assistant", "I forget.")),
    ]  # fmt: skip
    told, rows = _run(_write(tmp_path / "log", lines), capsys)
    assert [row["messages"][-1]["content"] for row in rows] == ["Undone.", "It passes.", "Ship it."]
    assert "Undo it" not in str(rows[1]["messages"]) and len(rows[0]["messages"]) == len(rows[1]["messages"])
    assert [each["content"] for each in rows[2]["messages"]] == ["Be brief.", "So far: fixed.", "And now?", "Ship it."]
    assert told["excluded"] == {"a conversation that was compacted on the way": 1}
    assert len({row["id"] for row in rows}) == 3


def test_atif_with_tools_and_without(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call = {"tool_call_id": "c1", "function_name": "bash", "arguments": {"keystrokes": "ls"}}
    results = [{"source_call_id": None, "content": "a.txt"}]
    asks = {"source": "agent", "message": "I look.", "tool_calls": [call], "observation": {"results": results}}
    bare = {"source": "agent", "message": "ls", "observation": {"results": results}}
    both = {**asks, "tool_calls": [call, {**call, "tool_call_id": "c2"}]}
    done = {"source": "agent", "message": "Done.", "model_name": "m2"}
    start = {"source": "user", "message": "Do it"}
    records = [
        {"schema_version": "ATIF-v1.6", "session_id": f"s{at}", "agent": {"name": "a"}, "steps": [start, each, done]}
        for at, each in enumerate((asks, bare, both))
    ]
    told, rows = _run(_write(tmp_path / "log", records), capsys)
    assert [[each["role"] for each in row["messages"]] for row in rows] == [
        ["user", "assistant", "tool", "assistant"], ["user", "assistant", "user", "assistant"]
    ]  # fmt: skip
    assert rows[0]["messages"][2]["tool_call_id"] == "c1" and rows[0]["lineage"]["model"] == "m2"
    assert told["excluded"] == {"a result that names none of several calls": 1}
