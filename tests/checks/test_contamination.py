"""Contamination on public data with ground truth, and on hostile rows."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

from tests.looking import facts, freeze, look
from toolkit.core.types import Finding

ITEM = "A baker fills 14 trays with 36 rolls each and sells 410 of them before noon. How many rolls are left?"


def test_words_alone_find_what_is_not_much_reworded(truth: Path, tmp_path: Path) -> None:
    folder = truth / "contam_gsm8k_shared"
    pool, bench, told = (
        [json.loads(line) for line in gzip.decompress((folder / f"{name}.jsonl.gz").read_bytes()).splitlines()]
        for name in ("pool", "benchmark", "truth")
    )
    kinds = {each["id"]: each["kind"] for each in told}
    rows, reference = freeze(pool, tmp_path / "pool"), freeze(bench, tmp_path / "bench")
    results = look("contamination", rows, references=[("bench", reference, None)])
    flagged = {pool[each.row]["id"] for each in results if isinstance(each, Finding) and each.score >= 0.5 and each.row}
    clean = sum(kinds[each] == "clean" for each in flagged)
    assert clean <= 0.05 * len(flagged)
    for kind, least in (("embedded", 0.98), ("light_edit", 0.98), ("verbatim_qa", 0.98), ("rephrased", 0.85)):
        of_kind = {each for each, found in kinds.items() if found == kind}
        assert len(of_kind & flagged) >= least * len(of_kind), kind


def test_hostile_rows(tmp_path: Path) -> None:
    texts = ["", "\n\n\n", "\u202e\u0000 14", "😀" * 5000, "a" * 200_000, "14 " * 50_000, ". " * 50_000, ITEM * 300]
    rows = freeze([{"text": text, "label": "x"} for text in [*texts, ITEM]], tmp_path / "rows")
    reference = freeze([{"text": text, "label": "y"} for text in [*texts, ITEM, ITEM]], tmp_path / "reference")
    results = look("contamination", rows, references=[("other", reference, None)])
    found = {each.row: each.kind for each in results if isinstance(each, Finding)}
    assert found[8] == "verbatim" and found[7] == "verbatim"


def test_what_was_not_looked_for_is_counted(tmp_path: Path, encoder: object) -> None:
    rows = freeze([{"text": "one two three four five six", "label": "x"}], tmp_path / "rows")
    reference = freeze([{"text": "too short", "label": "y"}, {"text": ITEM, "label": "y"}], tmp_path / "reference")
    told = facts(look("contamination", rows, references=[("eval", reference, None)], encode=encoder))
    assert told["items looked for", "eval"] == 1 and told["items too short", "eval"] == 1
