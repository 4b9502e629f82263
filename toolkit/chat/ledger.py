"""The ledger of a dry run: one line a row of what a trainer keeps, cuts and trains on, and a few rows to see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.chat.example import READS, Example, Trained, examples
from toolkit.chat.forecast import LEFT_OVER, forecast, left_over
from toolkit.chat.tokenizer import Tokenizer
from toolkit.core import secrets
from toolkit.store.view import View

SCHEMA = pa.schema(
    [
        ("row", pa.int64()),
        ("ref", pa.string()),
        ("kept", pa.bool_()),
        ("reason", pa.string()),  # why it is not kept; empty for a row that is
        ("stops", pa.bool_()),  # the trainer stops with an error at this row
        ("full_tokens", pa.int32()),  # before the trainer cuts; of a pair, its longer side
        ("tokens", pa.int32()),
        ("trained_tokens", pa.int32()),
        ("wanted_tokens", pa.int32()),  # those that would have a loss if nothing were cut
        ("answer_cut", pa.bool_()),
        ("prompt_cut", pa.bool_()),
    ]
)
SHOWN = 3
LONGEST = 2000


@dataclass(frozen=True)
class Looked:
    """table: of SCHEMA. preview: the first rows that are kept, as `shown` gives them."""

    table: pa.Table
    preview: list[dict[str, Any]] = field(default_factory=list)


def look(view: View, trainer: Any, tokenizer: Tokenizer) -> Looked:
    """Every row in scope under the trainer, in the order of the data set."""
    lines: dict[str, list[Any]] = {name: [] for name in SCHEMA.names}
    preview: list[dict[str, Any]] = []
    columns: list[int] = []
    rows = (example for batch in view.batches(*READS, size=2048) for example in examples(batch))
    for example, trained in forecast(trainer, tokenizer, rows):
        columns.append(example.columns)
        _add(lines, example, trained)
        if trained.kept and len(preview) < SHOWN:
            preview.append(shown(example, trained, tokenizer))
    table = pa.table(lines, schema=SCHEMA)
    return Looked(_without(table, left_over(trainer, columns)), preview)


def shown(example: Example, trained: Trained, tokenizer: Tokenizer) -> dict[str, Any]:
    """A row as the model sees it: `pieces` of [text, whether it has a loss], secrets masked, 2,000 letters at most."""
    pieces, room = _pieces(trained, tokenizer, LONGEST)
    if trained.other is not None:
        rejected, room = _pieces(trained.other, tokenizer, LONGEST)
        pieces += [["\n-- rejected --\n", False], *rejected]
    told = {"ref": example.ref, "pieces": pieces, "more": room == 0}
    return {**told, "tokens": trained.tokens, "trained": trained.trained, "full": trained.full}


def _pieces(trained: Trained, tokenizer: Tokenizer, room: int) -> tuple[list[list[Any]], int]:
    """The texts of a sequence with and without a loss, and the letters that were left of `room`."""
    pieces: list[list[Any]] = []
    at = 0
    for begin, end in [*trained.spans, (len(trained.ids), len(trained.ids))]:
        for part, has_loss in ((trained.ids[at:begin], False), (trained.ids[begin:end], True)):
            text = secrets.masked(tokenizer.decode(part[: 4 * room])) if len(part) and room else ""
            if text:
                pieces.append([text[:room], has_loss])
                room = max(0, room - len(text))
        at = end
    return pieces, room


def suggested(full: pa.ChunkedArray, over: float = 0.01) -> int:
    """The smallest multiple of 128 that at most a share `over` of the rows is longer than; 0 without rows."""
    lengths = np.sort(full.to_numpy())
    if not len(lengths):
        return 0
    needed = lengths[max(0, len(lengths) - 1 - int(over * len(lengths)))]
    return int(-(-max(int(needed), 1) // 128) * 128)


def _add(lines: dict[str, list[Any]], example: Example, each: Trained) -> None:
    values = (each.row, example.ref, each.kept, each.reason, each.stops, each.full, each.tokens, each.trained)
    for name, value in zip(lines, (*values, each.wanted, each.answer_cut, each.prompt_cut), strict=True):
        lines[name].append(value)


def _without(table: pa.Table, over: Sequence[int]) -> pa.Table:
    """The ledger with some rows not kept, because the trainer never comes to them."""
    if not over:
        return table
    gone = np.zeros(len(table), dtype=bool)
    gone[list(over)] = True
    never = pc.and_(pa.array(gone), table.column("kept"))
    for name, value in (("kept", False), ("reason", LEFT_OVER), ("tokens", 0), ("trained_tokens", 0)):
        typed = pa.scalar(value, SCHEMA.field(name).type)
        at = table.column_names.index(name)
        table = table.set_column(at, SCHEMA.field(name), pc.if_else(never, typed, table.column(name)))
    return table
