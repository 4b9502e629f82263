"""What is said about captured answers later: scores and corrections, appended to the log as notes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from toolkit.capture.batches import Batches
from toolkit.capture.thread import states
from toolkit.capture.understand import COMPETING, Understood, fault, understand
from toolkit.core.errors import InputError, MachineError, UsageError
from toolkit.core.talk import Answer, Message
from toolkit.store.calls import calls, notes
from toolkit.store.frames import FrameLog, Kind, segments

MARK = b'"feedback":1'


def say(log: Path, about: str, *, score: float | None = None, correction: str = "", comment: str = "") -> str:
    """Append a note about a call; returns the call's key.

    about: the id of the reply (`msg_...`) or the call's key. Raises UsageError for a note that says nothing,
    InputError where the log has no such call, MachineError where it cannot be written.
    """
    if score is None and not correction.strip() and not comment:
        raise UsageError("the note says nothing", "give --score, --correction FILE or --comment")
    if not segments(log):
        raise InputError(f"{log} holds no captured traffic", "name the folder that `toolkit capture proxy` wrote")
    found = _find(log, about)
    if found is None:
        raise InputError(f"{log} has no call '{about}'", "name a reply's id, or a call as calls.parquet has it")
    told: dict[str, Any] = {"feedback": 1, **({"part": found.part} if found.part else {})}
    told |= {} if score is None else {"score": score}
    told |= {"comment": comment} if comment else {}
    file = FrameLog(log, sync="final")
    try:
        if not file.write(Kind.NOTE, found.call.id, told, correction.encode()):
            raise MachineError(f"{log} cannot be written: {file.trouble}", "free some space and say it again")
    finally:
        file.close()
    return found.call.key


def _find(log: Path, about: str) -> Understood | None:
    """The call with this key, or the call or the result of a batch with this reply's id."""
    with tempfile.TemporaryFile() as handed_in:
        batches = Batches(handed_in)
        for call in calls(log):
            for read in batches.reads(understand(call)):
                if about in (call.key, read.talk.id):
                    return read
    return None


@dataclass
class Feedback:
    """The notes of a log by call and the request of a batch; a later one replaces an earlier one of its kind."""

    scores: dict[tuple[int, str], float] = field(default_factory=dict)
    corrections: dict[tuple[int, str], str] = field(default_factory=dict)
    _pairs: list[dict[str, Any]] = field(default_factory=list)
    _rated: dict[bytes, list[tuple[float, Understood]]] = field(default_factory=dict)

    @classmethod
    def of(cls, log: Path, *, damaged: bool = False) -> Feedback:
        found = cls()
        for note in notes(log, having=MARK, damaged=damaged):
            if "feedback" not in note.meta:
                continue
            about = note.call, str(note.meta.get("part", ""))
            if "score" in note.meta:
                found.scores[about] = float(note.meta["score"])
            if note.body:
                found.corrections[about] = note.body.decode("utf-8", "replace")
        return found

    def heed(self, read: Understood) -> Understood:
        """The call with its correction as the answer; an answer that was judged is kept for its pair."""
        call = read.call.id, read.part
        if read.excluded or (call not in self.scores and call not in self.corrections):
            return read
        first = next(iter(read.talk.answers), None)
        if first is None or first.category in COMPETING:
            return read
        known = list(states(read.talk.messages))
        if call in self.scores and known and not fault(first):
            self._rated.setdefault(known[-1], []).append((self.scores[call], read))
        if call not in self.corrections:
            return read
        message: Message = {"role": "assistant", "content": self.corrections[call]}
        if not fault(first) and message["content"] != first.message["content"]:
            self._pairs.append(_pair(read, message, first.message, "correction"))
        return read._replace(talk=read.talk._replace(answers=[Answer(message, "correction", True)]), corrected=True)

    def pairs(self) -> Iterator[dict[str, Any]]:
        """Preference rows: a correction over the answer, and the best scored answer to a prompt over the worst."""
        yield from self._pairs
        for rated in self._rated.values():
            (low, worse), (high, better) = (choose(rated, key=lambda each: each[0]) for choose in (min, max))
            chosen, rejected = better.talk.answers[0].message, worse.talk.answers[0].message
            if high > low and chosen != rejected:
                yield _pair(better, chosen, rejected, "scores")


def _pair(read: Understood, chosen: Message, rejected: Message, why: str) -> dict[str, Any]:
    about = {"source_kind": "captured", "provider": read.provider, "model": read.talk.model, "call": read.call.key}
    sides = {"chosen": [_plain(chosen)], "rejected": [_plain(rejected)]}
    row = {"id": f"{read.talk.id or read.call.key}-pair", "prompt": [_plain(each) for each in read.talk.messages]}
    tools = {"tools": read.talk.tools} if read.talk.tools else {}
    return {**row, **sides, **tools, "lineage": {**about, "preferred_by": why}}


def _plain(message: Message) -> Message:
    return {key: value for key, value in message.items() if key != "reasoning_content"}
