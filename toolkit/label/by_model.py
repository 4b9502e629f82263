"""Labels by a model: the same queue, a budget, and nothing accepted before people's answers say how good they are.

Agreement is held against the rows of the audit slice that people answered, with Wilson's interval: the
model never sees an answer. Where nobody has answered one, nobody can tell, and nothing is accepted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NamedTuple

import orjson

from toolkit.advise.ladder_ask import timed
from toolkit.advise.ladder_prompt import Form
from toolkit.core.errors import UsageError
from toolkit.core.request import Message, Request
from toolkit.generate.ask import ask
from toolkit.generate.budget import Budget
from toolkit.label.answers import Answer
from toolkit.label.consensus import consensus
from toolkit.label.match import MODEL, Said, match
from toolkit.label.merge import Merged, classes_of, merge_said
from toolkit.label.sources import said_in_all
from toolkit.sample.queue import QueueRow, read_queue
from toolkit.stats.intervals import wilson
from toolkit.store import labels
from toolkit.store.labels import Decided, Key, Value
from toolkit.write import whole_file

FOLDER = "by-model"
CHOICES = ("A", "B")
PLAIN = "Name the class of the text that the user sends. Answer with the name of one class, and nothing else."
CHOOSE = "Two answers to one request follow. Answer with A or B alone: the letter of the better answer."


class Agreement(NamedTuple):
    """The share of `rows` on which the model says what people said, with its 95 % interval."""

    hits: int
    rows: int
    rate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Asking:
    """Whom to ask and what for. accept: the agreement that the interval's lower end must reach; None accepts nothing.

    usd: a cap in dollars. guideline: words put before the question. human: files of people's answers.
    """

    model: str
    usd: float | None = None
    base_url: str = ""
    guideline: str = ""
    accept: float | None = None
    human: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Labelled:
    """A model's labels. rows: asked; answered: with a usable answer; unclear: replies that name no class.

    path: the answers as a log. audit, rest: agreement on the audit slice and on other rows that people
    answered, None where there are none. accepted: None where nobody asked to accept.
    """

    model: str
    path: Path
    rows: int
    answered: int
    unclear: int
    stopped: str
    cost_usd: float | None
    audit: Agreement | None
    rest: Agreement | None
    accepted: bool | None
    verdict: str
    merged: Merged | None

    @property
    def fit(self) -> bool:
        """Whether what was asked for was done."""
        return self.accepted is not False


def label_by_model(
    queue: str | Path,
    asking: Asking,
    *,
    into: str | Path | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Labelled:
    """Ask a model for the class or the better draft of every row of a queue that wants one.

    Raises UsageError for a model without a price under a cap, or a queue without such rows and classes,
    ProviderError where the model cannot be asked. What was answered is not asked twice.
    """
    path = Path(queue)
    rows = [row for row in read_queue(path) if row.kind in ("class", "preference")]
    classes = _classes(path, rows, asking)
    if asking.accept is not None and (into is None or not 0 < asking.accept <= 1):
        raise UsageError("--accept wants a share of agreement and a file", "--accept 0.9 --into train.jsonl")
    model = timed(asking.model, "--by", base_url=asking.base_url, capped=asking.usd is not None)
    form = Form(f"{asking.guideline}\n\n{PLAIN}".strip(), classes)
    found = ask(
        model, [_request(row, form, asking) for row in rows], folder=path.parent / FOLDER,
        budget=Budget(usd=asking.usd), progress=progress,
    )  # fmt: skip
    texts = [None if each.reply is None else each.reply.text for each in found.answers]
    said = {
        row.id: value for row, text in zip(rows, texts, strict=True) if (value := _said(row, form, text)) is not None
    }
    log = _written(path.parent / f"{FOLDER}-{_name(asking.model)}.jsonl", rows, said, asking.model)
    people = human_labels(path, asking.human, None if into is None else Path(into))
    audit, rest = (_agreement(rows, said, people, audit=side) for side in (True, False))
    accepted, verdict = _judged(audit, asking.accept, complete=all(each.reply or each.dead for each in found.answers))
    made = _merge(path, Path(into), said, rows, (people, asking.model)) if accepted and into is not None else None
    unclear = sum(text is not None for text in texts) - len(said)
    return Labelled(
        asking.model, log, len(rows), len(said), unclear, found.stopped, found.cost_usd, audit, rest, accepted,
        verdict, made,
    )  # fmt: skip


def human_labels(queue: Path, files: Sequence[Path], into: Path | None) -> dict[Key, Value]:
    """What people said of the rows of a queue, by id and hash: in files of answers and in what was merged."""
    beside = None if into is None else labels.beside(into)
    known = labels.current(labels.read(beside)) if beside is not None and beside.is_file() else {}
    own = {key: person for key, each in known.items() if (person := _without_models(each)).said}
    votes = match(said_in_all(files), list(read_queue(queue)), own).votes
    found = consensus(votes).rows
    return {key: each.value for key, each in found.items() if each.status == "answered" and each.value is not None}


def _without_models(each: Decided) -> Decided:
    return replace(each, said={by: value for by, value in each.said.items() if not by.startswith(MODEL)})


def _classes(queue: Path, rows: Sequence[QueueRow], asking: Asking) -> tuple[str, ...]:
    if not rows:
        fix = "a model's free text is no label: edit such rows with toolkit label QUEUE --serve"
        raise UsageError(f"no row of {queue} asks for a class or a choice", fix)
    classes = classes_of(queue)
    if len(classes) < 2 and any(row.kind == "class" for row in rows):
        raise UsageError(f"{queue} knows no classes", "draw it with toolkit sample POOL --train LABELLED")
    return classes


def _request(row: QueueRow, form: Form, asking: Asking) -> Request:
    if row.kind == "class":
        return form.asked(row.text)
    first, second = _shown(row)
    told = f"REQUEST\n{row.text}\n\nANSWER A\n{first}\n\nANSWER B\n{second}"
    system = f"{asking.guideline}\n\n{CHOOSE}".strip()
    return Request(messages=(Message("system", system), Message("user", told)))


def _turned(row: QueueRow) -> bool:
    """Whether the drafts are shown the other way round, which half of the rows are: models like the first."""
    return int(row.hash[-1], 16) % 2 == 1


def _shown(row: QueueRow) -> tuple[str, str]:
    one, other = (
        each if isinstance(each, str) else orjson.dumps(each).decode() for each in (row.draft or {})["answers"][:2]
    )
    return (other, one) if _turned(row) else (one, other)


def _said(row: QueueRow, form: Form, text: str | None) -> Value | None:
    """The value that a reply gives; None where it gives none."""
    if text is None or row.kind == "class":
        return None if text is None else form.answer(text)
    letter = text.strip().strip("*.").upper()
    return (CHOICES.index(letter) ^ _turned(row)) if letter in CHOICES else None


def _written(path: Path, rows: Sequence[QueueRow], said: Mapping[str, Value], model: str) -> Path:
    with whole_file(path) as file:
        for row in rows:
            if row.id in said:
                file.write(
                    orjson.dumps(asdict(Answer(row.id, row.hash, row.kind, said[row.id], f"{MODEL}{model}"))) + b"\n"
                )
    return path


def _name(model: str) -> str:
    return "".join(char if char.isalnum() or char in ".-" else "-" for char in model)


def _agreement(
    rows: Sequence[QueueRow], said: Mapping[str, Value], people: Mapping[Key, Value], *, audit: bool
) -> Agreement | None:
    """Over rows that people answered; one that the model did not answer is no hit."""
    judged = [row for row in rows if (row.id, row.hash) in people and (row.group == "audit") == audit]
    if not judged:
        return None
    hits = sum(said.get(row.id) == people[row.id, row.hash] for row in judged)
    return Agreement(hits, len(judged), hits / len(judged), *wilson(hits, len(judged)))


def _judged(audit: Agreement | None, accept: float | None, *, complete: bool) -> tuple[bool | None, str]:
    if accept is None:
        return None, "nothing is accepted: add --accept SHARE --into FILE"
    if audit is None:
        return False, "CANNOT TELL: nothing is accepted before people have answered rows whose group is audit"
    if audit.low < accept:
        more = " Answer more of the audit rows: the interval is wide." if audit.high >= accept else ""
        return False, f"not accepted: the lower end of the interval, {audit.low:.1%}, is under {accept:.1%}.{more}"
    if not complete:
        return False, "not accepted: not every row was asked. Raise the budget and run the command again"
    return True, f"accepted: the lower end of the interval, {audit.low:.1%}, reaches {accept:.1%}"


def _merge(
    queue: Path, into: Path, said: Mapping[str, Value], rows: Sequence[QueueRow], of: tuple[Mapping[Key, Value], str]
) -> Merged:
    """Merge the model's labels of rows that no person has answered."""
    people, model = of
    own = [
        Said(f"{model}, {row.id}", row.id, row.hash, f"{MODEL}{model}", said[row.id])
        for row in rows
        if row.id in said and (row.id, row.hash) not in people
    ]
    return merge_said(own, queue, into)
