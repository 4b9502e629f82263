"""P01: no credentials in the rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.core import secrets
from toolkit.core.types import JSON, Finding, Result
from toolkit.store.view import View


@dataclass(frozen=True, slots=True)
class SecretCheck:
    """A model that was trained on a credential can repeat it to anyone who asks.

    Found, by their published shapes: keys of cloud, code and model providers, private keys, tokens,
    JWTs, passwords in URLs; and values assigned to `api_key` and the like, scored by their disorder.
    A password in a sentence or in JSON is a kind of its own, for review (`password`): it may have been
    made up for the row. All text of a row is searched, columns that are not trained on too. The value
    itself is never written to a report: findings carry the kind and the span in the row's text.

    Missed: passwords that look like words, keys of providers without a fixed shape.
    Example: `AKIA` and sixteen capital letters and digits.
    """

    id: ClassVar[str] = "secret"
    code: ClassVar[str] = "P01"
    version: ClassVar[int] = 4
    scope: ClassVar[str] = "input"
    reads: ClassVar[tuple[str, ...]] = ("text", "raw")

    def look(self, batch: pa.RecordBatch, view: View) -> Iterator[Result]:
        hit = pc.match_substring_regex(batch.column("raw"), secrets.ANY)
        for at in np.flatnonzero(hit.to_numpy(zero_copy_only=False)).tolist():
            row = int(batch.column("row")[at].as_py())
            found = secrets.find(batch.column("text")[at].as_py() or "")
            spans: list[dict[str, JSON]] = [{"start": each.start, "end": each.end, "type": each.type} for each in found]
            elsewhere = [] if found else secrets.find(batch.column("raw")[at].as_py())
            for kind in sorted({each.type for each in (*found, *elsewhere)}):
                score = max(each.score for each in (*found, *elsewhere) if each.type == kind)
                own = [span for span in spans if span["type"] == kind]
                where = "the text" if own else "a column beside the text"
                yield Finding(
                    row,
                    score,
                    f"{where} holds what looks like {_article(kind)} {kind}",
                    kind=kind,
                    evidence={"spans": [*own]},
                )


def _article(kind: str) -> str:
    return "an" if kind[0] in "aeio" else "a"
