"""Reads a recipe file, builds its parts and refuses what cannot work, before anything is made."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from toolkit.core import config, parts
from toolkit.core.errors import UsageError, closest, unknown
from toolkit.core.prices import price_of
from toolkit.core.request import Provider, Recipe
from toolkit.core.share import shipped
from toolkit.generate import material
from toolkit.generate.budget import no_price
from toolkit.generate.prompts import prompt_renders, seeds_suffice, vary_is_read
from toolkit.generate.recipe import Loaded, Out, RecipeFile, built
from toolkit.providers.grammar import GrammarProvider


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
    made: Recipe = parts.build("recipes", file.task, {**given, **material.opened(folder, file.options)})
    return made


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
