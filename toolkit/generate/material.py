"""What a recipe works with that lies in files: the user's rows, texts to avoid, documents in passages."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from toolkit.core.errors import InputError, UsageError
from toolkit.core.passages import Passage, passages
from toolkit.core.request import Example
from toolkit.generate import documents, tables
from toolkit.runners.calls import importable

if TYPE_CHECKING:
    import pyarrow as pa

FILED = {"tables": ".sql", "tools": ".json", "schema": ".json", "execute": ".py"}
"""Options that may name a file of this kind in the place of their value."""


def read_rows(path: Path, text: str = "", label: str = "") -> list[Example]:
    """The rows of a file, read through the one door. Raises InputError where none can be read."""
    return list(_read_rows(str(path.resolve()), _stamp(path), text, label))


def _stamp(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_mtime_ns, found.st_size


@lru_cache(maxsize=16)
def _read_rows(name: str, stamp: tuple[int, int], text: str, label: str) -> tuple[Example, ...]:
    from toolkit.read import ReadOptions, read

    path = Path(name)
    with tempfile.TemporaryDirectory(prefix="toolkit-") as folder:
        found = read(path, Path(folder) / "dataset", ReadOptions(text=text, label=label))
        if not found.n_rows:
            raise InputError(f"{path} holds no row that can be read", _remedy(path))
        table = found.table(("prompt", "label", "answer", "ref", "roles", "turns"))
        columns = [table[column].to_pylist() for column in ("prompt", "label", "answer", "ref")]
        columns.append(_said(table))
    return tuple(Example(*values) for values in zip(*columns, strict=True))


def _remedy(path: Path) -> str:
    try:
        path.read_bytes().decode()
    except UnicodeDecodeError:
        return "it is no UTF-8: re-encode it, say with iconv -f WINDOWS-1252 -t UTF-8"
    return "name a file with at least one row, or take it out"


def _said(table: pa.Table) -> list[str]:
    """The user's turns of every conversation of several turns, as recipes compare them; empty for other rows."""
    found = [""] * len(table)
    for row, roles in enumerate(table["roles"].to_pylist()):
        if roles.strip("s") not in ("u", "ua"):
            turns = table["turns"][row].as_py() or []
            found[row] = "\n".join(each["content"] or "" for each in turns if each["role"] == "user")
    return found


def compared(rows: Iterable[Example]) -> list[str]:
    """The texts that a new row is compared with, in each form that a recipe may give one."""
    return list(dict.fromkeys(text for row in rows for text in (row.text, row.said) if text))


def read_documents(folder: Path, paths: Sequence[str], *, words: int, overlap: int, column: str) -> list[Passage]:
    """The passages of documents: text, HTML, Word, PDF (with the extra `pdf`), or rows of a file with a text column.

    paths: files or patterns such as `docs/*.md`, relative to `folder`. Raises UsageError where one names
    nothing, InputError for what cannot be read.
    """
    found: list[Passage] = []
    for path in files(folder, paths):
        for name, text in _texts(path, column):
            found += passages(text, name, words=words, overlap=overlap)
    if not found:
        raise InputError("the documents hold no text", "name files with text in them")
    return found


def files(folder: Path, paths: Sequence[str]) -> list[Path]:
    """The files that names and patterns mean, relative to `folder`. Raises UsageError where one means none."""
    found: list[Path] = []
    for each in paths:
        matched = sorted(folder.glob(each)) if any(sign in each for sign in "*?[") else [folder / each]
        matched = [path for path in matched if path.is_file()]
        if not matched:
            raise UsageError(f"'{each}' names no document", "paths are relative to the recipe's folder")
        found += matched
    return found


def named(folder: Path, options: Mapping[str, Any]) -> list[Path]:
    """The files that options of a task name: SQL or tables, JSON of `tools` and `schema`, Python to `execute`."""
    return [*_single(folder, options).values(), *_own_tables(folder, options.get("tables"))]


def _single(folder: Path, options: Mapping[str, Any]) -> dict[str, Path]:
    """The file that stands in the place of an option's value, by the option."""
    told = {key: value for key, value in options.items() if key in FILED and isinstance(value, str)}
    return {key: folder / value for key, value in told.items() if value.endswith(FILED[key])}


def _own_tables(folder: Path, told: Any) -> list[Path]:
    """The files of tables that `tables` names, one or several; none where it is a script or names one."""
    names = [told] if isinstance(told, str) else told if isinstance(told, list) else []
    filed = [isinstance(name, str) and "\n" not in name and name.lower().endswith(tables.SUFFIXES) for name in names]
    if any(filed) and not all(filed):
        raise UsageError("options.tables mixes files of tables with others", f"all of: {', '.join(tables.SUFFIXES)}")
    return [folder / name for name in names] if filed and all(filed) else []


def opened(folder: Path, options: Mapping[str, Any]) -> dict[str, Any]:
    """Options with the files that they name read. Raises UsageError or InputError for one that cannot be."""
    single, own = _single(folder, options), _own_tables(folder, options.get("tables"))
    for path in (*single.values(), *own):
        if not path.is_file():
            raise UsageError(f"'{path}' does not exist", "paths in a recipe are relative to the recipe's folder")
    read = {key: _option(path) for key, path in single.items()}
    return {**options, **read, **({"tables": tables.script(own)} if own else {})}


def _option(path: Path) -> Any:
    if path.suffix == ".py":
        importable(path)
        return str(path.resolve())
    text = documents.plain(path)
    try:
        return text if path.suffix == ".sql" else orjson.loads(text)
    except orjson.JSONDecodeError as failure:
        raise InputError(f"{path} is not JSON: {failure}", "check it with `python -m json.tool`") from failure


def _texts(path: Path, column: str) -> Iterator[tuple[str, str]]:
    """Each document of a file with its name."""
    text = documents.text_of(path)
    if text is not None:
        yield path.name, text
        return
    for row in read_rows(path, column):
        yield f"{path.name}:{row.ref}", row.text


def pages_without_text(folder: Path, paths: Sequence[str]) -> Iterator[str]:
    """A sentence for each PDF that holds pages without text, such as scanned ones: nothing is asked about them."""
    for path in files(folder, paths):
        count = documents.textless(path)
        if count:
            yield f"pages of {path.name} that hold no text, as scans do: {count:,}; no row is about them"
