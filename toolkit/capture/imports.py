"""Another tool's log as rows: who wrote it is told by its content, what gives no row is named with its reason."""

from __future__ import annotations

import itertools
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import orjson

from toolkit.capture.compact import beside, private_file, write_pairs
from toolkit.capture.privacy import Prints
from toolkit.capture.records import HELD, Records, items
from toolkit.capture.talks import Talks
from toolkit.capture.thread import NOTHING, after, family
from toolkit.capture.understand import fault
from toolkit.core import parts
from toolkit.core.errors import InputError, UsageError
from toolkit.core.imported import Item, Taken
from toolkit.core.jsontext import written
from toolkit.core.talk import Answer, Message, Talk

LOOKED = 50
hide = Prints(()).hide
"""Keys of model providers as `*`, by their shape: those that the file holds must not multiply."""
CUT = "cut by the tool that logged it"
_CUTS = re.compile(r"\(litellm_truncated|\.\.\. \(truncated \d+ chars|<truncated due to size exceeding limit>")
_ENDS = re.compile(r"(?:\.\.\.|…)\s*[\[(<](?:\w+ )*truncated(?: \w+)*[\])>]\s*\Z", re.IGNORECASE)


@dataclass(frozen=True)
class Imported:
    """What an import wrote. answers = rows + all of excluded; records = those of answers, broken and aside.

    aside: records that are no part of a conversation. pairs: preference rows. kinds: rows by fidelity.
    excluded: answers by reason; each is a line of the quarantine, with its records.
    """

    source: str
    rows_path: Path
    quarantine_path: Path
    records: int
    broken: int
    aside: int
    answers: int
    rows: int
    pairs: int
    kinds: Mapping[str, int]
    models: Mapping[str, int]
    excluded: Mapping[str, int]

    def as_json(self) -> dict[str, Any]:
        told = {name: getattr(self, name) for name in self.__dataclass_fields__}
        paths = {"rows_path": self.rows_path, "quarantine_path": self.quarantine_path, "pairs_path": self.pairs_path}
        return {**told, **{name: str(path) for name, path in paths.items()}}

    @property
    def pairs_path(self) -> Path:
        """Where the preference rows stand, if there are any."""
        return beside(self.rows_path, "pairs")


@dataclass
class _Rows:
    """Rows and refused answers on their way. refused: the quarantine. file: the name of what is read."""

    talks: Talks
    records: Records
    refused: IO[bytes]
    file: str
    thinking: bool
    lineage: Mapping[str, str]
    named: set[int] = field(default_factory=set)
    excluded: Counter[str] = field(default_factory=Counter)
    answers: int = 0

    def take(self, told: Taken) -> None:
        self.named.update(told.positions)
        answers = [] if told.why else list(told.talk.answers)
        self.answers += max(1, len(answers))
        if not answers:
            self._exclude(told, told.why or "empty answer")
            return
        known = self.talks.known(told.talk.messages)
        for at, answer in enumerate(answers):
            why = fault(answer) or (CUT if _cut([*told.talk.messages, answer.message]) else "")
            if why:
                self._exclude(told, why)
            else:
                states = [*known, after(known[-1] if known else NOTHING, answer.message)]
                self.talks.add(self._row(told, answer, states, at), states, told._replace(talk=_named(told.talk)))

    def _row(self, told: Taken, answer: Answer, known: list[bytes], nth: int) -> dict[str, Any]:
        messages = [*told.talk.messages, answer.message]
        if not self.thinking:
            messages = [{key: each[key] for key in each if key != "reasoning_content"} for each in messages]
        about = {"provider": told.provider, "model": told.talk.model, "date": told.date}
        group = family(messages, known)
        lineage = {"source_kind": "captured", "fidelity": told.fidelity, **about, "group": group, **self.lineage}
        at = f"{self.lineage['from']}-{told.positions[0] if told.positions else 0}"
        name = told.talk.id or told.id or at
        row: dict[str, Any] = {"id": f"{name}-{nth}" if nth else name, "messages": messages}
        if told.talk.tools:
            row["tools"] = told.talk.tools
        return {**row, "lineage": {name: value for name, value in lineage.items() if value}}

    def _exclude(self, told: Taken, why: str) -> None:
        self.excluded[why] += 1
        self.refuse(told.positions, why, {"id": told.talk.id or told.id, "model": told.talk.model})

    def refuse(self, positions: Sequence[int], why: str, about: Mapping[str, Any]) -> None:
        """A line of the quarantine; its records are what an import reads again."""
        line = {"records": list(positions), "reason": why, **about, HELD: self.records.of(positions)}
        self.refused.write(hide(orjson.dumps({"file": self.file, **line}, default=str)) + b"\n")

    def lines(self) -> Iterator[tuple[Taken, bytes]]:
        """The rows that stay, in order."""
        for told, line, why in self.talks.settled():
            if why:
                self._exclude(told, why)
            else:
                yield told, hide(line)


def _named(talk: Talk) -> Talk:
    """A conversation's name without what it says, for what is kept in memory."""
    return Talk(model=talk.model, id=talk.id)


def import_(
    path: Path, out: Path, name: str = "", *, options: Mapping[str, Any] | None = None, terms: str = "",
    thinking: bool = False,
) -> Imported:  # fmt: skip
    """Write the rows of another tool's file to `out`, and what gave none beside it with the reasons.

    A line of the quarantine has its records, counted from 1 and as they came, if no line before it has them;
    importing the quarantine reads them again. Answers that were edited in a later turn, or of which one was
    gone on with, are preference pairs.

    name: the importer; empty where the content is to tell. Raises UsageError where it does not, InputError
    for a file that cannot be read, MachineError when the output cannot be written.
    """
    if path.resolve() in (out.resolve(), beside(out).resolve()):
        raise UsageError(f"{path} would be written over", "name another file with --out")
    broken: list[tuple[int, str, bytes]] = []
    told = items(path, lambda *each: broken.append(each))
    first = list(itertools.islice(told, LOOKED))
    if not first and not broken:
        raise InputError(f"{path} is empty", "name the file that the tool wrote")
    importer = _importer(path, first, name, options or {})
    lineage = {"from": importer.id, **({"terms": terms} if terms else {})}
    with tempfile.TemporaryFile() as aside, tempfile.TemporaryFile() as raw, private_file(beside(out)) as refused:
        records = Records(raw)
        rows = _Rows(Talks(aside), records, refused, path.name, thinking, lineage)
        for each in importer.take(records.keep(itertools.chain(first, told))):
            rows.take(each)
        made, models = _write(rows, out)
        for position, why, text in broken:
            rows.refuse([position], f"unreadable: {why}", {"text": text.decode("utf-8", "replace")})
    pairs = rows.talks.choices.pairs
    write_pairs(pairs, beside(out, "pairs"))
    return Imported(
        importer.id, out, beside(out), len(records) + len(broken), len(broken), len(records) - len(rows.named),
        rows.answers, sum(made.values()), len(pairs), made, models, dict(sorted(rows.excluded.items())),
    )  # fmt: skip


def _write(rows: _Rows, out: Path) -> tuple[Counter[str], Counter[str]]:
    """The rows' file; returns rows by fidelity, and by provider and model."""
    made, models = Counter[str](), Counter[str]()
    with private_file(out) as file:
        for told, line in rows.lines():
            made[told.fidelity] += 1
            models[f"{told.provider} {told.talk.model}".strip() or "no model named"] += 1
            file.write(line)
    return made, models


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
        said = each["content"] if isinstance(each["content"], str) else written(each["content"]).decode()
        calls = written(each["tool_calls"]).decode() if each.get("tool_calls") else ""
        if _CUTS.search(said) or _CUTS.search(calls) or (each["role"] != "tool" and _ENDS.search(said)):
            return True
    return False
