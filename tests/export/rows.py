"""Small data sets of every shape, made here, and runs with a readiness report over them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from toolkit.readiness import readiness
from toolkit.split import SplitOptions
from toolkit.verify import VerifyOptions

WORDS = [
    "parcel",
    "invoice",
    "refund",
    "window",
    "garden",
    "engine",
    "river",
    "lamp",
    "forest",
    "ticket",
    "planet",
    "violin",
]
TOOL = {
    "type": "function",
    "function": {
        "name": "find",
        "description": "Find a thing.",
        "parameters": {"type": "object", "properties": {"what": {"type": "string"}}, "required": ["what"]},
    },
}
OTHER = {"type": "function", "function": {"name": "count", "parameters": {"type": "object", "properties": {}}}}


def question(at: int) -> str:
    return (
        f"Where is the {WORDS[at % 12]} number {at} of the {WORDS[at * 7 % 11]} that {WORDS[at * 5 % 9]} {at * 13} had?"
    )


def answer(at: int) -> str:
    return f"The {WORDS[at % 12]} {at} lies beside the {WORDS[at * 5 % 7]}, row {at * 17 % 97} — “über” 東京 {at}."


def said(role: str, text: str, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": text, **more}


def plain(n: int = 48) -> list[dict[str, Any]]:
    """Conversations of one and of more turns, some with a system turn."""
    rows = []
    for at in range(n):
        chat = [said("user", question(at)), said("assistant", answer(at))]
        chat = [said("system", f"Be brief, {at}."), *chat] if at % 4 == 0 else chat
        more = [said("user", question(at + 500)), said("assistant", answer(at + 500))]
        rows.append({"id": f"p{at}", "messages": chat + more if at % 5 == 0 else chat})
    return rows


def with_tools(n: int = 48) -> list[dict[str, Any]]:
    """Conversations in which every third row calls tools, with arguments of different keys."""
    rows = plain(n)
    for at, row in enumerate(rows):
        if at % 3 == 0:
            name, arguments = (("find", {"what": answer(at)}), ("count", {"n": at}))[at % 2]
            call = {
                "id": f"call_{at}",
                "type": "function",
                "function": {"name": name, "arguments": json.dumps(arguments)},
            }
            asked = {"role": "assistant", "content": None, "tool_calls": [call]}
            row["messages"] = [
                said("user", question(at)), asked, said("tool", f"shelf {at}", tool_call_id=f"call_{at}"),
                said("assistant", answer(at)),
            ]  # fmt: skip
            row["tools"] = [TOOL, OTHER] if at % 2 else [TOOL]
    return rows


def pairs(n: int = 48) -> list[dict[str, Any]]:
    return [{"prompt": question(at), "chosen": answer(at), "rejected": f"No idea, {at}."} for at in range(n)]


def chat_pairs(n: int = 48) -> list[dict[str, Any]]:
    return [
        {"prompt": [said("system", "Be brief."), said("user", question(at))],
         "chosen": [said("assistant", answer(at))], "rejected": [said("assistant", f"No idea, {at}.")]}
        for at in range(n)
    ]  # fmt: skip


SETS: dict[str, list[dict[str, Any]]] = {
    "plain": plain(),
    "tools": with_tools(),
    "pairs": pairs(),
    "chat-pairs": chat_pairs(),
    "completions": [{"prompt": question(at), "completion": answer(at)} for at in range(48)],
    "wanted": [{"prompt": question(at), "completion": answer(at), "label": at % 2 == 0} for at in range(48)],
    "classes": [{"text": question(at), "label": WORDS[at % 4]} for at in range(48)],
    "texts": [{"text": f"{question(at)} {answer(at)}"} for at in range(48)],
    "steps": [
        {"prompt": question(at), "completions": [answer(at), answer(at + 1)], "labels": [True, at % 2 == 0]}
        for at in range(48)
    ],
    "tasks": [{"prompt": question(at), "reference": str(at)} for at in range(48)],
}


def ready(folder: Path, name: str, rows: list[dict[str, Any]], only: tuple[str, ...] = ("parse", "row-format")) -> Path:
    """A run with a split and a readiness report, made with few checks."""
    file = folder / f"{name}.jsonl"
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    options = VerifyOptions(only=only, embed=False)
    run = folder / "runs" / name
    readiness(file, run=run, options=options, splitting=SplitOptions(heldout=0.25))
    return run
