"""A sample of rows, taken while they are read, from which is told what all of them share."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.store import columns as cols
from toolkit.store.shared import LABEL_SHARE, Shared, shared

SAMPLE = 20_000
LONGEST = 8192
"""Characters of a prompt, from either end, that are looked at."""
ANSWER = 2048
"""Characters of an answer in which its form is looked for."""


@dataclass
class Sampler:
    """The rows of lowest hash seen so far, at most `SAMPLE` of them: the same rows in any order of the file.

    rows: head and tail of the first user turn, the answer of a row that is a prompt and an answer, and the
    beginning of that of the last turn; null where there is none.
    """

    hashes: npt.NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, np.uint64))
    rows: list[tuple[str | None, str | None, str | None, str | None]] = field(default_factory=list)
    highest: np.uint64 = field(default_factory=lambda: np.uint64(np.iinfo(np.uint64).max))

    def take(self, batch: pa.RecordBatch) -> None:
        """Stored columns `hash`, `turns`, `rejected` and `label`."""
        low = batch.column("hash").to_numpy() <= self.highest
        batch = batch if low.all() else batch.filter(pa.array(low))
        if not len(batch):
            return
        prompts, answers = cols.opening(batch), cols.only_answer(batch)
        heads, tails = (pc.utf8_slice_codeunits(prompts, *ends) for ends in ((0, LONGEST), (-LONGEST,)))
        self.hashes = np.concatenate([self.hashes, batch.column("hash").to_numpy()])
        last = pc.utf8_slice_codeunits(cols.answer(batch), 0, ANSWER)
        columns = (heads, tails, answers, last)
        self.rows += zip(*(column.to_pylist() for column in columns), strict=True)
        if len(self.hashes) > 2 * SAMPLE:
            self._thin()

    def _thin(self) -> None:
        keep = np.sort(np.argsort(self.hashes, kind="stable")[:SAMPLE])
        self.hashes, self.rows = self.hashes[keep], [self.rows[at] for at in keep.tolist()]
        if len(keep) == SAMPLE:
            self.highest = self.hashes.max()

    def found(self) -> Shared:
        self._thin()
        answers = [answer.strip() for _, _, answer, _ in self.rows if answer is not None]
        different = {(head, last): last for head, _, _, last in self.rows if last is not None}
        plain = len(answers) >= LABEL_SHARE * len(self.rows)
        heads, tails = ([row[at] for row in self.rows] for at in (0, 1))
        return shared(filter(None, heads), filter(None, tails), answers if plain else [], [*different.values()])
