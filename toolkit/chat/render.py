"""Chat templates rendered by a worker process, a batch at a time, while this process does other work."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooSlow
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from toolkit.core.errors import InputError

PATIENCE_S = 120.0


class Job(NamedTuple):
    """One rendering. marks: the generation blocks are wanted. turns: messages whose place in the text is wanted."""

    messages: list[dict[str, Any]]
    tools: list[Any] | None = None
    generation: bool = False
    marks: bool = False
    turns: Sequence[int] = ()


class Rendered(NamedTuple):
    """A rendering. marks, turns: half-open ranges of characters. error: why there is no text."""

    text: str
    marks: Sequence[Sequence[int]] = ()
    turns: Sequence[Sequence[int]] = ()
    error: str = ""


@dataclass
class Renderer:
    """A worker that renders one template. special: the tokenizer's named special tokens. Close it after use.

    patience_s: seconds of waiting for a batch, after which the worker is killed.
    """

    template: str
    special: dict[str, Any]
    patience_s: float = PATIENCE_S

    def __post_init__(self) -> None:
        env = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "toolkit.chat.worker"]
        self._worker = subprocess.Popen(  # noqa: S603 - our own module
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env
        )
        self._thread = ThreadPoolExecutor(1)

    def __enter__(self) -> Renderer:
        return self

    def __exit__(self, *_: object) -> None:
        self._worker.kill()
        self._thread.shutdown()
        for pipe in (self._worker.stdin, self._worker.stdout):
            with contextlib.suppress(OSError):
                pipe.close()  # type: ignore[union-attr]
        self._worker.wait()

    def send(self, jobs: Sequence[Job]) -> Future[bytes]:
        """Start a batch; `take` waits for it."""
        request = {"template": self.template, "special": self.special, "jobs": [job._asdict() for job in jobs]}
        return self._thread.submit(self._ask, orjson.dumps(request))

    def take(self, waiting: Future[bytes]) -> list[Rendered]:
        """The renderings of a batch. Raises InputError when the template ran too long or took too much memory."""
        try:
            line = waiting.result(self.patience_s)
        except TooSlow as failure:
            self._worker.kill()
            what = f"the chat template ran longer than {self.patience_s:g} seconds on a batch of rows"
            raise InputError(what, "look at chat_template in the model folder: a loop may have no end") from failure
        if not line:
            what = "the chat template ended the process that renders it"
            raise InputError(what, "look at chat_template in the model folder: it may fill the memory")
        return [Rendered(**each) for each in orjson.loads(line)]

    def render(self, jobs: Sequence[Job]) -> list[Rendered]:
        """`send` and `take` in one."""
        return self.take(self.send(jobs))

    def _ask(self, line: bytes) -> bytes:
        try:
            self._worker.stdin.write(line + b"\n")  # type: ignore[union-attr]
            self._worker.stdin.flush()  # type: ignore[union-attr]
            return self._worker.stdout.readline()  # type: ignore[union-attr]
        except (OSError, ValueError):
            return b""
