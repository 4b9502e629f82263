"""Contamination: n-grams, MiniLM alone and the check on one set, and what the search costs at two sizes.

    TOOLKIT_DATA=... python benchmarks/contamination.py quality
    python benchmarks/contamination.py speed --rows 10000 --items 1000 [--words 500]

quality: precision, recall and average precision over the rows of `contam_gsm8k_shared`, recall by kind.
speed: random rows, one in a hundred with an item inside; CPU seconds without an encoder, and how many
stretches an encoder would be asked about; peak memory of the process.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import re
import resource
import tempfile
import time
from collections import Counter
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from toolkit.checks.contamination import Contamination
from toolkit.core.types import Finding
from toolkit.near.encode import lazy_encoder
from toolkit.read import read
from toolkit.scene import Scene

Scores = dict[int, tuple[float, bool]]


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("what", choices=["quality", "speed"])
    asked.add_argument("--rows", type=int, default=10_000)
    asked.add_argument("--items", type=int, default=1_000)
    asked.add_argument("--words", type=int, default=500)
    told = asked.parse_args()
    quality() if told.what == "quality" else speed(told.rows, told.items, told.words)


def quality() -> None:
    folder = Path(os.environ["TOOLKIT_DATA"]) / "contam_gsm8k_shared"
    pool, bench, truth = (_lines(folder / f"{name}.jsonl.gz") for name in ("pool", "benchmark", "truth"))
    rows, items = [row["text"] for row in pool], [row["text"] for row in bench]
    told = {row["id"]: row for row in truth}
    kinds = [told[row["id"]]["kind"] if told[row["id"]]["is_contaminated"] else "" for row in pool]
    methods: list[tuple[str, Any]] = [
        ("13-gram", lambda: _grams(rows, items, 13)),
        ("8-gram", lambda: _grams(rows, items, 8)),
        ("MiniLM .8", lambda: _cosine(rows, items)),
        ("toolkit, no encoder", lambda: _ours(pool, bench, None)),
        ("toolkit", lambda: _ours(pool, bench, lazy_encoder())),
    ]
    for name, method in methods:
        started = time.process_time()
        found = method()
        print(json.dumps({"method": name, **_judged(found, kinds), "cpu_s": round(time.process_time() - started, 1)}))


def speed(n_rows: int, n_items: int, n_words: int) -> None:
    draw = random.Random(1)  # noqa: S311 - no secret is made
    words = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=draw.randint(2, 9))) for _ in range(30_000)]
    heavy = list(accumulate(1 / (rank + 3) for rank in range(len(words))))
    items = [" ".join(draw.choices(words, cum_weights=heavy, k=40)) + "?" for _ in range(n_items)]
    rows = [" ".join(draw.choices(words, cum_weights=heavy, k=n_words)) for _ in range(n_rows)]
    planted = range(0, n_rows, 100)
    for at in planted:
        middle = len(rows[at]) // 2
        rows[at] = f"{rows[at][:middle]}. {draw.choice(items)} {rows[at][middle:]}"
    calls: list[int] = []
    started = time.process_time()
    found = _ours([{"text": row} for row in rows], [{"text": item} for item in items], None, calls)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    hits = sum(found.get(at, (0, False))[1] for at in planted)
    flags = sum(flag for _, flag in found.values())
    line = {"rows": n_rows, "words": n_words, "items": n_items, "check_cpu_s": calls[0] / 1000}
    line |= {"with_reading_cpu_s": round(time.process_time() - started, 1), "peak_gb": round(peak, 2)}
    print(json.dumps(line | {"planted": len(planted), "found": hits, "flagged": flags}))


def _ours(pool: list[Any], bench: list[Any], encode: Any, spent_ms: list[int] | None = None) -> Scores:
    with tempfile.TemporaryDirectory() as folder:
        frozen = []
        for name, rows in (("pool", pool), ("bench", bench)):
            file = Path(folder) / f"{name}.jsonl"
            file.write_text("".join(json.dumps({"text": row["text"]}) + "\n" for row in rows), encoding="utf-8")
            frozen.append(read(file, Path(folder) / name))
        check = Contamination()
        scene = Scene(frozen[0], (("bench", frozen[1], None),), encode)
        started = time.process_time()
        results = [each for each in check.run(scene.view(check.reads)) if isinstance(each, Finding)]
        if spent_ms is not None:
            spent_ms.append(int(1000 * (time.process_time() - started)))
        flagged = {"verbatim", "reworded"}
        return {each.row: (each.score, each.score >= 0.5 and each.kind in flagged) for each in results}  # type: ignore[misc]


def _grams(rows: list[str], items: list[str], n: int) -> Scores:
    """A row is found where it shares a run of n words; the score is the share of the item's runs."""
    owner: dict[tuple[str, ...], int] = {}
    size = Counter[int]()
    for at, item in enumerate(items):
        for gram in _runs(item, n):
            owner.setdefault(gram, at)
            size[at] += 1
    found: Scores = {}
    for row, text in enumerate(rows):
        shared = Counter(owner[gram] for gram in _runs(text, n) if gram in owner)
        if shared:
            found[row] = (max(count / size[item] for item, count in shared.items() if size[item]), True)
    return found


def _runs(text: str, n: int) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[at : at + n]) for at in range(len(words) - n + 1)}


def _cosine(rows: list[str], items: list[str]) -> Scores:
    encode = lazy_encoder()
    best = (encode(rows) @ encode(items).T).max(axis=1)
    return {row: (float(value), bool(value >= 0.8)) for row, value in enumerate(best)}


def _judged(found: Scores, kinds: list[str]) -> dict[str, Any]:
    wrong = np.array([bool(kind) for kind in kinds])
    scores = np.array([found.get(row, (0.0, False))[0] for row in range(len(kinds))])
    flags = np.array([found.get(row, (0.0, False))[1] for row in range(len(kinds))])
    hit = wrong[np.argsort(-scores, kind="stable")]
    total, caught = Counter(kinds), Counter(kind for kind, flag in zip(kinds, flags, strict=True) if flag)
    return {
        "precision": round(float((flags & wrong).sum() / max(flags.sum(), 1)), 4),
        "recall": round(float((flags & wrong).sum() / wrong.sum()), 4),
        "average_precision": round(float((np.cumsum(hit) / np.arange(1, len(hit) + 1))[hit].mean()), 4),
        "kinds": {kind: f"{caught[kind]}/{total[kind]}" for kind in sorted(total) if kind},
    }


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).decode().splitlines()]


if __name__ == "__main__":
    main()
