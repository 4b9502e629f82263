"""What is asked on the page: the rows of a queue, or the rows of a run in which checks found something."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from toolkit.core.errors import InputError
from toolkit.sample.queue import FILE, QueueRow, read_queue

MOST_GUIDELINE = 1 << 20


@dataclass(frozen=True, slots=True)
class Task:
    """One question. where, reason, fate: words beside the text; nearest: `{words, text, label}` of rows like it.

    draft: `{label, confidence}`, `{answer}` or `{answers}` as in the queue, `{row}` for a finding, or None.
    """

    id: str
    hash: str
    kind: str
    text: str
    where: str = ""
    reason: str = ""
    draft: Mapping[str, Any] | None = None
    nearest: tuple[Mapping[str, Any], ...] = ()
    blind: bool = False
    fate: str = ""


@dataclass(frozen=True, slots=True)
class Board:
    """All questions of a page in their order. classes: what may be chosen, from which a person may depart."""

    name: str
    tasks: tuple[Task, ...]
    classes: tuple[str, ...] = ()
    guideline: str = ""
    place: Mapping[tuple[str, str], int] = field(default_factory=dict)

    @staticmethod
    def of(name: str, tasks: Sequence[Task], classes: Sequence[str] = (), guideline: str = "") -> Board:
        """A board of tasks. Raises InputError where there are none, or two are the same."""
        if not tasks:
            raise InputError(f"{name} asks nothing", "draw rows to label with `toolkit sample`")
        place = {(task.id, task.hash): at for at, task in enumerate(tasks)}
        if len({task.id for task in tasks}) < len(tasks):
            what = f"{name} has rows that share an id, and answers come back by it"
            raise InputError(what, "give the pool's rows ids of their own, or none, and draw again")
        return Board(name, tuple(tasks), tuple(classes), guideline, place)


def of_queue(queue: Path, guideline: str = "") -> Board:
    """The questions of a `queue.jsonl`, or of the folder that holds one. Raises InputError for what is none."""
    path = queue / FILE if queue.is_dir() else queue
    rows = list(read_queue(path))
    name = path.parent.resolve().name if path.name == FILE else path.name
    return Board.of(name, [_asked(row) for row in rows], _classes(path, rows), guideline)


def guideline_of(path: str) -> str:
    """The text of a guideline, shown as it is; empty where none is named. Raises InputError."""
    if not path:
        return ""
    try:
        return Path(path).read_bytes()[:MOST_GUIDELINE].decode("utf-8", "replace")
    except OSError as failure:
        raise InputError(f"{path} cannot be read: {failure.strerror}", "name a text or Markdown file") from failure


def sides(task: Task, by: str) -> list[dict[str, Any]]:
    """The drafts of a preference with their places, in an order that the row and the person decide.

    So neither draft is always the first, and the same person sees the same order again.
    """
    answers = list((task.draft or {}).get("answers", ()))
    order = sorted(range(len(answers)), key=lambda at: hashlib.blake2b(f"{by}\0{task.hash}\0{at}".encode()).digest())
    return [{"index": at, "text": as_text(answers[at])} for at in order]


def as_text(value: Any) -> str:
    """A draft as text: a string as it is, turns of a chat by their roles, anything else as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(
        isinstance(each, Mapping) and isinstance(each.get("content"), str) for each in value
    ):
        return "\n\n".join(f"{each.get('role', '?')}: {each['content']}" for each in value)
    return json.dumps(value, ensure_ascii=False, indent=2)


def _asked(row: QueueRow) -> Task:
    if row.kind == "preference" and len((row.draft or {}).get("answers", ())) < 2:
        raise InputError(f"{row.id} has no two drafts to choose between", "draw the queue again with `toolkit sample`")
    # A label that is known before one looks is agreed with too often, and these rows measure the model.
    blind = row.group == "audit" and row.kind == "class" and row.draft is not None
    told = {"audit": "drawn by chance", "novel": "a new topic, or out of scope?"}.get(row.group, row.group)
    many = f", stands for {row.n_similar:,} requests" if row.n_similar > 1 else ""
    near = () if row.nearest is None else (_near(row.nearest),)
    reason = "" if blind else row.reason
    return Task(
        row.id, row.hash, row.kind, row.text, told + many, reason, None if blind else row.draft, near, blind=blind
    )


def _near(nearest: Mapping[str, Any]) -> dict[str, Any]:
    label, like = nearest.get("label"), nearest.get("similarity")
    words = ", ".join([f"labelled {label}"] * (label is not None) + [f"cosine {like:.2f}"] * isinstance(like, float))
    return {"words": words, "text": str(nearest.get("text", "")), "label": label}


def _classes(queue: Path, rows: Sequence[QueueRow]) -> list[str]:
    """The classes that the draw knew of, else those that drafts and neighbours name."""
    try:
        told = json.loads((queue.parent / "queue.json").read_text(encoding="utf-8")).get("classes", [])
    except (OSError, ValueError, AttributeError):
        told = []
    named = [(row.draft or {}).get("label") for row in rows] + [(row.nearest or {}).get("label") for row in rows]
    return [str(each) for each in told] + sorted(
        {str(each) for each in named if each is not None} - set(map(str, told))
    )
