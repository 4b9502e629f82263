"""How often the 90 % interval of the learning curve holds the score at a size that was held back.

    TOOLKIT_DATA=... python benchmarks/learning_curve.py [--repeats 4] [--most 8000]

For every set: a probe learns from a tenth to all of n rows, as the check `learning-curve` has it, and the curve
predicts one further run on 2n and 4n rows. That run is then made, on rows of the same kind of which the curve saw
the first n only. n is 250, 500, 1,000 and 2,000, each with several draws of rows. The test rows are those that
the set publishes, else a fifth.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from toolkit.near import learning
from toolkit.near.encode import lazy_encoder
from toolkit.near.logistic import fit
from toolkit.stats.curve import predict

SETS = {
    "clinc150": "clinc150/data_full.jsonl.gz",
    "hwu64": "fsid_hwu64/data.jsonl.gz",
    "trec": "trec/data.jsonl.gz",
    "snips": "fsid_snips/data.jsonl.gz",
    "20news": "label_errors_20news/train.jsonl.gz",
}
SIZES = (250, 500, 1000, 2000)


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("sets", nargs="*", default=list(SETS))
    asked.add_argument("--repeats", type=int, default=4)
    asked.add_argument("--most", type=int, default=8000)
    told = asked.parse_args()
    encode = lazy_encoder()
    inside = total = 0
    for name in told.sets:
        texts, labels, held = _load(Path(os.environ["TOOLKIT_DATA"]) / SETS[name], told.most)
        code = np.unique(np.asarray(labels, str), return_inverse=True)[1].astype(np.int64)
        rows = learning.features(encode(texts))
        began = time.process_time()
        trials = [each for draw in range(told.repeats) for each in _trials(rows, code, held, draw)]
        right = sum(low <= truth <= high for _, _, truth, low, high in trials)
        widths = float(np.mean([high - low for *_, low, high in trials]))
        missed = [
            (n, size, round(truth, 3), round(low, 3), round(high, 3))
            for n, size, truth, low, high in trials
            if not low <= truth <= high
        ]
        inside, total = inside + right, total + len(trials)
        line = {
            "set": name,
            "trials": len(trials),
            "covered": round(right / len(trials), 3),
            "mean_width": round(widths, 4),
            "missed": missed,
            "cpu_s": round(time.process_time() - began, 1),
        }
        print(json.dumps(line), flush=True)
    print(json.dumps({"set": "all", "trials": total, "covered": round(inside / total, 3)}))


def _trials(
    rows: np.ndarray, code: np.ndarray, held: np.ndarray, draw: int
) -> Iterator[tuple[int, int, float, float, float]]:
    """(rows of the curve, rows predicted for, the truth, the interval)."""
    order = np.random.default_rng([7, draw]).permutation(np.flatnonzero(~held))
    test = np.flatnonzero(held)
    for n in SIZES:
        wanted = [size for size in (2 * n, 4 * n) if size <= len(order)]
        if not wanted:
            continue
        found = learning.scores(rows, code, [learning.Fold(order[:n], test)], seed=draw)
        for size, told in zip(wanted, predict(found.points, wanted), strict=True):
            fitted = fit(
                rows[order[:size]],
                code[order[:size]],
                int(code.max()) + 1,
                c=learning.PENALTY,
                tolerance=learning.TOLERANCE,
            )
            truth = float(((rows[test] @ fitted.weights.astype(rows.dtype)).argmax(axis=1) == code[test]).mean())
            yield n, size, truth, told.low, told.high


def _load(path: Path, most: int) -> tuple[list[str], list[str], np.ndarray]:
    """Texts, labels, and which rows are for the test."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    lines = [line for line in lines if line.get("split", "train") in ("train", "test") and line["label"] != "oos"]
    tests = np.array([line.get("split") == "test" for line in lines])
    if not tests.any():
        tests = np.random.default_rng(1).random(len(lines)) < 0.2
    rng = np.random.default_rng(0)
    known = rng.permutation(np.flatnonzero(~tests))[:most]
    chosen = np.concatenate([known, rng.permutation(np.flatnonzero(tests))[:1500]])
    held = np.repeat([False, True], [len(known), len(chosen) - len(known)])
    return [lines[at]["text"] for at in chosen], [str(lines[at]["label"]) for at in chosen], held


if __name__ == "__main__":
    main()
