"""The recipe file: strict YAML that says what to make, of what, by whom, and how to judge it."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveFloat, PositiveInt

from toolkit.core import config, parts
from toolkit.core.errors import UsageError, closest, unknown
from toolkit.core.gating import Context, Look
from toolkit.core.prices import Price, price_of
from toolkit.core.request import Cell, Example, Provider, Recipe
from toolkit.core.share import shipped
from toolkit.generate import material, models
from toolkit.generate.budget import no_price
from toolkit.generate.gates import Standing, build
from toolkit.generate.prompts import prompt_renders, seeds_suffice, vary_is_read
from toolkit.providers.grammar import GrammarProvider

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


def load(path: Path, *, rows: int | None = None, seed: int | None = None, out: str | None = None) -> Loaded:
    """Read a recipe and check that it can run. rows, seed, out: told on the command line, they win.

    Raises UsageError with the file, the line and a suggestion, or InputError where it cannot be read.
    """
    path = _named(path)
    file = config.load(RecipeFile, path)
    told: dict[str, Any] = {}
    if rows is not None:
        told["target"] = file.target.model_copy(update={"rows": rows})
    if seed is not None:
        told["seed"] = seed
    if out is not None:
        told["out"] = Out(dir=out)
    try:
        loaded = replace(checked(file.model_copy(update=told), path.stem, path.parent), path=path)
        vary_is_read(loaded)
        seeds_suffice(loaded)
        return loaded
    except UsageError as failure:
        raise UsageError(f"{_place(failure.what, path)}: {failure.what}", failure.fix) from failure


def _named(path: Path) -> Path:
    """The recipe file at `path`, or the shipped recipe of that name."""
    home = shipped("pipelines") / "recipes"
    own = home / f"{path.name.removesuffix('.yaml')}.yaml"
    return own if not path.exists() and len(path.parts) == 1 and own.is_file() else path


def checked(file: RecipeFile, name: str, folder: Path) -> Loaded:
    """A recipe with its parts built. Raises UsageError for what cannot work, before anything is made."""
    kinds = getattr(parts.part("recipes", file.task), "kinds", {})
    file = file if file.labels else file.model_copy(update={"labels": dict(kinds)})
    if not file.labels:
        raise UsageError("`labels` is empty", "name at least one label and say what it means")
    if not isinstance(file.target.per_label, str):
        _same_names("target.per_label", file.target.per_label, file.labels)
    named = [*file.avoid, *([file.seeds.path] if file.seeds else [])]
    missing = next((folder / each for each in named if not (folder / each).is_file()), None)
    if missing is not None:
        raise UsageError(f"'{missing}' does not exist", "paths in a recipe are relative to the recipe's folder")
    loaded = Loaded(file, file.name or name, folder, _provider(file), _recipe(file, folder))
    _options_are_read(loaded)
    loaded.gates(loaded.context({}))
    _budget_holds(file, loaded.provider)
    _grammar_fits(file, loaded.provider)
    prompt_renders(loaded)
    return loaded


def _options_are_read(loaded: Loaded) -> None:
    """Raises UsageError where a provider that composes its own tables, tools and records is told of others."""
    provider = loaded.provider
    own = next((name for name in material.FILED if loaded.file.options.get(name)), "")
    if own and provider.id == "procedural":
        what = f"'{own}' of the options is not read by {provider.id}, which composes its own"
        raise UsageError(what, "let a model make the rows: model.use, or take it out")


def _provider(file: RecipeFile) -> Provider:
    name = file.model.use.partition(":")[0]
    parts.part("providers", name)
    section = getattr(file, name, None) if name in RecipeFile.model_fields else None
    if name == "grammar" and file.grammar is None:
        raise UsageError(
            "model.use is grammar and there is no section `grammar`", "add one with `templates` for each label"
        )
    if file.grammar is not None and name != "grammar":
        raise UsageError(f"the section `grammar` is not read by {name}", "take it out, or set model.use to grammar")
    return built(file.model, file.seed, dict(section) if isinstance(section, BaseModel) else {})


def built(choice: ModelChoice, seed: int, section: Mapping[str, Any] = {}) -> Provider:
    """The provider of a choice. Raises UsageError for a setting that it does not read."""
    told = {key: getattr(choice, key) for key in ("base_url", "key_env", "key_file")}
    told = {key: value for key, value in told.items() if value is not None}
    seeded = models.options(choice.use, {"seed": seed})
    return models.provider(choice.use, **section, **told, **seeded)


def _recipe(file: RecipeFile, folder: Path) -> Recipe:
    """The task with its options and the material that it works with."""
    told: dict[str, Any] = {
        "labels": file.labels,
        "prompt": file.strategy.prompt,
        "system": file.strategy.system,
        "personas": file.strategy.personas,
        "verbalized": file.strategy.verbalized,
        "seed": file.seed,
    }
    task = parts.part("recipes", file.task)
    known = {option for option, _, _ in parts.options(task)}
    given = {key: value for key, value in told.items() if value is not None and key in known}
    given.update(_material(file, folder, known))
    for name in getattr(task, "needs", ()):
        if not given.get(name):
            section = {"examples": "seeds"}.get(name, name)
            raise UsageError(f"the task {file.task} works with `{section}`", f"add the section `{section}`")
    clash = next((name for name in file.options if name in told or name in ("documents", "examples")), "")
    if clash:
        where = "strategy." * (clash in ("prompt", "system", "personas", "verbalized"))
        home = {"examples": "seeds"}.get(clash, f"{where}{clash}")
        raise UsageError(f"options.{clash} has a place of its own", f"write it under `{home}`")
    built: Recipe = parts.build("recipes", file.task, {**given, **material.opened(folder, file.options)})
    return built


def _material(file: RecipeFile, folder: Path, known: set[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if "examples" in known and file.seeds is not None:
        found["examples"] = material.read_rows(folder / file.seeds.path, file.seeds.text, file.seeds.label)
    if file.documents is None:
        return found
    if "documents" not in known:
        raise UsageError(f"the section `documents` is not read by the task {file.task}", "take it out")
    told = file.documents
    passages = material.read_documents(folder, told.paths, words=told.words, overlap=told.overlap, column=told.text)
    return {**found, "documents": passages}


def _budget_holds(file: RecipeFile, provider: Provider) -> None:
    price = file.budget.price or file.model.price
    if file.budget.usd is not None and not provider.free and price is None and price_of(provider.model) is None:
        raise no_price(provider.model)


def _grammar_fits(file: RecipeFile, provider: Provider) -> None:
    """Every label has templates, every attribute of `vary` changes the texts of every label."""
    if file.grammar is None or not isinstance(provider, GrammarProvider):
        return
    _same_names("grammar.templates", file.grammar.templates, file.labels)
    for label in file.labels:
        unread = set(file.vary) - provider.reads(label)
        if unread:
            what = f"no text of '{label}' depends on the attribute '{sorted(unread)[0]}'"
            raise UsageError(what, "use a lexicon `by` that attribute, or take it out of `vary`")


def _same_names(place: str, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    for name in found:
        if name not in wanted:
            raise unknown(f"label in {place}:", name, wanted)
    missing = [name for name in wanted if name not in found]
    if missing:
        raise UsageError(
            f"{place} lacks the label '{missing[0]}'{closest(missing[0], found)}", "every label needs an entry there"
        )


def _place(what: str, path: Path) -> str:
    """Where a recipe says the word that an error quotes: with its line, if one line alone holds that word."""
    quoted = re.search(r"'([^']+)'", what)
    if quoted is None:
        return path.name
    word = re.compile(rf"(?<!\w){re.escape(quoted.group(1))}(?!\w)")
    lines = [nth for nth, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1) if word.search(line)]
    return f"{path.name}, line {lines[0]}" if len(lines) == 1 else path.name


def _weighted(values: Sequence[str] | Mapping[str, float]) -> list[tuple[str, float]]:
    return list(values.items()) if isinstance(values, Mapping) else [(value, 1.0) for value in values]
