"""Near duplicates beside the peers: CPU seconds, peak memory, recall and precision on made-up rows.

    python benchmarks/near_duplicates.py                            10k and 100k rows, short and long
    python benchmarks/near_duplicates.py --sizes 1000000            a million of each
    python benchmarks/near_duplicates.py --peer-python /tmp/p/bin/python     with rensa and datasketch there

Rows are words of an invented language with Zipf's frequencies; one row in ten is an edited copy of
an earlier one, one in fifty an exact copy. The truth is the exact join at the same threshold, which
the tests hold against brute force. Every tool runs alone in a fresh process and starts from a list
of strings (ours: an Arrow array); reading the file and compiling are not counted, shingles are. Peers get the
same shingles, 128 permutations, and keep the pairs whose estimated Jaccard reaches the threshold.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

Found = tuple[list[int], list[int]]
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
    import pyarrow as pa

    from toolkit.near.pairs import near_pairs

    array = texts
    began = time.process_time()
    near_pairs(array[:50], shingle=kind, threshold=threshold, exact=exact)
    print(f"# loading or compiling the kernels took {time.process_time() - began:.2f} s", file=sys.stderr)

    def work() -> Found:
        found = near_pairs(array, shingle=kind, threshold=threshold, exact=exact)
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


TOOLS = {f.__name__: f for f in (toolkit_default, toolkit_exact, rensa, datasketch)}


def arrow(path: Path) -> Any:
    """One row a line, without a Python string: each tool's peak holds the rows in the shape that it reads."""
    import numpy as np
    import pyarrow as pa

    raw = np.fromfile(path, np.uint8)
    ends = np.flatnonzero(raw == ord("\n"))
    offsets = np.concatenate([[0], ends - np.arange(len(ends))])
    text = raw[raw != ord("\n")]
    return pa.Array.from_buffers(pa.large_string(), len(ends), [None, pa.py_buffer(offsets), pa.py_buffer(text)])


def run_one(tool: str, folder: Path, kind: str, threshold: float) -> None:
    """In a process of its own: time one tool, and leave its pairs beside the rows."""
    texts = arrow(folder / "rows.txt") if tool.startswith("toolkit") else (folder / "rows.txt").read_text().splitlines()
    work = TOOLS[tool](texts, kind, threshold)
    cpu, wall = time.process_time(), time.perf_counter()
    left, right = work()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    (folder / f"{tool}.txt").write_text("\n".join(f"{i} {j}" for i, j in zip(left, right, strict=True)))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(json.dumps({"cpu_s": round(cpu, 3), "wall_s": round(wall, 3), "peak_gb": round(peak, 2)}))


def in_process(python: str, tool: str, folder: Path, kind: str, threshold: float) -> dict[str, float] | None:
    command = [python, __file__, "--one", tool, str(folder), "--shingle", kind, "--threshold", str(threshold)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"  {tool}: failed: {(done.stderr.strip().splitlines() or ['killed'])[-1]}", flush=True)
        return None
    return dict(json.loads(done.stdout.splitlines()[-1]))


def pairs_of(folder: Path, tool: str) -> set[tuple[str, ...]]:
    text = (folder / f"{tool}.txt").read_text()
    return {tuple(line.split()) for line in text.splitlines()}


def compare(n: int, words: int, asked: argparse.Namespace, kind: str) -> None:
    print(f"{n} rows of {words} words, {kind}, Jaccard {asked.threshold}", flush=True)
    runs = [(sys.executable, "toolkit_exact"), (sys.executable, "toolkit_default")]
    if asked.peer_python:
        runs += [(asked.peer_python, tool) for tool in asked.peers.split(",")]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (folder / "rows.txt").open("w") as file:
            file.writelines(f"{row}\n" for row in rows(n, words, asked.seed))
        truth: set[tuple[str, ...]] = set()
        for python, tool in runs:
            cost = in_process(python, tool, folder, kind, asked.threshold)
            if cost is None:
                continue
            found = pairs_of(folder, tool)
            truth = truth or found
            right = len(found & truth)
            recall, precision = right / max(1, len(truth)), right / max(1, len(found))
            figures = "  ".join(f"{key} {value:8.3f}" for key, value in cost.items())
            print(
                f"  {tool:16} {figures}  recall {recall:.4f}  precision {precision:.4f}  pairs {len(found)}", flush=True
            )


def main() -> None:
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("--sizes", default="10000,100000")
    parse.add_argument("--words", default="12,200")
    parse.add_argument("--shingle", default="c5,w3")
    parse.add_argument("--threshold", type=float, default=0.7)
    parse.add_argument("--seed", type=int, default=0)
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
            for kind in asked.shingle.split(","):
                compare(int(n), int(words), asked, kind)


if __name__ == "__main__":
    main()
