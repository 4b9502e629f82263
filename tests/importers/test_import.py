"""Every importer reads what its tool writes, says how true it is, and loses nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from toolkit.cli import main
from toolkit.core import parts

USER = {"role": "user", "content": "Where is my parcel?"}
SAID = {"role": "assistant", "content": "It is on its way."}
CHOICES = [{"index": 0, "message": SAID, "finish_reason": "stop"}]
COMPLETION = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1760000000, "model": "m", "choices": CHOICES}
TEXT = [{"type": "text", "text": "It is on its way."}]
MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": TEXT}
ENDED = {**MESSAGE, "stop_reason": "end_turn"}
ASKED = {"model": "m", "messages": [USER]}


def _line(uuid: str, parent: str | None, kind: str, message: dict[str, Any]) -> dict[str, Any]:
    about = {"sessionId": "s", "timestamp": "2026-01-02T03:04:05Z", "isSidechain": False}
    return {"type": kind, "uuid": uuid, "parentUuid": parent, "message": message, **about}


def _item(**payload: Any) -> dict[str, Any]:
    return {"timestamp": "2026-01-02T03:04:05Z", "type": "response_item", "payload": payload}


def _span(**told: Any) -> dict[str, Any]:
    attributes = [{"key": key, "value": {"stringValue": value}} for key, value in told.items()]
    span = {"spanId": "a", "startTimeUnixNano": "1760000000000000000", "attributes": attributes}
    return {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}


def _parts(role: str, text: str, **more: Any) -> str:
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}], **more}])


CALL = {"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "ls"}}
RESULT = {"type": "tool_result", "tool_use_id": "t1", "content": "a.txt"}
LOGGED: dict[str, tuple[list[dict[str, Any]], str]] = {
    "litellm": (
        [{"id": "1", "call_type": "acompletion", "status": "success", "custom_llm_provider": "openai", "model": "m",
          "startTime": 1760000000.5, "messages": [USER], "response": COMPLETION}], "reconstructed"),
    "langfuse": (
        [{"id": "o", "traceId": "t", "type": "GENERATION", "startTime": "2026-01-02T03:04:05Z", "model": "m",
          "input": {"messages": [USER]}, "output": SAID}], "lossy"),
    "otel": (
        [_span(**{"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.response.model": "m",
                  "gen_ai.input.messages": _parts("user", "Where is my parcel?"),
                  "gen_ai.output.messages": _parts("assistant", "It is on its way.", finish_reason="stop")})],
        "reconstructed"),
    "openai-stored": ([{**COMPLETION, "messages": {"object": "list", "data": [USER]}}], "reconstructed"),
    "openpipe": (
        [{"id": "1", "requestedAt": "2026-01-02T03:04:05Z", "statusCode": 200, "reqPayload": ASKED,
          "respPayload": COMPLETION}], "exact"),
    "helicone": (
        [{"request_id": "r", "request_created_at": "2026-01-02T03:04:05Z", "provider": "ANTHROPIC",
          "response_status": 200, "request_body": ASKED, "response_body": ENDED}], "exact"),
    "message-batches": (
        [{"custom_id": "c", "params": ASKED}, {"custom_id": "c", "result": {"type": "succeeded", "message": ENDED}}],
        "exact"),
    "openai-batches": (
        [{"custom_id": "c", "method": "POST", "url": "/v1/chat/completions", "body": ASKED},
         {"id": "b", "custom_id": "c", "response": {"status_code": 200, "request_id": "q", "body": COMPLETION},
          "error": None}], "exact"),
    "claude-code": (
        [{"type": "summary", "summary": "s", "leafUuid": "b"}, _line("a", None, "user", USER),
         _line("b", "a", "assistant", {**MESSAGE, "stop_reason": "end_turn"})], "lossy"),
    "codex": (
        [{"timestamp": "t", "type": "session_meta", "payload": {"id": "s", "model_provider": "openai"}},
         {"timestamp": "t", "type": "turn_context", "payload": {"model": "m"}},
         _item(type="message", role="user", content=[{"type": "input_text", "text": "Where is my parcel?"}]),
         _item(type="message", role="assistant", content=[{"type": "output_text", "text": "It is on its way."}])],
        "lossy"),
    "atif": (
        [{"schema_version": "ATIF-v1.4", "session_id": "s", "agent": {"name": "a", "version": "1", "model_name": "m"},
          "steps": [{"step_id": 1, "source": "user", "message": "Where is my parcel?"},
                    {"step_id": 2, "source": "agent", "message": "It is on its way."}]}], "reconstructed"),
}  # fmt: skip


def _write(path: Path, records: list[Any]) -> Path:
    path.write_text("".join(json.dumps(each) + "\n" for each in records), encoding="utf-8")
    return path


def _run(source: Path, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    out = source.parent / "rows.jsonl"
    code = main(["capture", "import", str(source), "--out", str(out), "--json", *more])
    said = capsys.readouterr()
    assert code in (0, 1), said.err
    told = json.loads(said.out)
    assert code == (0 if told["rows"] else 1)
    rows = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert told["answers"] == told["rows"] + sum(told["excluded"].values())
    assert told["rows"] == len(rows)
    refused = (out.with_name("rows.quarantine.jsonl")).read_text("utf-8").splitlines()
    assert len(refused) == sum(told["excluded"].values()) + told["broken"]
    return told, rows


@pytest.mark.parametrize("name", LOGGED)
def test_each_tool_is_recognised_and_read(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records, fidelity = LOGGED[name]
    told, (row,) = _run(_write(tmp_path / "log", records), capsys)
    assert told["source"] == name
    assert row["messages"] == [USER, SAID]
    assert row["lineage"]["fidelity"] == fidelity
    assert row["lineage"]["model"] == "m"
    assert row["lineage"]["source_kind"] == "captured"


@pytest.mark.parametrize("name", LOGGED)
def test_no_tool_claims_the_records_of_another(name: str) -> None:
    for record in LOGGED[name][0]:
        claims = {other: found().claims(record) for other, found in parts.parts("importers").items() if other != name}
        assert not any(claims.values()), claims


@pytest.mark.parametrize("name", LOGGED)
def test_no_record_breaks_an_importer(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every value of a record is taken away, or is of another kind."""
    for record in LOGGED[name][0]:
        hurt: list[dict[str, Any]] = [{each: record[each] for each in record if each != key} for key in record]
        hurt += [{**record, key: odd} for key in record for odd in (None, 7, "x", [], {}, [None], {"type": 3})]
        _run(_write(tmp_path / "log", hurt), capsys, "--from", name)


def test_what_gives_no_row_and_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (good,) = LOGGED["litellm"][0]
    cut = {**USER, "content": "a long text... (litellm_truncated skipped 9000 chars) ...its end"}
    longer = [USER, SAID, {"role": "user", "content": "When?"}]
    later = {**COMPLETION, "choices": [{"message": {"content": "At noon."}, "finish_reason": "stop"}]}
    short = {**COMPLETION, "choices": [{"message": {"content": "It is"}, "finish_reason": "length"}]}
    records = [
        good,
        {**good, "messages": [cut]},
        {**good, "messages": longer, "response": later},
        {**good, "response": short},
        {**good, "status": "failure"},
        {**good, "messages": None},
    ]
    source = _write(tmp_path / "log", records)
    source.write_text(source.read_text("utf-8") + '{"broken\n[1]\n', encoding="utf-8")
    told, (row,) = _run(source, capsys)
    assert row["messages"][-1]["content"] == "At noon."
    assert told["excluded"] == {
        "cut by the tool that logged it": 1,
        "an earlier part of a longer conversation": 1,
        "stopped by length": 1,
        "status failure": 1,
        "its messages were not logged": 1,
    }
    assert (told["records"], told["broken"]) == (8, 2)


def test_what_gave_no_row_is_held_and_can_be_got_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (good,) = LOGGED["litellm"][0]
    key = "sk-ant-@@api03-0123456789abcdefgh".replace("@@", "")
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": json.dumps({"n": 10**30})}}
    records = [
        {**good, "id": "kept", "response": {**COMPLETION, "choices": [{"message": {"content": "", "tool_calls": [call]},
                                                                     "finish_reason": "tool_calls"}]}},
        {**good, "id": "none", "messages": None, "metadata": {"number": 10**30, "said": key}},
        {**good, "id": "cut", "response": {**COMPLETION, "choices": [{**CHOICES[0], "finish_reason": "length"}]}},
    ]  # fmt: skip
    source = _write(tmp_path / "log", records)
    source.write_text(source.read_text("utf-8") + '{"broken\n', encoding="utf-8")
    _run(source, capsys)
    lines = [json.loads(each) for each in (tmp_path / "rows.quarantine.jsonl").read_text("utf-8").splitlines()]
    assert [each["reason"] for each in lines[:2]] == ["its messages were not logged", "stopped by length"]
    assert lines[0]["records"] == [2] and lines[0]["held"][0]["metadata"]["number"] == 10**30
    assert lines[1]["held"] == [records[2]]
    assert lines[2]["text"] == '{"broken' and lines[2]["reason"].startswith("unreadable")
    assert key not in (tmp_path / "rows.quarantine.jsonl").read_text("utf-8")
    lines[0]["held"][0]["messages"] = [USER]  # somebody found what was lacking
    again = tmp_path / "again"
    again.mkdir()
    told, (row,) = _run(_write(again / "mended.jsonl", lines[:2]), capsys)
    assert row["messages"] == [USER, SAID] and told["excluded"] == {"stopped by length": 1}


def test_pairs_of_what_users_chose(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Newest first, as exports are: an answer that was edited, and one of two that the talk went on with."""
    (good,) = LOGGED["litellm"][0]
    edited = {**SAID, "content": "It is on its way to you."}
    after = {"role": "user", "content": "When?"}
    other = {"role": "user", "content": "Is it lost?"}

    def said(text: str, name: str) -> dict[str, Any]:
        return {**COMPLETION, "id": name, "choices": [{**CHOICES[0], "message": {**SAID, "content": text}}]}

    records = [
        {**good, "messages": [USER, edited, after], "response": said("At noon.", "c1")},
        good,
        {**good, "messages": [other, {**SAID, "content": "No."}, after], "response": said("Soon.", "c4")},
        {**good, "messages": [other], "response": said("No.", "c2")},
        {**good, "messages": [other], "response": said("Maybe.", "c3")},
    ]
    told, rows = _run(_write(tmp_path / "log", records), capsys)
    pairs = [json.loads(each) for each in (tmp_path / "rows.pairs.jsonl").read_text("utf-8").splitlines()]
    assert {(each["chosen"][0]["content"], each["rejected"][0]["content"]) for each in pairs} == {
        ("It is on its way to you.", "It is on its way."), ("No.", "Maybe.")
    }  # fmt: skip
    assert told["pairs"] == 2 and len(rows) == 3
    assert told["excluded"]["an answer that its reader edited"] == 1
    assert main(["verify", str(tmp_path / "rows.pairs.jsonl"), "--no-embeddings", "--run", str(tmp_path / "r")]) < 2


def test_a_file_is_not_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = _write(tmp_path / "a.quarantine.jsonl", LOGGED["litellm"][0])
    for out in (source, tmp_path / "a.jsonl"):
        assert main(["capture", "import", str(source), "--out", str(out)]) == 2
        assert "written over" in capsys.readouterr().err
    assert source.stat().st_size


def test_requests_of_a_batch_in_their_own_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked, result = LOGGED["message-batches"][0]
    requests = _write(tmp_path / "requests", [asked])
    refused = {**ENDED, "stop_reason": "refusal", "stop_details": {"category": "frontier_llm"}}
    records = [result, {"custom_id": "c", "result": {"type": "succeeded", "message": refused}}]
    records += [{"custom_id": "d", "result": {"type": "errored", "error": {}}}, {**result, "custom_id": "e"}]
    told, rows = _run(_write(tmp_path / "log", records), capsys, "--requests", str(requests))
    assert len(rows) == 1
    assert told["excluded"] == {
        "refusal: frontier_llm": 1,
        "result: errored": 1,
        "its request is not there; name it with --requests": 1,
    }


def test_litellm_of_the_other_two_apis(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As 1.106.2 logs them: one asked in Anthropic's form and answered in OpenAI's, instructions as a parameter."""
    (good,) = LOGGED["litellm"][0]
    tool = {"name": "Bash", "description": "runs", "input_schema": {"type": "object"}}
    turns = [{"role": "system", "content": "Be kind."}, USER, {"role": "assistant", "content": [CALL]},
             {"role": "user", "content": [RESULT]}]  # fmt: skip
    text = [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hello."}]}]
    response = {"id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "output": text}
    records = [
        {**good, "call_type": "anthropic_messages", "messages": turns, "model_parameters": {"tools": [tool]}},
        {**good, "call_type": "anthropic_messages", "messages": [{**USER, "content": "Bare?"}]},
        {**good, "call_type": "aresponses", "response": response, "model_parameters": {"instructions": "Be brief."}},
        {**good, "call_type": "aresponses", "response": response, "model_parameters": {"previous_response_id": "r"}},
    ]
    told, (claude, bare, gpt) = _run(_write(tmp_path / "log", records), capsys)
    assert [each["role"] for each in claude["messages"]] == ["system", "user", "assistant", "tool", "assistant"]
    assert claude["tools"][0]["function"] == {"name": "Bash", "description": "runs", "parameters": {"type": "object"}}
    assert [each["lineage"]["fidelity"] for each in (claude, bare)] == ["reconstructed", "lossy"]
    assert gpt["messages"][0] == {"role": "system", "content": "Be brief."}
    assert told["excluded"] == {"a conversation that the provider keeps": 1}


def test_what_helicone_and_langfuse_write_otherwise(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (helicone,) = LOGGED["helicone"][0]
    held = {"request": ASKED, "response": ENDED}
    fetched = {**helicone, "request_body": {}, "response_body": {}, "signed_body_content": held}
    _, (row,) = _run(_write(tmp_path / "log", [fetched]), capsys)
    assert row["messages"] == [USER, SAID]
    told = {"id": "o", "trace_id": "t", "type": "GENERATION", "start_time": "2026-01-02 03:04:05.000000",
            "provided_model_name": "m", "level": "DEFAULT"}  # fmt: skip
    item = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Here."}]}
    calls = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    blocks = [
        {**USER, "content": "Look"},
        {"role": "assistant", "content": [CALL]},
        {"role": "user", "content": [RESULT]},
    ]
    records = [
        {**told, "input": json.dumps({"input": "Where?", "instructions": "Be kind."}), "output": json.dumps(item)},
        {**told, "input": {"input": "Which?", "tools": [{"type": "function", "name": "f"}]}, "output": [calls]},
        {**told, "input": [USER], "output": "It is", "metadata": {"finish_reason": '"length"'}},
        {**told, "input": blocks, "output": SAID, "metadata": '{"finish_reason": "stop"}'},
    ]
    found, rows = _run(_write(tmp_path / "log", records), capsys)
    assert [row["messages"][0]["role"] for row in rows] == ["system", "user", "user"]
    assert (
        rows[1]["messages"][-1]["tool_calls"][0]["function"]["name"] == rows[1]["tools"][0]["function"]["name"] == "f"
    )
    assert [each["role"] for each in rows[2]["messages"]] == ["user", "assistant", "tool", "assistant"]
    assert [row["lineage"]["fidelity"] for row in rows] == ["lossy", "lossy", "reconstructed"]
    assert {row["lineage"]["model"] for row in rows} == {"m"} and {row["lineage"]["date"] for row in rows} == {
        "2026-01-02"
    }
    assert found["excluded"] == {"stopped by length": 1}


def test_stored_responses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hello."}]}]
    response = {"id": "resp_1", "object": "response", "created_at": 1760000000, "status": "completed", "model": "m",
                "instructions": "Be kind.", "output": text}  # fmt: skip
    first = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Where is it?"}]}
    asks = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    result = {"type": "function_call_output", "call_id": "c", "output": "here"}
    records = [
        {**response, "input": {"object": "list", "data": [first, asks, result], "has_more": False}},
        {**response, "input": {"object": "list", "data": [result, asks, first], "has_more": False}},
        {**response, "input": {"object": "list", "data": [first], "has_more": True}},
        {**response, "input": [first], "previous_response_id": "resp_0"},
        response,
    ]
    told, (row,) = _run(_write(tmp_path / "log", records), capsys)
    assert told["source"] == "openai-stored" and row["lineage"]["date"] == "2025-10-09"
    assert [each["role"] for each in row["messages"]] == ["system", "user", "assistant", "tool", "assistant"]
    assert told["excluded"] == {
        "a conversation that the provider keeps": 1,
        "its items are newest first; fetch them with order=asc": 1,
        "its messages are at another address of the API": 1,
        "not all pages of its messages": 1,
    }


def test_results_of_an_openai_batch_and_its_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked, result = LOGGED["openai-batches"][0]
    requests = _write(
        tmp_path / "requests", [asked, {**asked, "custom_id": "d", "body": {"model": "m", "input": "Hi"}}]
    )
    text = [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hello."}]}]
    response = {"id": "resp_1", "object": "response", "created_at": 1760000000, "status": "completed", "output": text}
    expired = {"id": "b", "custom_id": "x", "response": None, "error": {"code": "batch_expired", "message": "late"}}
    failed = {"id": "b", "custom_id": "y", "response": {"status_code": 429, "body": {"error": {}}}, "error": None}
    records = [
        result,
        {**result, "custom_id": "d", "response": {"status_code": 200, "body": response}},
        expired,
        failed,
    ]
    records.append({**result, "custom_id": "lost"})
    told, rows = _run(_write(tmp_path / "log", records), capsys, "--requests", str(requests))
    assert [row["id"] for row in rows] == ["chatcmpl-1", "resp_1"]
    assert rows[1]["messages"][-1]["content"] == "Hello." and rows[1]["lineage"]["date"] == "2025-10-09"
    assert told["excluded"] == {
        "its request is not there; name it with --requests": 1,
        "result: batch_expired": 1,
        "result: status 429": 1,
    }
    assert (
        main(["capture", "import", str(tmp_path / "log"), "--out", "x.jsonl", "--requests", str(tmp_path / "log")]) == 2
    )
    assert "does not hold a batch's requests" in capsys.readouterr().err


def test_a_form_of_ones_own_as_lines_array_or_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records = [{"q": {"text": f"{at}?"}, "a": [{"text": "yes"}], "end": "stop"} for at in range(3)]
    maps = ["--map", "prompt=$.q.text", "--map", "completion=$.a[0].text", "--map", "stop=end"]
    shapes = [
        "\n".join(map(json.dumps, records)),
        json.dumps(records, indent=1),
        json.dumps({"data": records}, indent=1),
    ]
    for shape in shapes:
        (tmp_path / "log").write_text(shape, encoding="utf-8")
        told, rows = _run(tmp_path / "log", capsys, *maps)
        assert [row["messages"][0]["content"] for row in rows] == ["0?", "1?", "2?"]
        assert told["kinds"] == {"reconstructed": 3}


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("", [], "is empty"),
        ('{"a": 1}', [], "is of no tool that is known"),
        ('{"a": 1}', ["--from", "litelm"], "litellm"),
        ('{"a": 1}', ["--map", "promt=$.a"], "prompt"),
        ('{"a": 1}', ["--from", "jsonl"], "neither `messages` nor"),
        ('{"a": 1}', ["--map", "prompt=$.a"], "neither `messages` nor"),
        ('{"a": 1}', ["--from", "otel", "--requests", "x"], "unknown option 'requests'"),
        ("SQLite format 3\0 and rubbish", [], "cannot be read"),
    ],
)
def test_what_cannot_be_meant(
    text: str, options: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "log"
    source.write_text(text, encoding="utf-8")
    assert main(["capture", "import", str(source), "--out", str(tmp_path / "rows.jsonl"), *options]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "rows.jsonl").exists()


def test_verify_takes_the_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records = [{**COMPLETION, "id": f"c{at}", "messages": [{**USER, "content": f"Parcel {at}?"}]} for at in range(4)]
    _run(_write(tmp_path / "log", records), capsys)
    assert main(["verify", str(tmp_path / "rows.jsonl"), "--no-embeddings", "--run", str(tmp_path / "run")]) in (0, 1)
    assert "Traceback" not in capsys.readouterr().err
