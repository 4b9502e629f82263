"""The conversation that list recipes share: ask for a JSON list, ask again where there was none."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol
from zlib import crc32

from toolkit.core import loose
from toolkit.core.request import PARENT, Conversation, GeneratedRow, Malformed, Message, Reply, Request, Seed
from toolkit.core.template import render

ASKED_AGAIN = 2
AGAIN = "That was not a JSON list as asked for. Answer with the JSON list alone."
AGAIN_SHORTER = "That was cut off before its first item ended. Answer with the JSON list alone, each item shorter."
SYSTEM = "You write training examples for an assistant. Answer with JSON only."
ABOUT = """\
{% for attribute in attributes %}
Their {{ attribute.name }}: {{ attribute.value }}.
{% endfor %}
{% for example in examples %}
An example, for its style; do not copy it: {{ example.text }}
{% endfor %}
{% for text in shun %}
Do not repeat or lightly reword: {{ text }}
{% endfor %}
"""
"""What every prompt may say of a cell; task prompts end with it and the shape of the answer."""
PERSONA = "\nWrite from the point of view of this person, without naming them: "
VERBALIZED = (
    '\nIn place of each item write {"item": the item, "probability": how likely you are to write it, from 0 to 1}. '
    "Prefer items that are unusual but real, each with a probability under 0.1."
)
LOST = "an item of the reply holds a piece of a LaTeX command, whose backslash was not escaped"
SPOKEN = ("empty-answer", "garbled", "refusal", "template-residue")
"""Checks of `verify` on what an assistant says, where no proof reads it; a recipe's own `verify` wins."""
_ONE = re.compile(r"(\A|\n)Write 1 different ((?:programming )?\w+)s\b")
Make = Callable[[Any, Seed, int], GeneratedRow]


class Asking(Protocol):
    """The options that list recipes share. personas: points of view, one a request. verbalized: ask for
    items with their probability, from the tail (verbalised sampling, Zhang et al. 2025)."""

    @property
    def labels(self) -> Mapping[str, str]: ...
    @property
    def prompt(self) -> str: ...
    @property
    def system(self) -> str: ...
    @property
    def personas(self) -> Sequence[str]: ...
    @property
    def verbalized(self) -> bool: ...


def ask(recipe: Asking, seed: Seed, make: Make, **more: Any) -> Conversation:
    """Ask with the recipe's own templates; each item of the list that comes back becomes a row by `make`."""
    rows = yield from ask_for_list(Request(seed, prompts(recipe, seed, **more)), make)
    persona = persona_of(recipe, seed)
    return [replace(row, lineage={**row.lineage, "persona": persona}) for row in rows] if persona else list(rows)


def ask_for_list(request: Request, make: Make) -> Conversation:
    """Yield a request until its reply is a JSON list, at most three times; every item becomes a row.

    make: the row of an item, its seed and its place in the list. Raises Malformed when no reply was a
    list. An item that is none of what was asked for is a row with a `fault`, so that one bad item
    costs one row.
    """
    items, reply = yield from ask_for_items(request)
    rows = [_with_origin(make(item, request.seed, nth), reply, nth) for nth, item in enumerate(items)]
    lost = [not row.fault and loose.lost_backslash(item) for row, item in zip(rows, items, strict=True)]
    return [replace(row, fault=LOST) if bad else row for row, bad in zip(rows, lost, strict=True)]


def ask_for_items(request: Request) -> Any:
    """As `ask_for_list`, but returns the items as they are, and the reply that held them."""
    for left in range(ASKED_AGAIN, -1, -1):
        reply = yield request
        try:
            return read_list(reply), reply
        except Malformed:
            if left == 0:
                raise
            request = _again(request, reply)
    raise AssertionError("the loop returns or raises")


def ask_further(request: Request) -> Any:
    """The items of a further request; none where no reply to it was a list."""
    try:
        items, _ = yield from ask_for_items(request)
    except Malformed:
        return []
    return items


def read_list(reply: Reply) -> list[Any]:
    """The items of a reply, whatever was written around them. Raises Malformed where there is no list."""
    found = loose.items(reply.text)
    if found is None:
        ended = f"; the reply ended with {reply.stop}" if reply.stop != "end_turn" else ""
        raise Malformed(f"the reply holds no JSON list{ended}")
    return [_named(_bare(_named(item))) for item in loose.unlisted(found)]


def prompts(recipe: Asking, seed: Seed, **more: Any) -> tuple[Message, ...]:
    """The two messages of a list recipe: its templates, filled with what a seed says and what the task adds."""
    label = seed.cell.label
    seen: dict[str, Any] = {
        "rows": seed.rows,
        "label": label,
        "description": recipe.labels.get(label, ""),
        "attributes": [{"name": name, "value": value} for name, value in seed.cell.attributes],
        "others": [each for each in recipe.labels if each != label],
        "examples": [example._asdict() for example in seed.examples],
        "shun": list(seed.shun),
        **more,
    }
    asked = _ONE.sub(r"\1Write 1 \2", render(recipe.prompt, seen, "strategy.prompt").strip())
    persona = persona_of(recipe, seed)
    asked += f"{PERSONA}{persona}." if persona else ""
    asked += VERBALIZED if recipe.verbalized else ""
    return Message("system", render(recipe.system, seen, "strategy.system")), Message("user", asked)


def persona_of(recipe: Asking, seed: Seed) -> str:
    """The point of view of a request, drawn by its place in the plan; empty where a recipe names none."""
    return recipe.personas[place(seed) % len(recipe.personas)] if recipe.personas else ""


def place(seed: Seed) -> int:
    """A whole number that is scattered over requests and hangs on the request's place in the plan alone."""
    return crc32(f"{seed.cell.name}|{seed.sample}".encode())


def texts_of(item: Any, *names: str) -> list[str]:
    """The texts of an item under these names; empty unless all are there and say something."""
    if not isinstance(item, Mapping):
        return []
    found = [item.get(name) for name in names]
    return [each for each in found if isinstance(each, str) and each.strip()] if all(found) else []


def faulty(item: Any, label: str, fault: str) -> GeneratedRow:
    """An item that is no row, kept for the report."""
    return GeneratedRow({"item": item}, "", label, fault=f"an item of the reply {fault}")


def pair(item: Any, label: str, prompt: str = "prompt", completion: str = "completion") -> GeneratedRow:
    """A prompt and its completion as a row; a fault where one is missing."""
    found = texts_of(item, prompt, completion)
    if len(found) != 2:
        return faulty(item, label, f"lacks a {prompt} or a {completion}")
    return GeneratedRow({"prompt": found[0], "completion": found[1]}, found[0], label)


def _again(request: Request, reply: Reply) -> Request:
    said = AGAIN if reply.stop != "max_tokens" else AGAIN_SHORTER
    # Not every server takes an empty turn, nor two of the user in a row.
    added = (Message("assistant", loose.plain(reply.text) or "(nothing)"), Message("user", said))
    return replace(request, messages=(*request.messages, *added))


def _bare(item: Any) -> Any:
    """An item without the probability that verbalised sampling put beside it."""
    wrapped = isinstance(item, Mapping) and item.keys() == {"item", "probability"}
    return item["item"] if wrapped else item


def _named(item: Any) -> Any:
    """An item with its names in lower case, which some models begin with a capital."""
    if not isinstance(item, Mapping):
        return item
    names = {str(name): str(name).strip().lower() for name in item}
    return {names[name]: value for name, value in item.items()} if len({*names.values()}) == len(item) else item


def _with_origin(row: GeneratedRow, reply: Reply, nth: int) -> GeneratedRow:
    if nth >= len(reply.origins):
        return row
    origin = reply.origins[nth]
    if origin.startswith(PARENT):
        return replace(row, lineage={**row.lineage, "parents": [origin.removeprefix(PARENT)]})
    return replace(row, lineage={**row.lineage, "template": origin})
