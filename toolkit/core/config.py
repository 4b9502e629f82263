"""Strict YAML: an unknown key, a wrong type or a broken line is an error with its line and a suggestion."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from toolkit.core.errors import InputError, UsageError, closest

if TYPE_CHECKING:
    from pydantic import BaseModel

    Model = TypeVar("Model", bound=BaseModel)


def load(model: type[Model], path: Path) -> Model:
    """The YAML file at `path` as a model; every error names the file, the line and what would fit."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as failure:
        raise InputError(f"{path} cannot be read: {failure}", "check the path and its permissions") from failure
    return loads(model, text, path.name)


def loads(model: type[Model], text: str, name: str) -> Model:
    """YAML text as a model; `name` is what error messages call it."""
    from pydantic import ValidationError

    found = parse(text, name)
    if found is None:
        raise UsageError(f"{name} is empty", f"it needs: {', '.join(_needed(model))}")
    if not isinstance(found, dict):
        needed = f"; it needs: {', '.join(_needed(model))}" if _needed(model) else ""
        raise UsageError(f"{name} holds no keys: {str(found)[:60]!r}", f"write `key: value` lines{needed}")
    try:
        return model.model_validate(found)
    except ValidationError as failure:
        raise _first(failure.errors(), model, found, name) from failure


def parse(text: str, name: str) -> Any:
    """YAML text as plain values that remember their lines; duplicate keys are refused."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError

    try:
        return YAML(typ="rt").load(text)
    except MarkedYAMLError as failure:
        mark = failure.problem_mark
        line = f", line {mark.line + 1}" if mark else ""
        what = f"{name}{line}: {failure.problem or 'not YAML'}"
        raise UsageError(what, "check the indentation and the quotes there") from failure


def _first(errors: list[Any], model: type[Model], found: Any, name: str) -> UsageError:
    """The first validation error in the words of the house."""
    # A mistyped key is both unknown and missing; the first of these shows the typo.
    error = next((each for each in errors if each["type"] == "extra_forbidden"), _deepest(errors))
    place = ".".join(str(step) for step in error["loc"] if str(step) == "[key]" or not _is_arm(step))
    line = _line(found, error["loc"])
    where = f"{name}, line {line}" if line else name
    if error["type"] == "extra_forbidden":
        known = _siblings(model, error["loc"])
        key = str(error["loc"][-1])
        return UsageError(f"{where}: unknown key '{place}'{closest(key, known)}", f"known here: {', '.join(known)}")
    if error["type"] == "missing":
        return UsageError(f"{where}: '{place}' is missing", "add it")
    if error["type"] == "string_type" and isinstance(error.get("input"), int | float):
        return UsageError(f"{where}: '{place.removesuffix('.[key]')}' is no text", "write it in quotes")
    shown = str(error.get("input"))[:60]
    return UsageError(f"{where}: '{place}' is {shown!r}: {error['msg'].lower()}", "correct that value")


def _deepest(errors: list[Any]) -> Any:
    """The first error; of a value that may have one of several forms, that of the form which it comes closest to."""
    first = errors[0]["loc"]
    if not first or not _is_arm(first[-1]):
        return errors[0]
    return max(
        (each for each in errors if each["loc"][: len(first) - 1] == first[:-1]), key=lambda one: len(one["loc"])
    )


def _is_arm(step: object) -> bool:
    """Whether a step of a place names one of several forms, such as `list[str]`."""
    return isinstance(step, str) and step.endswith("]")


def _needed(model: type[BaseModel]) -> list[str]:
    return [name for name, field in model.model_fields.items() if field.is_required()]


def _line(found: Any, location: tuple[int | str, ...]) -> int | None:
    """The 1-based line of the value at a location, as near as YAML remembers."""
    line = None
    for step in location:
        marks = getattr(found, "lc", None)
        if marks is None:
            return line
        try:
            line = (marks.key(step) if hasattr(found, "keys") else marks.item(step))[0] + 1
            found = found[step]
        except (KeyError, IndexError, TypeError):
            return line
    return line


def _siblings(model: Any, location: tuple[int | str, ...]) -> list[str]:
    """The field names that are known where an unknown key stands."""
    import typing

    for step in location[:-1]:
        fields = getattr(model, "model_fields", {})
        if step not in fields:
            model = next(iter(a for a in typing.get_args(model) if hasattr(a, "model_fields")), model)
            continue
        model = fields[step].annotation
        inner = [each for each in typing.get_args(model) if hasattr(each, "model_fields")]
        model = inner[0] if inner else model
    return sorted(getattr(model, "model_fields", {}))
