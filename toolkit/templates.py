"""The verb: what the chat templates of several models make of the same rows, side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from toolkit.chat.example import READS, Example, examples, stage_of
from toolkit.chat.render import Job, Rendered, Renderer
from toolkit.chat.tokenizer import Tokenizer, load
from toolkit.checks.chat_template import MARK, kinds
from toolkit.core import secrets
from toolkit.core.errors import InputError, UsageError
from toolkit.read import Progress, ReadOptions
from toolkit.tokens import rows_of

BATCH = 512
SHOWN = 300
GREETING = "…"
"""What the user says in the shortest conversation: every template's own words stand out around it."""


@dataclass(frozen=True)
class Seen:
    """One model's template. marks: it says which tokens are answers. opening: a conversation of one user turn `…`, and
    the beginning of an answer, as it renders them. counts: rows in which it loses each kind of thing. tokens: of
    all renderings."""

    model: str
    marks: bool
    opening: str
    counts: dict[str, int]
    tokens: int


@dataclass(frozen=True)
class Templates:
    """seen: by model, in the order asked. differ: rows that not all templates show alike. examples: for each kind
    that some templates lose and others do not, the first such row as one of each renders it, secrets masked."""

    part: str
    rows: int
    seen: list[Seen]
    differ: int
    examples: list[dict[str, Any]] = field(default_factory=list)

    def __repr__(self) -> str:
        return f"<Templates {len(self.seen)} over {self.rows:,} rows, {self.differ:,} shown differently>"


def templates(
    data: Any, models: Sequence[str], *, reading: ReadOptions | None = None, progress: Progress | None = None
) -> Templates:
    """Render the rows of `data` (a run, or what `verify` takes) with each model's template and say what each loses.

    models: folders with a tokenizer, or ids in the Hub cache. Lost are the kinds of the check chat-template.
    Raises UsageError without a model, or for rows that pass no template; InputError where there is no row.
    """
    if not models:
        raise UsageError("no model is named", "add --model FOLDER, best two or more of them")
    tokenizers = [load(name) for name in models]
    rows, differ = 0, 0
    found: dict[str, dict[str, Any]] = {}
    with TemporaryDirectory() as scratch, ExitStack() as open_:
        looks = [
            _Look(name, each, open_.enter_context(Renderer(each.template, each.special)))
            for name, each in zip(_names(models), tokenizers, strict=True)
        ]
        view, part = rows_of(data, Path(scratch), reading, progress)
        if not view.n_rows:
            raise InputError("there is no row to render", "read kept.jsonl of the run, or name another file")
        if stage_of(view.manifest.format) == "" or view.manifest.format == "text":
            what = f"{view.manifest.format} rows pass no chat template"
            raise UsageError(what, "this is for conversations, prompts with answers, and pairs")
        for batch in view.batches(*READS, size=BATCH):
            some = list(examples(batch))
            lost = [look.batch(some) for look in looks]
            rows += len(some)
            for at, row in enumerate(some):
                differ += _note(found, row, [(look, each[at]) for look, each in zip(looks, lost, strict=True)])
            if progress is not None:
                progress("templates", rows, view.n_rows)
    return Templates(part, rows, [look.seen() for look in looks], differ, list(found.values()))


def _names(models: Sequence[str]) -> list[str]:
    """The last parts of folders' names, where they tell the models apart."""
    short = [Path(name).name if Path(name).is_dir() else name for name in models]
    return short if len(set(short)) == len(short) else list(models)


Shown = tuple[Rendered, frozenset[str]]


class _Look:
    """One template under way."""

    def __init__(self, name: str, tokenizer: Tokenizer, renderer: Renderer) -> None:
        self.name = name
        self.tokenizer = tokenizer
        self.renderer = renderer
        self.counts: Counter[str] = Counter()
        self.tokens = 0
        first = self.renderer.render([Job([{"role": "user", "content": GREETING}], generation=True)])[0]
        self.opening = first.text or first.error

    def batch(self, rows: Sequence[Example]) -> list[Shown]:
        """Each row's rendering and the kinds of what it loses."""
        rendered = self.renderer.render([Job(row.chat, row.tools) for row in rows])
        self.tokens += sum(len(each.ids) for each in self.tokenizer.encode([each.text for each in rendered]))
        lost = [
            frozenset({"raises"} if each.error else kinds(row, each.text))
            for row, each in zip(rows, rendered, strict=True)
        ]
        self.counts.update(kind for each in lost for kind in each)
        return list(zip(rendered, lost, strict=True))

    def seen(self) -> Seen:
        marks = bool(MARK.search(self.tokenizer.template))
        return Seen(self.name, marks, self.opening, dict(self.counts.most_common()), self.tokens)


def _note(found: dict[str, dict[str, Any]], row: Example, looks: list[tuple[_Look, Shown]]) -> bool:
    """Keep the row as the example of each kind that some of the templates lose; whether there is such a kind."""
    every = frozenset.union(*(lost for _, (_, lost) in looks))
    differing = every - frozenset.intersection(*(lost for _, (_, lost) in looks))
    for kind in sorted(differing - found.keys()):
        without = next((look, shown) for look, (shown, lost) in looks if kind in lost)
        whole = next((look, shown) for look, (shown, lost) in looks if kind not in lost)
        found[kind] = {
            "kind": kind,
            "row": row.ref,
            "lost_by": without[0].name,
            "shown_by": whole[0].name,
            "lost": _excerpt(without[1]),
            "shown": _excerpt(whole[1]),
        }
    return bool(differing)


def _excerpt(rendered: Rendered) -> str:
    text = secrets.masked(rendered.text or rendered.error)
    return text[:SHOWN] + ("…" if len(text) > SHOWN else "")
