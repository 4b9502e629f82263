"""Tasks for reinforcement learning."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import orjson

from toolkit.core import turns
from toolkit.core.errors import UsageError
from toolkit.outbound import rewards
from toolkit.outbound.example import Example, Unfit, flat


@dataclass(frozen=True, slots=True)
class Rl:
    """A suite of tasks with verifiable rewards: prompt, reference and verifier, and rewards.py, which checks them.

    The reference is the final answer of a row, or its label; with `after`, such as "####", what follows that
    mark in it. verifier: exact, number or json; without it a reference that is a number is compared as a
    number, a JSON object or list as JSON, and any other by its words. Long free answers have no
    verifiable reward: rows whose reference is over `longest` characters are refused.
    """

    id: ClassVar[str] = "rl"
    title: ClassVar[str] = "reinforcement learning: prompt, reference, verifier, rewards.py"
    takes: ClassVar[Mapping[str, str]] = {"chat": "rl", "prompt": "rl"}
    reads: ClassVar[Mapping[str, str]] = {"rl": "prompt-only"}
    keys: ClassVar[frozenset[str] | None] = None
    store: ClassVar[str] = "jsonl"
    profile: ClassVar[str] = ""
    names: ClassVar[Mapping[str, str]] = {}
    shards: ClassVar[bool] = True

    verifier: str = ""
    after: str = ""
    longest: int = 400

    def convert(self, found: Example, mode: str) -> dict[str, Any]:
        if self.verifier and self.verifier not in rewards.VERIFIERS:
            raise UsageError(f"unknown verifier '{self.verifier}'", f"one of: {', '.join(rewards.VERIFIERS)}")
        prompt, answer = found.prompt_and_answer()
        text = flat(answer)[0].get("content") if answer else None
        if not prompt or not text or not text.strip():
            raise Unfit("no-reference", "it has no prompt or no answer to hold a completion against")
        reference = self._final(text)
        tools = {} if found.tools is None else {"tools": turns.as_json(found.tools)}
        return {"prompt": flat(prompt), "reference": reference, "verifier": self.verifier or _kind(reference), **tools}

    def _final(self, text: str) -> str:
        if self.after and self.after not in text:
            raise Unfit("no-reference", f"its answer has no {self.after}")
        found = text.rpartition(self.after)[2].strip() if self.after else text
        if len(found) > self.longest:
            raise Unfit("long-reference", f"its reference is over {self.longest:,} characters")
        return found

    def beside(self, told: Mapping[str, Any]) -> Mapping[str, str]:
        return {"rewards.py": Path(rewards.__file__).read_text(encoding="utf-8")}


def _kind(reference: str) -> str:
    """The verifier that fits a reference by its form."""
    if re.fullmatch(rf"\s*{rewards.NUMBER.pattern}\s*", reference):
        return "number"
    try:
        return "json" if isinstance(orjson.loads(reference), dict | list) else "exact"
    except orjson.JSONDecodeError:
        return "exact"
