"""Strategies of `toolkit sample` and of other libraries on the same vectors, classifier and first labels.

    TOOLKIT_DATA=... python benchmarks/sample.py embed clinc150 clinc150.npz
    python benchmarks/sample.py play clinc150.npz --strategies random,hard-cover --seeds 5 --batch 100 --budget 1000
    python benchmarks/sample.py log clinc150.npz --strategies random,hard-cover
    python benchmarks/sample.py million --rows 1000000

Run `play` for a peer in an environment that has it (PYTHONPATH: this checkout): falcun, clue, typiclust
(scikit-activeml), core-set (small-text), activelab (cleanlab), ranked-batch (modAL). One JSON line a
strategy. area: mean accuracy over the budget; labels90: labels to 90 % of what all rows give; paired: the
mean difference to the first strategy, and the worst seed's. CPU: seconds a query, embedding and fit apart.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import resource
import time
from collections.abc import Callable
from inspect import signature
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from toolkit.core import parts
from toolkit.near.logistic import fit, probabilities
from toolkit.near.pool import Pool, margin

FILES = {
    "clinc150": ("clinc150/data_full.jsonl.gz",),
    "fsid_hwu64": ("fsid_hwu64/data.jsonl.gz",),
    "trec": ("trec/data.jsonl.gz",),
    "label_errors_20news": ("label_errors_20news/test.jsonl.gz",),
}
EASY, TRAFFIC, HEAVY, LOG = 10, 20_000, 0.9, 1.3


class Task(NamedTuple):
    """Pool and test: vectors of length 1 and class codes."""

    vectors: np.ndarray
    code: np.ndarray
    test: np.ndarray
    test_code: np.ndarray
    text: tuple[str, ...] = ()

    @property
    def classes(self) -> int:
        return int(self.code.max()) + 1


class Query(NamedTuple):
    """What a strategy is given: all vectors, which are labelled, the free rows and their class probabilities."""

    task: Task
    labelled: np.ndarray
    free: np.ndarray
    shares: np.ndarray
    n: int
    seed: int


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("mode", choices=["embed", "play", "log", "million"])
    asked.add_argument("names", nargs="*")
    asked.add_argument("--strategies", default="random,margin,cluster-margin,hard-cover")
    asked.add_argument("--seeds", type=int, default=5)
    asked.add_argument("--batch", type=int, default=100)
    asked.add_argument("--budget", type=int, default=1000)
    asked.add_argument("--rows", type=int, default=1_000_000)
    told = asked.parse_args()
    {"embed": _embed, "play": _compare, "log": _skewed, "million": _million}[told.mode](told)


def _embed(told: Any) -> None:
    from toolkit.near.encode import lazy_encoder

    name, out = told.names
    rows = []
    for file in FILES[name]:
        packed = (Path(os.environ["TOOLKIT_DATA"]) / file).read_bytes()
        rows += [json.loads(line) for line in gzip.decompress(packed).decode().splitlines()]
    split = np.array([row.get("split") or "train" for row in rows])
    if name == "label_errors_20news":
        split = np.where(np.random.default_rng(0).random(len(rows)) < 0.3, "test", "train")
    vectors = lazy_encoder()([row["text"] for row in rows]).astype(np.float32)
    np.savez(out, v=vectors, y=np.array([row["label"] for row in rows]), s=split, t=[row["text"] for row in rows])


def load(path: str) -> Task:
    with np.load(path) as kept:
        vectors, label, split = kept["v"], kept["y"], kept["s"]
        text = kept["t"] if "t" in kept else np.full(len(label), "")
    pool, test = split == "train", split == "test"
    names = np.unique(label[pool])
    test &= np.isin(label, names)
    code = np.searchsorted(names, label)
    return Task(vectors[pool], code[pool], vectors[test], code[test], tuple(text[pool].tolist()))


def _compare(told: Any) -> None:
    task = load(told.names[0])
    full = _accuracy(task, np.ones(len(task.code), bool))[0]
    counts = np.arange(told.batch, told.budget + 1, told.batch)
    first: np.ndarray | None = None
    for name in told.strategies.split(","):
        curves, cpu = zip(*(play(task, STRATEGIES(name), counts, seed) for seed in range(told.seeds)), strict=True)
        area = np.mean(curves, axis=1)
        first = area if first is None else first
        line = {
            "set": Path(told.names[0]).stem,
            "strategy": name,
            "area": round(float(area.mean()), 4),
            "labels90": _rounded([_reached(curve, counts, 0.9 * full) for curve in curves]),
            "end": round(float(np.mean([curve[-1] for curve in curves])), 4),
            "paired": [round(float(each), 4) for each in ((area - first).mean(), (area - first).min())],
            "areas": [round(float(each), 4) for each in area],
            "cpu_s": round(float(np.mean(cpu)), 2),
            "full": round(full, 4),
        }
        print(json.dumps(line), flush=True)


def play(task: Task, pick: Callable[[Query], np.ndarray], counts: np.ndarray, seed: int) -> tuple[np.ndarray, float]:
    """Accuracy at each label count, and CPU seconds of a query."""
    labelled = np.zeros(len(task.code), bool)
    labelled[np.random.default_rng(seed).permutation(len(labelled))[: counts[0]]] = True
    curve, spent = [], 0.0
    for count in counts[1:]:
        accuracy, shares = _accuracy(task, labelled)
        curve.append(accuracy)
        free = np.flatnonzero(~labelled)
        started = time.process_time()
        chosen = pick(Query(task, labelled, free, shares, int(count - labelled.sum()), seed * 1000 + int(count)))
        spent += time.process_time() - started
        assert len(set(chosen.tolist())) == len(chosen) and not labelled[chosen].any()
        labelled[chosen] = True
    return np.array([*curve, _accuracy(task, labelled)[0]]), spent / max(len(counts) - 1, 1)


def _accuracy(task: Task, labelled: np.ndarray) -> tuple[float, np.ndarray]:
    """On the test rows; and the probabilities of the free rows over the classes that have a label."""
    names, code = np.unique(task.code[labelled], return_inverse=True)
    fitted = fit(_with_ones(task.vectors[labelled]), code, max(len(names), 2), c=10.0, tolerance=1e-3)
    named = probabilities(_with_ones(task.test), fitted.weights)[:, : len(names)].argmax(axis=1)
    return float((names[named] == task.test_code).mean()), probabilities(
        _with_ones(task.vectors[~labelled]), fitted.weights
    )


def _with_ones(vectors: np.ndarray) -> np.ndarray:
    return np.hstack([vectors.astype(np.float64), np.ones((len(vectors), 1))])


def _reached(curve: np.ndarray, counts: np.ndarray, wanted: float) -> float:
    over = np.flatnonzero(curve >= wanted)
    if not len(over):
        return float("nan")
    at = int(over[0])
    if not at:
        return float(counts[0])
    share = (wanted - curve[at - 1]) / (curve[at] - curve[at - 1])
    return float(counts[at - 1] + share * (counts[at] - counts[at - 1]))


def _rounded(values: list[float]) -> float | str:
    return "not reached" if np.isnan(values).any() else round(float(np.mean(values)))


def STRATEGIES(name: str) -> Callable[[Query], np.ndarray]:  # noqa: N802 - it reads as the table that it is
    """A sampler of the toolkit by id, or a peer's strategy."""
    return PEERS[name] if name in PEERS else lambda query: _ours(name, query)


def _ours(name: str, query: Query) -> np.ndarray:
    task, free = query.task, query.free
    sampler = parts.build("samplers", name)
    hard, label = margin(query.shares), query.shares.argmax(axis=1)
    pool = Pool(task.vectors[free], task.vectors[query.labelled], hard, np.ones(len(free)), label, query.shares)
    return free[sampler.rank(pool, query.n, seed=query.seed)]


def _activeml(name: str, query: Query) -> np.ndarray:
    from skactiveml import pool as strategies
    from skactiveml.classifier import SklearnClassifier
    from sklearn.linear_model import LogisticRegression

    known = np.where(query.labelled, query.task.code, np.nan).astype(float)
    built = getattr(strategies, name)(random_state=query.seed % 2**31, missing_label=np.nan)
    classes = list(range(query.task.classes))
    given: dict[str, Any] = {"X": query.task.vectors.astype(np.float64), "y": known, "batch_size": query.n}
    if name != "TypiClust":
        model = SklearnClassifier(LogisticRegression(C=10, max_iter=300), classes=classes, missing_label=np.nan)
        called = "estimator" if "estimator" in signature(built.query).parameters else "clf"
        given |= {called: model, f"fit_{called}": True}
    return np.asarray(built.query(**given))


def _core_set(query: Query) -> np.ndarray:
    from small_text.query_strategies.coresets import greedy_coreset

    found = greedy_coreset(query.task.vectors, query.free, np.flatnonzero(query.labelled), query.n)
    return query.free[found] if np.max(found) < len(query.free) and not np.isin(found, query.free).all() else found


def _activelab(query: Query) -> np.ndarray:
    from cleanlab.multiannotator import get_active_learning_scores

    names, code = np.unique(query.task.code[query.labelled], return_inverse=True)
    fitted = fit(_with_ones(query.task.vectors[query.labelled]), code, len(names), c=10.0, tolerance=1e-3)
    own = probabilities(_with_ones(query.task.vectors[query.labelled]), fitted.weights)
    _, scores = get_active_learning_scores(code[:, None], own, query.shares)
    return query.free[np.argsort(scores, kind="stable")[: query.n]]


def _ranked_batch(query: Query) -> np.ndarray:
    from modAL.batch import ranked_batch

    class Learner:
        X_training = query.task.vectors[query.labelled]
        on_transformed = False

    found = ranked_batch(
        Learner(), query.task.vectors[query.free], margin(query.shares), n_instances=query.n, metric="cosine", n_jobs=1
    )
    return query.free[np.asarray(found[0] if isinstance(found, tuple) else found)]


PEERS: dict[str, Callable[[Query], np.ndarray]] = {
    "falcun": lambda query: _activeml("Falcun", query),
    "clue": lambda query: _activeml("Clue", query),
    "typiclust": lambda query: _activeml("TypiClust", query),
    "core-set": _core_set,
    "activelab": _activelab,
    "ranked-batch": _ranked_batch,
}


def _skewed(told: Any) -> None:
    """90 % of traffic in 10 easy classes with Zipf-popular near-duplicates; 600 labels; tail accuracy and copies."""
    task = load(told.names[0])
    for name in told.strategies.split(","):
        found = [_log_run(task, name, seed) for seed in range(told.seeds)]
        tail, head, copies = (round(float(np.mean(each)), 4) for each in zip(*found, strict=True))
        line = {"strategy": name, "tail": tail, "head": head, "near_duplicates": copies, "seeds": told.seeds}
        print(json.dumps(line), flush=True)


def _log_run(task: Task, name: str, seed: int) -> tuple[float, float, float]:
    import pyarrow as pa

    from toolkit.near.components import components
    from toolkit.near.pairs import near_pairs

    rng = np.random.default_rng(seed)
    easy = np.argsort(-_recall(task), kind="stable")[:EASY]
    is_easy = np.isin(task.code, easy)
    heads, tails = rng.permutation(np.flatnonzero(is_easy)), rng.permutation(np.flatnonzero(~is_easy))
    popular = 1 / np.arange(1, len(heads) + 1) ** LOG
    drawn = rng.choice(heads, int(HEAVY * TRAFFIC), p=popular / popular.sum())
    rest = rng.choice(tails, TRAFFIC - len(drawn))
    requests = rng.permutation(np.concatenate([drawn, rest]))
    # A text that comes again comes a little changed, in its letters and in its vector.
    texts = pa.array([_changed(task.text[at], rng) for at in requests.tolist()], pa.large_string())
    moved = task.vectors[requests] + 0.01 * rng.normal(size=(len(requests), task.vectors.shape[1])) / np.sqrt(384)
    unit = (moved / np.linalg.norm(moved, axis=1, keepdims=True)).astype(np.float32)
    log = Task(unit, task.code[requests], task.test, task.test_code)
    pairs = near_pairs(texts, threshold=0.7)
    alike = components(len(texts), pairs.left, pairs.right)
    labelled = np.zeros(len(requests), bool)
    order = rng.permutation(len(requests))
    labelled[order[:60]] = True
    for count in range(120, 601, 60):
        free = np.flatnonzero(~labelled)
        if name != "random":  # the toolkit asks one of those that are alike, and none like a labelled one
            fresh = free[~np.isin(alike[free], alike[labelled])]
            free = fresh[np.unique(alike[fresh], return_index=True)[1]]
        shares = _accuracy(log, labelled)[1][np.searchsorted(np.flatnonzero(~labelled), free)]
        labelled[STRATEGIES(name)(Query(log, labelled, free, shares, count - int(labelled.sum()), seed + count))] = True
    names, code = np.unique(log.code[labelled], return_inverse=True)
    fitted = fit(_with_ones(log.vectors[labelled]), code, len(names), c=10.0, tolerance=1e-3)
    hit = names[probabilities(_with_ones(log.test), fitted.weights).argmax(axis=1)] == log.test_code
    own = np.isin(log.test_code, easy)
    asked = requests[np.setdiff1d(np.flatnonzero(labelled), order[:60])]
    return float(hit[~own].mean()), float(hit[own].mean()), 1 - len(np.unique(asked)) / len(asked)


def _changed(text: str, rng: np.random.Generator) -> str:
    """The text as another user would send it: an ending, a capital, a typing error."""
    kind = int(rng.integers(4))
    at = int(rng.integers(1, max(2, len(text) - 1)))
    return (text, f"{text}!", text.capitalize(), text[:at] + text[at + 1 :])[kind]


def _recall(task: Task) -> np.ndarray:
    """How well each class is named by the nearest class mean."""
    means = np.stack([task.vectors[task.code == at].mean(axis=0) for at in range(task.classes)])
    hit = (task.vectors @ means.T).argmax(axis=1) == task.code
    return np.bincount(task.code, hit) / np.bincount(task.code)


def _million(told: Any) -> None:
    """200 of so many rows, by the sampler alone: CPU seconds, and memory above the vectors."""
    rng = np.random.default_rng(0)
    file = Path(told.names[0]) if told.names else Path("million.npy")
    if not file.exists():
        made = np.lib.format.open_memmap(file, "w+", np.float16, (told.rows, 384))
        for start in range(0, told.rows, 50_000):
            block = rng.normal(size=(min(50_000, told.rows - start), 384)).astype(np.float32)
            made[start : start + len(block)] = block / np.linalg.norm(block, axis=1, keepdims=True)
        made.flush()
        del made
    vectors = np.load(file)  # in memory, so that what comes on top is the sampler's own
    hard, known = rng.random(len(vectors)), np.array(vectors[:500])
    pool = Pool(vectors, known, hard, np.ones(len(vectors)))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for name in told.strategies.split(","):
        started = time.process_time()
        parts.build("samplers", name).rank(pool, 200, seed=0)
        spent = time.process_time() - started
        peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        print(json.dumps({"rows": told.rows, "strategy": name, "cpu_s": round(spent, 2), "mb_above": round(peak)}))


if __name__ == "__main__":
    main()
