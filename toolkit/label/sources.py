"""Files of answers, whichever tool wrote them, told apart by what is in them.

| file | what tells it | what is read |
|---|---|---|
| our log | `kind`, `value`, `by` | as they stand |
| Label Studio, JSON | `annotations`, `data` | `data.id`, `data.hash`; the choice or text of each `completed_by` |
| Label Studio, JSON-MIN | `annotator`, `annotation_id` | `hash`, `label` or `answer`; its `id` is that of the task |
| Argilla, flattened | keys that end in `.responses` | `id#hash`; what users have submitted |
| Argilla, `to_json` | `fields`, `responses` | the same, but it does not say which responses were discarded |
| CSV, JSON, JSON lines | the rest | `id`, `hash`; `label`, `answer` or `chosen`; `by`, else the file's name |
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from toolkit.core.errors import InputError
from toolkit.core.jsontext import Malformed, parse
from toolkit.label.answers import STATUSES
from toolkit.label.match import Said

NAMES = ("label", "answer", "chosen")
PEOPLE = ("by", "annotator", "user")
FORMULA = ("=", "+", "-", "@", "\t", "\r")
Record = Mapping[str, Any]


def said_in_all(paths: Iterable[Path]) -> list[Said]:
    """The answers of several files, in their order; one that is there twice, by its bytes, is read once.

    Raises InputError for a file that cannot be read, naming the line.
    """
    seen: set[bytes] = set()
    found: list[Said] = []
    for path in paths:
        content = _bytes(path)
        if content not in seen:
            records = _records(content.removeprefix(b"\xef\xbb\xbf"), path.name)
            found += [each for where, record in records for each in _reader(record)(record, where, path.stem)]
        seen.add(content)
    return found


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as failure:
        fix = "name files of answers: a log, an export of Label Studio or Argilla, CSV or JSON lines"
        raise InputError(f"{path} cannot be read: {failure.strerror}", fix) from failure


def _records(content: bytes, name: str) -> Iterator[tuple[str, Record]]:
    start = content.lstrip()[:1]
    if start == b"[":
        yield from _array(content, name)
    elif start == b"{":
        yield from _lines(content, name)
    elif start:
        yield from _table(content, name)


def _array(content: bytes, name: str) -> Iterator[tuple[str, Record]]:
    found = parse(content)
    if isinstance(found, Malformed):
        raise InputError(f"{name} is no JSON: {found.reason}", "export it again")
    # The converter of Label Studio writes a list for each of its files.
    listed = [one for each in found.value for one in (each if isinstance(each, list) else [each])]
    for at, each in enumerate(listed, 1):
        yield f"{name}, entry {at}", _object(each, f"{name}, entry {at}")


def _lines(content: bytes, name: str) -> Iterator[tuple[str, Record]]:
    lines, is_log = content.split(b"\n"), False
    for at, line in enumerate(lines, 1):
        if not line.strip():
            continue
        found = parse(line)
        if isinstance(found, Malformed):
            if at == len(lines) and is_log:  # half an answer that a crash has left, which `append` will cut
                return
            raise InputError(f"{name}, line {at}: {found.reason}", "one answer a line")
        record = _object(found.value, f"{name}, line {at}")
        is_log = _reader(record) is _log
        yield f"{name}, line {at}", record


def _table(content: bytes, name: str) -> Iterator[tuple[str, Record]]:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as failure:
        raise InputError(f"{name} is not UTF-8", "save it as CSV in UTF-8") from failure
    first = text.split("\n", 1)[0]
    mark = max(",;\t", key=first.count)
    table = csv.DictReader(io.StringIO(text, newline=""), delimiter=mark, strict=True)
    if not {"id", "hash"} <= set(table.fieldnames or ()):
        raise InputError(f"{name} has no columns `id` and `hash`", "keep those that `toolkit sample --to csv` wrote")
    try:
        for row in table:
            where = f"{name}, line {table.line_num}"
            if None in row or None in row.values():
                raise InputError(f"{where} has another number of cells than the header", "mend the line")
            yield where, {key: _bare(cell) for key, cell in row.items()}
    except csv.Error as failure:
        raise InputError(f"{name}, line {table.line_num}: {failure}", "save it as CSV again") from failure


def _bare(cell: str) -> str:
    """A cell without the quote that keeps a spreadsheet from running it."""
    return cell[1:] if cell[:1] == "'" and cell[1:2] in FORMULA else cell


def _object(value: Any, where: str) -> Record:
    if not isinstance(value, dict):
        raise InputError(f"{where} is no object", "one answer each, as an object with id and hash")
    return value


def _reader(record: Record) -> Callable[[Record, str, str], Iterator[Said]]:
    if isinstance(record.get("data"), dict) and "annotations" in record:
        return _label_studio
    if "annotation_id" in record and "annotator" in record:
        return _label_studio_min
    if isinstance(record.get("fields"), dict) and "responses" in record:
        return _argilla
    if "_server_id" in record or any(key.endswith(".responses") for key in record):
        return _argilla_flat
    return _log if {"kind", "value", "by"} <= record.keys() else _plain


def _log(record: Record, where: str, name: str) -> Iterator[Said]:
    status = _status(record, where)
    yield Said(where, _text(record, "id"), _text(record, "hash"), _text(record, "by"), record["value"], status)


def _plain(record: Record, where: str, name: str) -> Iterator[Said]:
    given = [record[key] for key in NAMES if record.get(key) not in (None, "")]
    if len(given) > 1:
        raise InputError(f"{where} has {len(given)} answers", "one of label, answer and chosen")
    by = next((str(record[key]) for key in PEOPLE if record.get(key)), name)
    status = _status(record, where) if record.get("status") else "answered"
    if status == "answered" and not given:
        status = ""
    yield Said(where, _text(record, "id"), _text(record, "hash"), by, given[0] if given else None, status)


def _status(record: Record, where: str) -> str:
    status = record.get("status", "answered")
    if status not in STATUSES:
        raise InputError(f"{where}: a status of {str(status)[:40]!r}", f"one of: {', '.join(STATUSES)}")
    return str(status)


def _text(record: Record, key: str) -> str:
    return str(record.get(key) or "")


def _label_studio(record: Record, where: str, name: str) -> Iterator[Said]:
    ref, content = _text(record["data"], "id"), _text(record["data"], "hash")
    done = [each for each in record["annotations"] or () if isinstance(each, dict)]
    for each in sorted(done, key=lambda each: str(each.get("updated_at") or "")):
        if each.get("was_cancelled"):
            yield Said(where, ref, content, _person(each), None, "skipped")
        elif results := each.get("result"):
            yield Said(where, ref, content, _person(each), _choice(results, where))
    if not any(each.get("was_cancelled") or each.get("result") for each in done):
        yield Said(where, ref, content, "", None, "")


def _person(annotation: Record) -> str:
    by = annotation.get("completed_by")
    return str(by.get("email") or by.get("id")) if isinstance(by, dict) else f"annotator {by}"


def _choice(results: Any, where: str) -> str:
    """The one choice or text of an annotation."""
    values = [each["value"] for each in results if isinstance(each, dict) and isinstance(each.get("value"), dict)]
    found = [one for value in values for one in value.get("choices", value.get("text", ()))]
    if len(found) != 1 or not isinstance(found[0], str):
        raise InputError(f"{where}: {len(found)} answers of one annotator, one is asked for", "choose one")
    return found[0]


def _label_studio_min(record: Record, where: str, name: str) -> Iterator[Said]:
    value = record.get("label", record.get("answer"))
    by = record["annotator"]
    person = by if isinstance(by, str) else f"annotator {by}"
    if value is not None and not isinstance(value, str):
        raise InputError(f"{where}: several answers of one annotator, one is asked for", "choose one")
    yield Said(where, "", _text(record, "hash"), person, value, "answered" if value else "")


def _argilla(record: Record, where: str, name: str) -> Iterator[Said]:
    ref, _, content = _text(record, "id").rpartition("#")
    responses = record["responses"] or {}
    question = next((key for key in (*NAMES, *responses) if key in responses), "")
    pairs = [(each.get("value"), each.get("user_id")) for each in responses.get(question, ())]
    yield from _responses(pairs, ref, content, where)


def _argilla_flat(record: Record, where: str, name: str) -> Iterator[Said]:
    ref, _, content = _text(record, "id").rpartition("#")
    key = next((each for each in record if each.endswith(".responses")), "")
    values, users, states = (record.get(f"{key}{end}") or () for end in ("", ".users", ".status"))
    if not len(values) == len(users) == len(states or users):
        raise InputError(f"{where}: {len(values)} responses of {len(users)} users", "export it again")
    kept = [pair for pair, state in zip(zip(values, users, strict=True), states or users, strict=True) if _sent(state)]
    yield from _responses(kept, ref, content, where)


def _sent(state: Any) -> bool:
    return state not in ("draft", "discarded")


def _responses(pairs: list[tuple[Any, Any]], ref: str, content: str, where: str) -> Iterator[Said]:
    for value, user in pairs:
        yield Said(where, ref, content, f"user {user}", value)
    if not pairs:
        yield Said(where, ref, content, "", None, "")
