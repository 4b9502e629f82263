"""A run seen live: on a terminal a block of lines, in a pipe nothing; blocking gates hold nobody up."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.generate.scripted import Scripted, run_of, texts
from toolkit.core.request import Cell, GeneratedRow, Request, Seed, Work
from toolkit.generate.driver import Cooked, Driver
from toolkit.generate.engine import Engine
from toolkit.generate.loop import run
from toolkit.generate.status import CellStatus, Status
from toolkit.renderers.live import lines
from toolkit.store.journal import Header, Journal

COMMAND = [sys.executable, "-m", "toolkit", "generate", "support_tickets", "--rows", "2000"]


def on_a_terminal(command: list[str]) -> tuple[int, str]:
    """The exit status of a command whose standard error is a terminal, and what it wrote there."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=theirs, env=os.environ) as process:
        os.close(theirs)
        seen = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:
                break
            if not piece:
                break
            seen += piece
    os.close(ours)
    return process.returncode, seen.decode()


def test_a_terminal_shows_rows_cells_yield_and_pace_and_is_clean_after() -> None:
    code, seen = on_a_terminal(COMMAND)
    assert code == 0
    assert re.search(r"\[#+\.*\] \d+%, \d+% of what was judged was accepted", seen)
    assert re.search(r"[\d,]+ of 2,000 rows accepted, running", seen)
    assert re.search(r"[\d,]+ of [\d,]+  \w+", seen)
    assert re.search(r"\x1b\[\d+F\x1b\[J$", seen.replace("\r", ""))


def test_a_pipe_sees_no_progress() -> None:
    told = subprocess.run(COMMAND, capture_output=True, text=True, check=True)
    assert "\x1b" not in told.stderr + told.stdout
    assert "running" not in told.stderr


def test_the_state_that_is_shown_adds_up() -> None:
    seen: list[Status] = []
    prepared = run_of(Scripted(texts, delay_s=0.05), target={"rows": 40})
    found = prepared.run(live=lambda status: seen.append(status()))
    assert found.complete
    assert seen[-1].accepted == 40
    assert [each.accepted for each in seen] == sorted(each.accepted for each in seen)
    assert all(sum(cell.accepted for cell in each.cells) == each.accepted for each in seen)
    assert seen[-1].requests == found.requests


def test_no_line_is_wider_than_the_terminal_and_control_characters_are_written_out() -> None:
    cells = tuple(CellStatus(f"cell \x1b[31m{nth}" + "x" * 200, 10, nth % 3) for nth in range(50))
    found = Status(Path("x"), "n", True, 500, 50, {"dedupe": 3}, cells, 9, 2, 0.5, 100, {"usd": 2.0}, 60.0)
    told = lines(found, 60, 12)
    assert len(told) <= 10
    assert all(len(line) < 60 and line.isprintable() for line in told)


def slept() -> str:
    time.sleep(0.2)
    return ""


@dataclass
class Slow:
    """Rows that a call of 0.2 s lets pass; conversations after the first ask and never work."""

    threads: set[int]

    def cook(self, seed: Seed) -> Generator[Request | Work, Any, list[GeneratedRow]]:
        yield Request(seed)
        if seed.sample < 4:
            yield Work(slept)
        self.threads.add(seed.sample)
        return [GeneratedRow({}, str(seed.sample))]


def test_work_that_blocks_holds_no_other_conversation_up_and_keeps_the_order() -> None:
    done, order = list[int](), list[int]()

    class Noted(Scripted):
        async def complete(self, request: Request) -> Any:
            done.append(request.seed.sample)
            return await super().complete(request)

    slow = Slow(set())
    journal = Journal(Path(), Header("a", "b"))
    engine = Engine(journal)
    engine.add(Noted(texts))
    seeds = [Seed(Cell("a"), nth) for nth in range(20)]

    def judge(cooked: Cooked) -> None:
        if not order:
            assert len(slow.threads) >= 16  # the others ended while the first was still at work
        order.append(cooked.seed.sample)

    run(Driver(slow, engine).drive([seeds], judge))
    journal.close()
    assert order == list(range(20))
    assert len(done) == 20
