"""What sending costs: the engine against a local server that is slow, throttles, stalls or breaks; and offline rows.

    python benchmarks/generate.py                      every figure
    python benchmarks/generate.py window-openai loris  some of them
    python benchmarks/generate.py --sizes 1000         smaller

The server (`tests/fault_server.py`) runs in a process of its own on the same machine; CPU is that of the
engine's process alone, from the first request to the last, its journal on the disk included. `ideal` is
what a client without costs would need.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from toolkit.core.prices import Price
from toolkit.core.request import Message, Request
from toolkit.generate.ask import Asked, ask
from toolkit.generate.budget import Budget
from toolkit.generate.engine import Limits
from toolkit.generate.models import provider

TEXT = "The parcel has not come, and nobody at the shop picks up the phone."


@contextlib.contextmanager
def server(**faults: Any) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The server's address, and what it says of itself once it has ended."""
    command = [sys.executable, "-m", "tests.fault_server", json.dumps(faults)]
    here = Path(__file__).parent.parent
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=here, **pipes) as process:
        said: list[dict[str, Any]] = []
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}", said
        finally:
            out, _ = process.communicate()
            said.append(json.loads(out))


def model(name: str, url: str) -> Any:
    return provider(f"{name}:bench", base_url=url + ("/v1" if name == "openai" else ""), max_tokens=64)


def asking(count: int) -> list[Request]:
    system = Message("system", "Answer with one text.")
    return [Request(messages=(system, Message("user", f"Text {nth} of the class refund."))) for nth in range(count)]


def timed(name: str, count: int, limits: Limits, faults: dict[str, Any], **told: Any) -> tuple[Asked, dict[str, Any]]:
    """One run: what came of it and wall seconds, CPU ms a request, peak memory and the server's counts."""
    with tempfile.TemporaryDirectory() as folder, server(**faults) as (url, said):
        asked = model(name, url)
        if name == "anthropic":
            import anthropic  # noqa: F401 - its import is not a cost of the engine
        requests = asking(count)
        cpu, wall, began = time.process_time(), time.perf_counter(), time.time()
        found = ask(asked, requests, folder=Path(folder), limits=limits, **told)
        seen = {"wall_s": time.perf_counter() - wall, "cpu_ms": 1000 * (time.process_time() - cpu) / count}
    seen["memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seen["first_s"] = said[0]["first"] - began
    return found, {**seen, **said[0]}


def window(name: str, count: int) -> None:
    """1,000 at once and 2 s latency."""
    found, seen = timed(name, count, Limits(concurrency=1000), {"latency_s": 2, "text": TEXT})
    ideal = 2.0 * count / 1000
    ratio = f"{seen['wall_s'] / ideal:.2f} of the ideal {ideal:g} s"
    told = f"{ratio}, the first request after {seen['first_s']:.2f} s, at most {seen['busiest']:,} at once"
    show(f"window {name}", found, seen, told)


def rate(name: str, count: int, says: bool = True) -> None:
    """A limit of 60 requests a second with a bucket of as many."""
    faults = {"rate": 60, "says_rate": says, "latency_s": 0.05, "retry_after_s": 0.5, "text": TEXT}
    found, seen = timed(name, count, Limits(concurrency=200), faults)
    ideal = (count - 60) / 60
    throttled = seen["statuses"].get("429", 0)
    told = f"{seen['wall_s'] / ideal:.3f} of the ideal {ideal:g} s, {throttled} answers of 429"
    show(f"rate {name}{'' if says else ', no headers'}", found, seen, told)


def loris(count: int) -> None:
    """One reply in a hundred never ends; the deadline is 3 s."""
    limits = Limits(concurrency=100, deadline_s=3, attempts=5)
    found, seen = timed("openai", count, limits, {"loris": 0.01, "latency_s": 0.05, "text": TEXT})
    show("loris", found, seen, f"{seen['kinds'].get('loris', 0)} replies that never ended")


def faults(count: int) -> None:
    """A fifth of the requests fails; twice the time of a run without faults is the goal."""
    limits = Limits(concurrency=100, deadline_s=5, attempts=8)
    bad = {"throttled": 0.05, "failing": 0.05, "reset": 0.05, "truncated": 0.05, "retry_after_s": 0.1}
    for told in ({}, bad):
        found, seen = timed("openai", count, limits, {"latency_s": 0.2, "text": TEXT, **told})
        show("faults 20 %" if told else "faults none", found, seen, f"{seen['statuses']}")


def budget(count: int) -> None:
    """Dollars that run out under faults; the server knows what it would have billed."""
    price = Price(input=0, output=100)
    for nth in range(5):
        bad = {"failing": 0.05, "truncated": 0.05, "reset": 0.05, "throttled": 0.1, "seed": nth, "text": TEXT}
        limits = Limits(concurrency=64, deadline_s=5, attempts=5, backoff_s=0.01)
        found, seen = timed("openai", count, limits, bad, budget=Budget(usd=1.0), price=price)
        billed = seen["tokens_out"] * 100 / 1e6
        print(f"budget: cap $1, billed by the server ${billed:.4f}, counted ${found.cost_usd:.4f}; {found.stopped}")


def grammar(count: int) -> None:
    """Texts of the shipped grammar alone, drawn as a run draws them: a request's worth at a time."""
    from toolkit.core.text import mask_numbers, normal_text
    from toolkit.generate import load, prepare

    prepared = prepare(load(Path("support_tickets"), rows=count))
    made: list[str] = []
    cpu, per_call = time.process_time(), prepared.loaded.per_call
    for state in prepared.cells:
        for first in range(0, state.quota, per_call):
            texts = prepared.loaded.provider.texts(state.cell, first, min(per_call, state.quota - first))  # type: ignore[attr-defined]
            made += [each.text for each in texts]
    cpu = time.process_time() - cpu
    room = sum(each.masked for each in prepared.capacities())
    normal = [normal_text(text) for text in made]
    exact, masked = len(set(normal)), len(set(map(mask_numbers, normal)))
    print(
        f"grammar: {len(made) / cpu:,.0f} texts a second of CPU, capacity {room:,} with numbers masked; of "
        f"{len(made):,} texts {exact / len(made):.1%} are unique, {masked / len(made):.1%} with numbers masked"
    )


def pilot(count: int) -> None:
    """Whether the pilot's 90 % interval holds what the whole run then takes, at yields of .9, .6 and .3."""
    from random import Random

    from tests.generate.scripted import Scripted, run_of, texts
    from toolkit.generate.estimate import estimate

    above = below = 0
    for nth in range(count):

        def serve(request: Request, _: Random, nth: int = nth) -> str:
            rng = Random(f"{nth}{request.key()}")  # noqa: S311 - no secret is made
            return json.dumps(
                [each if rng.random() < (0.9, 0.6, 0.3)[nth % 3] else 7 for each in json.loads(texts(request, rng))]
            )

        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            model = Scripted(serve)
            foreseen = estimate(run_of(model, target={"rows": 300})).total
            took = run_of(model, target={"rows": 300}).run().candidates
        assert foreseen is not None
        above, below = above + (took > foreseen.high), below + (took < foreseen.low)
    held = count - above - below
    print(f"pilot: {held} of {count} intervals held the run ({held / count:.1%}); {above} runs took more, {below} less")


def show(what: str, found: Asked, seen: dict[str, Any], words: str) -> None:
    missing = sum(reply is None for reply in found.replies)
    print(
        f"{what}: {seen['wall_s']:.2f} s, {seen['cpu_ms']:.2f} ms CPU a request, "
        f"{seen['memory_mb']:.0f} MB; {words}; {missing} without a reply",
        flush=True,
    )


FIGURES: dict[str, tuple[Callable[[int], None], int]] = {
    "window-openai": (partial(window, "openai"), 5000),
    "window-anthropic": (partial(window, "anthropic"), 5000),
    "rate-openai": (partial(rate, "openai"), 900),
    "rate-anthropic": (partial(rate, "anthropic"), 900),
    "rate-untold": (partial(rate, "openai", says=False), 900),
    "loris": (loris, 1000),
    "faults": (faults, 3000),
    "budget": (budget, 3000),
    "grammar": (grammar, 100_000),
    "pilot": (pilot, 240),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("figures", nargs="*", default=list(FIGURES), help=f"of {', '.join(FIGURES)}")
    parser.add_argument("--sizes", type=int, help="requests of each figure")
    told = parser.parse_args()
    os.environ.setdefault("ANTHROPIC_API_KEY", "none")
    sizes = ["--sizes", str(told.sizes)] if told.sizes else []
    for name in told.figures:
        if len(told.figures) > 1:  # a process each, since peak memory never falls
            subprocess.run([sys.executable, __file__, name, *sizes], check=True)
        else:
            figure, count = FIGURES[name]
            figure(told.sizes or count)


if __name__ == "__main__":
    main()
