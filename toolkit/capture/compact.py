"""A frame log as calls, one Parquet record an attempt, and as rows that `toolkit verify` reads."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import IO, Any, NamedTuple

import orjson

from toolkit.capture.batches import Batches
from toolkit.capture.calls_file import CallsFile
from toolkit.capture.feedback import Feedback
from toolkit.capture.talks import EARLIER, EDITED, Talks
from toolkit.capture.thread import NOTHING, after, family
from toolkit.capture.understand import COMPETING, Understood, fault, understand
from toolkit.core.errors import InputError
from toolkit.core.talk import Answer
from toolkit.store.calls import Tally, calls
from toolkit.store.frames import segments
from toolkit.store.streams import sha256
from toolkit.write import whole_file

VERSION = 1
TERMS = (
    "providers' terms may restrict training on what their models wrote, above all of models that compete: "
    "read those of the providers named in the rows' lineage, and say under which you train with --terms"
)


@dataclass(frozen=True)
class Compacted:
    """What a compaction wrote. answers: those of all calls, a call without one counted as one.

    excluded: answers that gave no row, by reason; answers = rows + all of them, and each is a line of the
    quarantine. pairs: preference rows. models: rows by provider and model.
    """

    rows_path: Path
    calls_path: Path | None
    quarantine_path: Path
    calls: int
    answers: int
    rows: int
    pairs: int
    excluded: Mapping[str, int]
    models: Mapping[str, int]
    tally: Tally

    @property
    def pairs_path(self) -> Path:
        """Where the preference rows stand, if there are any."""
        return self.calls_path.with_name("pairs.jsonl") if self.calls_path else beside(self.rows_path, "pairs")

    def as_json(self) -> dict[str, Any]:
        told = self.tally
        return {
            "rows_file": str(self.rows_path),
            "calls_file": str(self.calls_path) if self.calls_path else None,
            "quarantine_file": str(self.quarantine_path),
            "calls": self.calls,
            "answers": self.answers,
            "rows": self.rows,
            "pairs": self.pairs,
            "excluded": dict(self.excluded),
            "models": dict(self.models),
            "log": {
                "segments": told.segments,
                "bytes": told.bytes,
                "frames": told.frames,
                "orphans": told.orphans,
                "gaps": len(told.gaps),
                "torn": [{"segment": each.segment.name, "offset": each.offset} for each in told.torn],
            },
        }


@dataclass(frozen=True, slots=True)
class CompactOptions:
    """thinking: keep the model's thoughts as `reasoning_content`. terms: what is said of the rows' licence.

    damaged: go on behind a damaged place of the log.
    """

    thinking: bool = False
    terms: str = ""
    damaged: bool = False


class Tag(NamedTuple):
    """What is told of a row when it is known whether it stays. model: with its provider."""

    model: str
    id: str
    call: str


@dataclass
class Rows:
    """Rows of calls on their way. refused: the quarantine, None where none is written.

    every_turn: whether earlier parts of a conversation are rows of their own.
    """

    talks: Talks
    refused: IO[bytes] | None = None
    every_turn: bool = False
    excluded: Counter[str] = field(default_factory=Counter)
    answers: int = 0

    def take_all(self, reads: Iterable[Understood], options: CompactOptions) -> str:
        """Add what one call gives, the results of a batch one by one; returns why it gives nothing."""
        whys = [self.take(each, options) for each in reads]
        return "" if "" in whys else whys[0]

    def take(self, read: Understood, options: CompactOptions) -> str:
        """Add what a call gives; returns why it gives nothing, as far as that is known yet."""
        answers = [] if read.excluded else list(read.talk.answers)
        self.answers += max(1, len(answers))
        why = read.excluded or ("" if answers else "empty answer")
        if why:
            self._refuse(_about(read), why)
            return why
        known = self.talks.known(read.talk.messages)
        for at, answer in enumerate(answers):
            states = [*known, after(known[-1] if known else NOTHING, answer.message)]
            row = _row(read, answer, states, options, at)
            if why := fault(answer):
                self._refuse(_about(read) if answer.category in COMPETING else row, why)
            else:
                tag = Tag(f"{read.provider} {read.talk.model}", row["id"], read.call.key)
                self.talks.add(row, states, tag, given=not read.corrected)
        return why if all(map(fault, answers)) else ""

    def lines(self, models: Counter[str]) -> Iterator[bytes]:
        """The rows that stay, in the order of the log."""
        for tag, line, why in self.talks.settled():
            if not why or (self.every_turn and why == EARLIER):
                models[tag.model] += 1
                yield line
            elif why == EDITED:
                self._refuse(orjson.loads(line), why)
            else:  # all that it says stands in a row that stays
                self._refuse({"id": tag.id, "lineage": {"call": tag.call}}, why)

    def _refuse(self, row: Mapping[str, Any], why: str) -> None:
        self.excluded[why] += 1
        if self.refused is not None:
            told = {"id": row["id"], "call": row["lineage"]["call"], "reason": why}
            whole = {"row": row} if "messages" in row else {}
            self.refused.write(orjson.dumps({**told, **whole}, default=str) + b"\n")


def compact(log: str | Path, out: str | Path, options: CompactOptions | None = None) -> Compacted:
    """Write the calls and rows of a log.

    out: a folder (rows.jsonl, quarantine.jsonl, calls.parquet, blobs/, capture.json, and pairs.jsonl where there
    are some), or a .jsonl file for the rows, with quarantine and pairs beside it. What an earlier compaction left
    is replaced. A correction is the answer. Raises InputError for a log that is none or is damaged, MachineError
    when the output cannot be written.
    """
    source, target, options = Path(log), Path(out), options or CompactOptions()
    folder = None if target.suffix == ".jsonl" else target
    rows_path, quarantine = (folder / "rows.jsonl", folder / "quarantine.jsonl") if folder else (target, beside(target))
    if not segments(source):
        raise InputError(f"{source} holds no captured traffic", "name the folder that `toolkit capture proxy` wrote")
    tally, models, n = Tally(), Counter[str](), 0
    feedback = Feedback.of(source, damaged=options.damaged)
    with (
        tempfile.TemporaryFile() as aside,
        tempfile.TemporaryFile() as handed_in,
        _calls_file(folder) as records,
        private_file(quarantine) as refused,
    ):
        rows, batches = Rows(Talks(aside), refused), Batches(handed_in)
        for call in calls(source, tally, damaged=options.damaged):
            n += 1
            read = understand(call)
            why = rows.take_all(map(feedback.heed, batches.reads(read)), options)
            if records is not None:
                records.add(read, why)
        with private_file(rows_path) as file:
            file.writelines(rows.lines(models))
    pairs = [*feedback.pairs(), *rows.talks.choices.pairs]
    made = Compacted(
        rows_path, folder / "calls.parquet" if folder else None, quarantine, n, rows.answers, sum(models.values()),
        len(pairs), dict(sorted(rows.excluded.items())), dict(sorted(models.items())), tally,
    )  # fmt: skip
    write_pairs(pairs, made.pairs_path)
    if folder is not None:
        _describe(made, folder / "capture.json")
    return made


def _calls_file(folder: Path | None) -> CallsFile | nullcontext[None]:
    return nullcontext() if folder is None else CallsFile(folder)


def beside(rows: Path, what: str = "quarantine") -> Path:
    """Where what belongs to a file of rows stands."""
    return rows.with_name(f"{rows.stem}.{what}.jsonl")


def write_pairs(pairs: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Preference rows as lines; where there are none, no file."""
    path.unlink(missing_ok=True)
    if pairs:
        with private_file(path) as file:
            file.writelines(orjson.dumps(each, default=str) + b"\n" for each in pairs)


@contextmanager
def private_file(path: Path) -> Iterator[IO[bytes]]:
    """A file that appears when it is whole, for its owner alone."""
    with whole_file(path) as file:
        os.fchmod(file.fileno(), 0o600)
        yield file


def _describe(made: Compacted, path: Path) -> None:
    told = {"version": VERSION, **made.as_json(), "sha256": {"rows.jsonl": sha256(made.rows_path)}, "terms": TERMS}
    with whole_file(path) as file:
        file.write(orjson.dumps(told, option=orjson.OPT_INDENT_2) + b"\n")


@cache
def _date(day: int) -> str:
    return datetime.fromtimestamp(day * 86400, UTC).strftime("%Y-%m-%d")


def _row(read: Understood, answer: Answer, known: Sequence[bytes], options: CompactOptions, at: int) -> dict[str, Any]:
    """A conversation with its answer. known: the states after each message. at: which answer of its call."""
    messages = [*read.talk.messages, answer.message]
    if not options.thinking:
        messages = [
            {key: value for key, value in each.items() if key != "reasoning_content"}
            if "reasoning_content" in each
            else each
            for each in messages
        ]
    call, talk = read.call, read.talk
    lineage = {
        "source_kind": "captured",
        "fidelity": "exact",
        "provider": read.provider,
        "model": talk.model,
        "date": _date(int(call.begun // 86400)),
        "call": call.key,
        "group": family(messages, known),
    }
    if read.corrected:
        lineage["answer"] = "corrected"
    if options.terms:
        lineage["terms"] = options.terms
    name = talk.id or call.key
    row: dict[str, Any] = {"id": f"{name}-{at}" if at else name, "messages": messages}
    if talk.tools:
        row["tools"] = talk.tools
    if call.begin.get("tags"):
        row["tags"] = call.begin["tags"]
    return {**row, "lineage": lineage}


def _about(read: Understood) -> dict[str, Any]:
    """What leads to a call that is no conversation, or one that is never a row."""
    return {"id": read.talk.id or read.part or read.call.key, "lineage": {"call": read.call.key}}
