"""Answers that the rows themselves give: how many, which classes, facts in them, contradictions, who made them."""

from __future__ import annotations

import json
import re
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from toolkit.advise.answers import Stated
from toolkit.core.errors import NotApplicable
from toolkit.core.parts import build
from toolkit.read import Progress, ReadOptions, read
from toolkit.store.columns import matches
from toolkit.store.dataset import Dataset
from toolkit.store.folder import RunFolder, is_run, open_run
from toolkit.store.ledger import Ledger
from toolkit.store.view import View

MADE = ("llm", "grammar", "procedural", "augment")
MONTHS = "January|February|March|April|June|July|August|September|October|November|December"
FACTS = {
    "dates": rf"\b(?:(?:19|20)\d\d-[01]\d-[0-3]\d|(?:{MONTHS}|May \d{{1,2}},?) (?:\d{{1,2}}, ?)?(?:19|20)\d\d|"
    r"[0-3]?\d[./][01]?\d[./](?:19|20)\d\d)\b",
    "prices": r"(?:[$€£¥]\s?\d|\b\d[\d.,]*\s?(?:USD|EUR|GBP|dollars|euros)\b)",
    "endpoints": r"(?:https?://[\w-]+\.\w|\b(?:GET|POST|PUT|DELETE) /\w|(?:^|[\s(\x60])/(?:api|v\d+)/\w)",
}
"""RE2 patterns of what goes out of date; an answer with any of them is counted once."""


def measured(
    data: Any, *, reading: ReadOptions | None = None, progress: Progress | None = None
) -> dict[str, Stated[Any]]:
    """Answers by name from a run that was verified, or from anything that `read` takes; rows are not judged here."""
    if isinstance(data, str | Path) and is_run(data):
        return _of_run(open_run(data))
    with tempfile.TemporaryDirectory() as folder:
        return of_rows(read(data, Path(folder) / "rows", reading, progress))


def of_rows(data: Dataset, keep: np.ndarray | None = None, part: str = "") -> dict[str, Stated[Any]]:
    """The same from a data set. keep: ordinals of the rows that count, None for all. part: whose rows, in words."""
    view = View(data, ("answer", "label", "source_kind", "prompt", "system"), keep)
    n, found, kinds, labels = view.n_rows, {}, Counter[str](), Counter[str]()
    answers = facts = 0
    seen: Counter[str] = Counter()
    for batch in view.batches("answer", "label", "source_kind"):
        kinds.update(batch.column("source_kind").cast(pa.string()).to_pylist())
        labels.update(each for each in batch.column("label").to_pylist() if each)
        texts = batch.column("answer")
        answers += len(texts) - texts.null_count
        hits = {name: matches(texts, pattern) for name, pattern in FACTS.items()}
        seen.update({name: int(hit.sum()) for name, hit in hits.items()})
        facts += int(np.logical_or.reduce(list(hits.values())).sum())
    if data.manifest.format in ("preference", "unpaired-preference"):
        found["pairs"] = _said(n, f"{n:,} rows of preferences")
    else:
        found["examples"] = _said(n, f"{n:,} rows {part}read as {data.manifest.format}")
    if answers:
        told = ", ".join(f"{count:,} with {name}" for name, count in seen.items() if count) or "none"
        found["facts_share"] = _said(facts / answers, f"{facts:,} of {answers:,} answers: {told}")
    if labels:
        found["classes"] = _said(len(labels), f"{len(labels):,} labels")
        found["smallest_class"] = _said(min(labels.values()), f"of {len(labels):,} classes")
    made = sum(kinds[kind] for kind in MADE)
    if n:
        found["synthetic_share"] = _said(made / n, f"{made:,} of {n:,} rows say that a program or a model made them")
    return found | _conflicts(view, n)


def _conflicts(view: View, n: int) -> dict[str, Stated[Any]]:
    try:
        rows = {row for each in build("checks", "conflict").run(view) for row in np.atleast_1d(each.row).tolist()}
    except NotApplicable:
        return {}
    return {"conflict_share": _said(len(rows) / n, f"{len(rows):,} of {n:,} rows, by conflict (D04)")} if n else {}


def _of_run(folder: RunFolder) -> dict[str, Stated[Any]]:
    from toolkit.decide import decide
    from toolkit.findings import policy_of
    from toolkit.split import load_split

    with Ledger(folder.ledger, read_only=True) as ledger:
        stays = decide(ledger, policy_of(ledger)).stays
        wanted = ledger.rows("""SELECT f.value FROM facts f JOIN runs USING (run)
                                WHERE runs."check" = 'narrowness' AND f.name = 'general data to mix in'""")
    split = load_split(folder, stays)
    found = of_rows(Dataset(folder.dataset), split.train.keep if split else stays, "of train " if split else "")
    if split is None:
        found["eval_set"] = _said("no", f"{folder.path.name} is not split")
    else:
        real = _real(split.heldout.data, split.heldout.keep)
        found["eval_set"] = _said(
            "yes" if real else "no", f"{split.heldout.rows:,} held-out rows, {real:,} of real use"
        )
        found["eval_rows"] = _said(split.heldout.rows, "the held-out rows of the run")
    if wanted:
        found["general_share"] = _said(wanted[0]["value"] / 100, "narrowness (A04)")
    if (told := _verdict(folder)) is not None:
        found["verified"] = _said("yes" if told.startswith("READY") else "no", f"the readiness report says {told}")
    return found


def _real(data: Dataset, keep: np.ndarray) -> int:
    view = View(data, ("source_kind",), keep)
    kinds = [batch.column("source_kind").cast(pa.string()).to_pylist() for batch in view.batches("source_kind")]
    return sum(kind in ("real", "captured") for each in kinds for kind in each)


def _verdict(folder: RunFolder) -> str | None:
    try:
        found = json.loads(folder.readiness("json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    verdict = found.get("verdict") if isinstance(found, dict) else None
    return verdict if isinstance(verdict, str) and re.fullmatch(r"[A-Z ]+", verdict) else None


def _said(answer: Any, evidence: str) -> Stated[Any]:
    return Stated(answer=answer, evidence=evidence, source="measured")
