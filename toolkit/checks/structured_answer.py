"""T02: answers that are meant for a parser parse."""

from __future__ import annotations

import ast
import re
import textwrap
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.core import json_schema, jsontext
from toolkit.core.fences import Fence, fences
from toolkit.core.types import Finding, Result
from toolkit.store import columns as cols
from toolkit.store.view import View

DECLARED = r'"(?:response_format|response_schema|output_schema|json_schema)"\s*:'
PLAIN = r'\A\s*(?:\{\s*"[^"\n]{0,80}"\s*:|\[\s*(?:\{\s*"|"[^"\n]*"\s*[,\]]))'
DEMAND = re.compile(
    r"(?i)\b(?:respond|reply|answer|return|output)\b[^.\n]{0,40}\b(?:only|valid|strictly)\b[^.\n]{0,30}\bjson\b"
    r"|\bjson\b[^.\n]{0,20}\b(?:only|and nothing else)\b"
    r"|\bin (?:strict |valid )?json(?: format| only)?(?:,? please)?\s*[.:!]?\s*\Z"
)
NOT_ONLY = re.compile(r"(?i)\b(?:function|code|script|program|class|method|endpoint|api)\b")
SKETCH = re.compile(r"\.\.\.|…|(?m:^[ \t]*(?://|#))|[,{\[]\s*//|/\*|<[a-z_ ]+>|\{\{")
SESSION = re.compile(r"(?m)^[ \t]*(?:>>>|In \[\d*\]:|\$ |[%!]\w)")
SQL = ("sql", "postgresql", "postgres", "mysql", "sqlite", "duckdb", "tsql")
# DuckDB's parser takes time and memory by powers of the depth.
DEEPEST = 20
PYTHON = ("python", "py", "python3")
SQL_TEXT = re.compile(r"'(?:[^']|'')*'|--[^\n]*|/\*.*?\*/", re.DOTALL)
LONGEST = 50_000


@dataclass(frozen=True, slots=True)
class StructuredAnswer:
    """An answer that a parser will read must parse, or the model learns to write what breaks.

    Found: answers of rows that declare JSON (`response_format`, `output_schema` and the like) and are not
    JSON (`declared-json`) or do not fit the declared schema (`schema-misfit`); answers that a prompt wants
    as JSON only (`demanded-json`) or that open as JSON (`broken-json`) and do not parse; fenced blocks
    marked `json` that do not parse, marked `python` that the parser of this Python refuses, and marked `sql`
    that stop in the middle or leave a quote or bracket open, by DuckDB's parser. Nothing is executed.

    Only what the row declares is an error; blocks with an ellipsis, comments or placeholders are sketches
    and told with a low score. Other SQL that DuckDB refuses has a low score, since dialects differ; what nests over 20
    deep is not looked at. Missed: code without a fence, code that compiles and is wrong, other languages.
    Example: a block marked python that begins `def f(x)` without a colon.
    """

    id: ClassVar[str] = "structured-answer"
    code: ClassVar[str] = "T02"
    version: ClassVar[int] = 2
    scope: ClassVar[str] = "input"
    reads: ClassVar[tuple[str, ...]] = ("turns", "answer", "prompt", "system", "raw")

    def look(self, batch: pa.RecordBatch, view: View) -> Iterator[Result]:
        yield from _blocks(batch)
        answers, rows = batch.column("answer"), batch.column("row").to_numpy()
        declared, plain, demanded = _hits(batch.column("raw"), DECLARED), _hits(answers, PLAIN), _demanded(batch)
        written = answers.is_valid().to_numpy(zero_copy_only=False)
        for at in np.unique(np.concatenate([declared, plain, demanded])).tolist():
            text = (answers[at].as_py() or "").strip()
            if not written[at] or not text:  # no answer, or a call in its place: a matter of other checks
                continue
            schema = _schema(batch.column("raw")[at].as_py()) if at in declared else None
            found = _against(schema, text) if schema is not None else _judge(text, demanded=at in demanded)
            if found is not None:
                kind, score, message = found
                yield Finding(int(rows[at]), score, message, kind=kind, column="answer")


def _hits(texts: pa.Array, pattern: str) -> np.ndarray:
    return np.flatnonzero(cols.matches(texts, pattern))


def _demanded(batch: pa.RecordBatch) -> np.ndarray:
    """Rows whose prompt or system turn wants nothing but JSON."""
    found: set[int] = set()
    for column in ("prompt", "system"):
        texts = batch.column(column)
        for at in _hits(texts, "(?i)json").tolist():
            text = texts[at].as_py()
            match = DEMAND.search(text[-4000:]) or DEMAND.search(text[:4000])
            if match and not NOT_ONLY.search(text[-4000:]):
                found.add(at)
    return np.array(sorted(found), dtype=np.int64)


def _schema(raw: str) -> bytes | None:
    """The schema that a row declares for its answer, `{}` for any JSON, None where it declares none."""
    row = orjson.loads(raw)
    for key in ("response_format", "response_schema", "output_schema", "json_schema"):
        value = _loads(row.get(key)) if isinstance(row.get(key), str) else row.get(key)
        if value == "json" or (isinstance(value, Mapping) and value.get("type") == "json_object"):
            return b"{}"
        inner = value.get("json_schema", value) if isinstance(value, Mapping) else None
        schema = inner.get("schema", inner) if isinstance(inner, Mapping) else None
        if (
            isinstance(schema, Mapping)
            and schema.get("type") != "text"
            and ("type" in schema or "properties" in schema)
        ):
            return orjson.dumps(schema)
    return None


def _loads(text: str) -> Any:
    """The value of a JSON text, or the text itself."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text.strip().lower()


def _against(schema: bytes, text: str) -> tuple[str, float, str] | None:
    parsed = jsontext.parse(text.encode(errors="replace"))
    if isinstance(parsed, jsontext.Malformed):
        return "declared-json", 1.0, f"the row declares JSON and its answer is not: {parsed.reason}"
    wrong = json_schema.misfits(schema, parsed.value)
    if not wrong:
        return None
    if wrong[0].kind == "schema":
        return "bad-schema", 0.8, wrong[0].reason
    return "schema-misfit", 1.0, f"the answer does not fit the declared schema: {wrong[0].reason}"


def _judge(text: str, *, demanded: bool) -> tuple[str, float, str] | None:
    """What is wrong with an answer that ought to be JSON by its prompt or by its own beginning."""
    blocks = fences(text)
    if blocks:  # `_blocks` looks into them
        return None
    parsed = jsontext.parse(text.encode(errors="replace"))
    if not isinstance(parsed, jsontext.Malformed) or _is_lines(text):
        return None
    if re.match(PLAIN.replace(r"\A", ""), text):
        return "broken-json", _plain_score(text), f"the answer opens as JSON and does not parse: {parsed.reason}"
    if demanded and not re.search(r"[{\[]", text[:200]):
        return "demanded-json", 0.6, "the prompt wants JSON only and the answer is none"
    return ("demanded-json", 0.7, f"the prompt wants JSON only: {parsed.reason}") if demanded else None


def _is_lines(text: str) -> bool:
    """Whether a text is JSON lines."""
    lines = [line for line in text.split("\n") if line.strip()]
    return len(lines) > 1 and all(
        not isinstance(jsontext.parse(line.encode(errors="replace")), jsontext.Malformed) for line in lines
    )


def _plain_score(text: str) -> float:
    """Prose behind the value, a literal of Python, or a sketch may be what was asked for."""
    import json

    try:
        json.JSONDecoder().raw_decode(text)
        return 0.4
    except (ValueError, RecursionError):
        pass
    literal = re.search(r"\b(?:True|False|None)\b|'", text) and not _python(text)
    return 0.4 if literal or SKETCH.search(text) else 0.8


def _blocks(batch: pa.RecordBatch) -> Iterator[Finding]:
    content = cols.turn_field(batch, "content")
    fenced = pc.and_(pc.equal(cols.turn_field(batch, "role"), "assistant"), pc.match_substring(content, "```"))
    owners = cols.turn_rows(batch)
    told: set[tuple[int, str]] = set()
    for at in np.flatnonzero(cols.mask(fenced)).tolist():
        for fence in fences(content[at].as_py()):
            found = _block(fence) if fence.closed and len(fence.code) <= LONGEST else None
            if found is not None and (int(owners[at]), found[0]) not in told:
                told.add((int(owners[at]), found[0]))
                kind, score, message = found
                yield Finding(int(owners[at]), score, message, kind=kind, column="answer")


def _block(fence: Fence) -> tuple[str, float, str] | None:
    code = fence.code
    if fence.language == "json" and code.strip():
        parsed = jsontext.parse(code.strip().encode(errors="replace"))
        if isinstance(parsed, jsontext.Malformed) and not _is_lines(code):
            score = 0.3 if SKETCH.search(code) else 0.7
            return "json-block", score, f"a block marked json does not parse: {parsed.reason}"
    if fence.language in SQL:
        return _sql(code)
    if fence.language in PYTHON and not SESSION.search(code):
        reason = _python(code)
        if reason:
            return "python-block", _python_score(code, reason), f"a block marked python does not compile: {reason}"
    return None


def _sql(code: str) -> tuple[str, float, str] | None:
    """What DuckDB's parser says of SQL, surest where every dialect would; nothing is run."""
    import duckdb

    if _depth(code) > DEEPEST or not code.strip() or len(code) > LONGEST // 5 or "\0" in code:
        return None
    try:
        duckdb.extract_statements(code)
        return None
    except (duckdb.Error, RuntimeError, ValueError) as failure:
        reason = str(failure).split("\n")[0][:120]
    plain = SQL_TEXT.sub("''", code)
    near = re.search(r'at or near "(\w+)"', reason)
    ends = near is not None and plain.rstrip("; \n\t").lower().endswith(near[1].lower())
    unfinished = ends or "end of input" in reason or "unterminated" in reason or plain.count("(") != plain.count(")")
    score = 0.7 if unfinished and not SKETCH.search(code) else 0.3
    return "sql-block", score, f"a block marked sql does not parse: {re.sub(r'.*Error: ', '', reason)}"


def _depth(code: str) -> int:
    deepest = depth = 0
    for sign in code:
        depth += (sign in "([{") - (sign in ")]}")
        deepest = max(deepest, depth)
    return deepest + len(re.findall(r"(?i)\bcase\b", code))


def _python(code: str) -> str:
    """Why Python's parser refuses the code, empty where it does not; nothing is run."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about escapes in strings that are not ours
        try:
            ast.parse(textwrap.dedent(code))
        except (SyntaxError, ValueError, RecursionError, MemoryError) as failure:
            line = getattr(failure, "lineno", None)
            words = getattr(failure, "msg", None) or type(failure).__name__
            return f"{re.sub(chr(39) + '.*?' + chr(39), '...', words)}" + (f", line {line}" if line else "")
    return ""


def _python_score(code: str, reason: str) -> float:
    """Python 2, and a header at the end that is shown without its body, are no accident."""
    lines = textwrap.dedent(code).rstrip().count("\n") + 1
    header = reason.startswith("expected an indented block") and reason.endswith(f"line {lines}")
    sketch = header or reason.startswith("Missing parentheses") or "…" in code
    return 0.4 if sketch or re.search(r"<[a-z_ ]+>", code) else 0.7
