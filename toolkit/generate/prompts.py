"""What a recipe would ask, looked at before a run: that it can be asked at all, and that it says what is varied."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from toolkit.core.errors import UsageError
from toolkit.core.request import Seed
from toolkit.generate import material
from toolkit.generate.knowledge import foreseen
from toolkit.providers.grammar import GrammarProvider

if TYPE_CHECKING:
    from toolkit.generate.recipe import Loaded


def prompt_renders(loaded: Loaded) -> None:
    """Make one request of the first cell: a broken template shows before a run, not in it."""
    cell = next(loaded.weights())[0]
    next(loaded.recipe.cook(Seed(cell)))


def notes(loaded: Loaded) -> Iterator[str]:
    """What one should know before anything is made: facts that would be taught, pages that nothing is asked about, and
    a licence that `verify` will ask for."""
    yield from foreseen(loaded)
    if loaded.provider.source_kind == "llm" and not loaded.file.licence:
        yield "the recipe has no `licence`: rows that a model wrote are not ready without one, or their terms"
    told = loaded.file.documents
    if told is not None:
        yield from material.pages_without_text(loaded.folder, told.paths)


def unseeded(loaded: Loaded) -> list[str]:
    """Labels of which no row stands in the seeds, where seeds have labels."""
    told = {row.label for row in loaded.rows()}
    return [] if not told - {None} else [label for label in loaded.file.labels if label not in told]


def seeds_suffice(loaded: Loaded) -> None:
    """Raises UsageError where a provider that rewrites rows has none of a label."""
    bare = unseeded(loaded) if getattr(loaded.provider, "reads_examples", False) else []
    if bare and loaded.file.seeds is not None:
        what = f"no row of '{bare[0]}' is at hand to rewrite in {loaded.file.seeds.path}"
        raise UsageError(what, "add rows of this label, or take it out of `labels`")


def vary_is_read(loaded: Loaded) -> None:
    """Every attribute of `vary` changes what is asked: one that changes nothing would be a promise not kept."""
    provider, vary = loaded.provider, loaded.file.vary
    if not vary or isinstance(provider, GrammarProvider):
        return
    if not provider.reads_prompt:
        what = f"`vary` is not read by {provider.id}: '{next(iter(vary))}' would change no row"
        raise UsageError(what, "take it out, or set model.use to a model or to grammar")
    asked = {
        cell.attributes: next(loaded.recipe.cook(Seed(cell))).messages
        for cell, _, _ in loaded.weights()
        if cell.label == next(iter(loaded.file.labels))
    }
    for nth, name in enumerate(vary):
        others: dict[Any, set[Any]] = {}
        for attributes, messages in asked.items():
            others.setdefault(attributes[:nth] + attributes[nth + 1 :], set()).add(messages)
        if len(vary[name]) > 1 and all(len(each) == 1 for each in others.values()):
            raise UsageError(f"no prompt depends on the attribute '{name}'", "name it in the prompt, or take it out")
