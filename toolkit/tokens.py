"""The verb: how many tokens rows have, of which roles, which rows are the longest, and what they cost to train on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import nlargest
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

from toolkit.chat.example import READS, examples
from toolkit.core import turns
from toolkit.core.errors import InputError, UsageError
from toolkit.core.tools import functions
from toolkit.core.types import Turn
from toolkit.decide import decide
from toolkit.findings import policy_of
from toolkit.outbound import lengths
from toolkit.outbound.example import Message, Unfit, messages
from toolkit.read import Progress, ReadOptions, read
from toolkit.split import load_split
from toolkit.store.dataset import Dataset
from toolkit.store.folder import is_run, open_run
from toolkit.store.ledger import Ledger
from toolkit.store.view import View

BATCH = 256
QUANTILES = (50, 90, 95, 99, 100)
LONGEST = 10


@dataclass(frozen=True)
class Tokens:
    """rows, total: of what was counted (`part`). by_role: tokens of each role, `tools` for declared tools.
    quantiles: of a row's tokens. exact: counted by the model's tokenizer; otherwise estimated, `error` the
    largest error of a file seen. usd: None without a price; price: what was priced, in words."""

    model: str
    part: str
    rows: int
    total: int
    by_role: dict[str, int]
    quantiles: dict[str, int]
    mean: float
    longest: list[dict[str, Any]]
    exact: bool
    error: float
    usd: float | None = None
    price: str = ""

    def __repr__(self) -> str:
        return f"<Tokens {self.total:,} in {self.rows:,} rows, {'counted' if self.exact else 'estimated'}>"


class _Piece(NamedTuple):
    """One text of a row. role: whose it is."""

    role: str
    text: str


def tokens(
    data: Any,
    model: str = "",
    *,
    usd_per_million: float | None = None,
    epochs: float = 1.0,
    reading: ReadOptions | None = None,
    progress: Progress | None = None,
) -> Tokens:
    """Count the tokens of `data`: a run (its rows to train on) or anything that `verify` takes.

    model: a folder with tokenizer.json, a model in the Hub cache, or a priced model's name such as
    `anthropic:claude-haiku-4-5`, whose tokens are estimated. Counted are contents, calls and declared
    tools, each alone; what a chat template puts around them is counted by `toolkit dry-run`. usd_per_million: what
    a million trained tokens cost; without it, the price of reading them as a prompt, where the price table
    has one. Raises InputError for data or a tokenizer that cannot be read, UsageError for a price below 0.
    """
    if (usd_per_million is not None and usd_per_million < 0) or epochs <= 0:
        raise UsageError("a price is not below 0, and epochs are above 0", "--price 25 --epochs 3")
    priced = _price(model)
    local = "" if priced is not None or (model and ":" in model and not Path(model).exists()) else model
    if local:
        lengths.tokenizer(local)
    with TemporaryDirectory() as scratch:
        view, part = rows_of(data, Path(scratch), reading, progress)
        of_row, refs, by_role = _counted(view, local, progress)
    if not refs:
        raise InputError("there is no row to count", "read kept.jsonl of the run, or name another file")
    usd, price = _cost(sum(of_row), usd_per_million, epochs, priced)
    top = nlargest(LONGEST, range(len(refs)), key=lambda at: (of_row[at], -at))
    return Tokens(
        model=model,
        part=part,
        rows=len(refs),
        total=sum(of_row),
        by_role=dict(by_role.most_common()),
        quantiles={f"p{q}": int(np.percentile(of_row, q)) for q in QUANTILES},
        mean=sum(of_row) / len(refs),
        longest=[{"row": refs[at], "tokens": of_row[at]} for at in top],
        exact=bool(local),
        error=0.0 if local else lengths.ERROR,
        usd=usd,
        price=price,
    )


def _price(model: str) -> float | None:
    from toolkit.core.prices import price_of

    found = price_of(model) if ":" in model else None
    return None if found is None else found.input


def _cost(n: int, given: float | None, epochs: float, read_price: float | None) -> tuple[float | None, str]:
    if given is not None:
        return n * epochs * given / 1e6, f"training, {epochs:g} epochs at {given:g} USD a million"
    if read_price is not None:
        return n * read_price / 1e6, f"read once as a prompt at {read_price:g} USD a million"
    return None, ""


def rows_of(data: Any, scratch: Path, reading: ReadOptions | None, progress: Progress | None) -> tuple[View, str]:
    """The rows to look at and what they are called: of a run those of train, else those that stay."""
    if isinstance(data, str | Path) and is_run(data):
        folder = open_run(data)
        with Ledger(folder.ledger, read_only=True) as ledger:
            stays = decide(ledger, policy_of(ledger)).stays
        split = load_split(folder, stays)
        if split is not None:
            return View(split.train.data, READS, split.train.keep), "train"
        return View(Dataset(folder.dataset), READS, stays), "the rows that stay"
    return View(read(data, scratch / "data", reading, progress), READS), "all rows"


def _counted(view: View, model: str, progress: Progress | None) -> tuple[list[int], list[str], Counter[str]]:
    """The tokens of each row, the rows' refs, and the tokens of each role."""
    of_row: list[int] = []
    refs: list[str] = []
    by_role: Counter[str] = Counter()
    for batch in view.batches(*READS, size=BATCH):
        rows = examples(batch)
        rejected = batch.column("rejected").to_pylist()
        pieces = [list(_pieces(row, other)) for row, other in zip(rows, rejected, strict=True)]
        flat = [piece for some in pieces for piece in some]
        found = iter(lengths.count([piece.text for piece in flat], model))
        for some in pieces:
            counts = list(islice(found, len(some)))
            of_row.append(sum(counts))
            for piece, n in zip(some, counts, strict=True):
                by_role[piece.role] += n
        refs += batch.column("ref").to_pylist()
        if progress is not None:
            progress("tokens", len(refs), view.n_rows)
    return of_row, refs, by_role


def _pieces(row: Any, rejected: list[dict[str, Any]] | None) -> Iterator[_Piece]:
    if row.text is not None:
        yield _Piece("text", row.text)
    for message in row.chat:
        yield _Piece(str(message.get("role")), _said(message))
    for message in _as_messages(rejected):
        yield _Piece("rejected", _said(message))
    for tool in functions(turns.as_json(row.tools)) if row.tools else ():
        yield _Piece("tools", turns.as_json(tool))


def _as_messages(found: list[dict[str, Any]] | None) -> list[Message]:
    try:
        return messages([Turn(**each) for each in found or ()])
    except Unfit:
        return []


def _said(message: Message) -> str:
    content = message.get("content")
    calls = message.get("tool_calls")
    text = content if isinstance(content, str) else turns.content_of(content)[0] or ""
    return text if not calls else f"{text}\n{turns.as_json(calls)}"
