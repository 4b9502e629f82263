"""How far two answers to one prompt are apart, by what kind of answer the first one is."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

import numpy as np
import orjson

from toolkit.core.talk import Message

SHORT_WORDS, SHORT_CHARS = 5, 40
LONGEST = 1_000
_FENCED = re.compile(r"\A```\w*\n(.*)\n```\Z", re.DOTALL)
_ITEM = re.compile(r"^\s*\d{1,3}[.)]\s", re.MULTILINE)
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_EDGE = re.compile(r"^\W+|\W+$")


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Two answers compared. score: 0 where they say the same, 1 where they share nothing; that of the kind's measure.

    | kind | where the first answer | measure |
    |---|---|---|
    | `tools` | or the other calls a tool | `tools`: 1 minus the matched calls, a name counts half, its arguments half |
    | `fields` | is a JSON object or array | `fields`: share of leaves that differ; 1 where the other is no JSON |
    | `label` | has at most 5 words, 40 characters | `exact`: 1 unless equal but for case, space and ends |
    | `text` | is anything else | the larger of `embedding` (without an encoder `words`) and `numbers` |

    `embedding` is 1 minus the cosine. `words` is the share of words that are not shared in order (Ratcliff
    and Obershelp 1988, on the first 1,000 words). `numbers` is the share of numbers that one text alone has,
    those of a list's items apart: embeddings do not see a changed amount. What is missed: a "not", and in a
    long text what an encoder does not read.
    """

    kind: str
    score: float
    measures: Mapping[str, float]

    def as_json(self) -> dict[str, Any]:
        return {"kind": self.kind, **{name: round(value, 4) for name, value in self.measures.items()}}


def disagreements(pairs: Sequence[tuple[Message, Message]], encode: Any = None) -> list[Disagreement]:
    """Compare answers, shape (n,). encode: texts to unit vectors; None compares free text by its words alone."""
    found = [_compared(one, other) for one, other in pairs]
    free = [at for at, each in enumerate(found) if each.kind == "text"]
    if encode is None or not free:
        return found
    vectors = np.asarray(encode([text_of(side) for at in free for side in pairs[at]]), np.float64)
    apart = np.clip(1 - (vectors[0::2] * vectors[1::2]).sum(axis=1), 0, 1)
    for at, distance in zip(free, apart.tolist(), strict=True):
        measures = {"embedding": distance, **found[at].measures}
        found[at] = Disagreement("text", max(distance, measures["numbers"]), measures)
    return found


def text_of(message: Message) -> str:
    """The text of an answer; its calls as JSON where it says nothing else."""
    content = message.get("content") or ""
    text = content if isinstance(content, str) else "".join(part["text"] for part in content)
    calls = message.get("tool_calls")
    return text if text or not calls else orjson.dumps([each["function"] for each in calls]).decode()


def _compared(one: Message, other: Message) -> Disagreement:
    if one.get("tool_calls") or other.get("tool_calls"):
        return _of("tools", tools=_calls(one.get("tool_calls") or (), other.get("tool_calls") or ()))
    first, second = text_of(one).strip(), text_of(other).strip()
    told = _json(first)
    if told is not None:
        return _of("fields", fields=_leaves_apart(told, _json(second)))
    if len(first) <= SHORT_CHARS and len(first.split()) <= SHORT_WORDS:
        return _of("label", exact=float(_plain(first) != _plain(second)))
    return _of("text", words=_words(first, second), numbers=_numbers(first, second))


def _of(kind: str, **measures: float) -> Disagreement:
    return Disagreement(kind, max(measures.values()), measures)


def _calls(one: Sequence[Mapping[str, Any]], other: Sequence[Mapping[str, Any]]) -> float:
    """1 minus twice the matched calls over all of them; each call takes the best of the other side that is free."""
    free = [each["function"] for each in other]
    matched = 0.0
    for call in (each["function"] for each in one):
        alike = [_alike(call, each) for each in free]
        if alike and max(alike) > 0:
            matched += max(alike)
            free.pop(alike.index(max(alike)))
    return 1 - 2 * matched / (len(one) + len(other))


def _alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    if one["name"] != other["name"]:
        return 0.0
    return 0.5 + 0.5 * (1 - _leaves_apart(one["arguments"], other["arguments"]))


def _json(text: str) -> Any:
    """The object or array that a text is, inside a code fence or not; None where it is none."""
    fenced = _FENCED.match(text)
    try:
        found = orjson.loads(fenced[1] if fenced else text)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict | list) else None


def _leaves_apart(one: Any, other: Any) -> float:
    first, second = Counter(_leaves(one)), Counter(_leaves(other))
    most = max(first.total(), second.total())
    return 1 - (first & second).total() / most if most else 0.0


def _leaves(value: Any, path: str = "") -> Iterator[str]:
    """Each leaf as its path and value; places in an array are no part of a path, their order says little."""
    if isinstance(value, dict) and value:
        for name in value:
            yield from _leaves(value[name], f"{path}/{name}")
    elif isinstance(value, list) and value:
        for each in value:
            yield from _leaves(each, f"{path}/-")
    else:
        yield f"{path}={orjson.dumps(value).decode()}"


def _plain(text: str) -> str:
    return _EDGE.sub("", " ".join(text.casefold().split()))


def _words(one: str, other: str) -> float:
    first, second = one.casefold().split()[:LONGEST], other.casefold().split()[:LONGEST]
    return 1 - SequenceMatcher(None, first, second, autojunk=False).ratio()


def _numbers(one: str, other: str) -> float:
    first, second = (set(_NUMBER.findall(_ITEM.sub("", text))) for text in (one, other))
    return 1 - len(first & second) / len(first | second) if first | second else 0.0
