"""A captured call is asked again with its settings, in the words of whichever API is asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.capture.server import Upstream, message
from tests.capture.test_compact import Log
from tests.capture.test_replay import CHAT_TOOL, CLAUDE_TOOL, Model, _chat, _replay

NAMED = {"type": "function", "function": {"name": "weather"}}
FUNCTION: dict[str, Any] = {"type": "function", "name": "weather", "parameters": {}}
ASKED_WITH: dict[str, tuple[str, dict[str, Any], dict[str, Any], dict[str, Any], dict[str, int]]] = {
    "a named tool of chat": (
        "/v1/chat/completions", {"tools": [CHAT_TOOL], "tool_choice": NAMED, "seed": 7, "stop": "END"},
        {"tool_choice": NAMED, "seed": 7, "stop": ["END"]},
        {"tool_choice": {"type": "tool", "name": "weather"}, "stop_sequences": ["END"]}, {"seed": 1}),
    "any tool of claude, one at a time": (
        "/v1/messages",
        {"tools": [CLAUDE_TOOL], "tool_choice": {"type": "any", "disable_parallel_tool_use": True}, "top_k": 5},
        {"tool_choice": "required", "parallel_tool_calls": False},
        {"tool_choice": {"type": "any", "disable_parallel_tool_use": True}, "top_k": 5}, {"top_k": 1}),
    "no tool of responses": (
        "/v1/responses",
        {"tools": [FUNCTION], "tool_choice": "none", "temperature": 1.5},
        {"tool_choice": "none", "temperature": 1.5}, {"tool_choice": {"type": "none"}}, {"temperature": 1}),
    "a choice that others do not have": (
        "/v1/chat/completions",
        {"tools": [CHAT_TOOL], "tool_choice": {"type": "allowed_tools"}, "response_format": {"type": "json_object"}},
        {}, {}, {"tool_choice": 1, "response_format": 1}),
    "nothing": ("/v1/messages", {"tools": [CLAUDE_TOOL]}, {}, {}, {}),
}  # fmt: skip


@pytest.mark.parametrize("use", ["openai", "anthropic"])
@pytest.mark.parametrize("how", ASKED_WITH)
def test_settings_in_the_words_of_the_other_api(
    how: str, use: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "none")
    path, asked, gpt, claude, lost = ASKED_WITH[how]
    log = Log(tmp_path / "log")
    said: Any = message() if "messages" in path else _chat("Hello.")
    turns: dict[str, Any] = {"messages": [{"role": "user", "content": "How is it?"}]}
    if "responses" in path:
        text = [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hello."}]}]
        turns, said = {"input": "How is it?"}, {"id": "r", "status": "completed", "output": text}
    log.call({"model": "m", **turns, **asked}, said, path=path)
    small = Model("small")
    with Upstream(small) as server:
        assert _replay(log.folder, server.url, "--json", use=use) == 0
    told = json.loads(capsys.readouterr().out)
    (body,) = small.bodies
    wanted = gpt if use == "openai" else claude
    names = {"tool_choice", "parallel_tool_calls", "seed", "stop", "stop_sequences", "top_k", "temperature"}
    assert {name: body[name] for name in names & set(body)} == wanted
    known = {"seed": "openai", "top_k": "anthropic", "temperature": "openai"}
    assert told["not_carried"] == {name: n for name, n in lost.items() if known.get(name) != use}
