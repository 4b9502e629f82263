"""Compaction: what becomes a row, what does not and why, and that all adds up."""

from __future__ import annotations

import base64
import gzip
import json
import os
import zlib
from pathlib import Path
from typing import Any

import brotli
import pyarrow.parquet as pq
import pytest
import zstandard

from tests.capture.server import events, message, message_events
from toolkit.capture.compact import CompactOptions, compact
from toolkit.capture.decode import with_media
from toolkit.capture.keeping import purge, status
from toolkit.capture.privacy import Keys
from toolkit.capture.record import Answered, Asked, Recording
from toolkit.cli import main
from toolkit.core.errors import UsageError
from toolkit.store.frames import FrameLog, Kind, segments
from toolkit.verify import verify

SSE = "text/event-stream"


class Log:
    """Calls written as the proxy writes them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = FrameLog(folder, sync="off")
        self.keys = Keys()

    def call(
        self,
        asked: Any,
        said: Any,
        *,
        path: str = "/v1/messages",
        status: int = 200,
        outcome: str = "complete",
        kind: str = "application/json",
        coding: str = "",
        method: str = "POST",
        key: str = "",
    ) -> None:
        request = json.dumps(asked).encode()
        body = said if isinstance(said, bytes) else json.dumps(said).encode()
        told = [(b"authorization", f"Bearer {key}".encode())] if key else []
        recording = Recording(self.log, self.keys)
        recording.begin(Asked(method, path.encode(), told, "https://api.anthropic.com"), request, last=True)
        headers = [(b"content-type", kind.encode()), *([(b"content-encoding", coding.encode())] if coding else [])]
        recording.end(outcome, body, Answered(status, headers))

    def rows(self, out: Path, **options: Any) -> tuple[list[dict[str, Any]], dict[str, int]]:
        made = compact(self.folder, out, CompactOptions(**options))
        assert made.answers == made.rows + sum(made.excluded.values())
        rows = [json.loads(line) for line in made.rows_path.read_text().split("\n")[:-1]]
        assert len(rows) == made.rows
        return rows, dict(made.excluded)


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path / "log")


def _ask(*texts: str, **more: Any) -> dict[str, Any]:
    turns = [{"role": ("user", "assistant")[at % 2], "content": text} for at, text in enumerate(texts)]
    return {"model": "claude-test-1", "max_tokens": 9, "messages": turns, **more}


def _stream(*told: dict[str, Any]) -> bytes:
    return b"".join(events(*told))


EXCLUDED: dict[str, tuple[dict[str, Any], str]] = {
    "cut by length": ({"said": message(stop_reason="max_tokens")}, "stopped by max_tokens"),
    "paused": ({"said": message(stop_reason="pause_turn")}, "stopped by pause_turn"),
    "refusal": ({"said": message(stop_reason="refusal")}, "refusal"),
    "competing": (
        {"said": message(stop_reason="refusal", stop_details={"type": "refusal", "category": "frontier_llm"})},
        "refusal: frontier_llm",
    ),
    "category without refusal": (
        {"said": message(stop_details={"type": "refusal", "category": "reasoning_extraction"})},
        "refusal: reasoning_extraction",
    ),
    "empty": ({"said": message("")}, "empty answer"),
    "status": ({"said": {"type": "error"}, "status": 529}, "status 529"),
    "cut off": ({"said": b'{"id"', "outcome": "client-gone"}, "cut off: client-gone"),
    "not JSON": ({"said": b"<html>"}, "a body that is not what its API says"),
    "no end of the stream": (
        {"said": b"".join(message_events("a")[:-1]), "kind": SSE},
        "a stream without its end",
    ),
    "error in the stream": (
        {"said": b"".join(message_events("a")[:4]) + _stream({"type": "error", "error": {"type": "x"}}), "kind": SSE},
        "an error in the stream",
    ),
    "image": (
        {"asked": {"messages": [{"role": "user", "content": [{"type": "image", "source": {}}]}]}, "said": message()},
        "media in the messages",
    ),
    "server tool": (
        {"said": message(content=[{"type": "server_tool_use", "id": "1", "name": "web_search", "input": {}}])},
        "a block of the type server_tool_use",
    ),
    "tool of the provider": (
        {"asked": _ask("hi", tools=[{"type": "web_search_x", "name": "web_search"}]), "said": message()},
        "a tool of the provider: web_search_x",
    ),
    "other path": ({"said": {}, "path": "/v1/messages/count_tokens"}, "not a chat call"),
    "unknown coding": ({"said": message(), "coding": "rot13"}, "a body in the coding rot13"),
    "broken coding": ({"said": message(), "coding": "gzip"}, "a body that is not gzip"),
    "kept by the provider": (
        {"asked": {"previous_response_id": "r"}, "said": {"output": []}, "path": "/v1/responses"},
        "a conversation that the provider keeps",
    ),
    "filtered": (
        {
            "said": {"choices": [{"index": 0, "message": {"content": "x"}, "finish_reason": "content_filter"}]},
            "path": "/v1/chat/completions",
        },
        "refusal",
    ),
}


@pytest.mark.parametrize("shape", EXCLUDED)
def test_what_gives_no_row_and_why(shape: str, log: Log, tmp_path: Path) -> None:
    how, why = EXCLUDED[shape]
    log.call(**{"asked": _ask("hi"), **how})
    assert log.rows(tmp_path / "out") == ([], {why: 1})
    (record,) = pq.read_table(tmp_path / "out" / "calls.parquet").to_pylist()
    assert record["excluded"] == why


@pytest.mark.parametrize("coding", ["gzip", "deflate", "raw deflate", "br", "zstd", "gzip, br"])
def test_codings(coding: str, log: Log, tmp_path: Path) -> None:
    body = json.dumps(message("coded")).encode()
    raw = zlib.compressobj(wbits=-15)
    coded = {
        "gzip": gzip.compress(body[:50]) + gzip.compress(body[50:]),
        "deflate": zlib.compress(body),
        "raw deflate": raw.compress(body) + raw.flush(),
        "br": brotli.compress(body),
        "zstd": zstandard.compress(body),
        "gzip, br": brotli.compress(gzip.compress(body)),
    }[coding]
    log.call(_ask("hi"), coded, coding=coding.removeprefix("raw "))
    rows, _ = log.rows(tmp_path / "out")
    assert rows[0]["messages"][-1]["content"] == "coded"


def test_events_in_any_line_ends(log: Log, tmp_path: Path) -> None:
    body = b"".join(message_events("ä", "\u2028b", tool={"name": "f", "input": {"x": [1]}}, stop="tool_use"))
    for end in (b"\n", b"\r\n", b"\r"):
        log.call(_ask(f"with {end!r}"), body.replace(b"\n", end), kind=SSE)
    rows, _ = log.rows(tmp_path / "out")
    assert [row["messages"][-1]["content"] for row in rows] == ["ä\u2028b"] * 3
    assert rows[0]["messages"][-1]["tool_calls"][0]["function"]["arguments"] == {"x": [1]}
    told = pq.read_table(tmp_path / "out" / "calls.parquet").to_pylist()[0]
    assert (told["input_tokens"], told["output_tokens"], told["stop"]) == (12, 9, "tool_use")
    assert told["reply"] == body


def test_a_conversation_is_one_row_and_branches_stay(log: Log, tmp_path: Path) -> None:
    log.call(_ask("one", system="S"), message("eins"))
    log.call(_ask("one", "eins", "two", system="S"), message("zwei"))
    log.call(_ask("one", "eins ", "three", system="S"), message("drei"))
    log.call(_ask("one", "eins", "two", system="other"), message("zwei"))
    log.call(_ask("one", "eins", "two", system="S"), message("zwei"))
    log.call(_ask("one", "eins", "two", "zwei", "cut", system="S"), message("x", stop_reason="max_tokens"))
    rows, excluded = log.rows(tmp_path / "out")
    assert [row["messages"][-1]["content"] for row in rows] == ["zwei", "drei", "zwei"]
    assert excluded == {
        "an earlier part of a longer conversation": 1,
        "stopped by max_tokens": 1,
        "the same conversation again": 1,
    }
    groups = [row["lineage"]["group"] for row in rows]
    assert groups[0] == groups[1] != groups[2]


def test_each_choice_is_a_row(log: Log, tmp_path: Path) -> None:
    choices = [
        {"index": at, "message": {"role": "assistant", "content": text}, "finish_reason": end}
        for at, (text, end) in enumerate([("a", "stop"), ("b", "length"), ("c", "stop")])
    ]
    log.call(_ask("hi"), {"id": "c1", "choices": choices}, path="/v1/chat/completions")
    rows, excluded = log.rows(tmp_path / "out")
    assert [(row["id"], row["messages"][-1]["content"]) for row in rows] == [("c1", "a"), ("c1-2", "c")]
    assert excluded == {"stopped by length": 1}


def test_tools_and_thoughts(log: Log, tmp_path: Path) -> None:
    use = {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "42"}]}
    thought = {"type": "thinking", "thinking": "hm", "signature": "x"}
    asked = _ask(
        "go", tools=[{"name": "f", "input_schema": {"type": "object"}}],
    )  # fmt: skip
    asked["messages"] += [
        {"role": "assistant", "content": [thought, use]},
        {"role": "user", "content": [result, {"type": "text", "text": "and?"}]},
    ]
    log.call(asked, message(content=[thought, {"type": "text", "text": "done"}]))
    (row,), _ = log.rows(tmp_path / "out")
    call = {"id": "t1", "type": "function", "function": {"name": "f", "arguments": {"a": 1}}}
    assert row["messages"] == [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "t1", "content": "42"},
        {"role": "user", "content": "and?"},
        {"role": "assistant", "content": "done"},
    ]
    (row,), _ = log.rows(tmp_path / "out", thinking=True, terms="ours")
    assert row["messages"][-1]["reasoning_content"] == "hm" and row["lineage"]["terms"] == "ours"


def test_media_are_kept_once_and_come_back_to_the_byte(log: Log, tmp_path: Path) -> None:
    picture = os.urandom(6000)
    source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(picture).decode()}
    asked = _ask("look")
    asked["messages"][0]["content"] = [{"type": "image", "source": source}]
    for _ in range(2):
        log.call(asked, message())
    log.rows(tmp_path / "out")
    (blob,) = [each for each in (tmp_path / "out" / "blobs").rglob("*") if each.is_file()]
    assert blob.read_bytes() == picture and blob.stat().st_mode & 0o777 == 0o600
    told = pq.read_table(tmp_path / "out" / "calls.parquet").to_pylist()[0]["request"]
    assert len(told) < 500
    assert with_media(told, lambda _: picture) == json.dumps(asked).encode()


def test_keys_that_compression_or_events_hid_are_masked(log: Log, tmp_path: Path) -> None:
    key = "Zx9-plain-secret-0987654321-abc"
    said = message(f"your key is {key}.")
    log.call(_ask("a"), gzip.compress(json.dumps(said).encode()), coding="gzip", key=key)
    log.call(_ask("b"), b"".join(message_events("your key is ", key[:9], key[9:], ".")), kind=SSE, key=key)
    log.rows(tmp_path / "out")
    for path in (tmp_path / "out").iterdir():
        text = path.read_bytes() if path.suffix != ".parquet" else str(pq.read_table(path).to_pylist()).encode()
        assert key.encode() not in text
    rows, _ = log.rows(tmp_path / "out")
    assert {row["messages"][-1]["content"] for row in rows} == {f"your key is {'*' * len(key)}."}


def test_the_same_log_gives_the_same_bytes_and_verify_reads_them(log: Log, tmp_path: Path) -> None:
    for at in range(12):
        log.call(_ask(f"What is {at} and {at}?"), message(f"It is {2 * at}, as one may count.", id=f"msg_{at}"))
    log.rows(tmp_path / "a")
    log.rows(tmp_path / "b")
    for name in ("rows.jsonl", "calls.parquet"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
        assert (tmp_path / "a" / name).stat().st_mode & 0o777 == 0o600
    compact(log.folder, tmp_path / "only.jsonl")
    assert (tmp_path / "only.jsonl").read_bytes() == (tmp_path / "a" / "rows.jsonl").read_bytes()
    from toolkit.verify import VerifyOptions

    found = verify(str(tmp_path / "only.jsonl"), options=VerifyOptions(only=("row-format", "provenance")))
    assert found.run.path.is_dir()


def test_what_gave_no_row_is_held_and_can_be_got_back(log: Log, tmp_path: Path) -> None:
    log.call(_ask("hi"), message("cut", id="msg_cut", stop_reason="max_tokens"))
    log.call(_ask("hi"), message("No.", id="msg_no", stop_reason="refusal", stop_details={"category": "frontier_llm"}))
    log.call(_ask("hi"), {}, status=500)
    log.call(_ask("hi"), message("hello", id="msg_1"))
    log.call(_ask("hi", "hello", "and?"), message("more", id="msg_2"))
    for out, name in ((tmp_path / "out", "quarantine"), (tmp_path / "out" / "only.jsonl", "only.quarantine")):
        rows, excluded = log.rows(out)
        path = tmp_path / "out" / f"{name}.jsonl"
        lines = [json.loads(each) for each in path.read_text("utf-8").splitlines()]
        assert path.stat().st_mode & 0o777 == 0o600
        assert len(rows) == 1 and len(lines) == sum(excluded.values()) == 4
        held = {each["id"]: each for each in lines}
        assert held["msg_cut"]["row"]["messages"][-1]["content"] == "cut"
        assert "row" not in held["msg_no"], "a refusal of this kind is never a row"
        assert held["msg_1"]["reason"] == "an earlier part of a longer conversation"
    calls = {each["call"] for each in pq.read_table(tmp_path / "out" / "calls.parquet").to_pylist()}
    assert {each["call"] for each in lines} < calls


def test_an_answer_in_several_messages_and_the_call_that_goes_on_from_it(log: Log, tmp_path: Path) -> None:
    said = [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}
            for text in ("I look.", "It is here.")]  # fmt: skip
    first = {"role": "user", "content": "Where?"}
    log.call({"input": [first]}, {"id": "r1", "status": "completed", "output": said}, path="/v1/responses")
    turns = [first, *said, {"role": "user", "content": "When?"}]
    log.call({"input": turns}, {"id": "r2", "status": "completed", "output": said[:1]}, path="/v1/responses")
    (row,), excluded = log.rows(tmp_path / "out")
    assert [each["content"] for each in row["messages"]] == ["Where?", "I look.", "It is here.", "When?", "I look."]
    assert excluded == {"an earlier part of a longer conversation": 1}


def test_a_gap_makes_no_row(log: Log, tmp_path: Path) -> None:
    recording = Recording(log.log, log.keys)
    recording.begin(Asked("POST", b"/v1/messages", [], "https://api.anthropic.com"), b"{}", last=True)
    recording.whole = False
    recording.end("complete", json.dumps(message()).encode(), Answered(200, [(b"content-type", b"application/json")]))
    assert log.rows(tmp_path / "out") == ([], {"not whole in the log": 1})


def test_status_and_purge(log: Log, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log.call(_ask("a"), message())
    log.call(_ask("a"), {}, status=429)
    told = status(log.folder)
    assert (told.calls, told.live) == (2, 1) and dict(told.statuses) == {"200": 1, "429": 1}
    assert main(["capture", "status", str(log.folder)]) == 0
    assert "2 calls" in capsys.readouterr().out
    (segment,) = segments(log.folder)
    os.utime(segment, (1e9, 1e9))
    assert purge(log.folder, "30d")[0] == [], "a segment that is being written stays"
    log.log.close()
    os.utime(segment, (1e9, 1e9))
    assert purge(log.folder, "30d")[0] == [segment]
    assert not segment.exists()
    with pytest.raises(UsageError):
        purge(log.folder, "soon")


def test_commands(log: Log, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log.call(_ask("a"), message())
    log.log.write(Kind.GAP, 0, {"reason": "the disk was full", "frames": 2, "bytes": 9, "calls": [1]})
    assert main(["capture", "compact", str(log.folder), "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr()
    assert "1 rows of 1 answers" in said.out and "the disk was full" in said.err and "terms" in said.err
    assert main(["capture", "compact", str(log.folder), "--out", "x.jsonl", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 1
    assert main(["capture", "compact", "nothing", "--out", "x"]) == 2
    assert main(["capture", "status", "nothing"]) == 2
