"""A queue in the files of labelling tools. Every row carries its id and hash, by which its answer comes back."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from toolkit.core.errors import UsageError, unknown
from toolkit.sample.queue import QueueRow
from toolkit.write import whole_file

CSV_COLUMNS = ("rank", "id", "hash", "group", "text", "draft", "reason", "n_similar", "label")


def label_studio(rows: Sequence[QueueRow]) -> list[dict[str, Any]]:
    """Tasks for an import into Label Studio, the model's draft as a prediction.

    It shows the lowest prediction score first, so the score is the place in the queue: 0 for the first.
    """
    return [_task(row, len(rows)) for row in rows]


def _task(row: QueueRow, n: int) -> dict[str, Any]:
    draft = row.draft or {}
    shown = {
        "text": row.text,
        "reason": row.reason,
        "id": row.id,
        "hash": row.hash,
        "rank": row.rank,
        "group": row.group,
        **({"answers": list(draft["answers"])} if "answers" in draft else {}),
    }
    result: list[dict[str, Any]] = []
    if "label" in draft:
        choice = {"choices": [draft["label"]]}
        result = [{"from_name": "label", "to_name": "text", "type": "choices", "value": choice}]
    elif "answer" in draft:
        result = [{"from_name": "answer", "to_name": "text", "type": "textarea", "value": {"text": [draft["answer"]]}}]
    scored = {"model_version": "toolkit", "score": round((row.rank - 1) / max(n, 1), 6), "result": result}
    return {"data": shown, "predictions": [scored]}


def label_studio_config(rows: Sequence[QueueRow], classes: Sequence[str]) -> str:
    """The labelling interface of a project for these rows: XML, hostile class names escaped."""
    kind = rows[0].kind if rows else "class"
    lines = ["<View>", '  <Header value="$reason"/>', '  <Text name="text" value="$text"/>']
    if kind == "class":
        lines.append('  <Choices name="label" toName="text" choice="single" showInLine="true">')
        lines += [f"    <Choice value={quoteattr(name)}/>" for name in classes]
        lines.append("  </Choices>")
    elif kind == "text":
        lines.append('  <TextArea name="answer" toName="text" editable="true" maxSubmissions="1"/>')
    else:
        lines.append('  <Choices name="label" toName="text" choice="single">')
        lines += ['    <Choice value="first"/>', '    <Choice value="second"/>', "  </Choices>"]
    return "\n".join([*lines, "</View>", ""])


def argilla(rows: Sequence[QueueRow]) -> list[dict[str, Any]]:
    """Records for Argilla's `Dataset.records.log`: a flat mapping each, the draft as a suggestion.

    The external id is `id#hash`, which comes back with every answer. The draft's confidence stays
    out: Argilla 2.8 takes no score from a flat mapping.
    """
    return [
        {
            "id": f"{row.id}#{row.hash}",
            "text": row.text,
            "reason": row.reason,
            "group": row.group,
            "rank": row.rank,
            "n_similar": row.n_similar,
            **_suggested(row.draft or {}),
        }
        for row in rows
    ]


def _suggested(draft: Mapping[str, Any]) -> dict[str, Any]:
    if "label" in draft:
        return {"label": draft["label"]}
    if "answers" in draft:
        return {"first": str(draft["answers"][0]), "second": str(draft["answers"][1])}
    return {"answer": draft["answer"]} if "answer" in draft else {}


def table(rows: Iterable[QueueRow]) -> str:
    """CSV with an empty `label` column to fill in. A cell that a spreadsheet would run as a formula starts with '."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for row in rows:
        draft = row.draft or {}
        shown = str(draft.get("label") or draft.get("answer") or "")
        cells = (row.rank, row.id, row.hash, row.group, row.text, shown, row.reason, row.n_similar, "")
        writer.writerow([_inert(cell) if isinstance(cell, str) else cell for cell in cells])
    return written.getvalue()


def _inert(cell: str) -> str:
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


def write_for(tool: str, rows: Sequence[QueueRow], folder: Path, classes: Sequence[str] = ()) -> list[Path]:
    """Write the queue for one tool: `label-studio`, `argilla` or `csv`. Raises UsageError for another."""
    if tool not in WRITERS:
        raise unknown("tool", tool, WRITERS)
    if len({row.kind for row in rows}) > 1 and tool == "label-studio":
        raise UsageError("rows of several kinds fit no one project of Label Studio", "--to argilla, csv, or label here")
    return [_written(folder / name, text) for name, text in WRITERS[tool](rows, classes).items()]


def _written(path: Path, text: str) -> Path:
    with whole_file(path) as file:
        file.write(text.encode())
    return path


def _label_studio_files(rows: Sequence[QueueRow], classes: Sequence[str]) -> dict[str, str]:
    tasks = json.dumps(label_studio(rows), ensure_ascii=False, indent=1)
    return {"label-studio.json": tasks, "label-studio.xml": label_studio_config(rows, classes)}


def _argilla_files(rows: Sequence[QueueRow], classes: Sequence[str]) -> dict[str, str]:
    return {"argilla.jsonl": "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in argilla(rows))}


def _csv_files(rows: Sequence[QueueRow], classes: Sequence[str]) -> dict[str, str]:
    return {"queue.csv": table(rows)}


WRITERS: dict[str, Callable[[Sequence[QueueRow], Sequence[str]], dict[str, str]]] = {
    "label-studio": _label_studio_files,
    "argilla": _argilla_files,
    "csv": _csv_files,
}
