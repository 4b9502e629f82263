"""The answers that the advice is decided on: a strict model, each answer with its evidence or `unknown`."""

from __future__ import annotations

from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue

from toolkit.advise.money import Money

T = TypeVar("T")
Unknown = Literal["unknown"]
YesNo = Literal["yes", "no", "unknown"]
Goal = Literal[
    "shape", "label", "knowledge", "capability", "style", "domain", "tool-use", "refusals",
    "preference", "helpful", "reasoning", "cost", "latency", "privacy", "unknown",
]  # fmt: skip
Count = Annotated[int, Field(ge=0)] | Unknown
Share = Annotated[float, Field(ge=0, le=1)] | Unknown
UNKNOWN: Unknown = "unknown"


class Stated(BaseModel, Generic[T]):
    """An answer with its evidence; written short, an answer alone. source: who says so."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    answer: T
    evidence: str = ""
    source: Literal["you", "measured"] = "you"

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return value if isinstance(value, dict | Stated) else {"answer": value}

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        whole = handler.resolve_ref_schema(handler(core))
        return {"anyOf": [whole["properties"]["answer"], whole]}

    @property
    def known(self) -> bool:
        return self.answer != UNKNOWN


def _ask(question: str) -> Any:
    return Field(default_factory=lambda: Stated(answer=UNKNOWN), description=question)


class Rung(BaseModel):
    """One way that was run on the user's dev rows. score with its interval lies in 0..1.

    kind: which step of the order to try it is. off_shape: share of outputs that were not in the shape asked for.
    agreed: of a judged score, the share of rows of which the judge says the same in both orders.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    kind: Literal["zero-shot", "few-shot", "system-prompt", "constrained", "stronger", "probe", "tuned"]
    name: str
    score: float = Field(ge=0, le=1)
    low: float = Field(ge=0, le=1)
    high: float = Field(ge=0, le=1)
    rows: int = Field(ge=1)
    examples: int = Field(default=0, ge=0)
    off_shape: float | None = Field(default=None, ge=0, le=1)
    cost_per_1000: float | None = Field(default=None, ge=0)
    latency_s: float | None = Field(default=None, ge=0)
    agreed: float | None = Field(default=None, ge=0, le=1)


class Measured(BaseModel):
    """What was run instead of asked: the rungs of the ladder on dev rows, and where they come from.

    final: the chosen rung, run once on the held-out rows. notes: where to stop, and what else there is to say.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    source: str = ""
    rungs: tuple[Rung, ...] = ()
    final: Rung | None = None
    notes: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _lists(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {**value, **{name: tuple(value.get(name, ())) for name in ("rungs", "notes")}}


class Answers(BaseModel):
    """Everything that `decide` looks at. Every field may be left out: it is then unknown."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    version: Literal[1] = 1

    goal: Stated[Goal] = _ask("What must become better?")
    prompt_debugged: Stated[YesNo] = _ask("Has someone read the prompt aloud and mended it against its failures?")
    prompt_tokens: Stated[Count] = _ask("How many tokens has the system prompt?")
    constrained_output: Stated[YesNo] = _ask("Is the output constrained (structured output, tools)?")
    prompt_examples: Stated[Count] = _ask("With how many examples in the prompt was it tried?")
    retrieval_tried: Stated[YesNo] = _ask("Was retrieval over your documents tried?")
    tools_tried: Stated[YesNo] = _ask("Were tools (search, code, your API) tried?")
    stronger_tried: Stated[YesNo] = _ask("Was a stronger model tried on the same rows?")
    frontier_does_it: Stated[YesNo] = _ask("Does the strongest model do it well enough?")
    stronger_affordable: Stated[YesNo] = _ask("Can you pay for that stronger model at your volume?")
    eval_set: Stated[YesNo] = _ask("Is there a held-out eval set of real use?")
    eval_rows: Stated[Count] = _ask("How many rows has the eval set?")
    score_now: Stated[Share] = _ask("What share of it is right now, at best (0 to 1)?")
    score_needed: Stated[Share] = _ask("What share must be right (0 to 1)?")

    product: Stated[YesNo] = _ask("Is there a product in use, or a baseline that people work with?")
    one_off: Stated[YesNo] = _ask("Is it a behaviour that is needed once?")
    requirements: Stated[Literal["stable", "monthly", "weekly", "unknown"]] = _ask("How often do requirements change?")
    private: Stated[YesNo] = _ask("Must the data stay in house?")
    provider: Stated[Literal["open", "closed", "unknown"]] = _ask("Would you tune open weights or a closed model?")

    examples: Stated[Count] = _ask("How many examples are there whose answer is right (labels, traces, texts)?")
    pairs: Stated[Count] = _ask("How many preference pairs are there?")
    verifier: Stated[YesNo] = _ask("Is there a suite of tasks and a program that tells right results?")
    lora_fell_short: Stated[YesNo] = _ask("Was LoRA tried on these examples, and did it fall short?")
    real_use: Stated[YesNo] = _ask("Is there real use to collect from (traffic, logs, a pool of unlabelled rows)?")
    people: Stated[YesNo] = _ask("Are there people who can label?")
    distil_allowed: Stated[YesNo] = _ask("Do the strong model's terms allow training on its answers?")
    can_verify: Stated[YesNo] = _ask("Can made rows be verified (a schema, a program, a reviewer)?")

    synthetic_share: Stated[Share] = _ask("What share of the examples was made by a program or a model (0 to 1)?")
    verified: Stated[YesNo] = _ask("Were the examples verified?")
    facts_share: Stated[Share] = _ask("What share of the answers holds facts such as dates, prices, endpoints?")
    conflict_share: Stated[Share] = _ask("What share of the rows contradicts another row?")
    classes: Stated[Count] = _ask("How many classes are there?")
    smallest_class: Stated[Count] = _ask("How many examples has the smallest class?")
    general_share: Stated[Share] = _ask("What share of general data do such examples want beside them (0 to 1)?")
    general_data: Stated[YesNo] = _ask("Will general data be mixed in?")
    epochs: Stated[Count] = _ask("How many epochs are planned?")

    money: Money | None = Field(
        default=None, description="The break-even, in US dollars: a number or [low, likely, high]."
    )
    measured: Measured = Field(default_factory=Measured, description="Rungs of the ladder, as `--ladder` writes them.")


QUESTIONS: tuple[str, ...] = tuple(
    name for name in Answers.model_fields if name not in ("version", "money", "measured")
)


def question(name: str) -> str:
    """The question behind an answer."""
    return Answers.model_fields[name].description or name


def choices(name: str) -> tuple[str, ...]:
    """The words that an answer may be; empty where it is a number."""
    import typing

    stated = Answers.model_fields[name].annotation
    kind: Any = stated.model_fields["answer"].annotation  # type: ignore[union-attr]
    return typing.get_args(kind) if typing.get_origin(kind) is Literal else ()
