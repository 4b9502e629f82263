"""A data set under a trainer: every row rendered, tokenised and judged, batch by batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from typing import Any

from toolkit.chat.example import Example, Trained
from toolkit.chat.render import Job, Rendered, Renderer
from toolkit.chat.tokenizer import Tokenizer

BATCH = 512
LEFT_OVER = "left over: the last batch is not full"


def forecast(
    trainer: Any, tokenizer: Tokenizer, rows: Iterable[Example], *, renderer: Renderer | None = None
) -> Iterator[tuple[Example, Trained]]:
    """What `trainer` makes of every row, in order.

    While one batch is tokenised, the next is rendered in another process. Raises InputError for a
    template that is missing, hangs or fills the memory. renderer: one that is open, else one is made.
    """
    with ExitStack() as stack:
        if renderer is None and (tokenizer.hf.chat_template or trainer.id != "llamafactory"):
            renderer = stack.enter_context(Renderer(tokenizer.template, tokenizer.special))
        ready = trainer.setup(tokenizer, renderer)
        for batch, waiting, sizes in _ahead(trainer, renderer, _batches(rows)):
            rendered = _grouped(renderer.take(waiting) if waiting and renderer else [], sizes)
            yield from zip(batch, trainer.dry_run(batch, rendered, tokenizer=tokenizer, ready=ready), strict=True)


Started = tuple[list[Example], "Future[bytes] | None", list[int]]


def _ahead(trainer: Any, renderer: Renderer | None, batches: Iterator[list[Example]]) -> Iterator[Started]:
    """Each batch with its rendering under way, the next one started before it is handed out."""
    before: Started | None = None
    for batch in batches:
        jobs = [trainer.jobs(row) for row in batch]
        flat: list[Job] = [job for each in jobs for job in each]
        started = renderer.send(flat) if flat and renderer else None
        if before is not None:
            yield before
        before = (batch, started, [len(each) for each in jobs])
    if before is not None:
        yield before


def _grouped(flat: Sequence[Rendered], sizes: Sequence[int]) -> list[list[Rendered]]:
    source = iter(flat)
    return [[next(source) for _ in range(size)] for size in sizes]


def _batches(rows: Iterable[Example]) -> Iterator[list[Example]]:
    batch: list[Example] = []
    for row in rows:
        batch.append(row)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def left_over(trainer: Any, columns: Sequence[int]) -> list[int]:
    """Places of the rows that a trainer never sees. columns: how many each row of the file has."""
    found: list[int] = trainer.left_over(columns) if hasattr(trainer, "left_over") else []
    return found
