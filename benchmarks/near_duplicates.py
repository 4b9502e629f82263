"""Near duplicates beside the peers: CPU seconds, peak memory, recall and precision on made-up rows.

    python benchmarks/near_duplicates.py                            10k and 100k rows, short and long
    python benchmarks/near_duplicates.py --sizes 1000000            a million of each
    python benchmarks/near_duplicates.py --peer-python ENV/bin/python     with rensa and datasketch there
    python benchmarks/near_duplicates.py --peer-python ... --peers text_dedup,datatrove --shingle w3
    python benchmarks/near_duplicates.py --sizes 10000000 --words 12 --tools toolkit_default --sample 20000

Rows are words of an invented language with Zipf's frequencies; one row in ten is an edited copy of
an earlier one, one in fifty an exact copy. The truth is the exact join at the same threshold, which
the tests hold against brute force; with --sample that of some rows against all. Every tool runs alone in a
fresh process and starts from a list of strings (ours: a mapped Arrow file); reading and compiling are not
counted, shingles are. before_gb: the peak before it starts. system_s: what of the CPU seconds the kernel took,
for fresh memory mostly; on a busy virtual machine that was half of ours. rensa and datasketch get the same
shingles, 128 permutations, and keep the pairs whose estimated Jaccard reaches the threshold. text-dedup (its
`embed_func` and tables, without its file handling) and datatrove (its first two stages) make word n-grams of
their own and compare nothing: their pairs are the rows that share a bucket.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate, islice
from pathlib import Path
from typing import Any

Found = tuple[list[int], list[int]]
BLOCK = 1_000_000
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def rows(n: int, words: int, seed: int) -> Iterator[str]:
    draw = random.Random(seed)  # noqa: S311
    known = ["".join(draw.choices(LETTERS, k=draw.randint(2, 10))) for _ in range(30_000)]
    weights = list(accumulate(1 / (rank + 3) for rank in range(len(known))))
    kept: list[list[str]] = []
    for _ in range(n):
        row = draw.choices(known, cum_weights=weights, k=words)
        kind = draw.random()
        if kind < 0.12 and kept:
            row = list(draw.choice(kept))
            for _ in range(0 if kind < 0.02 else draw.randint(1, max(1, words // 8))):
                row[draw.randrange(words)] = draw.choice(known)
        if len(kept) < 50_000:
            kept.append(row)
        yield " ".join(row)


def shingle_sets(texts: list[str], kind: str) -> list[list[str]]:
    k = int(kind[1])
    if kind[0] == "c":
        return [list({t[i : i + k] for i in range(len(t) - k + 1)}) for t in texts]
    return [list({" ".join(w[i : i + k]) for i in range(len(w) - k + 1)}) for w in (t.split() for t in texts)]


def toolkit_default(texts: Any, kind: str, threshold: float) -> Callable[[], Found]:
    return _toolkit(texts, kind, threshold, False)


def toolkit_exact(texts: Any, kind: str, threshold: float) -> Callable[[], Found]:
    return _toolkit(texts, kind, threshold, True)


def _toolkit(texts: Any, kind: str, threshold: float, exact: bool) -> Callable[[], Found]:
    from toolkit.near.pairs import near_pairs

    began = time.process_time()
    near_pairs(texts[:50], shingle=kind, threshold=threshold, exact=exact)
    print(f"# loading or compiling the kernels took {time.process_time() - began:.2f} s", file=sys.stderr)

    def work() -> Found:
        found = near_pairs(texts, shingle=kind, threshold=threshold, exact=exact)
        return found.left, found.right

    return work


def rensa(texts: list[str], kind: str, threshold: float) -> Callable[[], Found]:
    from rensa import RMinHash, RMinHashLSH

    def work() -> Found:
        prints = RMinHash.from_token_sets(shingle_sets(texts, kind), 128, 42)
        index = RMinHashLSH(threshold=threshold, num_perm=128, num_bands=16)
        index.insert_many(prints)
        left, right = [], []
        for i, others in enumerate(index.query_all(prints)):
            for j in others:
                if i < j and prints[i].jaccard(prints[j]) >= threshold:
                    left.append(i)
                    right.append(j)
        return left, right

    return work


def datasketch(texts: list[str], kind: str, threshold: float) -> Callable[[], Found]:
    from datasketch import MinHash, MinHashLSH

    def work() -> Found:
        sets = ([s.encode() for s in row] for row in shingle_sets(texts, kind))
        prints = list(MinHash.generator(sets, num_perm=128))
        index = MinHashLSH(threshold=threshold, num_perm=128)
        for i, one in enumerate(prints):
            index.insert(i, one)
        left, right = [], []
        for i, one in enumerate(prints):
            for j in index.query(one):
                if i < j and one.jaccard(prints[j]) >= threshold:
                    left.append(i)
                    right.append(j)
        return left, right

    return work


def text_dedup(texts: list[str], kind: str, threshold: float) -> Callable[[], Found]:
    from text_dedup import minhash as own
    from text_dedup.utils import optimal_param, xxh3_32hash

    numpy = own.np
    bands, lanes = optimal_param(threshold, 128, false_positive_weight=0.5, false_negative_weight=0.5)
    draw = numpy.random.RandomState(42)
    prime = numpy.uint64((1 << 61) - 1)
    options = {
        "num_perm": 128,
        "ngram_size": int(kind[1]),
        "min_length": 0,
        "hashranges": [(at * lanes, (at + 1) * lanes) for at in range(bands)],
        "permutations": [draw.randint(low, prime, size=(128,), dtype=numpy.uint64) for low in (1, 0)],
        "hash_func": xxh3_32hash,
        "dtype": numpy.uint64,
        "max_hash": numpy.uint32((1 << 32) - 1),
        "modulo_prime": prime,
    }

    def work() -> Found:
        tables: list[dict[bytes, list[int]]] = [{} for _ in range(bands)]
        for row, text in enumerate(texts):
            for table, key in zip(tables, own.embed_func(text, row, **options)["__signatures__"], strict=True):
                table.setdefault(key, []).append(row)
        return _of_buckets(rows for table in tables for rows in table.values())

    return work


def _of_buckets(buckets: Iterable[list[int]]) -> Found:
    pairs = {(one, two) for rows in buckets for at, one in enumerate(rows) for two in rows[at + 1 :]}
    return [one for one, _ in pairs], [two for _, two in pairs]


def datatrove(texts: list[str], kind: str, threshold: float) -> Callable[[], Found]:
    """Its 14 bands of 8 lanes are planned for a threshold of about .72."""
    from datatrove.data import Document
    from datatrove.pipeline.dedup import MinhashDedupBuckets, MinhashDedupSignature
    from datatrove.pipeline.dedup.minhash import MinhashConfig
    from datatrove.utils.binaryio import read_tuples_from_file

    config = MinhashConfig(n_grams=int(kind[1]))
    rows = [Document(text=text, id=str(at)) for at, text in enumerate(texts)]

    def work() -> Found:
        pairs: set[tuple[int, int]] = set()
        with tempfile.TemporaryDirectory() as name:
            prints, buckets = f"{name}/prints", f"{name}/buckets"
            MinhashDedupSignature(prints, config).run(iter(rows), 0, 1)
            for rank in range(config.num_buckets):
                MinhashDedupBuckets(prints, buckets, config=config).run(None, rank, config.num_buckets)
            for file in Path(buckets).glob("*.dups"):
                with file.open("rb") as opened:
                    for _, one, _, two in read_tuples_from_file(opened, "4I", lines_to_buffer=1000):
                        pairs.add((min(one, two), max(one, two)))
        return [one for one, _ in pairs], [two for _, two in pairs]

    return work


TOOLS = {f.__name__: f for f in (toolkit_default, toolkit_exact, rensa, datasketch, text_dedup, datatrove)}


def write_rows(folder: Path, made: Iterator[str]) -> None:
    """One row a line for the peers, and as an Arrow file that can be mapped."""
    import pyarrow as pa

    schema = pa.schema([("text", pa.large_string())])
    with (folder / "rows.txt").open("w") as file, pa.ipc.new_file(str(folder / "rows.arrow"), schema) as writer:
        while batch := list(islice(made, 50_000)):
            file.writelines(f"{row}\n" for row in batch)
            writer.write_batch(pa.record_batch([pa.array(batch, pa.large_string())], schema=schema))


def arrow(folder: Path) -> Any:
    import pyarrow as pa

    return pa.ipc.open_file(pa.memory_map(str(folder / "rows.arrow"))).read_all().column("text")


def run_one(tool: str, folder: Path, kind: str, threshold: float) -> None:
    """In a process of its own: time one tool, and leave its pairs beside the rows."""
    texts = arrow(folder) if tool.startswith("toolkit") else (folder / "rows.txt").read_text().splitlines()
    work = TOOLS[tool](texts, kind, threshold)
    before = peak_gb()
    cpu, wall, system = time.process_time(), time.perf_counter(), os.times().system
    left, right = work()
    cpu, wall, system = time.process_time() - cpu, time.perf_counter() - wall, os.times().system - system
    peak = peak_gb()
    array("q", left).tofile(file := (folder / f"{tool}.pairs").open("wb"))
    array("q", right).tofile(file)
    file.close()
    told = {"cpu_s": cpu, "system_s": system, "wall_s": wall, "before_gb": before, "peak_gb": peak}
    print(json.dumps({name: round(value, 3) for name, value in told.items()}))


def peak_gb() -> float:
    """Of this process alone: `ru_maxrss` begins with what the process held that started it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1e6


def in_process(python: str, tool: str, folder: Path, kind: str, threshold: float) -> dict[str, float] | None:
    command = [python, __file__, "--one", tool, str(folder), "--shingle", kind, "--threshold", str(threshold)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"  {tool}: failed: {(done.stderr.strip().splitlines() or ['killed'])[-1]}", flush=True)
        return None
    return dict(json.loads(done.stdout.splitlines()[-1]))


def pairs_of(folder: Path, tool: str) -> Any:
    """Both rows of a pair in one number, the smaller first, shape (n_pairs,)."""
    import numpy as np

    pairs = np.fromfile(folder / f"{tool}.pairs", np.int64).reshape(2, -1)
    return np.sort((pairs.min(axis=0) << 32) | pairs.max(axis=0))


def sampled_truth(folder: Path, kind: str, threshold: float, sample: int) -> tuple[Any, Any]:
    """The true pairs of a random sample of rows with any row, a million rows at a time, and the rows of the sample."""
    import numpy as np

    from toolkit.near.pairs import near_pairs_between

    texts = arrow(folder)
    rows = np.sort(np.random.default_rng(1).choice(len(texts), min(sample, len(texts)), replace=False))
    own, found = texts.take(rows), [np.empty(0, np.int64)]
    for low in range(0, len(texts), BLOCK):
        pairs = near_pairs_between(own, texts.slice(low, BLOCK), shingle=kind, threshold=threshold, exact=True)
        one, other = rows[pairs.left], pairs.right + low
        found.append(((np.minimum(one, other) << 32) | np.maximum(one, other))[one != other])
    return np.unique(np.concatenate(found)), rows


def compare(folder: Path, asked: argparse.Namespace, kind: str) -> None:
    import numpy as np

    runs = [(sys.executable, tool) for tool in asked.tools.split(",")]
    if asked.peer_python:
        runs += [(asked.peer_python, tool) for tool in asked.peers.split(",")]
    truth, rows = sampled_truth(folder, kind, asked.threshold, asked.sample) if asked.sample else (None, None)
    for python, tool in runs:
        cost = in_process(python, tool, folder, kind, asked.threshold)
        if cost is None:
            continue
        found = pairs_of(folder, tool)
        truth = found if truth is None else truth
        some = found if rows is None else found[np.isin(found >> 32, rows) | np.isin(found & 0xFFFFFFFF, rows)]
        right = np.isin(truth, some, assume_unique=True).sum()
        figures = "  ".join(f"{key} {value:8.3f}" for key, value in cost.items())
        quality = f"recall {right / max(1, len(truth)):.4f}  precision {right / max(1, len(some)):.4f}"
        print(f"  {tool:16} {figures}  {quality}  pairs {len(found)}", flush=True)


def main() -> None:
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("--sizes", default="10000,100000")
    parse.add_argument("--words", default="12,200")
    parse.add_argument("--shingle", default="c5,w3")
    parse.add_argument("--threshold", type=float, default=0.7)
    parse.add_argument("--seed", type=int, default=0)
    parse.add_argument("--tools", default="toolkit_exact,toolkit_default", help="the first one is the truth")
    parse.add_argument("--sample", type=int, default=0, help="truth by the exact pairs of so many rows with all")
    parse.add_argument("--peer-python", default="", help="a Python that can import the peers")
    parse.add_argument("--peers", default="rensa,datasketch")
    parse.add_argument("--one", nargs=2, metavar=("TOOL", "FOLDER"), help=argparse.SUPPRESS)
    asked = parse.parse_args()
    if asked.one:
        run_one(asked.one[0], Path(asked.one[1]), asked.shingle, asked.threshold)
        return
    if importlib.util.find_spec("toolkit") is None:
        sys.exit("install the toolkit first: pip install -e .")
    for n in asked.sizes.split(","):
        for words in asked.words.split(","):
            with tempfile.TemporaryDirectory() as name:
                write_rows(Path(name), rows(int(n), int(words), asked.seed))
                for kind in asked.shingle.split(","):
                    print(f"{n} rows of {words} words, {kind}, Jaccard {asked.threshold}", flush=True)
                    compare(Path(name), asked, kind)


if __name__ == "__main__":
    main()
