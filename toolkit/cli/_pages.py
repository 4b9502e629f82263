"""Where `advise` and `compare` put what they found: a page, Markdown, or the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from toolkit.renderers.document import Document

Html = Annotated[str, typer.Option("--html", help="Write it as a page.")]
Markdown = Annotated[str, typer.Option("--markdown", help="Write it as Markdown.")]


def show(document: Document, told: dict[str, Any], *, html: str, markdown: str, json: bool) -> None:
    """Write the files that were asked for, and print the document, or `told` as JSON."""
    import json as lines

    from toolkit.renderers import document as written
    from toolkit.renderers.words import escaped_json

    if html:
        write(html, written.html(document))
    if markdown:
        write(markdown, written.md(document))
    print(escaped_json(lines.dumps(told, indent=1, ensure_ascii=False)) if json else written.text(document))


def write(path: str, text: str) -> None:
    """A whole file or none."""
    from toolkit.write import whole_file

    with whole_file(Path(path)) as file:
        file.write(text.encode("utf-8"))
