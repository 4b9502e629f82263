"""The text of documents: plain files, HTML, Word, PDF (with the extra `pdf`), without what is no part of it."""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from collections.abc import Sequence
from functools import cache
from html.parser import HTMLParser
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from toolkit.core.errors import InputError, MachineError
from toolkit.core.text import mask_numbers

PLAIN = (".txt", ".md", ".markdown", ".rst")
HTML = (".html", ".htm", ".xhtml")
NO_TEXT = (".doc", ".odt", ".rtf", ".epub", ".ppt", ".pptx", ".xls", ".xlsx", ".png", ".jpg", ".jpeg", ".tif", ".tiff")
LARGEST_MB = 50
UNSAID = frozenset(re.findall(r"\w+", "script style noscript template svg nav head button select textarea"))
BLOCKS = frozenset(
    re.findall(
        r"\w+",
        "p div section article header footer main aside ul ol table blockquote pre h1 h2 h3 h4 h5 h6 br hr tr dl dt dd "
        "figure figcaption form",
    )
)
WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
EDGE, REPEATS = 2, 2
"""Lines at the top and the bottom of a page that may be its header or footer, and pages from which one is told."""
HYPHEN = re.compile(r"(\w+)-[ \t]*\n[ \t]*(\w+)")
# "Vor- und Nachname" keeps its hyphen when a line ends there.
JOINS = frozenset(("und", "oder", "bzw", "and", "or", "y", "o", "et", "ou", "e"))
WRAPPED = re.compile(r"(?<![.:!?\n])[ \t]*\n(?![ \t]*(?:\n|[-•*–▪]|\d+[.)]))")


def text_of(path: Path) -> str | None:
    """The text of a document by its suffix; None where it is none of these, and may be a file of rows.

    Raises InputError for what cannot be read or holds no text, MachineError where the extra is missing.
    """
    suffix = path.suffix.lower()
    if path.stat().st_size > LARGEST_MB << 20:
        raise InputError(f"{path} is larger than {LARGEST_MB} MB", "split it, or name fewer documents")
    if suffix == ".pdf":
        return "\n\n".join(_pages(path))
    if suffix == ".docx":
        return _docx(path)
    if suffix in HTML:
        return _html(plain(path))
    if suffix in NO_TEXT:
        raise InputError(f"{path} is a kind of file that is not read", "convert it to text, HTML, docx or PDF")
    return plain(path) if suffix in PLAIN else None


def plain(path: Path) -> str:
    """A UTF-8 file as it is."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as failure:
        raise InputError(f"{path} cannot be read as UTF-8 text: {failure}", "convert it to UTF-8") from failure


def textless(path: Path) -> int:
    """How many pages of a PDF hold no text, such as scanned ones; 0 for other files."""
    return sum(not page.strip() for page in _read(path)) if path.suffix.lower() == ".pdf" else 0


class _Said(HTMLParser):
    """What a page says: its texts, a line for each block, without scripts, styles and menus."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.unsaid: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag in UNSAID:
            self.unsaid.append(tag)
        elif tag == "li":
            self.parts.append("\n- ")
        elif tag in ("td", "th"):
            self.parts.append(" | ")
        elif tag in BLOCKS:
            self.parts.append("\n\n" if tag in ("p", "h1", "h2", "h3", "table", "pre") else "\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in self.unsaid:
            del self.unsaid[self.unsaid.index(tag) :]
        elif tag in BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self.unsaid:
            self.parts.append(re.sub(r"\s+", " ", data))


def _html(text: str) -> str:
    page = _Said()
    page.feed(text)
    page.close()
    lines = (re.sub(r"[ \t]+", " ", line).strip().removeprefix("| ") for line in "".join(page.parts).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _docx(path: Path) -> str:
    """The paragraphs and tables of a Word document, in their order."""
    try:
        with zipfile.ZipFile(path) as folder:
            if folder.getinfo("word/document.xml").file_size > LARGEST_MB << 20:
                raise InputError(f"{path} holds more than {LARGEST_MB} MB", "split it")
            body = ElementTree.fromstring(folder.read("word/document.xml")).find(f"{WORD}body")  # noqa: S314 - see below
    except (zipfile.BadZipFile, KeyError, ElementTree.ParseError, RuntimeError, NotImplementedError) as failure:
        # Entities that grow without end are a ParseError of expat since 2.4.
        raise InputError(f"{path} cannot be read as a Word document: {failure}", "convert it to text") from failure
    found = [_block(each) for each in body] if body is not None else []
    return "\n\n".join(each for each in found if each.strip())


def _block(element: ElementTree.Element) -> str:
    if element.tag != f"{WORD}tbl":
        return "\n".join(_paragraph(each) for each in element.iter(f"{WORD}p"))
    rows = (
        [" ".join(map(_paragraph, cell.iter(f"{WORD}p"))) for cell in row.iter(f"{WORD}tc")]
        for row in element.iter(f"{WORD}tr")
    )
    return "\n".join(" | ".join(row) for row in rows)


def _paragraph(element: ElementTree.Element) -> str:
    signs = {f"{WORD}tab": "\t", f"{WORD}br": "\n", f"{WORD}cr": "\n", f"{WORD}noBreakHyphen": "-"}
    return "".join(each.text or "" if each.tag == f"{WORD}t" else signs.get(each.tag, "") for each in element.iter())


def _pages(path: Path) -> list[str]:
    pages = [page for page in _read(path) if page.strip()]
    if not pages:
        raise InputError(f"{path} holds no text; it may be a scan", "run OCR over it, then name the text file")
    return [_unwrapped(page) for page in _bodies(pages)]


def _read(path: Path) -> tuple[str, ...]:
    """The text of each page of a PDF."""
    told = path.stat()
    return _extracted(path, told.st_mtime_ns, told.st_size)


@cache
def _extracted(path: Path, changed: int, size: int) -> tuple[str, ...]:
    if find_spec("pypdf") is None:
        what = f"{path} is a PDF and the package pypdf is not installed"
        raise MachineError(what, "pip install 'finetune-toolkit[pdf]', or convert it to text")
    pypdf = import_module("pypdf")
    try:
        document = pypdf.PdfReader(str(path))
        if document.is_encrypted and not document.decrypt(""):
            raise InputError(f"{path} is locked with a password", "save it without one, or convert it to text")
        return tuple(page.extract_text() or "" for page in document.pages)
    except InputError:
        raise
    except Exception as failure:  # a broken PDF breaks the reader in every way there is
        raise InputError(f"{path} cannot be read as a PDF: {failure}", "convert it to text") from failure


def _bodies(pages: Sequence[str]) -> list[str]:
    """Pages without headers and footers: lines at their edges that come back on most pages, numbers aside."""
    split = [[line for line in page.split("\n") if line.strip()] for page in pages]
    seen = Counter(mark for lines in split for mark in {mask_numbers(line.strip()) for line in _edges(lines)})
    least = max(REPEATS, len(pages) // 2 + 1)
    return ["\n".join(_body(lines, {mark for mark in seen if seen[mark] >= least})) for lines in split]


def _edges(lines: list[str]) -> list[str]:
    return [*lines[:EDGE], *lines[-EDGE:]]


def _body(lines: list[str], repeated: set[str]) -> list[str]:
    last = len(lines) - EDGE
    return [line for nth, line in enumerate(lines) if EDGE <= nth < last or mask_numbers(line.strip()) not in repeated]


def _unwrapped(page: str) -> str:
    """A page with its paragraphs in one line each and the words whole that were broken at a line's end."""
    return WRAPPED.sub(" ", HYPHEN.sub(lambda broken: _whole(broken, page), page))


def _whole(broken: re.Match[str], page: str) -> str:
    first, second = broken.groups()
    if second.lower() in JOINS:
        return f"{first}- {second}"
    # A hyphen that the page writes inside a line belongs to the word; so does one before a capital.
    kept = not second[0].islower() or f"{first}-{second}" in page
    return f"{first}-{second}" if kept else f"{first}{second}"
