"""What `toolkit verify` without embeddings costs: CPU and peak memory at two sizes and more.

    python benchmarks/verify.py                 10,000 and 100,000 chat rows of about 700 bytes
    python benchmarks/verify.py --rows 1000000  another size

Each size is a process of its own. The unit beside it is `json.loads` over the same lines in a bare
loop, in the same run, so that the ratio can be compared between machines. `--help` is measured too.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
from pathlib import Path

SIZES = (10_000, 100_000)
LOOP = "import json, sys\nfor line in open(sys.argv[1], encoding='utf-8'):\n    json.loads(line)\n"


def chats(path: Path, rows: int, seed: int = 1) -> None:
    """Chat rows of made-up words; every twentieth nearly repeats the one before it."""
    rng = random.Random(seed)  # noqa: S311 - rows for a benchmark
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(rng.choices(letters, k=rng.randint(2, 9))) for _ in range(20_000)]
    answer = ""
    with path.open("w", encoding="utf-8") as file:
        for at in range(rows):
            question = " ".join(rng.choices(words, k=rng.randint(8, 40)))
            repeats = at % 20 == 19
            answer = (
                f"{answer} {rng.choice(words)}" if repeats else " ".join(rng.choices(words, k=rng.randint(20, 120)))
            )
            turns = [("system", "You are a helpful assistant."), ("user", question), ("assistant", answer)]
            row = {"id": f"r{at}", "messages": [{"role": role, "content": text} for role, text in turns]}
            file.write(json.dumps(row) + "\n")


def measured(*command: str) -> tuple[float, float]:
    """CPU seconds and peak megabytes of one command."""
    child = os.fork()
    if not child:
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 1)
        os.dup2(null, 2)
        os.execv(command[0], command)  # noqa: S606 - this interpreter, with arguments from here
    _, _, used = os.wait4(child, 0)
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="*", default=list(SIZES))
    sizes = parser.parse_args().rows
    toolkit = (sys.executable, "-m", "toolkit")
    cpu, peak = measured(*toolkit, "--help")
    print(f"--help: {cpu:.3f} s CPU, {peak:.0f} MB")
    print(f"{'rows':>10}{'file MB':>9}{'CPU s':>9}{'us/row':>9}{'peak MB':>9}{'x json.loads':>14}")
    with tempfile.TemporaryDirectory() as folder:
        warm = Path(folder) / "warm.jsonl"
        chats(warm, 300)
        measured(*toolkit, "verify", str(warm), "--no-embeddings", "--run", f"{folder}/warm")
        for rows in sizes:
            path = Path(folder) / f"{rows}.jsonl"
            chats(path, rows)
            cpu, peak = measured(*toolkit, "verify", str(path), "--no-embeddings", "--run", f"{folder}/run-{rows}")
            unit, _ = measured(sys.executable, "-c", LOOP, str(path))
            size = path.stat().st_size / 1e6
            print(f"{rows:>10,}{size:>9.0f}{cpu:>9.2f}{1e6 * cpu / rows:>9.0f}{peak:>9.0f}{cpu / unit:>14.1f}")


if __name__ == "__main__":
    main()
