"""The labelling page in a real Chromium: keys become answers, crashes lose nothing, hostile rows stay text."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.label.boards import logged, queue, row, usual
from tests.label.browser import BROWSER, Chromium
from tests.label.processes import Page
from toolkit.cli import main
from toolkit.cli._label_page import _board
from toolkit.label.page.app import application, hosts
from toolkit.label.page.desk import Desk

pytestmark = [
    pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine"),
    pytest.mark.xdist_group("chromium"),
]
LOG = Path("q/answers.jsonl")


class Here:
    """The same page on a thread of the test, which starts at once; `_board` is what the command asks as well."""

    def __init__(self, target: str, guideline: str = "", checks: Sequence[str] | None = None) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        board, path = _board(target, guideline, checks)
        self.url = self._run(self._start(Desk(board, path)))

    async def _start(self, desk: Desk) -> str:
        server = socket.create_server(("127.0.0.1", 0))
        port = server.getsockname()[1]
        self.runner = web.AppRunner(application(desk, "secret", hosts("127.0.0.1", port)))
        await self.runner.setup()
        await web.SockSite(self.runner, server).start()
        return f"http://127.0.0.1:{port}/#token=secret"

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(20)

    def stop(self) -> None:
        self._run(self.runner.cleanup())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


@pytest.fixture
def served() -> Iterator[Callable[..., str]]:
    """Serves a page and gives its address."""
    pages: list[Here] = []

    def serve(*arguments: Any) -> str:
        pages.append(Here(*arguments))
        return pages[-1].url

    yield serve
    for each in pages:
        each.stop()


@pytest.fixture
def process() -> Iterator[Page]:
    usual(Path("q"), 6)
    page = Page("q/queue.jsonl", "--token", "fixed")
    yield page
    page.kill()


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    browser = Chromium(tmp_path_factory.mktemp("chromium"))
    yield browser
    browser.close()


def values(path: Path = LOG) -> list[object]:
    return [line["value"] for line in logged(path)]


def errors(browser: Chromium) -> list[object]:
    """What the pages complained of: exceptions, and what their policy forbade; not what the server refused."""
    thrown = [each for each in browser.events if each["method"] == "Runtime.exceptionThrown"]
    logged = [each["params"]["entry"] for each in browser.events if each["method"] == "Log.entryAdded"]
    browser.events.clear()
    return thrown + [each for each in logged if each["source"] != "network"]


def test_keys_label_two_people_at_once_and_a_kill_loses_nothing(chromium: Chromium, process: Page) -> None:
    page = process
    ada = chromium.tab(page.url)
    ada.begin("Ada")
    ada.at(1)
    ada.press("3")  # the third class
    ada.at(2)
    ada.press("Enter")  # the model's draft
    ada.at(3)
    assert values() == ["late", "refund"]
    ben = chromium.tab(page.url)
    ben.begin("Ben")
    ben.at(4)  # what nobody has open or answered
    ben.press("s")
    ben.at(5)
    ada.press("x")
    ada.at(6)
    ada.press("u")
    ada.at(3)
    assert errors(chromium) == []
    page.kill()
    ada.press("1")
    ada.until("document.querySelector('#said').className === 'bad'")
    assert len(logged(LOG)) == 5, "nobody is there to write it"
    page.start(page.port)
    ada.at(5)  # the answer went to the new server by itself, which knows of no row that is open
    assert values() == ["late", "refund", None, None, None, "cancel"]
    again = chromium.tab(page.url)
    again.begin("Ada")
    assert again.text("count") == "3 of 6, all: 4"
    ben.press("j")
    ben.at(6)
    ben.press("k")
    ben.at(5)
    ben.press("4")
    ben.until("document.querySelector('#count').textContent.startsWith('2 of 6')")
    told = json.loads(page.stop())
    assert told["people"] == {"Ada": 3, "Ben": 2}


def test_many_classes_are_searched_and_new_ones_made(chromium: Chromium, served: Callable[..., str]) -> None:
    classes = [f"{verb}_{noun}" for verb in ("open", "close", "lose") for noun in (f"card{at}" for at in range(50))]
    rows = [
        row(at, f"Case {at}", draft={"label": "open_card7", "confidence": None}, nearest=None) for at in range(1, 5)
    ]
    queue(Path("q"), rows, classes)
    url = served("q")
    tab = chromium.tab(url)
    tab.begin("Ada")
    tab.at(1)
    assert tab.js("document.querySelector('[role=option][aria-selected=true]').textContent").startswith("1open_card7")
    tab.press("/")
    tab.write("los")
    tab.press("ArrowDown", "Enter")
    tab.at(2)
    tab.press("2")  # what was chosen last stands second
    tab.at(3)
    tab.press("/")
    tab.write("stolen")
    tab.press("Enter")
    tab.at(4)
    tab.press("/")
    tab.write("sx")
    tab.press("Escape", "Enter")
    tab.until("!document.querySelector('#end').hidden")
    assert values() == ["lose_card1", "lose_card1", "stolen", "open_card7"]
    assert errors(chromium) == []


PLACES = "[...document.querySelectorAll('#bar, #row, #said, nav')].map((each) => each.getBoundingClientRect().y).join()"
HOSTILE = (
    "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
    "<style>body{display:none}</style> &lt;b&gt; price \u202e00001\u202c \u0007 javascript:alert(1) \u0627\u0644"
)


def test_hostile_rows_stay_text(chromium: Chromium, served: Callable[..., str]) -> None:
    near = {"id": HOSTILE, "label": HOSTILE, "text": HOSTILE, "similarity": 0.5}
    more = {"nearest": near, "reason": HOSTILE, "draft": {"label": HOSTILE, "confidence": 0.5}}
    kinds = [
        row(1, HOSTILE, **more),
        row(2, HOSTILE + "2", "text", **{**more, "draft": {"answer": HOSTILE}}),
        row(3, HOSTILE + "3", "preference", **{**more, "draft": {"answers": [HOSTILE, HOSTILE]}}),
        row(4, HOSTILE + "w" * 1_000_000, **more),
    ]
    queue(Path("q"), kinds, [HOSTILE, "refund"])
    Path("guide.md").write_text(HOSTILE, encoding="utf-8")
    url = served("q", "guide.md")
    tab = chromium.tab(url)
    tab.begin("Ada")
    places = set()
    for at, keys in ((1, "1"), (2, "s"), (3, "1"), (4, "")):
        tab.at(at)
        assert "<script>document.title" in tab.text("text")
        assert "U+202E" in tab.text("text")
        assert tab.js("document.querySelectorAll('main script, main img, main style').length") == 0
        places.add(tab.js(PLACES))
        tab.press(*keys)
    assert tab.js("document.querySelector('#text').textContent.length") < 30_000
    tab.js("document.querySelector('#expand').click()")
    tab.until("document.querySelector('#text').textContent.length > 1000000")
    assert len(places) == 1, "the page does not jump from row to row"
    assert tab.js("document.title") == "Label q"
    assert tab.js("document.body.scrollWidth <= innerWidth")
    assert values() == [HOSTILE, None, logged(LOG)[2]["value"]]
    assert errors(chromium) == []


def test_texts_are_edited_and_drafts_compared(chromium: Chromium, served: Callable[..., str]) -> None:
    rows = [
        row(1, "Where is it?", "text", draft={"answer": "On its way."}),
        row(2, "And now?", "text", draft={"answer": "Soon."}),
        row(3, "Say hello", "preference", draft={"answers": ["Hello.", [{"role": "assistant", "content": "Hi!"}]]}),
    ]
    queue(Path("q"), rows)
    url = served("q")
    tab = chromium.tab(url)
    tab.begin("Ada")
    tab.at(1)
    tab.press("Enter")
    tab.at(2)
    tab.press("e", "s", "x", "1")  # in the text these are letters
    tab.press("Escape", "j")
    tab.at(3)
    tab.press("k")
    tab.at(2)
    assert tab.js("document.querySelector('#edit').value") == "Soon.sx1", "what was typed is still there"
    tab.js("location.hash = 'token=of-another-start'")
    tab.until("document.querySelector('#said').textContent === 'Connected again.'")
    tab.press("e")
    tab.press_with_control("Enter")
    tab.until("document.querySelector('#said').textContent.includes('token is not that of the server')")
    tab.js("location.hash = 'token=secret'")  # the address of the new start, opened in the same tab
    tab.until("document.querySelector('#said').textContent === 'Connected again.'")
    tab.press_with_control("Enter")
    tab.at(3)
    shown = tab.js("[...document.querySelectorAll('#as-choice button')].map((each) => each.textContent)")
    tab.press("2")
    tab.until("!document.querySelector('#end').hidden")
    assert values() == ["On its way.", "Soon.sx1", 0 if shown[1] == "2Hello." else 1]
    assert errors(chromium) == []


def test_findings_are_triaged_and_the_decisions_carried_out(
    chromium: Chromium, served: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"text": f"please refund order {word}", "label": "refund"} for word in ("one", "two", "three", "four")]
    rows += [
        {"text": "please refund order one", "label": "late"},
        {"text": "write to ada@example.org", "label": "late"},
    ]
    Path("rows.jsonl").write_text("".join(json.dumps(each) + "\n" for each in rows))
    assert main(["verify", "rows.jsonl", "--check", "conflict", "--check", "pii"]) == 0
    url = served("rows", "", ())
    tab = chromium.tab(url)
    tab.begin("Ada")
    for at in range(1, 4):
        tab.at(at)
        where = tab.text("where")
        if "line-1" in where:
            tab.press("1")
        elif "line-5" in where:
            tab.press("2")
        else:
            tab.press("3", "!")
            tab.press_with_control("Enter")
            tab.until("document.querySelector('#said').className === 'bad'")
            tab.js('document.querySelector(\'#edit\').value = \'{"text": "write to me", "label": "late"}\'')
            tab.press_with_control("Enter")
    tab.until("!document.querySelector('#end').hidden")
    assert errors(chromium) == []
    capsys.readouterr()
    decided = "runs/rows/decisions.jsonl"
    assert main(["fix", "rows", "--decisions", decided, "--out", "fixed.jsonl", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["decided"] == {"keep": 1, "drop": 1, "fix": 1, "differ": 0, "absent": 0}
    assert [json.loads(line) for line in Path("fixed.jsonl").read_text().splitlines()] == [
        *rows[:4], {"text": "write to me", "label": "late"}
    ]  # fmt: skip
