"""A provider that does what a test tells it to, and counts what it was asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any, ClassVar

from toolkit.core.request import Capacity, Cell, Reply, Request
from toolkit.generate import Prepared, prepare
from toolkit.generate.loading import checked
from toolkit.generate.recipe import Loaded, RecipeFile

Serve = Callable[[Request, Random], Any]


@dataclass
class Scripted:
    """serve: what to answer; an exception is raised, a number slept for before the next answer, a str sent."""

    id: ClassVar[str] = "scripted"
    source_kind: ClassVar[str] = "llm"
    free: ClassVar[bool] = True
    reads_prompt: ClassVar[bool] = True
    per_call: ClassVar[int] = 4

    serve: Serve
    delay_s: float = 0.0
    asked: list[str] = field(default_factory=list)
    served: list[str] = field(default_factory=list)
    prompts: list[str] = field(default_factory=list)
    busiest: int = 0
    busy: int = 0

    @property
    def model(self) -> str:
        return "scripted:1"

    def capacity(self, cell: Cell) -> Capacity | None:
        return None

    async def complete(self, request: Request) -> Reply:
        key = request.key()
        self.asked.append(key)
        self.prompts.append(request.messages[-1].content if request.messages else "")
        self.busy += 1
        self.busiest = max(self.busy, self.busiest)
        try:
            rng = Random(f"{key}{self.asked.count(key)}")
            await asyncio.sleep(self.delay_s * rng.random())
            answer = self.serve(request, rng)
            if isinstance(answer, float):
                await asyncio.sleep(answer)
                answer = texts(request, rng)
            if isinstance(answer, Exception):
                raise answer
            self.served.append(key)
            return Reply(answer, self.id)
        finally:
            self.busy -= 1


def texts(request: Request, rng: Random, span: int = 10**9) -> str:
    """A JSON list of as many texts as were asked for, in words so that masking numbers changes nothing."""
    made = []
    for _ in range(request.seed.rows):
        word = "".join("abcdefghij"[int(digit)] for digit in str(rng.randrange(span)))
        made.append(f"{request.seed.cell.name} {word}")
    return json.dumps(made)


def recipe(provider: Any = None, **told: Any) -> Loaded:
    """A loaded recipe of two labels; `provider` takes the place of the one it names."""
    file = {
        "version": 1,
        "task": "classification",
        "target": {"rows": 20},
        "labels": {"refund": "wants money back", "track": "asks where the parcel is"},
        "model": {"use": "procedural", "concurrency": 8, "deadline_s": 5},
    }
    loaded = checked(RecipeFile.model_validate({**file, **told}), "scripted", Path())
    return loaded if provider is None else replace(loaded, provider=provider)


def run_of(provider: Any = None, out: str = "runs/scripted", **told: Any) -> Prepared:
    return prepare(recipe(provider, out={"dir": out}, **told))


def rows_of(folder: Path, name: str = "rows.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / name).read_text(encoding="utf-8").splitlines()]
