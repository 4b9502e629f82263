"""The recipe file: strict YAML that says what to make, of what, by whom, and how to judge it."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveFloat, PositiveInt

from toolkit.core.gating import Context, Look
from toolkit.core.prices import Price
from toolkit.core.request import Cell, Example, Provider, Recipe
from toolkit.generate import material, models
from toolkit.generate.gates import Standing, build

EXTRA_CANDIDATES = 4


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Target(Strict):
    """How many accepted rows. per_label: `balanced`, or a weight for every label.

    max_candidates: the run stops after judging so many; four times `rows` where it is not given.
    """

    rows: PositiveInt
    per_label: Literal["balanced"] | dict[str, PositiveFloat] = "balanced"
    max_candidates: PositiveInt | None = None


class Seeds(Strict):
    """The user's own rows: shown to a model as examples, and never written out again."""

    path: str
    text: str = ""
    label: str = ""
    shown: NonNegativeInt = 3


class ModelChoice(Strict):
    """Who makes the rows. use: a provider, with a model after a colon where it has several.

    base_url, key_env, key_file: where the server is and where its key lies; the key itself is never
    written here. batch: hand requests in as batches, for less and later. price: what it costs, where
    the table does not know or is wrong.
    """

    use: str
    base_url: str | None = None
    key_env: str | None = None
    key_file: str | None = None
    batch: bool = False
    price: Price | None = None
    concurrency: PositiveInt = 32
    deadline_s: PositiveFloat = 120.0
    attempts: PositiveInt = 3
    params: dict[str, Any] = Field(default_factory=dict)


class Strategy(Strict):
    """How to ask. per_call: rows in one request; the provider's own number where it is not given.

    personas: points of view, one for each request. verbalized: ask for items with their probability, from
    the tail. shun: texts of a cell that were refused as duplicates, shown as not to be repeated. repair:
    show refused rows to the model once, with the reason.
    """

    per_call: PositiveInt | None = None
    prompt: str | None = None
    system: str | None = None
    personas: list[str] = Field(default_factory=list)
    verbalized: bool = False
    shun: NonNegativeInt = 8
    repair: bool = False


class Documents(Strict):
    """What grounded rows are about. paths: files or patterns. text: the column that holds it, of files of rows.

    words, overlap: of one passage.
    """

    paths: list[str]
    text: str = ""
    words: PositiveInt = 250
    overlap: NonNegativeInt = 40


class Budget(Strict):
    """What a run may cost, over every resumption. requests: sent in all. price: of the model that makes the rows."""

    usd: PositiveFloat | None = None
    tokens: PositiveInt | None = None
    requests: PositiveInt | None = None
    price: Price | None = None


class Out(Strict):
    dir: str | None = None


class GrammarSection(Strict):
    """Templates for each label and the lexicons of their slots; see `toolkit parts grammar`."""

    templates: dict[str, list[Any]]
    lexicons: dict[str, Any] = Field(default_factory=dict)
    wrap: Any = ("{template}",)
    typos: float = Field(default=0.0, ge=0.0, le=1.0)


class RecipeFile(Strict):
    """A recipe as it is written. The paths in it are relative to its own folder.

    models: further ones that recipes and gates ask, by the name that a request's `to` says. labels: those
    of the task where none are given. options: of the task, see `toolkit parts recipes`. check: the gates
    besides those that prove rows of the task.
    """

    version: Literal[1]
    task: str
    target: Target
    model: ModelChoice
    labels: dict[str, str] = Field(default_factory=dict)
    options: dict[str, Any] = Field(default_factory=dict)
    documents: Documents | None = None
    models: dict[str, ModelChoice] = Field(default_factory=dict)
    name: str | None = None
    licence: str | None = None
    seed: int = 0
    seeds: Seeds | None = None
    avoid: list[str] = Field(default_factory=list)
    vary: dict[str, list[str] | dict[str, PositiveFloat]] = Field(default_factory=dict)
    strategy: Strategy = Strategy()
    check: list[str | dict[str, str | dict[str, Any]]] | None = None
    budget: Budget = Budget()
    out: Out = Out()
    grammar: GrammarSection | None = None


@dataclass(frozen=True, slots=True)
class Loaded:
    """A recipe that was read and found to make sense. folder: where its own paths start. path: None where built."""

    file: RecipeFile
    name: str
    folder: Path
    provider: Provider
    recipe: Recipe
    path: Path | None = None
    only: tuple[tuple[Cell, float, float], ...] = ()

    def digest(self) -> str:
        """sha256 in hex of all that decides a reply or a verdict; how many rows are wanted is no part of it."""
        told = self.file.model_dump(
            mode="json", exclude={"target": {"rows", "max_candidates"}, "budget": True, "out": True}
        )
        told |= {"name": None, "licence": None}
        told["model"] = {key: told["model"][key] for key in ("use", "params")}
        told["models"] = {name: {key: each[key] for key in ("use", "params")} for name, each in told["models"].items()}
        if not told["models"]:
            del told["models"]
        avoided = [hashlib.sha256(path.read_bytes()).hexdigest() for path in self.references()]
        return hashlib.sha256(orjson.dumps([told, avoided], option=orjson.OPT_SORT_KEYS, default=str)).hexdigest()

    def references(self) -> list[Path]:
        """The files that a run reads: `avoid`, the seeds, documents, and those that options name."""
        named = [*self.file.avoid, *([self.file.seeds.path] if self.file.seeds else [])]
        told = self.file.documents
        read = material.files(self.folder, told.paths) if told else []
        return [*(self.folder / each for each in named), *read, *material.named(self.folder, self.file.options)]

    def rows(self) -> list[Example]:
        """The user's own rows, from `seeds`."""
        told = self.file.seeds
        return material.read_rows(self.folder / told.path, told.text, told.label) if told else []

    def context(self, avoid: Mapping[str, list[str]], look: Look | None = None) -> Context:
        """What gates are built from. avoid: the texts of each file that rows must not repeat."""
        own, told = self.rows(), self.file.seeds
        seeds = {told.path: material.compared(own)} if told else {}
        found = Context(self.file.labels, avoid, seeds, own, self.folder, models=list(self.file.models))
        return found if look is None else replace(found, look=look)

    def gates(self, context: Context) -> list[Standing]:
        """The gates of this recipe, those that prove rows of its task among them."""
        return build(self.file.check, context, getattr(self.recipe, "gates", {}))

    def others(self) -> dict[str, tuple[Provider, ModelChoice]]:
        """The further models of the recipe, built."""
        return {name: (built(choice, self.file.seed), choice) for name, choice in self.file.models.items()}

    @property
    def max_candidates(self) -> int:
        return self.file.target.max_candidates or EXTRA_CANDIDATES * self.file.target.rows

    @property
    def per_call(self) -> int:
        return self.file.strategy.per_call or self.provider.per_call

    def weights(self) -> Iterator[tuple[Cell, float, float]]:
        """Every cell with the weight of its label and its own weight within that label; `only` those, if any."""
        if self.only:
            yield from self.only
            return
        grid = [_weighted(values) for values in self.file.vary.values()]
        for label in self.file.labels:
            share = self.file.target.per_label
            weight = 1.0 if isinstance(share, str) else share[label]
            for values in itertools.product(*grid):
                inner = 1.0
                for _, each in values:
                    inner *= each
                named = tuple(zip(self.file.vary, (value for value, _ in values), strict=True))
                yield Cell(label, named), weight, inner


def built(choice: ModelChoice, seed: int, section: Mapping[str, Any] = {}) -> Provider:
    """The provider of a choice. Raises UsageError for a setting that it does not read."""
    told = {key: getattr(choice, key) for key in ("base_url", "key_env", "key_file")}
    told = {key: value for key, value in told.items() if value is not None}
    seeded = models.options(choice.use, {"seed": seed})
    return models.provider(choice.use, **section, **told, **seeded)


def _weighted(values: Sequence[str] | Mapping[str, float]) -> list[tuple[str, float]]:
    return list(values.items()) if isinstance(values, Mapping) else [(value, 1.0) for value in values]
