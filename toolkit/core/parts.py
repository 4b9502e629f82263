"""Shelves of parts: a folder is scanned, a class with an `id` is a part, nothing is registered by hand.

A part comes from a module of the shelf's folder, from an entry point of the group `toolkit.<shelf>`,
or from a local file that the user names with `--with`. The last one wins, so a user may replace a part.
"""

from __future__ import annotations

import dataclasses
import importlib
import importlib.metadata
import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from toolkit.core.errors import InputError, UsageError, unknown
from toolkit.core.own_code import imported

SHELVES: Mapping[str, str] = {
    "checks": "look",
    "defects": "ways",
    "formats": "parse",
    "files": "records",
    "gates": "guard",
    "importers": "take",
    "providers": "complete",
    "recipes": "cook",
    "renderers": "render",
    "repairs": "mend",
    "samplers": "rank",
    "targets": "convert",
    "trainers": "dry_run",
    "wires": "talk",
}
"""Each shelf with the method that makes a class its part; a check has `look` (row by row) or `run`."""

DECLARED: Mapping[str, str] = {
    "checks": "code reads scope version",
    "defects": "tests",
    "formats": "claims write",
    "files": "claims",
    "gates": "costly rank",
    "importers": "claims",
    "providers": "free model per_call reads_prompt source_kind version",
    "recipes": "proof version",
    "renderers": "suffix version",
    "repairs": "on order",
    "targets": "keys names profile reads shards store takes title",
    "trainers": "batch jobs limit models setup stage",
    "wires": "claims join",
}
"""What else every part of a shelf has, as a class attribute, a field or a method."""

_local: dict[str, dict[str, type[Any]]] = {shelf: {} for shelf in SHELVES}


def parts(shelf: str) -> dict[str, type[Any]]:
    """Every part of a shelf by id, sorted by id.

    Raises UsageError for an unknown shelf or for two parts of one id in the same place.
    """
    if shelf not in SHELVES:
        raise unknown("shelf", shelf, SHELVES)
    found = {**_shipped(shelf), **_installed(shelf), **_local[shelf]}
    return dict(sorted(found.items()))


def part(shelf: str, name: str) -> type[Any]:
    """The part `name` of a shelf, by id or by catalogue code such as `D02`."""
    known = parts(shelf)
    if name in known:
        return known[name]
    by_code = {getattr(found, "code", "").lower(): found for found in known.values()}
    if name and name.lower() in by_code:
        return by_code[name.lower()]
    raise unknown(shelf.rstrip("s"), name, known)


def build(shelf: str, name: str, options: Mapping[str, Any] | None = None) -> Any:
    """A part with its options set; an unknown option is an error that lists the known ones."""
    found = part(shelf, name)
    known = [field.name for field in dataclasses.fields(found) if field.init]
    for option in options or {}:
        if option not in known:
            what = f"unknown option '{option}' of {name}"
            raise UsageError(what, f"its options: {', '.join(known) or 'none'}")
    for field in dataclasses.fields(found):
        if options and field.name in options:
            _fits_type(f"{name}.{field.name}", options[field.name], str(field.type))
    return found(**(options or {}))


def _fits_type(title: str, value: Any, wanted: str) -> None:
    """Raises UsageError where a plain option was given a value of another type; other types are their part's matter."""
    kinds: dict[str, Any] = {"int": int, "float": (int, float), "bool": bool}
    kind = kinds.get(wanted)
    if kind is None or (isinstance(value, kind) and (wanted == "bool" or not isinstance(value, bool))):
        return
    words = {"int": "a whole number", "float": "a number", "bool": "true or false"}
    raise UsageError(f"{title} cannot be {value!r}", f"it is {words[wanted]}")


def load_local(path: Path) -> list[str]:
    """Put the parts of a local Python file on their shelves; returns their ids.

    The file is the user's own code and runs with the user's rights. Raises InputError if it cannot
    be imported, holds no part, or one that lacks what its shelf asks for.
    """
    module = imported(path)
    loaded = [(shelf, found) for found in _classes(module) for shelf in SHELVES if _fits(shelf, found)]
    if not loaded:
        raise InputError(f"{path} defines no part", "a part is a frozen dataclass with an `id`; see `toolkit parts`")
    for shelf, found in loaded:
        fields = [field.name for field in dataclasses.fields(found)]
        missing = [name for name in DECLARED.get(shelf, "").split() if name not in fields and not hasattr(found, name)]
        if missing:
            what = f"'{found.id}' of {path} has no {', '.join(missing)}"
            raise InputError(what, f"`toolkit parts {shelf}` lists shipped ones; follow the source of one of them")
        _local[shelf][found.id] = found
    return [found.id for _, found in loaded]


def options(found: type[Any]) -> list[tuple[str, str, Any]]:
    """A part's options as (name, type, default); a default of `...` means that it must be given."""
    rows = []
    for field in (each for each in dataclasses.fields(found) if each.init):
        default = field.default if field.default is not dataclasses.MISSING else ...
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        rows.append((field.name, str(field.type), default))
    return rows


@cache
def _shipped(shelf: str) -> dict[str, type[Any]]:
    folder = importlib.import_module(f"toolkit.{shelf}")
    found: dict[str, type[Any]] = {}
    for module in pkgutil.iter_modules(folder.__path__):
        loaded = importlib.import_module(f"{folder.__name__}.{module.name}")
        for each in _classes(loaded):
            if not _fits(shelf, each):
                continue
            if each.id in found:
                raise UsageError(f"two parts of {shelf} have the id '{each.id}'", f"rename one in {loaded.__name__}")
            found[each.id] = each
    return found


@cache
def _installed(shelf: str) -> dict[str, type[Any]]:
    points = importlib.metadata.entry_points(group=f"toolkit.{shelf}")
    return {point.name: point.load() for point in points}


def _classes(module: Any) -> Iterator[type[Any]]:
    for each in vars(module).values():
        if inspect.isclass(each) and each.__module__ == module.__name__ and isinstance(vars(each).get("id"), str):
            yield each


def _fits(shelf: str, found: type[Any]) -> bool:
    methods = (SHELVES[shelf], "run") if shelf == "checks" else (SHELVES[shelf],)
    return dataclasses.is_dataclass(found) and any(hasattr(found, method) for method in methods)
