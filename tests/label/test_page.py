"""The labelling page without a browser: who is asked what, what reaches the log, and who may not come in."""

from __future__ import annotations

import asyncio
import http.client
import io
import json
import random
import resource
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.label.boards import logged, queue, row, usual
from tests.label.processes import Page
from toolkit.cli import main
from toolkit.core.errors import InputError, MachineError, UsageError
from toolkit.label import answers as log
from toolkit.label.answers import Answer
from toolkit.label.page.app import Settings, application, hosts, serve
from toolkit.label.page.desk import HELD_S, Desk
from toolkit.label.page.tasks import guideline_of, of_queue, sides

LOG = Path("answers.jsonl")


def desk(n: int = 4, **more: Any) -> Desk:
    return Desk(of_queue(usual(Path("q"), n)), LOG, **more)


def give(at: Desk, by: str, told: dict[str, Any], value: Any = "late", status: str = "answered") -> dict[str, Any]:
    task = told["task"]
    return at.answer(Answer(task["id"], task["hash"], task["kind"], value, by, log.now(), status))


def place(told: dict[str, Any]) -> int | None:
    return None if told["task"] is None else told["task"]["at"]


def test_each_answer_is_on_the_disk_and_the_next_row_comes() -> None:
    at = desk()
    told = at.start("Ada")
    assert told["board"]["classes"] == ["cancel", "damaged", "late", "refund"]
    assert place(told) == 0
    told = give(at, "Ada", told, "refund")
    assert [(line["id"], line["value"], line["by"]) for line in logged(LOG)] == [("q1", "refund", "Ada")]
    told = give(at, "Ada", told, None, "skipped")
    told = give(at, "Ada", told, None, "rejected")
    assert told["progress"] == {"rows": 4, "done": 3, "all": 3, "people": 1}
    assert place(give(at, "Ada", told)) is None, "every row has an answer"
    assert place(at.open("Ada", None, "previous")) == 3, "one can still go back"


def test_a_new_desk_goes_on_where_the_log_ends_half_a_line_or_not() -> None:
    at = desk()
    give(at, "Ada", give(at, "Ada", at.start("Ada")))
    with LOG.open("ab") as file:
        file.write(b'{"id":"q3","hash":"')
    told = desk().start("Ada")
    assert place(told) == 2
    assert told["progress"]["done"] == 2
    give(desk(), "Ada", told)
    assert [line["id"] for line in logged(LOG)] == ["q1", "q2", "q3"]


def test_undo_takes_back_one_answer_after_the_other_and_survives_a_restart() -> None:
    at = desk()
    give(at, "Ada", give(at, "Ada", at.start("Ada")))
    told = at.undo("Ada")
    assert (place(told), told["undone"], told["task"]["mine"]) == (1, True, None)
    assert place(desk().undo("Ada")) == 0
    assert not at.undo("Ada")["undone"]
    assert log.current(log.read(LOG)) == {}
    assert len(logged(LOG)) == 4, "nothing is rewritten"


def test_an_answer_given_again_is_written_once_and_another_one_counts() -> None:
    at = desk()
    told = at.start("Ada")
    give(at, "Ada", told, "late")
    give(at, "Ada", told, "late")
    assert len(logged(LOG)) == 1
    give(at, "Ada", told, "refund")
    assert log.current(log.read(LOG))["q1", "Ada"].value == "refund"


def test_two_people_begin_apart_and_both_answers_are_kept() -> None:
    seconds = [0.0]
    at = desk(3, clock=lambda: seconds[0])
    ada = at.start("Ada")
    ben = at.start("Ben")
    assert (place(ada), place(ben)) == (0, 1), "a row that one has open is offered to another last"
    ben = give(at, "Ben", ben)
    assert place(ben) == 2
    ben = give(at, "Ben", ben)
    assert place(ben) == 0, "the row that Ada holds comes last"
    assert "Ada has it open" in ben["task"]["where"]
    ada = give(at, "Ada", ada)
    assert place(ada) == 1, "what Ben answered is asked of Ada as well"
    assert ada["progress"] == {"rows": 3, "done": 1, "all": 3, "people": 2}
    give(at, "Ben", ben, "refund")
    assert {(each.id, each.by) for each in log.read(LOG)} == {
        ("q1", "Ada"),
        ("q1", "Ben"),
        ("q2", "Ben"),
        ("q3", "Ben"),
    }
    seconds[0] = HELD_S + 1
    assert "has it open" not in at.open("Ben", 1, "here")["task"]["where"], "who went away holds nothing"


def test_what_another_process_writes_is_seen() -> None:
    at = desk()
    told = at.start("Ada")
    task = told["task"]
    log.append(LOG, Answer(task["id"], task["hash"], "class", "late", "Ada", log.now()))
    assert place(at.open("Ada", None, "ask")) == 1


def test_answers_to_other_texts_and_other_questions_do_not_count() -> None:
    at = desk()
    told = at.start("Ada")
    log.append(LOG, Answer("q1", "0" * 16, "class", "late", "Ada", log.now()))
    assert at.start("Ada")["progress"]["done"] == 0
    for answer in (
        Answer("q1", "0" * 16, "class", "late", "Ada"),
        Answer("q9", told["task"]["hash"], "class", "late", "Ada"),
        Answer("q1", told["task"]["hash"], "text", "late", "Ada"),
        Answer("q1", told["task"]["hash"], "class", "", "Ada"),
        Answer("q1", told["task"]["hash"], "class", "x" * 2000, "Ada"),
    ):
        with pytest.raises(InputError):
            at.answer(answer)
    for name in ("", " ", "a\nb", "x" * 61, " Ada", "model:x"):
        with pytest.raises(UsageError):
            at.start(name)
    assert len(logged(LOG)) == 1


def test_the_audit_slice_is_asked_without_the_draft() -> None:
    asked = of_queue(queue(Path("q"), [row(1, "One late order", group="audit"), row(2, "Two late orders")])).tasks
    assert (asked[0].draft, asked[0].reason, asked[0].blind) == (None, "", True)
    assert asked[1].draft == {"label": "refund", "confidence": 0.41}


def test_preferences_are_shuffled_by_row_and_person_and_answered_by_their_own_place() -> None:
    rows = [row(n, f"Say hello {n}", "preference", draft={"answers": [f"a{n}", f"b{n}"]}) for n in range(1, 41)]
    board = of_queue(queue(Path("q"), rows))
    orders = [tuple(side["index"] for side in sides(task, "Ada")) for task in board.tasks]
    assert 8 < orders.count((1, 0)) < 32
    assert orders == [tuple(side["index"] for side in sides(task, "Ada")) for task in board.tasks]
    assert orders != [tuple(side["index"] for side in sides(task, "Ben")) for task in board.tasks]
    at = Desk(board, LOG)
    told = at.start("Ada")
    with pytest.raises(InputError, match="no draft 2"):
        give(at, "Ada", told, 2)
    give(at, "Ada", told, 1)
    assert logged(LOG)[0]["value"] == 1


@pytest.mark.parametrize("bad", ["missing", "empty", "same ids", "one draft", "guideline"])
def test_queues_that_cannot_be_asked_say_why(bad: str) -> None:
    path = usual(Path("q"))
    with pytest.raises(InputError):
        if bad == "missing":
            of_queue(Path("nowhere"))
        if bad == "empty":
            of_queue(queue(Path("q"), []))
        if bad == "same ids":
            of_queue(queue(Path("q"), [row(1, "a"), row(1, "b")]))
        if bad == "one draft":
            of_queue(queue(Path("q"), [row(1, "a", "preference", draft={"answers": ["x"]})]))
        if bad == "guideline":
            of_queue(path, guideline_of("nowhere.md"))


# ---- over HTTP -------------------------------------------------------------------------------------------

Ask = Callable[..., Awaitable[tuple[int, Any]]]


def over_http(story: Callable[[Ask, str], Awaitable[None]], at: Desk | None = None) -> None:
    """Run a story against the application on a port of its own."""

    async def run() -> None:
        server = web.AppRunner(application(at or desk(), "secret", lambda host: host == f"127.0.0.1:{port()}"))
        port = lambda: server.addresses[0][1]  # noqa: E731
        await server.setup()
        await web.TCPSite(server, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{port()}"
        async with aiohttp.ClientSession() as session:

            async def ask(path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
                sent = {
                    "X-Toolkit-Token": "secret",
                    **{name.replace("_", "-"): value for name, value in headers.items()},
                }
                data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
                method = "GET" if body is None else "POST"
                async with session.request(method, url + path, data=data and io.BytesIO(data), headers=sent) as reply:
                    text = await reply.read()
                    assert "default-src 'none'" in reply.headers["Content-Security-Policy"]
                    assert reply.headers["X-Content-Type-Options"] == "nosniff"
                    return reply.status, text

            await story(ask, url)
        await server.cleanup()

    asyncio.run(run())


def test_strangers_get_nothing() -> None:
    async def story(ask: Ask, url: str) -> None:
        start = {"by": "Ada"}
        assert (await ask("/api/start", start))[0] == 200
        assert (await ask("/api/start", start, Origin=url))[0] == 200
        for headers in (
            {"X_Toolkit_Token": ""},
            {"X_Toolkit_Token": "secre"},
            {"Origin": "http://evil.test"},
            {"Origin": "null"},
            {"Host": "evil.test"},
            {"Host": url.removeprefix("http://").replace("127.0.0.1", "evil.test")},
        ):
            status, text = await ask("/api/start", start, **headers)
            assert status == 403, headers
            assert b"My order" not in text
        assert (await ask("/", Host="evil.test"))[0] == 403
        assert (await ask("/api/start"))[0] == 405, "a GET asks for nothing"
        assert (await ask("/../app.py"))[0] == 404

    over_http(story)
    assert not LOG.exists()


def test_calls_that_cannot_be_meant_change_nothing() -> None:
    async def story(ask: Ask, url: str) -> None:
        good = {"by": "Ada", "at": 0, "id": "q1", "hash": "x", "value": "late", "status": "answered"}
        for path, body in (
            ("start", b"{"), ("start", []), ("start", {}), ("start", {"by": 3}), ("start", {"by": ""}),
            ("open", {"by": "Ada", "at": 99, "to": "next"}), ("open", {"by": "Ada", "at": -1, "to": "next"}),
            ("open", {"by": "Ada", "at": "0", "to": "next"}), ("whole", {"at": 4}),
            ("answer", good), ("answer", {**good, "value": ["late"]}), ("answer", {**good, "status": "maybe"}),
            ("answer", b'{"by": "\\ud800"}'),
        ):  # fmt: skip
            status, text = await ask(f"/api/{path}", body)
            assert status == 400, (path, body, text)
            assert b'"try"' in text
        assert (await ask("/api/start", b"x" * (33 << 20)))[0] == 413

    over_http(story)
    assert not LOG.exists()


def test_an_answer_that_cannot_be_kept_is_no_answer() -> None:
    at = desk()
    at.start("Ada")

    async def story(ask: Ask, url: str) -> None:
        told = at.board.tasks[0]
        sent = {"by": "Ada", "at": 0, "id": told.id, "hash": told.hash, "value": "late", "status": "answered"}
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))  # as on a disk that takes no more
        try:
            status, text = await ask("/api/answer", sent)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert status == 500
        assert b"cannot be written" in text

        assert at.counts() == {}
        assert (await ask("/api/answer", sent))[0] == 200

    over_http(story, at)
    assert len(logged(LOG)) == 1


def test_a_long_row_is_sent_in_part_and_whole_when_asked() -> None:
    at = Desk(of_queue(queue(Path("q"), [row(1, "w" * 1_000_000)])), LOG)

    async def story(ask: Ask, url: str) -> None:
        status, text = await ask("/api/start", {"by": "Ada"})
        assert status == 200
        assert len(text) < 30_000
        assert b'"length":1000000' in text
        assert len((await ask("/api/whole", {"at": 0}))[1]) > 1_000_000

    over_http(story, at)


def test_only_its_own_names_are_answered_to() -> None:
    loopback, everywhere = hosts("127.0.0.1", 80), hosts("0.0.0.0", 80)  # noqa: S104
    assert loopback("127.0.0.1:80")
    assert loopback("localhost:80")
    assert loopback("[::1]")
    assert not hosts("127.0.0.1", 8788)("localhost")
    assert not loopback("192.168.0.7:80")
    assert not loopback("127.0.0.1:81")
    assert not loopback("evil.test:80")
    assert everywhere("192.168.0.7:80")
    assert not everywhere("evil.test:80")


def test_others_are_let_in_only_with_a_token() -> None:
    board = of_queue(usual(Path("q")))
    with pytest.raises(UsageError, match="lets others reach the page"):
        serve(board, LOG, Settings(host="0.0.0.0"), ready=print)  # noqa: S104
    with pytest.raises(MachineError, match="cannot be listened on"):
        serve(board, LOG, Settings(host="203.0.113.7", token="t"), ready=print)
    LOG.write_text('{"text": "no answer"}\n')
    with pytest.raises(InputError, match="no answer"):
        serve(board, LOG, Settings(), ready=print)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("q --findings", "add --serve"),
        ("q --name Ada", "add --serve"),
        ("q --serve --into rows.jsonl", "merges nothing"),
        ("q q --serve", "one queue"),
        ("q --serve --answers a --answers b", "one queue"),
        ("q --serve --guideline nowhere.md", "nowhere.md cannot be read"),
        ("nowhere --serve", "cannot be read"),
        ("q --serve --findings", "not a run folder"),
        ("q --serve --host 0.0.0.0", "add --token"),
    ],
)
def test_what_cannot_be_meant_is_said_in_two_lines(line: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    usual(Path("q"))
    assert main(["label", *line.split()]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert [each.split(":")[0] for each in told.splitlines()] == ["error", "try"]


@pytest.mark.soak
def test_twenty_kills_lose_no_answer_that_was_acknowledged() -> None:
    usual(Path("q"), 600)
    tasks = of_queue(Path("q")).tasks
    page, chance, acknowledged, at = Page("q", "--token", "t"), random.Random(0), [], 0
    for _ in range(20):
        gone = threading.Timer(chance.uniform(0.01, 0.4), page.process.kill)
        gone.start()
        while at < len(tasks):
            task = tasks[at]
            sent = {"by": "Ada", "at": at, "id": task.id, "hash": task.hash, "value": "late", "status": "answered"}
            try:
                _post(page.port, sent)
            except OSError:
                break
            acknowledged.append(task.id)
            at += 1
        gone.join()
        page.kill()
        page.start(page.port)
    page.kill()
    kept = [line["id"] for line in logged(Path("q/answers.jsonl"))]
    assert len(kept) == len(set(kept)), "what was sent again after a kill is written once"
    assert set(acknowledged) <= set(kept)
    assert len(kept) - len(acknowledged) <= 1


def _post(port: str, body: Any) -> None:
    headers = {"X-Toolkit-Token": "t", "Host": f"127.0.0.1:{port}"}
    line = http.client.HTTPConnection("127.0.0.1", int(port), timeout=10)
    try:
        line.request("POST", "/api/answer", json.dumps(body), headers)
        assert line.getresponse().read()
    except http.client.HTTPException as failure:
        raise ConnectionError from failure
    finally:
        line.close()
