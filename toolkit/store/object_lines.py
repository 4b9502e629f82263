"""Files that people fill in: JSON lines, an object each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from toolkit.core.errors import InputError


def object_lines(path: Path, *, name: str, form: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a file with their lines, counted from 1; blank lines are left out.

    name, form: what to do where the file cannot be read, and where a line is no object. Raises InputError.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as failure:
        raise InputError(f"{path} cannot be read: {failure.strerror}", name) from failure
    for at, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError as failure:
            raise InputError(f"{path.name}, line {at}: no JSON: {failure}", form) from failure
        if not isinstance(value, dict):
            raise InputError(f"{path.name}, line {at}: not an object", form)
        yield at, value
