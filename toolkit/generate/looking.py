"""One generated row shown to a check of `verify`, exactly as `verify` would show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from toolkit.core import parts
from toolkit.core.errors import NotApplicable, Skip
from toolkit.core.types import JSON, Finding, Findings

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(slots=True)
class Looking:
    """Calls like `look(check, row)`. Rows are parsed by the reader's own parser, so a shape is what `verify` sees."""

    checks: dict[str, Any] = field(default_factory=dict)
    last: tuple[bytes, Any] | None = None
    memo: dict[Any, Any] = field(default_factory=dict)

    def __call__(self, check: str, row: Mapping[str, JSON]) -> Sequence[Finding]:
        """What a check that looks row by row finds in one row; nothing where it has nothing to look at."""
        from toolkit.store import columns as cols

        if check not in self.checks:
            self.checks[check] = parts.build("checks", check)
        part, batch = self.checks[check], self._batch(row)
        try:
            found = list(part.look(cols.derive(batch, part.reads), self._view(batch, part.reads)))
        except (Skip, NotApplicable):
            return ()
        return [each for result in found for each in _single(result)]

    def _batch(self, row: Mapping[str, JSON]) -> pa.RecordBatch:
        from toolkit.core.records import Record
        from toolkit.parse import Parser, ReadOptions

        raw = orjson.dumps(row)
        if self.last is None or self.last[0] != raw:
            shelf = {name: found() for name, found in parts.parts("formats").items()}
            parser = Parser(shelf, shelf["unknown"], ReadOptions(source_kind="llm"), "generated", "row")
            self.last = raw, parser.chunk([Record(1, raw)]).rows
        return self.last[1]

    def _view(self, batch: pa.RecordBatch, reads: tuple[str, ...]) -> Any:
        from toolkit.store.view import View

        return View(_One(batch), reads, memo=self.memo)  # type: ignore[arg-type]  # as much of a data set as a row needs


@dataclass(frozen=True, slots=True)
class _One:
    """A data set of one row, as far as a check that looks row by row may ask for it."""

    batch: pa.RecordBatch
    folder: str = "generated"
    n_rows: int = 1

    @property
    def manifest(self) -> Any:
        from toolkit.store.dataset import Manifest

        form = self.batch.column("format")[0].as_py() if len(self.batch) else "unknown"
        return Manifest("", form, {}, len(self.batch), 0, [])

    def batches(self, columns: tuple[str, ...], size: int = 0, groups: object = None) -> Any:
        from toolkit.store import columns as cols

        yield cols.derive(self.batch, columns)


def _single(result: Any) -> Sequence[Finding]:
    """A result of a check as findings: columns of findings become one each, numbers say nothing about a row."""
    if isinstance(result, Finding):
        return [result]
    if not isinstance(result, Findings):
        return ()
    scores = [result.score] * len(result.row) if isinstance(result.score, int | float) else result.score.tolist()
    return [
        Finding(int(row), score, result.message, result.kind) for row, score in zip(result.row, scores, strict=True)
    ]
