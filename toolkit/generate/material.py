"""What a recipe works with that lies in files: the user's rows, texts to avoid, documents in passages."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from toolkit.core.errors import InputError, MachineError, UsageError
from toolkit.core.passages import Passage, passages
from toolkit.core.request import Example

if TYPE_CHECKING:
    import pyarrow as pa

PLAIN = (".txt", ".md", ".markdown", ".rst", ".html", ".htm")
LARGEST_MB = 50
FILED = {"tables": ".sql", "tools": ".json", "schema": ".json"}
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
            raise InputError(
                f"{path} holds no row that can be read", "name a file with at least one row, or take it out"
            )
        table = found.table(("prompt", "label", "answer", "ref", "roles", "turns"))
        columns = [table[column].to_pylist() for column in ("prompt", "label", "answer", "ref")]
        columns.append(_said(table))
    return tuple(Example(*values) for values in zip(*columns, strict=True))


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
    """The passages of documents: text files, PDF (with the extra `pdf`), or rows of a file with a column of text.

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
    """The files that options of a task name: `tables` an SQL script, `tools` and `schema` JSON."""
    told = {key: value for key, value in options.items() if key in FILED and isinstance(value, str)}
    return [folder / value for key, value in told.items() if value.endswith(FILED[key])]


def opened(folder: Path, options: Mapping[str, Any]) -> dict[str, Any]:
    """Options with the files that they name read. Raises UsageError or InputError for one that cannot be."""
    found = dict(options)
    for key, value in options.items():
        if folder / str(value) in named(folder, {key: value}):
            found[key] = _option(folder / value)
    return found


def _option(path: Path) -> Any:
    if not path.is_file():
        raise UsageError(f"'{path}' does not exist", "paths in a recipe are relative to the recipe's folder")
    text = _plain(path)
    try:
        return text if path.suffix == ".sql" else orjson.loads(text)
    except orjson.JSONDecodeError as failure:
        raise InputError(f"{path} is not JSON: {failure}", "check it with `python -m json.tool`") from failure


def _texts(path: Path, column: str) -> Iterator[tuple[str, str]]:
    """Each document of a file with its name."""
    if path.stat().st_size > LARGEST_MB << 20:
        raise InputError(f"{path} is larger than {LARGEST_MB} MB", "split it, or name fewer documents")
    if path.suffix.lower() == ".pdf":
        yield path.name, _pdf(path)
    elif path.suffix.lower() in PLAIN:
        yield path.name, _plain(path)
    else:
        for row in read_rows(path, column):
            yield f"{path.name}:{row.ref}", row.text


def _plain(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as failure:
        raise InputError(f"{path} cannot be read as UTF-8 text: {failure}", "convert it to UTF-8") from failure


def _pdf(path: Path) -> str:
    if find_spec("pypdf") is None:
        what = f"{path} is a PDF and the package pypdf is not installed"
        raise MachineError(what, "pip install 'finetune-toolkit[pdf]', or convert it to text")
    pypdf = import_module("pypdf")
    try:
        text = "\n\n".join(page.extract_text() or "" for page in pypdf.PdfReader(str(path)).pages)
    except Exception as failure:  # a broken PDF breaks the reader in every way there is
        raise InputError(f"{path} cannot be read as a PDF: {failure}", "convert it to text") from failure
    if not text.strip():
        raise InputError(f"{path} holds no text; it may be a scan", "run OCR over it, then name the text file")
    return text
