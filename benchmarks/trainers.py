"""The dry run beside the trainers' own preprocessing: which rows are kept, their token ids and their labels.

    python benchmarks/trainers.py --python trl=ENV/bin/python --python axolotl=...       compare
    python benchmarks/trainers.py --speed                                                   CPU seconds alone
    python benchmarks/trainers.py --record tests/trainers/recorded --rows 150 --python ...  replies for the tests

The rows are adversarial and made here: long, many turns, tools, empty, unicode, special tokens in the
content, no assistant. A row at which we say that the trainer stops is given to it alone and must raise;
all others are given at once, and every row must come out with the same ids and labels, or not at all.
"""

from __future__ import annotations

import argparse
import gzip
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.trainers import rows as made
from toolkit.chat.example import Example, Trained
from toolkit.chat.forecast import LEFT_OVER, forecast, left_over
from toolkit.chat.packing import Packed
from toolkit.chat.tokenizer import load
from toolkit.core import parts

Run = tuple[str, str, str, dict[str, Any]]
RUNS: list[Run] = [
    ("trl", "chatml", "messages", {}),
    ("trl", "chatml", "messages", {"max_length": 100}),
    ("trl", "chatml", "messages", {"max_length": 100, "assistant_only_loss": True}),
    ("trl", "chatml", "messages", {"max_length": 60, "truncation_mode": "keep_end", "assistant_only_loss": True}),
    ("trl", "inst", "messages", {"max_length": 200}),
    ("trl", "chatml", "pairs", {"max_length": 100}),
    ("trl", "inst", "pairs", {"max_length": 100, "completion_only_loss": False}),
    ("axolotl", "chatml", "messages", {}),
    ("axolotl", "chatml", "messages", {"sequence_len": 128, "excess_length_strategy": "truncate"}),
    ("axolotl", "inst", "messages", {"sequence_len": 256}),
    ("axolotl", "chatml", "messages", {"sequence_len": 200, "roles_to_train": ["assistant", "user"]}),
    ("axolotl", "inst", "messages", {"sequence_len": 2048, "train_on_inputs": True}),
    ("llamafactory", "chatml", "messages", {}),
    ("llamafactory", "chatml", "messages", {"cutoff_len": 100, "formatting": "openai"}),
    ("llamafactory", "inst", "messages", {"cutoff_len": 128, "mask_history": True}),
    ("llamafactory", "inst", "messages", {"cutoff_len": 128, "train_on_prompt": True}),
    ("llamafactory", "chatml", "messages", {"cutoff_len": 64, "template": "chatml"}),
    ("llamafactory", "chatml", "messages", {"cutoff_len": 512, "template": "default"}),
    ("llamafactory", "chatml", "messages", {"cutoff_len": 128, "template": "qwen3"}),
    ("llamafactory", "chatml", "messages", {"cutoff_len": 128, "template": "qwen3", "enable_thinking": False}),
    ("llamafactory", "chatml", "messages", {"cutoff_len": 128, "template": "qwen3", "mask_history": True}),
    ("llamafactory", "chatml", "messages", {"cutoff_len": 128, "template": "qwen3_nothink"}),
    ("llamafactory", "chatml", "messages", {"cutoff_len": 128, "template": "phi4"}),
    ("llamafactory", "headers", "messages", {"cutoff_len": 128, "template": "llama3"}),
    ("llamafactory-dpo", "headers", "preferences", {"cutoff_len": 128, "template": "llama3"}),
    ("mlx", "chatml", "messages", {}),
    ("mlx", "chatml", "messages", {"max_seq_length": 100, "mask_prompt": True}),
    ("mlx", "inst", "messages", {"max_seq_length": 128, "mask_prompt": True, "batch_size": 7}),
    ("mlx", "chatml", "pairs", {"max_seq_length": 100, "mask_prompt": True}),
    ("trl", "chatml", "messages", {"max_length": 256, "packing": True}),
    ("trl", "chatml", "messages", {"max_length": 256, "packing": True, "packing_strategy": "bfd_split"}),
    ("trl", "inst", "messages", {"max_length": 512, "packing": True, "packing_strategy": "wrapped"}),
    ("llamafactory", "inst", "messages", {"cutoff_len": 256, "packing": True}),
    ("axolotl", "chatml", "messages", {"sequence_len": 512, "sample_packing": True, "micro_batch_size": 2}),
    ("trl-dpo", "chatml", "preferences", {}),
    ("trl-dpo", "chatml", "preferences", {"max_length": 100}),
    ("trl-dpo", "inst", "preferences", {"max_length": 100, "truncation_mode": "keep_end"}),
    ("trl-dpo", "inst", "text_preferences", {"max_length": 100}),
    ("trl-kto", "chatml", "wanted", {"max_length": 100}),
    ("trl-kto", "inst", "wanted", {}),
    ("axolotl-dpo", "chatml", "preferences", {}),
    ("axolotl-dpo", "chatml", "preferences", {"sequence_len": 100, "excess_length_strategy": "truncate"}),
    ("axolotl-dpo", "inst", "preferences", {"sequence_len": 100}),
    ("axolotl-dpo", "inst", "text_preferences", {"sequence_len": 200, "excess_length_strategy": "truncate"}),
    ("llamafactory-dpo", "chatml", "preferences", {"cutoff_len": 100}),
    ("llamafactory-dpo", "inst", "preferences", {"cutoff_len": 128}),
    ("llamafactory-dpo", "chatml", "preferences", {"cutoff_len": 128, "template": "qwen3"}),
    ("llamafactory-dpo", "chatml", "preferences", {"template": "qwen3", "enable_thinking": False}),
    ("llamafactory-kto", "chatml", "wanted", {"cutoff_len": 100}),
    ("llamafactory-kto", "inst", "wanted", {}),
]


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reader.add_argument("--python", action="append", default=[], metavar="TRAINER=PATH")
    reader.add_argument("--rows", type=int, default=2000)
    reader.add_argument("--record", type=Path)
    reader.add_argument("--speed", action="store_true")
    given = reader.parse_args()
    if given.speed:
        speed()
        return
    wrong = 0
    for each in given.python:
        name, _, python = each.partition("=")
        wrong += compare(name, python, given.rows, given.record)
    sys.exit(1 if wrong else 0)


def compare(name: str, python: str, n: int, record: Path | None) -> int:
    """Print one line a run; returns how many rows differ."""
    with tempfile.TemporaryDirectory() as folder:
        room = Path(folder)
        source = _source(python) if name.startswith("llamafactory") else ""
        bare = record is not None and name.startswith("llamafactory")
        runs = [_ours(room, at, run, n, source, bare=bare) for at, run in enumerate(RUNS) if run[0] == name]
        jobs = [job for run in runs for job in run["jobs"]]
        (room / "jobs.json").write_text(json.dumps(jobs), encoding="utf-8")
        peer = Path(__file__).with_name("peer_trainers.py")
        subprocess.run([python, str(peer), name, folder], check=True, stdout=subprocess.DEVNULL)
        theirs = json.loads((room / "out.json").read_text(encoding="utf-8"))
        print(name, json.dumps(theirs["versions"]))
        wrong = sum(_line(run, theirs["jobs"]) for run in runs)
        if record:
            _record(record, name, runs, theirs)
    return wrong


def _ours(room: Path, at: int, run: Run, n: int, source: str, *, bare: bool) -> dict[str, Any]:
    name, style, shape, options = run
    folder = _headers(room) if style == "headers" else made.FOLDER / style
    rows = made.made_of(shape, n)
    if options.get("template") in made.OWN_TOOLS:  # it writes tools in a way that is not modelled
        rows = [row for row in rows if row["kind"] not in ("tools", "ends_on_call")]
    if bare:  # its words around tools are not kept in the repository
        rows = [{key: value for key, value in row.items() if key != "tools"} for row in rows]
    trained = dry(name, options | ({"source": source} if source else {}), folder, rows)
    alone = [row for row, each in zip(rows, trained, strict=True) if each.stops]
    together = [row for row, each in zip(rows, trained, strict=True) if not each.stops]
    # What the trainer never reaches, it cannot leave over: the rest is judged again without the rows that stop it.
    trained = dry(name, options | ({"source": source} if source else {}), folder, together)
    jobs = []
    for kind, chosen in (("all", together), ("alone", alone)):
        file = room / f"{at}-{kind}.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in chosen), encoding="utf-8")
        job = {"name": f"{at}-{kind}", "tokenizer": str(folder), "rows": str(file), "options": options}
        jobs.append({**job, "alone": True} if kind == "alone" else job)
    return {"run": run, "trained": trained, "rows": together, "stops": alone, "jobs": jobs, "n": n}


def _headers(room: Path) -> Path:
    """The tokenizer of `inst` with the tokens of Llama 3, which its template in LLaMA-Factory ends turns with."""
    folder = room / "headers"
    if not folder.exists():
        hf = load(str(made.FOLDER / "inst")).hf
        hf.add_special_tokens(
            {"additional_special_tokens": ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|eom_id|>"]}
        )
        hf.save_pretrained(str(folder))
    return folder


def dry(name: str, options: dict[str, Any], folder: Path, rows: list[dict[str, Any]]) -> list[Trained]:
    """Our forecast of rows as the trainer's file would hold them."""
    given = {key: tuple(value) if isinstance(value, list) else value for key, value in options.items()}
    trainer = parts.build("trainers", name, given)
    found = [example(at, row) for at, row in enumerate(rows)]
    trained = [each for _, each in forecast(trainer, load(str(folder)), found)]
    over = set(left_over(trainer, [each.columns for each in found]))
    return [
        each._replace(kept=False, reason=LEFT_OVER, ids=(), spans=()) if at in over else each
        for at, each in enumerate(trained)
    ]


def example(at: int, row: dict[str, Any]) -> Example:
    """A row of `tests.trainers.rows` as an example."""
    if "prompt" in row:
        answer = row.get("chosen", row.get("completion"))
        if "chosen" in row or "label" in row:
            sides = {"completion": answer, "rejected": row.get("rejected"), "tools": row.get("tools")}
            return Example(at, row["id"], prompt=row["prompt"], **sides)
        return Example(at, row["id"], prompt=row["prompt"], completion=row["completion"], columns=2)
    return Example(at, row["id"], row["messages"], tools=row.get("tools"), columns=1 + ("tools" in row))


def _line(run: dict[str, Any], jobs: dict[str, Any]) -> int:
    name, style, shape, options = run["run"]
    ours = [[list(side.ids), side.labels()] for each in run["trained"] if each.kept for side in sides(each)]
    theirs = jobs[run["jobs"][0]["name"]]
    if name == "mlx":  # its batches are in the order of the number of columns
        order = sorted(range(len(run["rows"])), key=lambda at: 1 + ("tools" in run["rows"][at]))
        ours = [[list(run["trained"][at].ids), run["trained"][at].labels()] for at in order if run["trained"][at].kept]
    stops = jobs[run["jobs"][1]["name"]]["alone"]
    if (packed := _packed(run)) is not None and "error" not in theirs:
        return _packing_line(run, packed, theirs["rows"])
    raised = sum("error" in each for each in stops)
    if "error" in theirs:
        print(f"  {style} {shape} {json.dumps(options)}: the trainer raised {theirs['error']}")
        return len(ours)
    same = sum(one == other for one, other in zip(ours, theirs["rows"], strict=False))
    most = max(len(ours), len(theirs["rows"]))
    print(
        f"  {style} {shape} {json.dumps(options)}: {same:,} of {most:,} sequences equal, "
        f"{sum(not each.kept for each in run['trained']):,} of {len(run['rows']):,} rows dropped, "
        f"{raised:,} of {len(stops):,} stops raise"
    )
    if same < most:
        at = next((at for at, (one, other) in enumerate(zip(ours, theirs["rows"], strict=False)) if one != other), 0)
        print("    first:", ours[at : at + 1], theirs["rows"][at : at + 1])
    return (most - same) + len(stops) - raised


def _packed(run: dict[str, Any]) -> Packed | None:
    """What the rows are packed into, where the options ask for it."""
    name, _, _, options = run["run"]
    if name not in ("trl", "llamafactory", "axolotl"):
        return None
    found: Packed | None = parts.build("trainers", name, options).packed([each.tokens for each in run["trained"]])
    return found


def _packing_line(run: dict[str, Any], packed: Packed, theirs: list[Any]) -> int:
    """Whether there are as many sequences; of axolotl, whose order is random, about as many steps."""
    name, style, shape, options = run["run"]
    ours, other, what = packed.sequences, len(theirs), "packed sequences"
    if name == "axolotl":
        ours, other, what = packed.steps, theirs[0][0][0], "steps a pass"
    print(f"  {style} {shape} {json.dumps(options)}: {ours:,} {what}, the trainer has {other:,}")
    return int(abs(ours - other) > (0.02 * other if name == "axolotl" else 0))


def sides(trained: Trained) -> list[Trained]:
    """The sequences of a row: of a pair the chosen and the rejected one."""
    return [trained] if trained.other is None else [trained, trained.other]


def _source(python: str) -> str:
    code = "import importlib.util as u; print(u.find_spec('llamafactory').submodule_search_locations[0])"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def _record(folder: Path, name: str, runs: list[dict[str, Any]], theirs: dict[str, Any]) -> None:
    """Keep what the trainer said, for tests that cannot install it."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = []
    for run in runs:
        _, style, shape, options = run["run"]
        found = [theirs["jobs"][job["name"]] for job in run["jobs"]]
        kept.append({"style": style, "shape": shape, "options": options, "rows": run["n"]})
        kept[-1] |= {"kept": found[0]["rows"], "raised": ["error" in each for each in found[1]["alone"]]}
    text = json.dumps({"trainer": name, "versions": theirs["versions"], "runs": kept})
    (folder / f"{name}.json.gz").write_bytes(gzip.compress(text.encode(), mtime=0))


def speed() -> None:
    """CPU seconds of each trainer's rules after rendering and tokenising, and of the whole."""
    rows = [example(at, row) for at, row in enumerate(made.adversarial(20_000)) if not row.get("tools")]
    for name in ("trl", "axolotl", "llamafactory", "mlx"):
        _speed(name, load(str(made.FOLDER / "chatml")), rows)


def _speed(name: str, tokenizer: Any, rows: list[Example]) -> None:
    trainer = parts.build("trainers", name)
    spent = {"encode": 0.0}
    plain = type(tokenizer).encode

    def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        started = time.process_time()
        found = plain(self, *args, **kwargs)
        spent["encode"] += time.process_time() - started
        return found

    type(tokenizer).encode = counted  # type: ignore[method-assign]
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    started, clock = time.process_time(), time.perf_counter()
    n = sum(1 for _ in forecast(trainer, tokenizer, rows))
    cpu, wall = time.process_time() - started, time.perf_counter() - clock
    type(tokenizer).encode = plain  # type: ignore[method-assign]
    rules = cpu - spent["encode"]
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    rendering = after.ru_utime + after.ru_stime - children.ru_utime - children.ru_stime
    print(
        f"{name}: {n:,} rows, {wall:.1f} s wall; CPU of this process {cpu:.1f} s, "
        f"{spent['encode']:.1f} s of it tokenising, so {n / rules:,.0f} rows a second and core for the rest; "
        f"the process that renders {rendering:.1f} s, its start among them"
    )


if __name__ == "__main__":
    main()
