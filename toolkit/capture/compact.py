"""A frame log as calls, one Parquet record an attempt, and as rows that `toolkit verify` reads."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import IO, Any

import orjson

from toolkit.capture.batches import Batches
from toolkit.capture.calls_file import CallsFile
from toolkit.capture.choices import Choices
from toolkit.capture.feedback import Feedback
from toolkit.capture.thread import NOTHING, after, family, states
from toolkit.capture.understand import Understood, fault, understand
from toolkit.core.errors import InputError
from toolkit.core.talk import Answer, Message
from toolkit.store.calls import Tally, calls
from toolkit.store.frames import segments
from toolkit.store.streams import sha256
from toolkit.write import whole_file

VERSION = 1
TERMS = (
    "providers' terms may restrict training on what their models wrote, above all of models that compete: "
    "read those of the providers named in the rows' lineage, and say under which you train with --terms"
)
EARLIER, AGAIN = "an earlier part of a longer conversation", "the same conversation again"
EDITED = "an answer that its reader edited"


@dataclass(frozen=True)
class Compacted:
    """What a compaction wrote. answers: those of all calls, a call without one counted as one.

    excluded: answers that gave no row, by reason; answers = rows + all of them. models: rows by provider and model.
    """

    rows_path: Path
    calls_path: Path | None
    calls: int
    answers: int
    rows: int
    excluded: Mapping[str, int]
    models: Mapping[str, int]
    tally: Tally

    def as_json(self) -> dict[str, Any]:
        told = self.tally
        return {
            "rows_file": str(self.rows_path),
            "calls_file": str(self.calls_path) if self.calls_path else None,
            "calls": self.calls,
            "answers": self.answers,
            "rows": self.rows,
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


@dataclass
class Rows:
    """Rows on their way: kept aside until it is known which conversation goes on in which."""

    aside: IO[bytes]
    waiting: list[tuple[bytes, str]] = field(default_factory=list)
    begun: set[bytes] = field(default_factory=set)
    excluded: Counter[str] = field(default_factory=Counter)
    choices: Choices = field(default_factory=Choices)
    answers: int = 0
    size: int = 0

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
            self.excluded[why] += 1
            return why
        known = list(states(read.talk.messages))
        self.choices.history(known, read.talk.messages)
        for at, answer in enumerate(answers):
            if fault(answer):
                self.excluded[fault(answer)] += 1
                why = why or fault(answer)
                continue
            self._add(read, answer, known, options, at)
        return why if all(map(fault, answers)) else ""

    def _add(self, read: Understood, answer: Answer, known: list[bytes], options: CompactOptions, at: int) -> None:
        messages = [*read.talk.messages, answer.message]
        before = known[-1] if known else NOTHING
        whole = after(before, answer.message)
        said = (state for state, each in zip(known, messages, strict=False) if each["role"] == "assistant")
        self.begun.update(said)
        row = _row(read, messages, family(messages, [*known, whole]), options)
        if at:  # answers of one call share the id of its reply
            row["id"] = f"{row['id']}-{at}"
        if known and not read.corrected:
            self.choices.answer(before, whole, self.size)
        self.waiting.append((whole, f"{read.provider} {read.talk.model}"))
        self.size += self.aside.write(orjson.dumps(row, default=str) + b"\n")

    def lines(self, models: Counter[str]) -> Iterator[bytes]:
        """The rows that stay, in the order of the log."""
        seen: set[bytes] = set()
        self.choices.settle(self.aside, self.begun)
        self.aside.seek(0)
        for (whole, model), line in zip(self.waiting, self.aside, strict=True):
            if whole in self.begun or whole in seen or whole in self.choices.edited:
                self.excluded[EARLIER if whole in self.begun else AGAIN if whole in seen else EDITED] += 1
                continue
            seen.add(whole)
            models[model] += 1
            yield line


def compact(log: str | Path, out: str | Path, options: CompactOptions | None = None) -> Compacted:
    """Write the calls and rows of a log.

    out: a folder (rows.jsonl, calls.parquet, blobs/, capture.json, and pairs.jsonl where notes give some), or
    a .jsonl file for the rows alone. What is there of an earlier compaction is replaced. A correction is the
    answer. Raises InputError for a log that is none or is damaged, MachineError when the output cannot be written.
    """
    source, target, options = Path(log), Path(out), options or CompactOptions()
    folder = None if target.suffix == ".jsonl" else target
    rows_path = target if folder is None else folder / "rows.jsonl"
    if not segments(source):
        raise InputError(f"{source} holds no captured traffic", "name the folder that `toolkit capture proxy` wrote")
    tally, models, n = Tally(), Counter[str](), 0
    feedback, batches = Feedback.of(source, damaged=options.damaged), Batches()
    with tempfile.TemporaryFile() as aside, _calls_file(folder) as records:
        rows = Rows(aside)
        for call in calls(source, tally, damaged=options.damaged):
            n += 1
            read = understand(call)
            why = rows.take_all(batches.reads(feedback.heed(read)), options)
            if records is not None:
                records.add(read, why)
        with whole_file(rows_path) as file:
            os.fchmod(file.fileno(), 0o600)
            file.writelines(rows.lines(models))
    made = Compacted(
        rows_path,
        folder / "calls.parquet" if folder else None,
        n,
        rows.answers,
        sum(models.values()),
        dict(sorted(rows.excluded.items())),
        dict(sorted(models.items())),
        tally,
    )
    if folder is not None:
        _pairs([*feedback.pairs(), *rows.choices.pairs], folder / "pairs.jsonl")
        _describe(made, folder / "capture.json")
    return made


def _calls_file(folder: Path | None) -> CallsFile | nullcontext[None]:
    return nullcontext() if folder is None else CallsFile(folder)


def _pairs(pairs: list[dict[str, Any]], path: Path) -> None:
    lines = [orjson.dumps(each, default=str) + b"\n" for each in pairs]
    path.unlink(missing_ok=True)
    if lines:
        with whole_file(path) as file:
            os.fchmod(file.fileno(), 0o600)
            file.writelines(lines)


def _describe(made: Compacted, path: Path) -> None:
    told = {"version": VERSION, **made.as_json(), "sha256": {"rows.jsonl": sha256(made.rows_path)}, "terms": TERMS}
    with whole_file(path) as file:
        file.write(orjson.dumps(told, option=orjson.OPT_INDENT_2) + b"\n")


@cache
def _date(day: int) -> str:
    return datetime.fromtimestamp(day * 86400, UTC).strftime("%Y-%m-%d")


def _row(read: Understood, messages: list[Message], group: str, options: CompactOptions) -> dict[str, Any]:
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
        "group": group,
    }
    if read.corrected:
        lineage["answer"] = "corrected"
    if options.terms:
        lineage["terms"] = options.terms
    row: dict[str, Any] = {"id": talk.id or call.key, "messages": messages}
    if talk.tools:
        row["tools"] = talk.tools
    if call.begin.get("tags"):
        row["tags"] = call.begin["tags"]
    return {**row, "lineage": lineage}
