"""Pairs of near vectors beside the peers: CPU seconds, peak memory, recall; from vectors and from text.

    python benchmarks/semantic_join.py                                  10k and 100k rows, ours alone
    python benchmarks/semantic_join.py --sizes 1000000 --part vectors   a million vectors
    python benchmarks/semantic_join.py --peer-python ENV/bin/python  with faiss and semhash there

Vectors are points of a few thousand topics, Zipf's share each, float16 and mapped from a file, of which
one in five is a moved copy of another. Recall is that of 1,500 rows compared with all, at a cosine of .9.
Text is 12 words of an invented language with Zipf's frequencies, one row in eight an edited copy; every tool
gets the same word vectors (semhash as a model2vec model of whole words). What makes these vectors from the
encoder is paid once for a vocabulary and not counted, as semhash downloads a model that is made already.
Every tool runs alone in a fresh process, in one thread of linear algebra.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

DIM = 256
COSINE = 0.9
SAMPLE = 1_500
LETTERS = "abcdefghijklmnopqrstuvwxyz"
Pairs = tuple[Any, Any]


def make_vectors(n: int, file: Path, seed: int) -> None:
    draw = np.random.default_rng(seed)
    topics = draw.normal(size=(2000, DIM)).astype("f4") * 0.8
    shared = draw.normal(size=(64, DIM)).astype("f4") * 0.09
    out = np.lib.format.open_memmap(file, "w+", np.float16, (n, DIM))
    for low in range(0, n, 50_000):
        m = min(50_000, n - low)
        rows = topics[draw.zipf(1.3, m) % 2000] + draw.normal(size=(m, 64)).astype("f4") @ shared
        rows += draw.normal(size=(m, DIM)).astype("f4") * 0.35
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        to, of = draw.integers(0, m, m // 5), draw.integers(0, low + m, m // 5)
        moved = np.where((of < low)[:, None], out[np.minimum(of, max(0, low - 1))], rows[np.clip(of - low, 0, m - 1)])
        far = draw.uniform(0.05, 0.55, (m // 5, 1)).astype("f4")
        rows[to] = moved + far * draw.normal(size=(m // 5, DIM)).astype("f4") / DIM**0.5
        out[low : low + m] = rows / np.linalg.norm(rows, axis=1, keepdims=True)


def make_texts(n: int, file: Path, seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311
    known = vocabulary()
    weights = list(accumulate(1 / (rank + 3) for rank in range(len(known))))
    kept: list[list[str]] = []
    with file.open("w") as out:
        for _ in range(n):
            row = draw.choices(known, cum_weights=weights, k=12)
            if kept and draw.random() < 0.125:
                row = list(draw.choice(kept))
                row[draw.randrange(12)] = draw.choice(known)
            if len(kept) < 50_000:
                kept.append(row)
            out.write(" ".join(row) + "\n")


def vocabulary() -> list[str]:
    draw = random.Random(5)  # noqa: S311
    return list(dict.fromkeys("".join(draw.choices(LETTERS, k=draw.randint(3, 9))) for _ in range(12_000)))


def word_vectors(words: list[str]) -> np.ndarray:
    """In the place of an encoder: a fixed direction for each word."""
    place = {word: at for at, word in enumerate(vocabulary())}
    table = np.random.default_rng(9).normal(size=(len(place), DIM)).astype("f4")
    return table[[place.get(word, 0) for word in words]]


def toolkit(folder: Path) -> Callable[[], Pairs]:
    from toolkit.near.semantic import semantic_pairs

    semantic_pairs(np.random.default_rng(0).normal(size=(50, DIM)).astype("f2"))
    if (folder / "rows.txt").exists():
        import pyarrow as pa

        from toolkit.near.static import static_vectors

        static_vectors(pa.array(["abc abd"] * 3), word_vectors)
        texts = pa.array((folder / "rows.txt").read_text().splitlines(), pa.large_string())
        return lambda: tuple(semantic_pairs(static_vectors(texts, word_vectors), threshold=COSINE)[:2])  # type: ignore[return-value]
    vectors = np.load(folder / "vectors.npy", mmap_mode="r")
    return lambda: tuple(semantic_pairs(vectors, threshold=COSINE)[:2])  # type: ignore[return-value]


def faiss(folder: Path) -> Callable[[], Pairs]:
    """An inverted file of about the root of n lists, 8 of them looked at, range search."""
    import faiss as library

    library.omp_set_num_threads(1)
    vectors = np.load(folder / "vectors.npy").astype(np.float32)

    def work() -> Pairs:
        n = len(vectors)
        index = library.index_factory(DIM, f"IVF{max(16, int(n**0.5))},Flat", library.METRIC_INNER_PRODUCT)
        index.train(vectors[: 64 * index.nlist])
        index.add(vectors)
        index.nprobe = 8
        left, right = [], []
        for low in range(0, n, 10_000):
            bounds, _, found = index.range_search(vectors[low : low + 10_000], COSINE)
            of = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds.astype(np.int64))) + low
            left.append(of[of < found])
            right.append(found[of < found])
        return np.concatenate(left), np.concatenate(right)

    return work


def semhash(folder: Path) -> Callable[[], Pairs]:
    """Its own self-deduplication; from vectors it is given them, from text a model2vec model of the words."""
    from semhash import SemHash

    if not (folder / "rows.txt").exists():
        vectors = np.load(folder / "vectors.npy").astype(np.float32)
        names = [str(at) for at in range(len(vectors))]

        def work() -> Pairs:
            hashed = SemHash.from_embeddings(vectors, names, model=None)
            return _semhash_pairs(hashed.self_deduplicate(threshold=COSINE))

        return work
    from model2vec import StaticModel
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = vocabulary()
    tokens = Tokenizer(models.WordLevel({**{word: at for at, word in enumerate(words)}, "[UNK]": len(words)}, "[UNK]"))
    tokens.pre_tokenizer = pre_tokenizers.Whitespace()
    texts = (folder / "rows.txt").read_text().splitlines()
    seen = Counter(word for text in texts for word in text.split())
    weights = [1e-3 / (1e-3 + seen[word] / seen.total()) for word in words]  # as in toolkit.near.static
    table = word_vectors(words)
    table *= np.array(weights, np.float32)[:, None] / np.linalg.norm(table, axis=1, keepdims=True)
    model = StaticModel(np.concatenate([table, np.zeros((1, DIM), np.float32)]), tokens, normalize=True)

    def from_text() -> Pairs:
        return _semhash_pairs(SemHash.from_records(texts, model=model).self_deduplicate(threshold=COSINE))

    return from_text


def _semhash_pairs(found: Any) -> Pairs:
    """Only how many rows it drops: it names partners by text."""
    return np.zeros(len(found.filtered), np.int64), np.arange(1, len(found.filtered) + 1)


TOOLS = {each.__name__: each for each in (toolkit, faiss, semhash)}


def run_one(tool: str, folder: Path) -> None:
    work = TOOLS[tool](folder)
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    left, right = work()
    cpu = time.process_time() - began
    np.save(folder / f"{tool}.npy", np.stack([left, right]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"cpu_s": round(cpu, 2), "peak_gb": round(peak / 1e6, 2), "before_gb": round(base / 1e6, 2)}))


def recall(folder: Path, tool: str, seed: int) -> float:
    vectors = np.load(folder / "vectors.npy", mmap_mode="r")
    n = len(vectors)
    rows = np.sort(np.random.default_rng(seed).choice(n, min(n, SAMPLE), replace=False))
    mine = np.asarray(vectors[rows], np.float32)
    true = []
    for low in range(0, n, 20_000):
        one, other = np.nonzero(mine @ np.asarray(vectors[low : low + 20_000], np.float32).T >= COSINE)
        true.append(np.stack([rows[one], other + low]))
    pairs = np.concatenate(true, axis=1)
    pairs = np.sort(pairs[:, pairs[0] != pairs[1]], axis=0)
    left, right = np.sort(np.load(folder / f"{tool}.npy"), axis=0)
    return float(np.isin(pairs[0] * n + pairs[1], left * n + right).mean())


def compare(n: int, part: str, asked: argparse.Namespace) -> None:
    print(f"{n} rows from {part}, cosine {COSINE}", flush=True)
    runs = [(sys.executable, "toolkit")]
    if asked.peer_python:
        runs += [(asked.peer_python, tool) for tool in asked.peers.split(",") if part == "vectors" or tool == "semhash"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if part == "vectors":
            make_vectors(n, folder / "vectors.npy", asked.seed)
        else:
            make_texts(n, folder / "rows.txt", asked.seed)
        for python, tool in runs:
            alone = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
            command = [python, __file__, "--one", tool, str(folder)]
            done = subprocess.run(command, capture_output=True, text=True, check=False, env=alone)
            if done.returncode:
                print(f"  {tool}: failed: {(done.stderr.strip().splitlines() or ['killed'])[-1]}", flush=True)
                continue
            told = "  ".join(f"{key} {value}" for key, value in json.loads(done.stdout.splitlines()[-1]).items())
            known = part == "vectors" and tool != "semhash"
            found = f"recall {recall(folder, tool, asked.seed):.4f}" if known else ""
            print(f"  {tool:10} {told}  {found}  found {np.load(folder / f'{tool}.npy').shape[1]}", flush=True)


def main() -> None:
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("--sizes", default="10000,100000")
    parse.add_argument("--part", default="vectors,text")
    parse.add_argument("--seed", type=int, default=1)
    parse.add_argument("--peer-python", default="", help="a Python that can import the peers")
    parse.add_argument("--peers", default="faiss,semhash")
    parse.add_argument("--one", nargs=2, metavar=("TOOL", "FOLDER"), help=argparse.SUPPRESS)
    asked = parse.parse_args()
    if asked.one:
        run_one(asked.one[0], Path(asked.one[1]))
        return
    for n in asked.sizes.split(","):
        for part in asked.part.split(","):
            compare(int(n), part, asked)


if __name__ == "__main__":
    main()
