"""The verb: answers to a queue become rows of a training file, each once, however often they are merged."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from toolkit.core.errors import InputError, UsageError, closest
from toolkit.core.jsontext import Malformed, parse, written
from toolkit.label.consensus import Annotator, Consensus, Settled, consensus
from toolkit.label.match import Left, Matched, Said, Votes, match
from toolkit.label.shape import label_column, record_of
from toolkit.label.sources import said_in_all
from toolkit.sample.queue import QueueRow, read_queue
from toolkit.store import labels
from toolkit.store.labels import Decided
from toolkit.write import whole_file

SHOWN = 8


@dataclass(frozen=True, slots=True)
class Merged:
    """What came of a merge. added, changed, removed: rows of the training file; same: decisions that stood already.

    disputed: ids that wait for another voice. left: answers to other rows. waiting: rows that nobody has
    spoken of. classes: rows of each label that were added.
    """

    into: Path
    labels: Path
    round: int
    added: int
    changed: int
    removed: int
    same: int
    rejected: int
    disputed: tuple[str, ...]
    skipped: int
    waiting: int
    again: int
    left: tuple[Left, ...]
    annotators: tuple[Annotator, ...]
    classes: Mapping[str, int]

    @property
    def fit(self) -> bool:
        """Whether every answer was to a row of the queue."""
        return not self.left

    def __repr__(self) -> str:
        return f"<Merged {self.into}: {self.added:,} rows added>"


def merge(files: Iterable[str | Path], queue: str | Path, into: str | Path, *, new_labels: bool = False) -> Merged:
    """Merge the answers in `files` to the rows of `queue` into the JSON lines `into`; no other row is touched.

    new_labels: admit labels that neither the queue nor the file knows. Raises InputError for what cannot
    be read, for unknown labels, and where no answer is to this queue; UsageError while another merge runs.
    """
    said = said_in_all(Path(each) for each in files)
    if not said:
        raise InputError("there is no answer in what was given", "name files of answers to the queue")
    return merge_said(said, Path(queue), Path(into), new_labels=new_labels)


def answered(files: Iterable[str | Path], queue: str | Path) -> tuple[int, int]:
    """Of how many rows of a queue somebody has said something, were it to skip them; and how many there are."""
    rows = list(read_queue(Path(queue)))
    found = {each.id for each in said_in_all(Path(each) for each in files) if each.status not in ("", "undone")}
    return sum(row.id in found for row in rows), len(rows)


def merge_said(said: Sequence[Said], queue: Path, into: Path, *, new_labels: bool = False) -> Merged:
    """As `merge`, for answers that were read."""
    rows, beside = list(read_queue(queue)), labels.beside(into)
    target = _Target(into)
    with labels.held(beside):
        earlier = labels.read(beside)
        known = labels.current(earlier)
        matched = match(said, rows, known)
        _any_of_queue(matched, queue)
        found = consensus(matched.votes)
        if not new_labels:
            _known_labels(matched, queue, target)
        nth = 1 + max((each.round for each in earlier), default=0)
        new = [
            decided
            for key, settled in found.rows.items()
            if (decided := _decided(nth, matched.votes[key], settled, target)) is not None
            and not _stands(known.get(key), decided)
        ]
        counts = target.update([(known[each.key].row if each.key in known else None, each.row) for each in new])
        labels.append(beside, new)
    return _merged(target, (matched, found), new, counts, nth)


class _Target:
    """The training file: its bytes stay as they are but for the rows that answers have changed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines = self._lines()
        self.first = next(self._rows(), (b"", {}))[1] or None
        self.column = label_column(self.first)
        self.labels = self._labels()

    def _lines(self) -> list[bytes]:
        if self.path.suffix not in (".jsonl", ".ndjson"):
            raise UsageError(f"{self.path} is not named as JSON lines", "--into FILE.jsonl")
        try:
            return [line for line in self.path.read_bytes().split(b"\n") if line.strip()]
        except FileNotFoundError:
            return []
        except OSError as failure:
            raise InputError(f"{self.path} cannot be read: {failure.strerror}", "name a file of rows") from failure

    def _rows(self) -> Iterator[tuple[bytes, dict[str, Any]]]:
        for at, line in enumerate(self.lines, 1):
            found = parse(line)
            if isinstance(found, Malformed) or not isinstance(found.value, dict):
                why = found.reason if isinstance(found, Malformed) else "no object"
                raise InputError(f"{self.path.name}, line {at}: {why}", "mend the line: toolkit verify tells them all")
            yield found.canonical, found.value

    def _labels(self) -> dict[str, Any]:
        """The labels of the file by their text, as they stand there."""
        found = (row.get(self.column) for _, row in self._rows())
        return {each if isinstance(each, str) else written(each).decode(): each for each in found if each is not None}

    def update(self, changes: Sequence[tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]]) -> Counter[str]:
        """Put the new record of each pair into the place of the old one, or behind the last; write where it differs."""
        counts: Counter[str] = Counter()
        places = {canonical: at for at, (canonical, _) in reversed(list(enumerate(self._rows())))}
        lines: list[bytes | None] = list(self.lines)
        for old, new in changes:
            before, after = _canonical(old), _canonical(new)
            if before == after or (after and after in places):
                continue
            at = places.pop(before, None)
            if at is not None:
                counts["changed" if after else "removed"] += 1
                lines[at] = written(new) if after else None
            elif after:
                counts["added"] += 1
                at = len(lines)
                lines.append(written(new))
            if after and at is not None:
                places[after] = at
        if counts.total():
            self._write([line for line in lines if line is not None])
        return counts

    def _write(self, lines: Sequence[bytes]) -> None:
        with whole_file(self.path) as file:
            file.writelines(line.rstrip(b"\r") + b"\n" for line in lines)
            file.flush()
            os.fsync(file.fileno())


def _canonical(record: Mapping[str, Any] | None) -> bytes:
    return written(record, sort_keys=True) if record is not None else b""


def _any_of_queue(matched: Matched, queue: Path) -> None:
    if matched.left and not matched.again and all(not each.of for each in matched.votes.values()):
        why = Counter(each.why for each in matched.left).most_common(1)[0][0]
        what = f"none of {len(matched.left):,} answers is to a row of {queue}: {why}"
        raise InputError(what, "name the queue that was answered with --queue")


def _known_labels(matched: Matched, queue: Path, target: _Target) -> None:
    """Raises InputError for labels that neither the queue nor the training file knows, where either knows any."""
    rows = [each.row for each in matched.votes.values()]
    drafts = {str(row.draft["label"]) for row in rows if row.draft and "label" in row.draft}
    known = {*target.labels, *classes_of(queue), *drafts} if target.first or classes_of(queue) else set()
    given = Counter(
        str(value) for each in matched.votes.values() if each.row.kind == "class" for value in each.of.values() if value
    )
    strange = {name: count for name, count in given.items() if name not in known}
    if not known or not strange or (target.first is not None and "messages" in target.first):
        return
    listed = [f"'{name}' ({count:,}{closest(name, known)})" for name, count in list(strange.items())[:SHOWN]]
    more = f" and {len(strange) - SHOWN:,} more" if len(strange) > SHOWN else ""
    what = f"{len(strange):,} labels that are not known: {', '.join(listed)}{more}"
    raise InputError(what, f"mend the answers, or admit them with --new-labels; known: {_some(known)}")


def _some(names: Iterable[str]) -> str:
    listed = sorted(names)
    return ", ".join(listed[:SHOWN]) + (f" and {len(listed) - SHOWN:,} more" if len(listed) > SHOWN else "")


def classes_of(queue: Path) -> tuple[str, ...]:
    """The classes that the queue's manifest names; () where there is none."""
    try:
        found = parse((queue.parent / "queue.json").read_bytes())
    except OSError:
        return ()
    told = {} if isinstance(found, Malformed) else found.value
    return tuple(map(str, told.get("classes", ()))) if isinstance(told, dict) else ()


def _decided(nth: int, votes: Votes, settled: Settled, target: _Target) -> Decided | None:
    row = votes.row
    record = _record(row, settled, target) if settled.status == "answered" else None
    return Decided(
        nth, row.id, row.hash, row.kind, row.group, row.text, settled.status, settled.value,
        dict(sorted(votes.of.items())), settled.agreement, settled.quality, record,
    )  # fmt: skip


def _record(row: QueueRow, settled: Settled, target: _Target) -> dict[str, Any]:
    assert settled.value is not None  # noqa: S101 (it was answered)
    record = record_of(row, settled.value, target.first)
    if row.kind == "class" and target.column in record:  # a file of numbers stays one
        record[target.column] = target.labels.get(str(settled.value), settled.value)
    return record


def _stands(before: Decided | None, after: Decided) -> bool:
    """Whether nothing has changed since the row was decided last."""
    if before is None:
        return after.status == "withdrawn"
    return replace(after, round=before.round, quality=before.quality, row=before.row) == before


def _merged(
    target: _Target, seen: tuple[Matched, Consensus], new: Sequence[Decided], counts: Counter[str], nth: int
) -> Merged:
    matched, found = seen
    states = Counter(each.status for each in found.rows.values())
    disputed = tuple(key[0] for key, each in found.rows.items() if each.status == "disputed")
    fresh = Counter(str(each.value) for each in new if each.kind == "class" and each.row is not None)
    return Merged(
        target.path, labels.beside(target.path), nth if new else nth - 1, counts["added"], counts["changed"],
        counts["removed"], len(found.rows) - len(new), states["rejected"], disputed, matched.skipped, matched.waiting,
        matched.again, tuple(matched.left), tuple(found.annotators), dict(sorted(fresh.items())),
    )  # fmt: skip
