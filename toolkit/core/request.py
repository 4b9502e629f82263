"""What travels between a recipe, the driver and a provider: seeds, requests, replies, generated rows.

A recipe is a generator that yields requests and is sent replies; it never waits and never writes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple, Protocol

import orjson

from toolkit.core.types import JSON


class Message(NamedTuple):
    """One message of a prompt. role: system, user or assistant."""

    role: str
    content: str


class Cell(NamedTuple):
    """One field of the grid that a recipe fills: a label and a value for every attribute."""

    label: str
    attributes: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        return " · ".join((self.label, *(f"{key}={value}" for key, value in self.attributes)))

    def values(self) -> dict[str, str]:
        """The attributes by name, the label among them as `label`."""
        return {"label": self.label, **dict(self.attributes)}


class Example(NamedTuple):
    """A row of the user's own, shown to a model or kept out of the output."""

    text: str
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Seed:
    """What one conversation starts from. sample: how many rows were asked of this cell before.

    rows: how many to ask for. examples: the user's own rows of this label. shun: texts not to repeat.
    """

    cell: Cell
    sample: int = 0
    rows: int = 1
    examples: tuple[Example, ...] = ()
    shun: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """One question to a provider. A recipe leaves `model` empty, the driver fills it in.

    cell, rows, sample: for providers that compose instead of reading a prompt.
    """

    seed: Seed
    messages: tuple[Message, ...] = ()
    params: Mapping[str, JSON] = field(default_factory=dict)
    model: str = ""

    def key(self) -> str:
        """sha256 in hex of all that decides the reply: model, parameters, messages, cell and sample index."""
        seed = self.seed
        told = [self.model, dict(self.params), self.prompt(), seed.cell.values(), seed.rows, seed.sample]
        return hashlib.sha256(orjson.dumps(told, option=orjson.OPT_SORT_KEYS)).hexdigest()

    def prompt(self) -> list[dict[str, str]]:
        """The messages as providers send them."""
        return [message._asdict() for message in self.messages]

    def prompt_sha256(self) -> str | None:
        """sha256 in hex of the rendered messages; None where the provider read no prompt."""
        return hashlib.sha256(orjson.dumps(self.prompt())).hexdigest() if self.messages else None


class Usage(NamedTuple):
    """Tokens of one reply; zero for providers that count none."""

    input_tokens: int = 0
    output_tokens: int = 0


NO_TOKENS = Usage()


@dataclass(frozen=True, slots=True)
class Reply:
    """What a provider answered. stop: why it ended; `end_turn` is a complete reply.

    origins: one name for each item of the reply, such as the template that made it, where known.
    """

    text: str
    model: str = ""
    usage: Usage = NO_TOKENS
    stop: str = "end_turn"
    origins: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GeneratedRow:
    """A candidate row. fields: what is written out. text: what makes it a duplicate of another.

    lineage: what the recipe knows of where the row comes from; the driver adds the rest. fault: why
    it is no row after all; such a candidate is counted and refused.
    """

    fields: Mapping[str, JSON]
    text: str
    label: str | None = None
    lineage: Mapping[str, JSON] = field(default_factory=dict)
    fault: str = ""


class Malformed(Exception):  # noqa: N818 - it is an answer, not an accident
    """A recipe could not make rows of what it was sent; the reply is kept, and counted as dead."""


class Retry(Exception):  # noqa: N818 - it is an answer, not an accident
    """A provider may serve the same request later. after_s: its own wish; throttled: it said too fast."""

    def __init__(self, reason: str, *, after_s: float | None = None, throttled: bool = False) -> None:
        super().__init__(reason)
        self.after_s = after_s
        self.throttled = throttled


class Capacity(NamedTuple):
    """How many different rows a provider can make for a cell.

    texts: all of them. masked: those that stay different once numbers are masked. visits: the sample
    index at which each of them has come up at least once.
    """

    texts: int
    masked: int
    visits: int


class Provider(Protocol):
    """What the driver needs of a provider. source_kind: llm, grammar, procedural, augment or captured.

    free: costs no money. reads_prompt: false where it composes rows from the cell alone. per_call:
    rows to ask for at once, unless the recipe says.
    """

    id: ClassVar[str]
    source_kind: ClassVar[str]
    free: ClassVar[bool]
    reads_prompt: ClassVar[bool]
    per_call: ClassVar[int]

    @property
    def model(self) -> str: ...

    def capacity(self, cell: Cell) -> Capacity | None:
        """How much it can make, or None where that is not bounded in practice."""

    async def complete(self, request: Request) -> Reply:
        """Serve one request. Raises Retry, or ProviderError where no other request will do better."""


Conversation = Generator[Request, Reply, Sequence[GeneratedRow]]


class Recipe(Protocol):
    """What the driver needs of a recipe: rows from one seed, by asking."""

    id: ClassVar[str]

    def cook(self, seed: Seed) -> Conversation: ...
