"""What looking for leaks costs: CPU seconds and peak memory of held-out rows against training rows.

    python benchmarks/leaks.py                                  1k against 10k rows, 10k against 100k
    python benchmarks/leaks.py --sizes 100000:1000000           as many as are given
    python benchmarks/leaks.py --words 200                      long rows

Rows are words of an invented language with Zipf's frequencies. One held-out row in ten is made of a
training row: cut off, with typos, with other words, or as it stands; how many of those score .6 and more, and
how many others do, is printed beside. Each size runs alone in a fresh process; making the rows and
compiling are not counted.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import time
from itertools import accumulate

LETTERS = "abcdefghijklmnopqrstuvwxyz"
FLAGGED = 0.6


def rows(held: int, train: int, words: int) -> tuple[list[str], list[str], list[bool]]:
    """Held-out rows, training rows, and which held-out rows were made of a training row."""
    draw = random.Random(5)  # noqa: S311
    known = ["".join(draw.choices(LETTERS, k=draw.randint(2, 10))) for _ in range(30_000)]
    weights = list(accumulate(1 / (rank + 3) for rank in range(len(known))))
    made = [" ".join(draw.choices(known, cum_weights=weights, k=words)) for _ in range(train + held)]
    own, trained, leaked = made[train:], made[:train], []
    for at in range(held):
        leaked.append(draw.random() < 0.1)
        if leaked[at]:
            own[at] = spoiled(draw.choice(trained), draw, known)
    return own, trained, leaked


def spoiled(row: str, draw: random.Random, known: list[str]) -> str:
    words = row.split()
    kind = draw.randrange(4)
    if kind == 0:
        return " ".join(words[: max(2, len(words) * 2 // 3)])
    for _ in range(max(1, len(words) // 8) if kind < 3 else 0):
        at = draw.randrange(len(words))
        words[at] = words[at][:1] + draw.choice(LETTERS) + words[at][2:] if kind == 1 else draw.choice(known)
    return " ".join(words)


def measure(held: int, train: int, words: int) -> None:
    import pyarrow as pa

    from toolkit.near.edit_evidence import edited_from
    from toolkit.near.pairs import near_pairs_between

    own, known, leaked = rows(held, train, words)
    texts, reference = pa.array(own, pa.large_string()), pa.array(known, pa.large_string())
    near_pairs_between(texts[:50], reference[:50])
    edited_from(texts[:50], reference[:50])
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    found = edited_from(texts, reference).evidence
    edits, begun = time.process_time() - started, time.process_time()
    near_pairs_between(texts, reference)
    flagged = found.score >= FLAGGED
    told = {
        "held_out": held,
        "train": train,
        "words": words,
        "edits_cpu_s": round(edits, 2),
        "near_cpu_s": round(time.process_time() - begun, 2),
        "rows_mb": before // 1024,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "found": round(sum(flagged[at] for at in range(held) if leaked[at]) / max(sum(leaked), 1), 4),
        "others_flagged": int(sum(flagged[at] for at in range(held) if not leaked[at])),
    }
    print(json.dumps(told))


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--sizes", nargs="*", default=["1000:10000", "10000:100000"], help="held-out:train")
    ask.add_argument("--words", type=int, default=12)
    ask.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    asked = ask.parse_args()
    for size in asked.sizes:
        if asked.alone:
            held, train = map(int, size.split(":"))
            measure(held, train, asked.words)
        else:
            again = [sys.executable, __file__, "--alone", "--words", str(asked.words), "--sizes", size]
            subprocess.run(again, check=True)


if __name__ == "__main__":
    main()
