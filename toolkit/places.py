"""Where the rows of a run stand: the toolkit's id and the line of every record, by its ordinal."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass

import numpy as np

from toolkit.store.dataset import Dataset
from toolkit.store.folder import RunFolder


@dataclass(frozen=True)
class Places:
    """Ids and lines of one data set. hash, nth, position: shape (records,), a record's place by its ordinal.

    counts: `line` where positions are lines of a text file, else `row`. unread: ids of records that
    could not become rows, made of their bytes.
    """

    counts: str
    hash: np.ndarray
    nth: np.ndarray
    position: np.ndarray
    unread: dict[int, str]

    def row_id(self, row: int | None) -> str | None:
        """The toolkit's id of a record: blake2b-64 of its content, `-N` for the N-th further copy."""
        if row is None or not 0 <= row < len(self.hash):
            return None
        if row in self.unread:
            return self.unread[row]
        n = int(self.nth[row])
        return f"{int(self.hash[row]):016x}-{n}" if n else f"{int(self.hash[row]):016x}"

    def line(self, row: int | None) -> int | None:
        """The 1-based line of a record in its source, None where it has no lines."""
        known = row is not None and self.counts == "line" and 0 <= row < len(self.position)
        return int(self.position[row]) if known else None


def places(data: Dataset) -> Places:
    """The places of every record of a data set. Memory: 20 bytes a record."""
    n = data.manifest.rows + data.manifest.rejects
    hashes, nth, position = np.zeros(n, np.uint64), np.zeros(n, np.int32), np.zeros(n, np.int64)
    for batch in data.batches(("hash", "nth", "position")):
        at = batch.column("row").to_numpy()
        for array, name in ((hashes, "hash"), (nth, "nth"), (position, "position")):
            array[at] = batch.column(name).to_numpy()
    unread: dict[int, str] = {}
    copies: Counter[str] = Counter()
    for record in data.rejects().select(["row", "position", "raw"]).to_pylist():
        digest = hashlib.blake2b(record["raw"], digest_size=8).hexdigest()
        unread[record["row"]] = f"{digest}-{copies[digest]}" if copies[digest] else digest
        copies[digest] += 1
        position[record["row"]] = record["position"]
    counts = data.manifest.sources[0].counts if data.manifest.sources else "row"
    return Places(counts, hashes, nth, position, unread)


def judged(folder: RunFolder, scope: str) -> Dataset:
    """The data set that findings of a scope are about: held-out rows that were given are one of their own."""
    if scope == "split":
        try:
            manifest = json.loads(folder.split.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return Dataset(folder.dataset)
        if manifest.get("given"):
            return Dataset(folder.path / manifest["heldout_data"])
    return Dataset(folder.dataset)
