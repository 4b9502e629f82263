"""What travels between a recipe, the driver and a provider: seeds, requests, replies, generated rows.

A recipe is a generator that yields requests and is sent replies; it never waits and never writes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple, Protocol, runtime_checkable

import orjson

from toolkit.core.types import JSON


class Message(NamedTuple):
    """One message of a prompt. role: system, user, assistant or tool.

    calls: of the assistant to tools, as rows have them, arguments an object. call_id: which of them a
    message of the role tool answers.
    """

    role: str
    content: str
    calls: tuple[Mapping[str, JSON], ...] = ()
    call_id: str = ""


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
    """A row of the user's own, shown to a model or kept out of the output. ref: its id in its file.

    said: what the user says in a conversation of several turns, whose text holds the assistant's turns too.
    """

    text: str
    label: str | None = None
    answer: str | None = None
    ref: str = ""
    said: str = ""


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


NOWHERE = Seed(Cell(""))
"""The seed of a request that stands in no plan: a judgement, a label, a row of an evaluation."""


@dataclass(frozen=True, slots=True)
class Request:
    """One question to a provider. A recipe leaves `model` empty, the driver fills it in.

    seed: for providers that compose instead of reading a prompt; its `sample` tells repeated questions
    apart. schema: JSON Schema of the answer; a provider that can holds the model to it, and the asker
    validates all the same. to: which of a run's models is asked, such as `judge`; empty for the one
    that makes the rows. tools: what the model may call, as rows declare it.
    """

    seed: Seed = NOWHERE
    messages: tuple[Message, ...] = ()
    params: Mapping[str, JSON] = field(default_factory=dict)
    model: str = ""
    schema: Mapping[str, JSON] | None = None
    to: str = ""
    tools: tuple[Mapping[str, JSON], ...] = ()

    def key(self) -> str:
        """sha256 in hex of all that decides the reply: model, parameters, messages, cell and sample index."""
        seed = self.seed
        told: list[Any] = [self.model, dict(self.params), self.prompt(), seed.cell.values(), seed.rows, seed.sample]
        if self.schema is not None:
            told.append(dict(self.schema))
        if self.tools:
            told.append({"tools": list(self.tools)})
        return hashlib.sha256(orjson.dumps(told, option=orjson.OPT_SORT_KEYS)).hexdigest()

    def prompt(self) -> list[dict[str, Any]]:
        """The messages with what they say alone: role, content, and `calls` and `call_id` where there are any."""
        named = (message._asdict() for message in self.messages)
        return [{key: value for key, value in each.items() if value or key in ("role", "content")} for each in named]

    def prompt_sha256(self) -> str | None:
        """sha256 in hex of the rendered messages; None where the provider read no prompt."""
        return hashlib.sha256(orjson.dumps(self.prompt())).hexdigest() if self.messages else None


class Usage(NamedTuple):
    """Tokens of one reply; zero for providers that count none.

    input_tokens: those at full price. cached_tokens: read from a prompt cache, billed at less.
    written_tokens: put into one, billed at more.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    written_tokens: int = 0

    def plus(self, other: Usage) -> Usage:
        return Usage(*(a + b for a, b in zip(self, other, strict=True)))

    @property
    def total(self) -> int:
        return sum(self)


NO_TOKENS = Usage()
PARENT = "parent:"


class Pace(NamedTuple):
    """What a server says of its rate limit: requests a window, how many are left, seconds until all are."""

    limit: int
    remaining: int
    reset_s: float


@dataclass(frozen=True, slots=True)
class Reply:
    """What a provider answered. stop: why it ended; `end_turn` is a complete reply, `max_tokens` a cut one.

    origins: one name for each item of the reply, such as the template that made it, where known; after
    `parent:` it is the row that the item was made from. calls: to the tools of the request, as rows have them.
    detail: what the server says of a refusal. batch: billed at the price of batches. pace: the rate
    limit as the server sees it, for the limiter alone.
    """

    text: str
    model: str = ""
    usage: Usage = NO_TOKENS
    stop: str = "end_turn"
    origins: tuple[str, ...] = ()
    detail: str = ""
    batch: bool = False
    pace: Pace | None = field(default=None, compare=False)
    calls: tuple[Mapping[str, JSON], ...] = ()


@dataclass(frozen=True, slots=True)
class GeneratedRow:
    """A candidate row. fields: what is written out. text: what makes it a duplicate of another.

    lineage: what the recipe knows of where the row comes from; the driver adds the rest. fault: why
    it is no row after all; such a candidate is counted and refused. proof: what a gate needs to verify
    the row, such as the program that computes its answer; never written out. verdicts: reasons of gates
    that have judged already, empty for passed.
    """

    fields: Mapping[str, JSON]
    text: str
    label: str | None = None
    lineage: Mapping[str, JSON] = field(default_factory=dict)
    fault: str = ""
    proof: Mapping[str, JSON] = field(default_factory=dict)
    verdicts: Mapping[str, str] = field(default_factory=dict)


class Malformed(Exception):  # noqa: N818 - it is an answer, not an accident
    """A recipe could not make rows of what it was sent; the reply is kept, and counted as dead."""


class Retry(Exception):  # noqa: N818 - it is an answer, not an accident
    """A provider may serve the same request later. after_s: its own wish; throttled: it said too fast.

    unknown: the request may have been served and billed all the same, as after a broken connection.
    down: there was no connection at all. pace: the rate limit as the server sees it.
    """

    def __init__(
        self,
        reason: str,
        *,
        after_s: float | None = None,
        throttled: bool = False,
        unknown: bool = False,
        down: bool = False,
        pace: Pace | None = None,
    ) -> None:
        super().__init__(reason)
        self.down = down
        self.pace = pace
        self.after_s = after_s
        self.throttled = throttled
        self.unknown = unknown


class Declined(Exception):  # noqa: N818 - it is an answer, not an accident
    """A provider will never serve this one request, and did not bill it; others may do better."""


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
        """Serve one request. Raises Retry, Declined, or ProviderError where no other request will do better."""


@runtime_checkable
class Remote(Protocol):
    """A provider across a network: it bills tokens and holds connections."""

    def worst(self, request: Request) -> Usage:
        """The most tokens that one attempt may be billed for."""

    async def open(self) -> None:
        """Be ready to send in the running loop. Raises ProviderError for a missing key."""

    async def close(self) -> None:
        """Let go of the connections of the running loop."""


class Landed(NamedTuple):
    """What a batch gave for one request: a reply, or why there is none."""

    reply: Reply | None
    failure: str = ""


@runtime_checkable
class Batching(Protocol):
    """A provider that serves many requests later, for less."""

    async def submit(self, requests: Mapping[str, Request]) -> str:
        """Hand in requests by key; the id of the batch."""

    async def collect(self, batch: str) -> Mapping[str, Landed] | None:
        """What came of a batch by key, or None while it is being worked on."""

    async def seek(self, keys: Sequence[str], since: float) -> str | None:
        """The id of a batch of these keys, handed in after a time in Unix seconds; None where none is found."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a conversation waits for besides replies: a call that blocks, such as a program that is run."""

    run: Callable[[], str]


Conversation = Generator[Request, Reply, Sequence[GeneratedRow]]
Reviewing = Generator[Request | Work, Any, Sequence[GeneratedRow]]
"""A conversation that is sent replies to its requests, and to its work what the work returned."""


class Recipe(Protocol):
    """What the driver needs of a recipe: rows from one seed, by asking."""

    id: ClassVar[str]

    def cook(self, seed: Seed) -> Conversation: ...


class Reviewer(Protocol):
    """A recipe with its gates behind it."""

    def cook(self, seed: Seed) -> Reviewing: ...
