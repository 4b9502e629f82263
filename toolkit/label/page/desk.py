"""Who is asked what: each person's own progress, one row open at a time, every answer in the log before the reply."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import orjson

from toolkit.core.errors import InputError, UsageError
from toolkit.label import answers as log
from toolkit.label.answers import Answer
from toolkit.label.match import MODEL
from toolkit.label.page.tasks import Board, Task, sides

SHOWN = 20_000
HELD_S = 300.0
LONGEST_NAME = 60
LONGEST_CLASS = 1_000
Move = Literal["next", "previous", "ask", "here"]


@dataclass(slots=True)
class Desk:
    """The state of one page, made anew from the log of answers at any time.

    Rows that another person has open, in the last five minutes, are offered after all others, those that
    another has answered after those that nobody has. clock: seconds that never go back.
    """

    board: Board
    path: Path
    clock: Callable[[], float] = time.monotonic
    said: list[Answer] = field(default_factory=list)
    known: dict[tuple[str, str], Answer] = field(default_factory=dict)
    open_at: dict[str, tuple[int, float]] = field(default_factory=dict)
    _size: int = -1

    def start(self, by: str) -> dict[str, Any]:
        """The board and the row that a person goes on with."""
        self._read()
        classes = list(self.board.classes)
        own = [str(each.value) for each in self.known.values() if each.kind == "class" and each.status == "answered"]
        told = {"name": self.board.name, "guideline": self.board.guideline, "rows": len(self.board.tasks)}
        return {"board": {**told, "classes": list(dict.fromkeys(classes + own))}, **self.open(by, None, "ask")}

    def open(self, by: str, at: int | None, to: Move) -> dict[str, Any]:
        """The row to show: `ask` the next without an answer of theirs, `next` and `previous` the one beside `at`."""
        self._read()
        person(by)
        n = len(self.board.tasks)
        if at is None or to == "ask":
            return self._shown(by, self._next(by, 0 if at is None else at) if to in ("ask", "next") else n - 1)
        return self._shown(by, (at + {"next": 1, "previous": -1}.get(to, 0)) % n)

    def answer(self, answer: Answer) -> dict[str, Any]:
        """Write an answer and show the next row. The same answer given again is written once.

        Raises InputError for one that does not fit its row, MachineError where the log cannot be written.
        """
        self._read()
        person(answer.by)
        at = self.board.place.get((answer.id, answer.hash))
        if at is None:
            raise InputError(f"{answer.id} with this text is not asked here", "load the page again")
        fits(answer, self.board.tasks[at])
        if self.known.get((answer.id, answer.by)) is None or not _same(self.known[answer.id, answer.by], answer):
            self._write(answer)
        return self._shown(answer.by, self._next(answer.by, at))

    def undo(self, by: str) -> dict[str, Any]:
        """Take back the last answer of a person that stands, and show its row."""
        self._read()
        last = next((each for each in reversed(self.said) if self._stands(each, by)), None)
        if last is None:
            return {**self.open(by, None, "ask"), "undone": False}
        self._write(Answer(last.id, last.hash, last.kind, None, by, log.now(), "undone"))
        return {**self._shown(by, self.board.place[last.id, last.hash]), "undone": True}

    def whole(self, at: int) -> str:
        """The text of a row at its full length."""
        return self.board.tasks[at].text

    def counts(self) -> dict[str, int]:
        """How many rows each person is done with, by the log. Raises InputError where it is none."""
        self._read()
        people: dict[str, int] = {}
        for each in self.known.values():
            people[each.by] = people.get(each.by, 0) + 1
        return people

    def _shown(self, by: str, at: int | None) -> dict[str, Any]:
        self.open_at.pop(by, None)
        if at is not None:
            self.open_at[by] = (at, self.clock())
        task = None if at is None else self._as_json(by, at)
        return {"task": task, "progress": self._progress(by)}

    def _as_json(self, by: str, at: int) -> dict[str, Any]:
        task = self.board.tasks[at]
        own = self.known.get((task.id, by))
        held = [name for name, place in self._held(by).items() if place == at]
        where = f"Row {at + 1:,} of {len(self.board.tasks):,}" + (f": {task.where}" if task.where else "")
        return {
            "at": at,
            "id": task.id,
            "hash": task.hash,
            "kind": task.kind,
            "text": task.text[:SHOWN],
            "length": len(task.text),
            "where": where + (f". {', '.join(held)} has it open" if held else ""),
            "reason": task.reason,
            "draft": task.draft if task.kind != "preference" else None,
            "sides": sides(task, by),
            "nearest": [{**each, "text": each["text"][:SHOWN]} for each in task.nearest],
            "blind": task.blind,
            "fate": task.fate,
            "mine": None if own is None else self._mine(task, own),
        }

    def _mine(self, task: Task, own: Answer) -> dict[str, Any]:
        shown: Any = own.value
        if own.kind == "preference" and own.value is not None:
            shown = next((at + 1 for at, side in enumerate(sides(task, own.by)) if side["index"] == own.value), "?")
        elif own.kind == "finding" and own.value not in log.TRIAGE:
            shown = "fix"
        return {"value": own.value, "status": own.status, "shown": shown}

    def _progress(self, by: str) -> dict[str, int]:
        people = self.counts()
        everybody = {name for name, _ in self.known}
        return {
            "rows": len(self.board.tasks),
            "done": people.get(by, 0),
            "all": len(everybody),
            "people": len({*people, by}),
        }

    def _next(self, by: str, start: int) -> int | None:
        """The place of the row to ask next, counted on from `start`; None where all are done."""
        n = len(self.board.tasks)
        taken = {ref for ref, name in self.known if name != by}
        held = set(self._held(by).values())
        free = [at for at in range(n) if (self.board.tasks[at].id, by) not in self.known]
        order = lambda at: (at in held, self.board.tasks[at].id in taken, (at - start) % n)  # noqa: E731
        return min(free, key=order, default=None)

    def _held(self, by: str) -> dict[str, int]:
        """The rows that others have open."""
        fresh = self.clock() - HELD_S
        return {name: at for name, (at, since) in self.open_at.items() if name != by and since >= fresh}

    def _stands(self, answer: Answer, by: str) -> bool:
        return answer.by == by and self.known.get((answer.id, by)) == answer

    def _read(self) -> None:
        """Read the log where it is not as this desk left it: somebody else may write to it."""
        size = self.path.stat().st_size if self.path.exists() else 0
        if size != self._size:
            self.said = log.read(self.path)
            here = self.board.place
            self.known = {key: each for key, each in log.current(self.said).items() if (each.id, each.hash) in here}
            self._size = size

    def _write(self, answer: Answer) -> None:
        log.append(self.path, answer)
        grown = len(orjson.dumps(vars_of(answer))) + 1
        if self.path.stat().st_size != self._size + grown:
            return self._read()
        self._size += grown
        self.said.append(answer)
        if answer.status == "undone":
            self.known.pop((answer.id, answer.by), None)
        else:
            self.known[answer.id, answer.by] = answer
        return None


def vars_of(answer: Answer) -> Mapping[str, Any]:
    """The fields of an answer as the log has them."""
    return {name: getattr(answer, name) for name in Answer.__dataclass_fields__}


def person(by: str) -> str:
    """A name that can be told from others. Raises UsageError."""
    if not by.strip() or len(by) > LONGEST_NAME or not by.isprintable() or by != by.strip():
        raise UsageError("a name of 1 to 60 printed characters is needed", "give your name at the start")
    if by.startswith(MODEL):
        raise UsageError(f"a name that begins with {MODEL} is a model's", "give your own")
    return by


def fits(answer: Answer, task: Task) -> None:
    """Raises InputError for an answer of another kind, a draft that is not there, or a row that is no JSON object."""
    answer.check(answer.id)
    if answer.kind != task.kind:
        raise InputError(f"{task.id} asks for {task.kind}, not {answer.kind}", "load the page again")
    if answer.status != "answered":
        return
    value = answer.value
    if isinstance(value, int) and value >= len((task.draft or {}).get("answers", ())):
        raise InputError(f"{task.id} has no draft {value}", "load the page again")
    if task.kind == "class" and len(str(value)) > LONGEST_CLASS:
        raise InputError(f"a class name of {len(str(value)):,} characters", "choose a shorter one")
    if task.kind == "finding" and isinstance(value, str) and value not in log.TRIAGE:
        _object(value)


def _object(text: str) -> None:
    from toolkit.core.jsontext import Malformed, parse

    found = parse(text.encode("utf-8", "replace"))
    if isinstance(found, Malformed):
        raise InputError(f"the row is no JSON: {found.reason}", "mend it, or Esc and another choice")
    if not isinstance(found.value, dict):
        raise InputError("the row is no JSON object", "mend it, or Esc and another choice")


def _same(one: Answer, other: Answer) -> bool:
    return (one.hash, one.kind, one.value, one.status) == (other.hash, other.kind, other.value, other.status)
