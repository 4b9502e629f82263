"""The files that a decision leaves: what stays, in the shape it came in, and what leaves, with reasons."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.core.policy import Policy
from toolkit.store.dataset import Dataset
from toolkit.store.folder import folder_error
from toolkit.store.ledger import Ledger


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """A file that appears under its name only when it is complete. Raises MachineError when it cannot be."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("wb") as file:
            yield file
        draft.replace(path)
    except OSError as failure:
        raise folder_error(path.parent, failure) from failure
    finally:
        draft.unlink(missing_ok=True)


def write_kept(data: Dataset, rejected: np.ndarray, path: Path) -> int:
    """Write every row that is not rejected as one line of its own JSON; returns how many."""
    return write_rows(data, path, lambda rows: ~np.isin(rows, rejected, assume_unique=True))


def write_rows(data: Dataset, path: Path, chosen: Any) -> int:
    """Write the rows for which `chosen(ordinals)`, a mask of shape (n,), is true, in order; returns how many."""
    n = 0
    with whole_file(path) as file:
        for batch in data.batches(("raw",)):
            mask = chosen(batch.column("row").to_numpy())
            lines = batch.column("raw").filter(pa.array(mask)).to_pylist()
            n += len(lines)
            if lines:
                file.write(("\n".join(map(one_line, lines)) + "\n").encode("utf-8"))
    return n


def write_quarantine(data: Dataset, ledger: Ledger, policy: Policy, rejected: np.ndarray, path: Path) -> int:
    """Write every rejected record with its reasons; returns how many. Bytes that are not UTF-8 go in base64."""
    reasons = _reasons(ledger, policy)
    n = 0
    with whole_file(path) as file:
        for record in _merged(data, rejected):
            line = {"ref": record["ref"], "reasons": reasons.get(record["row"], []), **_content(record)}
            file.write(orjson.dumps(line) + b"\n")
            n += 1
    return n


def _reasons(ledger: Ledger, policy: Policy) -> dict[int, list[dict[str, str]]]:
    """Why each row was flagged by a rule that rejects: check, kind, message and the row it is like."""
    found: dict[int, list[dict[str, str]]] = {}
    for run in ledger.rows(
        """SELECT run, "check" FROM runs WHERE scope = 'input' AND status = 'ran' ORDER BY code, run"""
    ):
        rule = policy.rule(run["check"])
        keeps = [name for name, kind in rule.kinds.items() if not kind.flag or kind.reject is False]
        rejects = [name for name, kind in rule.kinds.items() if kind.reject]
        sql = """SELECT "row", kind, first(message ORDER BY score DESC, other_ref) AS message,
                 first(other_ref ORDER BY score DESC, other_ref) AS other FROM findings
                 WHERE run = ? AND "row" IS NOT NULL AND (score >= ? OR "column" = 'record')
                 AND ((? AND NOT list_contains(?, kind)) OR list_contains(?, kind) OR "column" = 'record')
                 GROUP BY "row", kind ORDER BY "row", kind"""
        for batch in ledger.stream(sql, [run["run"], rule.flag_at, rule.reject, keeps, rejects]):
            for each in batch.to_pylist():
                reason = {"check": run["check"], "kind": each["kind"], "message": each["message"]}
                if each["other"] is not None:
                    reason["other"] = each["other"]
                found.setdefault(each["row"], []).append(reason)
    return found


def _merged(data: Dataset, rejected: np.ndarray) -> Iterator[dict[str, Any]]:
    """Rejected rows and unread records, in the order of the input."""
    unread = iter(data.rejects().select(["row", "ref", "raw"]).to_pylist())
    waiting = next(unread, None)
    for batch in data.batches(("ref", "raw")):
        chosen = batch.filter(pc.is_in(batch.column("row"), value_set=pa.array(rejected)))
        for row in chosen.to_pylist():
            while waiting is not None and waiting["row"] < row["row"]:
                yield waiting
                waiting = next(unread, None)
            yield row
    while waiting is not None:
        yield waiting
        waiting = next(unread, None)


def _content(record: dict[str, Any]) -> dict[str, Any]:
    raw = record["raw"]
    if isinstance(raw, str):
        return {"row": orjson.Fragment(one_line(raw))}
    try:
        return {"text": raw.decode("utf-8")}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(raw).decode("ascii")}


def one_line(text: str) -> str:
    """A row's JSON without line breaks; in JSON they can stand only between tokens."""
    if "\n" not in text and "\r" not in text:
        return text
    return re.sub(r"[\r\n]+[ \t]*", "", text)
