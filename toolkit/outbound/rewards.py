"""Rewards for the rows beside this file: 1.0 where a completion agrees with its reference, else 0.0.

It needs nothing but Python. TRL calls `reward` with the columns of the rows: pass it as
`reward_funcs=[reward]` to GRPOTrainer or RLOOTrainer.
"""

from __future__ import annotations

import json
import re
from typing import Any

NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d+)?")


def reward(completions: list[Any], reference: list[str], verifier: list[str], **_: Any) -> list[float]:
    """One reward for each completion, a text or a list of messages."""
    rows = zip(completions, reference, verifier, strict=True)
    return [float(VERIFIERS[kind](_text(said), wanted)) for said, wanted, kind in rows]


def exact(said: str, wanted: str) -> bool:
    """The same words, whatever their case and the white space between them."""
    return said.casefold().split() == wanted.casefold().split()


def number(said: str, wanted: str) -> bool:
    """The last number of the completion is the last number of the reference."""
    ours, theirs = NUMBER.findall(said), NUMBER.findall(wanted)
    return bool(ours and theirs) and float(ours[-1].replace(",", "")) == float(theirs[-1].replace(",", ""))


def json_value(said: str, wanted: str) -> bool:
    """The same JSON value, with or without a fence around it."""
    fenced = re.search(r"```(?:json)?\s*\n(.*?)```", said, re.DOTALL)
    try:
        return bool(json.loads(fenced.group(1) if fenced else said) == json.loads(wanted))
    except ValueError:
        return False


def _text(said: Any) -> str:
    if isinstance(said, str):
        return said
    return str(said[-1].get("content") or "") if said else ""


VERIFIERS = {"exact": exact, "number": number, "json": json_value}
