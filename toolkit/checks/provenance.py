"""V02: where the rows come from, and whether that is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.core.types import Fact, Finding, Findings, Result
from toolkit.store.view import View

MODELLED = ("llm", "captured")
TERMS = ("licence", "license", "terms")
SHOWN = 200
NAMES = {"model": "rows from model", "recipe": "rows from recipe", "provider": "rows from provider"}


@dataclass(frozen=True, slots=True)
class Provenance:
    """Rows of a model are held to its maker's terms, and a run that nobody can repeat cannot be defended.

    Known of a row: its kind of source and, in its `lineage`, recipe, provider, model, the hash of its
    prompt and a licence; of the whole file what was said with `--licence` and `--source`, and the hash of
    its bytes, which every report holds. Found: rows that a model wrote (`llm`, `captured`) without a
    licence or terms (`no-terms`) or without the name of the model (`no-model`), `llm` rows of a recipe without the
    hash of the prompt (`no-prompt`), data of the Hub without a licence (`hub-no-terms`), and a plain file of
    which nobody said where it is from (`undeclared`, a note). Rows may carry `licence`, `license` or
    `terms` in a column of their own. What was said is written down, not judged: whether a licence
    allows training, nobody looked up.
    """

    id: ClassVar[str] = "provenance"
    code: ClassVar[str] = "V02"
    version: ClassVar[int] = 1
    scope: ClassVar[str] = "kept"
    reads: ClassVar[tuple[str, ...]] = ("source_kind", "lineage", "raw")

    def run(self, view: View) -> Iterator[Result]:
        told = view.manifest.options
        licence, source = str(told.get("licence") or ""), str(told.get("source") or "")
        counts: dict[str, Counter[str]] = {name: Counter() for name in (*NAMES.values(), "rows under licence")}
        bare: dict[str, list[int]] = {"no-terms": [], "no-model": [], "no-prompt": []}
        plain = 0
        for batch in view.batches("source_kind", "lineage", "raw"):
            plain += int(pc.sum(pc.equal(batch.column("source_kind").cast(pa.string()), "real")).as_py() or 0)
            _look(batch, (licence, source), counts, bare)
        for name, found in counts.items():
            for group, n in found.most_common(SHOWN):
                yield Fact(name, float(n), "rows", group[:120])
        for kind, words in WORDS.items():
            if bare[kind]:
                yield Findings(np.array(bare[kind], np.int64), 1.0, words, kind)
        yield from _whole(view, plain, licence, source)


WORDS = {
    "no-terms": "a row that a model wrote, without a licence or the terms that it is under",
    "no-model": "a row that a model wrote, without the name of the model",
    "no-prompt": "a generated row without the hash of its prompt",
}


def _look(
    batch: pa.RecordBatch, told: tuple[str, str], counts: dict[str, Counter[str]], bare: dict[str, list[int]]
) -> None:
    """Count what the rows of a batch say of themselves, and note those that a model wrote and that say too little."""
    licence, source = told
    kinds = batch.column("source_kind").cast(pa.string()).to_pylist()
    rows, lineages = batch.column("row").to_pylist(), batch.column("lineage").to_pylist()
    for at, kind in enumerate(kinds):
        modelled = kind in MODELLED
        if lineages[at] is None and not modelled:
            continue
        lineage: dict[str, Any] = orjson.loads(lineages[at]) if lineages[at] else {}
        for key, name in NAMES.items():
            if lineage.get(key):
                counts[name][str(lineage[key])] += 1
        terms = licence or next((str(lineage[key]) for key in TERMS if lineage.get(key)), "")
        terms = terms or (_own_terms(batch.column("raw")[at].as_py()) if modelled else "")
        if terms:
            counts["rows under licence"][terms] += 1
        if not modelled:
            continue
        if not terms:
            bare["no-terms"].append(rows[at])
        if not (lineage.get("model") or source):
            bare["no-model"].append(rows[at])
        if kind == "llm" and lineage.get("recipe") and not lineage.get("prompt_sha256"):
            bare["no-prompt"].append(rows[at])


def _own_terms(raw: str) -> str:
    """The terms that a row of the user's names in a column."""
    value = orjson.loads(raw)
    return next((str(value[key]) for key in TERMS if isinstance(value.get(key), str) and value[key]), "")


def _whole(view: View, plain: int, licence: str, source: str) -> Iterator[Finding]:
    note = view.manifest.sources[0] if view.manifest.sources else None
    if note is not None and note.file == "hub" and not licence:
        message = f"{note.name} is data of the Hub, and nobody said under which licence"
        yield Finding(None, 1.0, message, kind="hub-no-terms")
    elif plain and not (licence or source):
        message = f"nobody said where {plain:,} rows are from and under which terms; --source and --licence do"
        yield Finding(None, 0.5, message, kind="undeclared")
