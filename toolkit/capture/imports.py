"""Another tool's log as rows: who wrote it is told by its content, what gives no row is named with its reason."""

from __future__ import annotations

import itertools
import os
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import orjson

from toolkit.capture.compact import AGAIN, EARLIER
from toolkit.capture.records import items
from toolkit.capture.thread import NOTHING, after, family, states
from toolkit.capture.understand import fault
from toolkit.core import parts
from toolkit.core.errors import InputError, UsageError
from toolkit.core.imported import Item, Taken
from toolkit.core.talk import Answer, Message
from toolkit.write import whole_file

LOOKED = 50
CUT = "cut by the tool that logged it"
_CUTS = re.compile(r"\(litellm_truncated|\.\.\. \(truncated \d+ chars|<truncated due to size exceeding limit>")
_ENDS = re.compile(r"(?:\.\.\.|…)\s*[\[(<](?:\w+ )*truncated(?: \w+)*[\])>]\s*\Z", re.IGNORECASE)


@dataclass(frozen=True)
class Imported:
    """What an import wrote. answers = rows + all of excluded; records = those of answers, broken and aside.

    aside: records that are no part of a conversation. kinds: rows by fidelity. excluded: answers by reason.
    """

    source: str
    rows_path: Path
    quarantine_path: Path
    records: int
    broken: int
    aside: int
    answers: int
    rows: int
    kinds: Mapping[str, int]
    models: Mapping[str, int]
    excluded: Mapping[str, int]

    def as_json(self) -> dict[str, Any]:
        told = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {**told, "rows_path": str(self.rows_path), "quarantine_path": str(self.quarantine_path)}


@dataclass
class _Rows:
    """Rows and refused answers on their way; rows wait until it is known which conversation goes on in which."""

    aside: IO[bytes]
    thinking: bool
    lineage: Mapping[str, str]
    waiting: list[tuple[bytes, Taken]] = field(default_factory=list)
    begun: set[bytes] = field(default_factory=set)
    named: set[int] = field(default_factory=set)
    refused: list[dict[str, Any]] = field(default_factory=list)
    answers: int = 0

    def take(self, told: Taken) -> None:
        self.named.update(told.positions)
        answers = [] if told.why else list(told.talk.answers)
        self.answers += max(1, len(answers))
        if not answers:
            self.refuse(told.positions, told.why or "empty answer", told)
            return
        known = list(states(told.talk.messages))
        for at, answer in enumerate(answers):
            why = fault(answer) or (CUT if _cut([*told.talk.messages, answer.message]) else "")
            if why:
                self.refuse(told.positions, why, told)
            else:
                self._add(told, answer, known, at)

    def _add(self, told: Taken, answer: Answer, known: list[bytes], at: int) -> None:
        messages = [*told.talk.messages, answer.message]
        whole = after(known[-1] if known else NOTHING, answer.message)
        told_by = zip(known, messages, strict=False)
        self.begun.update(state for state, each in told_by if each["role"] == "assistant")
        row = self._row(told, messages, family(messages, [*known, whole]))
        if at:
            row["id"] = f"{row['id']}-{at}"
        self.waiting.append((whole, told))
        self.aside.write(orjson.dumps(row, default=str) + b"\n")

    def _row(self, told: Taken, messages: list[Message], group: str) -> dict[str, Any]:
        if not self.thinking:
            messages = [{key: each[key] for key in each if key != "reasoning_content"} for each in messages]
        about = {"provider": told.provider, "model": told.talk.model, "date": told.date}
        lineage = {"source_kind": "captured", "fidelity": told.fidelity, **about, "group": group, **self.lineage}
        at = f"{self.lineage['from']}-{told.positions[0] if told.positions else 0}"
        row: dict[str, Any] = {"id": told.talk.id or told.id or at, "messages": messages}
        if told.talk.tools:
            row["tools"] = told.talk.tools
        return {**row, "lineage": {name: value for name, value in lineage.items() if value}}

    def refuse(self, positions: Iterable[int], why: str, told: Taken | None = None) -> None:
        about = {"id": told.talk.id or told.id, "model": told.talk.model} if told else {}
        self.refused.append({"records": list(positions), "reason": why, **about})

    def lines(self) -> Iterator[tuple[Taken, bytes]]:
        """The rows that stay, in order."""
        seen: set[bytes] = set()
        self.aside.seek(0)
        for (whole, told), line in zip(self.waiting, self.aside, strict=True):
            if whole in self.begun or whole in seen:
                self.refuse(told.positions, EARLIER if whole in self.begun else AGAIN, told)
                continue
            seen.add(whole)
            yield told, line


def import_(
    path: Path, out: Path, name: str = "", *, options: Mapping[str, Any] | None = None, terms: str = "",
    thinking: bool = False,
) -> Imported:  # fmt: skip
    """Write the rows of another tool's file to `out`, and what gave none beside it with the reasons.

    A refusal names the file and its records, counted from 1; the records themselves stay where they are.

    name: the importer; empty where the content is to tell. Raises UsageError where it does not, InputError
    for a file that cannot be read, MachineError when the output cannot be written.
    """
    broken: list[tuple[int, str]] = []
    told = items(path, lambda position, why: broken.append((position, why)))
    first = list(itertools.islice(told, LOOKED))
    if not first and not broken:
        raise InputError(f"{path} is empty", "name the file that the tool wrote")
    importer = _importer(path, first, name, options or {})
    with tempfile.TemporaryFile() as aside:
        lineage = {"from": importer.id, **({"terms": terms} if terms else {})}
        rows, n = _Rows(aside, thinking, lineage), Counter[str]()
        for each in importer.take(_counted(itertools.chain(first, told), n)):
            rows.take(each)
        made, models = _write(rows, out)
    for position, why in broken:
        rows.refuse([position], f"unreadable: {why}")
    quarantine = out.with_name(f"{out.stem}.quarantine.jsonl")
    with whole_file(quarantine) as file:
        os.fchmod(file.fileno(), 0o600)
        file.writelines(orjson.dumps({"file": path.name, **each}) + b"\n" for each in rows.refused)
    excluded = Counter(each["reason"] for each in rows.refused[: len(rows.refused) - len(broken)])
    return Imported(
        importer.id, out, quarantine, n["records"] + len(broken), len(broken), n["records"] - len(rows.named),
        rows.answers, sum(made.values()), made, models, excluded,
    )  # fmt: skip


def _write(rows: _Rows, out: Path) -> tuple[Counter[str], Counter[str]]:
    """The rows' file; returns rows by fidelity, and by provider and model."""
    made, models = Counter[str](), Counter[str]()
    with whole_file(out) as file:
        os.fchmod(file.fileno(), 0o600)
        for told, line in rows.lines():
            made[told.fidelity] += 1
            models[f"{told.provider} {told.talk.model}".strip() or "no model named"] += 1
            file.write(line)
    return made, models


def _counted(told: Iterable[Item], n: Counter[str]) -> Iterator[Item]:
    for item in told:
        n["records"] += 1
        yield item


def _importer(path: Path, first: list[Item], name: str, options: Mapping[str, Any]) -> Any:
    if name:
        return parts.build("importers", name, options)
    known = parts.parts("importers")
    sure = {each: sum(found().claims(item.value) for item in first) for each, found in known.items()}
    if "map" in options:
        return parts.build("importers", "jsonl", options)
    best = max(sure, key=lambda each: sure[each])
    if not sure[best]:
        what = f"{path} is of no tool that is known"
        raise UsageError(what, f"name it with --from ({', '.join(known)}), or tell its fields with --map")
    return parts.build("importers", best, options)


def _cut(messages: Iterable[Message]) -> bool:
    """Whether a tool's mark says that a text was cut. What an agent's tools cut, the model saw so."""
    for each in messages:
        said = each["content"] if isinstance(each["content"], str) else orjson.dumps(each["content"]).decode()
        calls = orjson.dumps(each["tool_calls"], default=str).decode() if each.get("tool_calls") else ""
        if _CUTS.search(said) or _CUTS.search(calls) or (each["role"] != "tool" and _ENDS.search(said)):
            return True
    return False
