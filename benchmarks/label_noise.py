"""Label noise against plain cleanlab on the same embeddings, in one run.

    TOOLKIT_DATA=... python benchmarks/label_noise.py noisy_hwu64 [--seeds 3]

plain: 5-fold logistic regression (scikit-learn), cleanlab's default flags and self-confidence. ours:
what the check does. AP: average precision over the rows whose truth is known; CPU: seconds of the
process after embedding, all that follows from vectors to scores.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from toolkit.near.components import components
from toolkit.near.encode import lazy_encoder
from toolkit.near.label_noise import label_noise, noise_rate
from toolkit.near.pairs import near_pairs
from toolkit.near.probe import probe
from toolkit.near.words import word_view

CHEAP, WORD_WEIGHT = 500_000, 0.35


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("set", choices=["noisy_hwu64", "noisy_clinc150", "label_errors_20news"])
    asked.add_argument("--seeds", type=int, default=3)
    told = asked.parse_args()
    texts, labels, truth = _load(Path(os.environ["TOOLKIT_DATA"]) / told.set)
    vectors = lazy_encoder()(texts)
    pairs = near_pairs(pa.array(texts, pa.large_string()))
    groups = components(len(texts), pairs.left, pairs.right)
    for name, method in (("plain", _plain), ("ours", _ours)):
        found = [_timed(method, (texts, vectors, labels, groups), seed) for seed in range(told.seeds)]
        ap = [average_precision(truth, score) for score, _, _ in found]
        flags = [_flag_quality(truth, flag) for _, flag, _ in found]
        line = {
            "set": told.set,
            "method": name,
            "ap_mean": round(float(np.mean(ap)), 4),
            "ap": [round(each, 4) for each in ap],
            "precision": round(float(np.mean([each[0] for each in flags])), 3),
            "recall": round(float(np.mean([each[1] for each in flags])), 3),
            "cpu_s": round(float(np.mean([cpu for _, _, cpu in found])), 1),
        }
        print(json.dumps(line), flush=True)


def average_precision(truth: np.ndarray, score: np.ndarray) -> float:
    """Over the rows of known truth (1 wrong, 0 right, -1 unknown)."""
    known = truth >= 0
    wrong = truth[known][np.argsort(-score[known], kind="stable")] == 1
    return float((np.cumsum(wrong) / np.arange(1, len(wrong) + 1))[wrong].mean())


def _flag_quality(truth: np.ndarray, flag: np.ndarray) -> tuple[float, float]:
    hits = int((flag & (truth == 1)).sum())
    return hits / max(int((flag & (truth >= 0)).sum()), 1), hits / int((truth == 1).sum())


def _timed(method: Any, given: tuple[Any, ...], seed: int) -> tuple[np.ndarray, np.ndarray, float]:
    started = time.process_time()
    score, flag = method(*given, seed)
    return score, flag, time.process_time() - started


def _plain(texts: Any, vectors: Any, labels: Any, groups: Any, seed: int) -> tuple[np.ndarray, np.ndarray]:
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    code = np.unique(labels, return_inverse=True)[1]
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    shares = cross_val_predict(
        LogisticRegression(C=10, max_iter=2000), vectors.astype(np.float64), code, cv=folds, method="predict_proba"
    )
    return 1 - get_label_quality_scores(code, shares), find_label_issues(code, shares, n_jobs=1)


def _ours(texts: Any, vectors: Any, labels: Any, groups: Any, seed: int) -> tuple[np.ndarray, np.ndarray]:
    features = np.hstack([vectors, WORD_WEIGHT * word_view(texts, seed=seed)])
    draws = 3 if len(labels) * len(set(labels)) <= CHEAP else 1
    found = probe(features, labels, groups, draws=draws, seed=seed)
    noise = label_noise(found)
    score, flag = np.zeros(len(labels)), np.zeros(len(labels), bool)
    score[found.rows], flag[found.rows] = noise.score, noise.flagged
    rate = noise_rate(found, groups[found.rows], seed=seed)
    print(
        f"  seed {seed}: accuracy {found.accuracy:.3f}, "
        f"estimated rate {rate.value:.3f} [{rate.low:.3f}, {rate.high:.3f}]"
    )
    return score, flag


def _load(folder: Path) -> tuple[list[str], list[str], np.ndarray]:
    news = folder.name == "label_errors_20news"
    rows = _lines(folder / ("test.jsonl.gz" if news else "data.jsonl.gz"))
    told = _lines(folder / ("truth_mturk.jsonl" if news else "truth.jsonl.gz"))
    wrong = {each["id"]: int(each["is_error"]) for each in told if each.get("verdict") != "no_majority"}
    truth = np.array([wrong.get(row["id"], -1) for row in rows])
    return [row["text"] for row in rows], [row["label"] for row in rows], truth


def _lines(path: Path) -> list[dict[str, Any]]:
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [json.loads(line) for line in raw.decode().splitlines()]


if __name__ == "__main__":
    main()
