"""What a well-behaved model would answer to the prompt of each task: plain, varied by the request alone."""

from __future__ import annotations

import json
import re
from random import Random
from typing import Any

from toolkit.core.request import Request

NOUNS = ("garden", "invoice", "bicycle", "recipe", "meeting", "poem", "engine", "ticket", "museum", "river", "novel")
VERBS = ("plan", "repair", "describe", "compare", "shorten", "explain", "translate", "order", "clean", "review")
DETAIL = "Start with what you have, write down each step in order, and check the result against your first idea."


def phrase(rng: Random) -> str:
    """A task in words that hardly ever comes twice."""
    words = [rng.choice(VERBS), "the", rng.choice(NOUNS), "of", rng.choice(NOUNS), "and", rng.choice(NOUNS)]
    marks = "".join("bcdfghjklm"[int(digit)] for digit in str(rng.randrange(10**6)))
    return f"{' '.join(words)} for {marks}"


def answer(request: Request, rng: Random) -> str:
    """A JSON list of as many items as were asked for, of the shape that the prompt names."""
    told = request.messages[-1].content
    if "one of these labels" in told or "Which label" in told:
        return request.seed.cell.label
    if '"accept": true' in told:
        return json.dumps({"reason": "It reads well.", "accept": True})
    if told.startswith("For each question"):
        return json.dumps(
            [f"SELECT SUM(1) FROM parts WHERE size > {int(n) - 1}" for n in re.findall(r"size of (\d+)", told)]
        )
    made = [_item(request, told, rng, nth) for nth in range(request.seed.rows)]
    return json.dumps(made)


def _item(request: Request, told: str, rng: Random, nth: int) -> Any:
    names = [name for name in SHAPES if f'"{name}"' in told]
    return SHAPES[names[0]](request, told, rng, nth) if names else f"please {phrase(rng)}"


def _chosen(request: Request, told: str, rng: Random, nth: int) -> Any:
    sides = {"chosen": f"You can {phrase(rng)}. {DETAIL}", "rejected": f"Somehow {phrase(rng)}. {DETAIL}"}
    longer = re.search(r"The (chosen|rejected) answer is the longer one", told)
    assert longer
    sides[longer[1]] += " Then rest, and look at it again tomorrow."
    return {"prompt": f"Help me to {phrase(rng)}", **sides}


def _tool(request: Request, told: str, rng: Random, nth: int) -> Any:
    metres = rng.randint(1, 9999)
    if "here it is empty" in told:
        return {"user": f"Tell me how to {phrase(rng)}", "calls": [], "results": [], "answer": DETAIL}
    call = {"name": "convert_length", "arguments": {"value": metres, "unit": "m", "to": "cm"}}
    return {
        "user": f"What are {metres} m in cm, to {phrase(rng)}?",
        "calls": [call],
        "results": [metres * 100],
        "answer": f"It is {metres * 100} cm.",
    }


def _sql(request: Request, told: str, rng: Random, nth: int) -> Any:
    least = rng.randint(1, 9999)
    values = ", ".join(f"({each})" for each in (least - 1, least, least + 1))
    return {
        "setup": f"CREATE TABLE parts(size INT); INSERT INTO parts VALUES {values};",
        "question": f"How many parts have a size of {least} or more?",
        "sql": f"SELECT COUNT(*) FROM parts WHERE size >= {least}",
    }


def _program(request: Request, told: str, rng: Random, nth: int) -> Any:
    one, two = rng.randint(2, 999), rng.randint(2, 999)
    if '"tests"' in told:
        name = f"add_{one}"
        return {
            "problem": f"Write a Python function `{name}(x)` that adds {one} and then {two}.",
            "solution": f"def {name}(x):\n    return x + {one + two}",
            "tests": f"assert {name}(0) == {one + two}\nassert {name}(1) == {one + two + 1}",
        }
    return {
        "problem": f"A box holds {one} pens. How many do {two} boxes hold?",
        "solution": f"{one} × {two} = {one * two}",
        "answer": one * two,
        "program": f"print({one} * {two})",
    }


def _text(request: Request, told: str, rng: Random, nth: int) -> Any:
    records = [json.loads(line) for line in re.findall(r"^\d+\. (\{.*\})$", told, re.MULTILINE)]
    told_values = ", ".join(str(value) for value in records[nth].values())
    return {"text": f"Dear all, please {phrase(rng)}: {told_values}. Thank you."}


def _question(request: Request, told: str, rng: Random, nth: int) -> Any:
    ask = f"In view of the rules, who may {phrase(rng)}?"
    if 'Leave "quote" empty' in told:
        return {"question": ask, "answer": "The document does not say that.", "quote": ""}
    body = told.split(">\n", 1)[1].split("\n</data")[0].split()
    start = rng.randrange(max(len(body) - 6, 1))
    return {"question": ask, "answer": "The document says who.", "quote": " ".join(body[start : start + 6])}


def _pair(request: Request, told: str, rng: Random, nth: int) -> Any:
    start = "I can't help with that, because it is not mine to do." if "must be declined" in told else "Gladly."
    return {"prompt": f"Please {phrase(rng)}", "completion": f"{start} To {phrase(rng)}: {DETAIL}"}


def _chat(request: Request, told: str, rng: Random, nth: int) -> Any:
    turns = int(re.search(r"Each has (\d+) messages", told)[1])  # type: ignore[index]
    return [{"role": ("user", "assistant")[at % 2], "content": f"So, {phrase(rng)}. {DETAIL}"} for at in range(turns)]


SHAPES = {
    "chosen": _chosen,
    "calls": _tool,
    "setup": _sql,
    "solution": _program,
    "quote": _question,
    "text": _text,
    "completion": _pair,
    "role": _chat,
}
