"""Documents as people have them: what is read of each, and what is said of those that hold no text."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from toolkit.core.errors import InputError
from toolkit.core.passages import passages
from toolkit.generate import material
from toolkit.generate.documents import text_of, textless

PAGE = """<!doctype html><html><head><title>x</title><style>p {color: red}</style></head><body><nav>Home</nav>
<script>var a = "<p>no</p>";</script><h1>Returns</h1><p>Within 30&nbsp;days &mdash; <b>free</b>.</p>
<ul><li>Lamps<li>Desks</ul><table><tr><td>Mon</td><td>9</td></tr></table></body></html>"""
W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
BODY = f"""<w:document {W}><w:body><w:p><w:r><w:t>House </w:t></w:r><w:r><w:t>rules</w:t></w:r></w:p>
<w:p><w:del><w:r><w:delText>old</w:delText></w:r></w:del><w:r><w:t>Be kind.</w:t></w:r></w:p>
<w:tbl><w:tr><w:tc><w:p><w:r><w:t>Mon</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>9</w:t></w:r></w:p></w:tc></w:tr></w:tbl>
</w:body></w:document>"""


def pdf(path: Path, *pages: list[str]) -> Path:
    """A PDF of one text line after the other; a page without lines is as empty as a scan."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", "", "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    kids = []
    for lines in pages:
        shown = "".join(f"BT /F 10 Tf 50 {800 - 14 * nth} Td ({line}) Tj ET\n" for nth, line in enumerate(lines))
        objects.append(f"<< /Length {len(shown)} >>\nstream\n{shown}endstream")
        fonts = "<< /Font << /F 3 0 R >> >>"
        objects.append(f"<< /Type /Page /Parent 2 0 R /Resources {fonts} /Contents {len(objects)} 0 R >>")
        kids.append(f"{len(objects)} 0 R")
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} /MediaBox [0 0 595 842] >>"
    written, places = "%PDF-1.4\n", []
    for nth, each in enumerate(objects, 1):
        places.append(len(written))
        written += f"{nth} 0 obj\n{each}\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    start = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}trailer\n"
    path.write_text(f"{written}{start}<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(written)}\n%%EOF")
    return path


def test_a_page_of_the_web_is_read_without_its_machinery() -> None:
    Path("page.html").write_text(PAGE)
    assert text_of(Path("page.html")) == "Returns\n\nWithin 30 days — free.\n\n- Lamps\n- Desks\n\nMon | 9"


def test_a_word_document_is_read_with_its_tables_and_without_what_was_deleted() -> None:
    with zipfile.ZipFile("rules.docx", "w") as folder:
        folder.writestr("word/document.xml", BODY)
    assert text_of(Path("rules.docx")) == "House rules\n\nBe kind.\n\nMon | 9"
    Path("broken.docx").write_bytes(b"PK not really")
    with pytest.raises(InputError, match="cannot be read as a Word document"):
        text_of(Path("broken.docx"))
    Path("old.doc").write_bytes(b"x")
    with pytest.raises(InputError, match="kind of file that is not read"):
        material.read_documents(Path(), ["old.doc"], words=9, overlap=0, column="")


def test_a_pdf_is_read_without_what_each_page_repeats_and_with_whole_words() -> None:
    lines = [
        "Members may use the work-",
        "shop and the well-",
        "Being room. Pre-",
        "and postwar books",
        "are not lent.",
    ]
    path = pdf(Path("a.pdf"), ["Firm Ltd, page 1", *lines], ["Firm Ltd, page 2", "Nothing else is said."])
    text = "Members may use the workshop and the well-Being room. Pre- and postwar books are not lent."
    assert text_of(path) == f"{text}\n\nNothing else is said."


def test_pages_without_text_are_told_and_a_scan_is_refused() -> None:
    assert textless(pdf(Path("half.pdf"), ["Some words are here."], [])) == 1
    assert "pages of half.pdf that hold no text, as scans do: 1;" in next(
        material.pages_without_text(Path(), ["half.pdf"])
    )
    with pytest.raises(InputError, match="it may be a scan"):
        text_of(pdf(Path("scan.pdf"), [], []))


def test_a_passage_keeps_the_lines_of_lists_and_tables() -> None:
    text = "# Hours\n\n| day | from |\n|---|---|\n| Mon | 9 |\n\nOn  Sundays we rest.\n\n\n\n- one\n- two"
    assert [each.text for each in passages(text, "a.md", words=50, overlap=5)] == [
        text.replace("  ", " ").replace("\n\n\n\n", "\n\n")
    ]
