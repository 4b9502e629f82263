"""Message batches through both doors with the real SDK: each result is a row, what is none has its reason."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from tests.capture.running import start
from tests.capture.server import Piece, Request, Upstream, message, reply
from toolkit.capture.compact import Compacted, compact
from toolkit.capture.transport import record
from toolkit.cli import main
from toolkit.store.calls import calls

TURNS: list[Any] = [{"role": "user", "content": "Where is my parcel?"}]
ASKED: list[Any] = [
    {"custom_id": f"c{at}", "params": {"model": "m", "max_tokens": 9, "messages": [*TURNS, *[TURNS[0]] * at]}}
    for at in range(4)
]


class Batch:
    """Anthropic's batches with one that has ended; `home` is where it says that its results are."""

    home = ""

    def __call__(self, request: Request) -> Sequence[Piece]:
        if request.target.endswith("/results"):
            said = [
                {"type": "succeeded", "message": message("one", id="msg_a")},
                {"type": "errored", "error": {"type": "error", "error": {"type": "invalid", "message": "no"}}},
                {"type": "succeeded", "message": message("two", id="msg_b")},
                {"type": "succeeded", "message": message("cut", id="msg_c", stop_reason="max_tokens")},
            ]
            told = [{"custom_id": f"c{at}", "result": each} for at, each in enumerate(said)]
            lines = b"\n".join(json.dumps(each).encode() for each in [*told[::-1], {**told[0], "custom_id": "lost"}])
            return [reply(lines, kind="application/x-jsonl")]
        counts = dict.fromkeys(("processing", "succeeded", "errored", "canceled", "expired"), 1)
        about = {"id": "msgbatch_1", "type": "message_batch", "processing_status": "ended", "request_counts": counts}
        times = {"created_at": "2026-11-01T00:00:00Z", "expires_at": "2026-11-02T00:00:00Z"}
        where = {"results_url": f"{self.home}/v1/messages/batches/msgbatch_1/results"}
        return [reply(json.dumps({**about, **times, **where}).encode())]


def _asks(client: anthropic.Anthropic) -> list[Any]:
    made = client.messages.batches.create(requests=ASKED)
    return list(client.messages.batches.results(made.id))


def _rows(made: Compacted) -> dict[str, Any]:
    assert made.answers == made.rows + sum(made.excluded.values())
    assert made.excluded["a batch that is handed in"] == 1
    assert made.excluded["a batch's result: errored"] == made.excluded["a batch's result without its request"] == 1
    assert made.excluded["stopped by max_tokens"] == 1
    rows = {row["id"]: row for row in map(json.loads, made.rows_path.read_text().splitlines())}
    assert set(rows) == {"msg_a", "msg_b"}
    assert rows["msg_a"]["messages"] == [*TURNS, {"role": "assistant", "content": "one"}]
    assert len(rows["msg_b"]["messages"]) == 4
    return rows


def test_in_process(tmp_path: Path) -> None:
    answer = Batch()
    with Upstream(answer) as upstream:
        answer.home = upstream.url
        http = anthropic.DefaultHttpxClient(transport=record(tmp_path / "log"))
        with anthropic.Anthropic(api_key="none", base_url=upstream.url, http_client=http) as client:
            assert len(_asks(client)) == 5
    _rows(compact(tmp_path / "log", tmp_path / "out"))
    held = [bytes(each.response) for each in calls(tmp_path / "log") if "/results" in each.begin["url"]]
    assert held[0].count(b"custom_id") == 5


def test_through_the_proxy_and_asked_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = Batch()
    with Upstream(answer) as upstream:
        proxy = start(upstream.url, tmp_path / "log")
        answer.home = proxy.url
        with anthropic.Anthropic(api_key="none", base_url=proxy.url) as client:
            _asks(client)
            _asks(client)
        proxy.stop()
    made = compact(proxy.log, tmp_path / "out")
    assert made.rows == 2 and made.excluded["the same conversation again"] == 2
    rows = [json.loads(line) for line in made.rows_path.read_text().splitlines()]
    by_file = {row["id"]: row["messages"][-1]["content"] for row in rows}
    (tmp_path / "by-id.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    command = ["capture", "replay", str(proxy.log), "--with", f"replay:{tmp_path / 'by-id.jsonl'}", "--no-embeddings"]
    capsys.readouterr()
    assert main([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["disagreement"] == {"label": {"rows": 2, "mean": 0.0}}
    again = [json.loads(line) for line in Path("replayed/rows.jsonl").read_text("utf-8").splitlines()]
    assert {row["id"]: row["answer"] for row in again} == by_file


@pytest.mark.parametrize("held", [b"no json", b"[]", b'{"requests": 5}'])
def test_a_broken_batch_is_counted(held: bytes, tmp_path: Path) -> None:
    from toolkit.capture.privacy import Keys
    from toolkit.capture.record import Answered, Asked, Recording
    from toolkit.store.frames import FrameLog

    log, keys = FrameLog(tmp_path / "log", sync="off"), Keys()
    told = (
        (b"POST", b"", held, b'{"id": "b1"}'),
        (b"GET", b"/b1/results", b"", b'{"custom_id": "x", "result": {}}\n3'),
    )
    for method, path, asked, said in told:
        call = Recording(log, keys)
        call.begin(Asked(method.decode(), b"/v1/messages/batches" + path, [], "https://a.test"), asked, last=True)
        call.end("complete", said, Answered(200, []))
    log.close()
    made = compact(tmp_path / "log", tmp_path / "out")
    assert made.rows == 0 and made.answers == sum(made.excluded.values())


TO: Any = "/v1/chat/completions"
LINES = [
    {"custom_id": f"c{at}", "method": "POST", "url": TO, "body": {"model": "m", "messages": [*TURNS, *[TURNS[0]] * at]}}
    for at in range(4)
]
LINES.append({"custom_id": "r", "method": "POST", "url": "/v1/responses", "body": {"model": "m", "input": "And mine?"}})
LINES.append({"custom_id": "e", "method": "POST", "url": "/v1/embeddings", "body": {"model": "m", "input": "x"}})


def _said(name: str, stop: str = "stop") -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": name}, "finish_reason": stop}
    return {"id": f"chatcmpl-{name}", "object": "chat.completion", "model": "m", "choices": [choice]}


def _line(name: str, body: Any, status: int = 200, error: Any = None) -> bytes:
    response = None if error else {"status_code": status, "request_id": "q", "body": body}
    return json.dumps({"id": f"batch_req_{name}", "custom_id": name, "response": response, "error": error}).encode()


class OpenAIBatch:
    """OpenAI's files and batches with one batch that has ended."""

    def __call__(self, request: Request) -> Sequence[Piece]:
        path, method = request.target.partition("?")[0], request.method
        text = [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Yours too."}]}]
        told: Any = {"object": "list", "data": []}
        if path.endswith("file-out/content"):
            lines = [_line("c1", _said("one")), _line("c0", _said("two")), _line("c2", _said("cut", "length"))]
            lines.append(_line("r", {"id": "resp_1", "object": "response", "status": "completed", "output": text}))
            lines += [_line("e", {"object": "list", "data": []}), _line("lost", _said("x"))]
            return [reply(b"\n".join(lines) + b"\n", kind="application/octet-stream")]
        if path.endswith("file-err/content"):
            return [reply(_line("c3", None, error={"code": "batch_expired", "message": "late"}))]
        if path.endswith("/files"):
            told = {"id": "file-in", "object": "file", "bytes": 1, "created_at": 1, "filename": "x",
                    "purpose": "batch", "status": "processed"}  # fmt: skip
        elif "/batches" in path:
            told = {"id": "batch_1", "object": "batch", "endpoint": TO, "input_file_id": "file-in", "created_at": 1,
                    "completion_window": "24h", "status": "validating"}  # fmt: skip
            ends = {"status": "completed", "output_file_id": "file-out", "error_file_id": "file-err"}
            told = {**told, **(ends if method == "GET" else {})}
        return [reply(json.dumps(told).encode())]


@pytest.mark.parametrize("door", ["proxy", "transport"])
def test_openai_files_of_requests_and_of_results(door: str, tmp_path: Path) -> None:
    held = tmp_path / "requests.jsonl"
    held.write_text("".join(json.dumps(each) + "\n" for each in LINES), "utf-8")
    with Upstream(OpenAIBatch()) as upstream:
        proxy = start(upstream.url, tmp_path / "log") if door == "proxy" else None
        transport = None if proxy else record(tmp_path / "log")
        http = openai.DefaultHttpxClient(transport=transport)
        url = proxy.url if proxy else upstream.url
        with openai.OpenAI(api_key="none", base_url=f"{url}/v1", http_client=http) as client:
            file = client.files.create(file=held, purpose="batch")
            made = client.batches.create(input_file_id=file.id, endpoint=TO, completion_window="24h")
            ended = client.batches.retrieve(made.id)
            for name in (ended.output_file_id, ended.error_file_id):
                assert name and b"custom_id" in client.files.content(name).read()
        if proxy:
            proxy.stop()
    compacted = compact(tmp_path / "log", tmp_path / "out")
    rows = {row["id"]: row for row in map(json.loads, compacted.rows_path.read_text("utf-8").splitlines())}
    assert set(rows) == {"chatcmpl-one", "chatcmpl-two", "resp_1"}
    assert len(rows["chatcmpl-one"]["messages"]) == 3
    assert rows["resp_1"]["messages"][-1]["content"] == "Yours too."
    assert compacted.excluded == {
        "a batch that is handed in": 1,
        "a batch's result without its request": 1,
        "a batch's result: batch_expired": 1,
        "not a chat call": 3,
        "stopped by length": 1,
    }
    assert compacted.answers == compacted.rows + sum(compacted.excluded.values())
    held_back = [json.loads(line) for line in compacted.quarantine_path.read_text("utf-8").splitlines()]
    assert {each["id"] for each in held_back if "batch's" in each["reason"]} == {"lost", "c3"}
    better = tmp_path / "better.txt"
    better.write_text("One, I think.", "utf-8")
    told = ["capture", "feedback", str(tmp_path / "log"), "--call", "chatcmpl-one", "--correction", str(better)]
    assert main(told) == 0
    compacted = compact(tmp_path / "log", tmp_path / "out")
    rows = {row["id"]: row for row in map(json.loads, compacted.rows_path.read_text("utf-8").splitlines())}
    assert rows["chatcmpl-one"]["messages"][-1]["content"] == "One, I think." and compacted.pairs == 1
    assert rows["chatcmpl-two"]["messages"][-1]["content"] == "two"
