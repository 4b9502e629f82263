"""Questions about tables and the SQL that answers them, run before it is accepted."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from toolkit.core import loose
from toolkit.core.request import Conversation, GeneratedRow, Message, Request, Seed
from toolkit.recipes.asking import ABOUT, SYSTEM, ask, ask_further, faulty, texts_of

PROMPT = f"""\
Write {{{{ rows }}}} different questions of the kind "{{{{ label }}}}"\
{{% if description %}} ({{{{ description }}}}){{% endif %}} that one SELECT in DuckDB's SQL answers.
{{% if tables %}}
They are about these tables:
{{{{ tables }}}}
{{% else %}}
Each comes with its own small tables: "setup", a script of CREATE TABLE and INSERT with five to ten rows each.
{{% endif %}}
The result must not be empty, and a question must leave no doubt which columns it wants, in which order.
{ABOUT}\
Answer with a JSON list of {{{{ rows }}}} objects, each with {{% if not tables %}}"setup", {{% endif %}}"question" and \
"sql", and nothing else."""
SECOND = """\
For each question write one SELECT in DuckDB's SQL that answers it from its tables. Answer with a JSON list of \
{count} strings, in the order of the questions, and nothing else.
{listed}"""
_SQL = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/|;", re.DOTALL)
_MORE_ROWS = re.compile(r"(\n\(.*(?:\n\(.*){4})(?:\n\(.*)+")
_STATEMENT = re.compile(
    r"(?i)\s*(?:select|with|from|insert|update|delete|create|drop|alter|copy|attach|pragma|set|explain|values|\()(?:\s|\b)"
)


@dataclass(frozen=True, slots=True)
class Sql:
    """`{"prompt", "completion"}` rows: tables and a question, the query that answers it.

    tables: a script of CREATE TABLE and INSERT of your own, a file .sql of it, or files of tables (CSV, Parquet, JSON,
    a DuckDB database), of which the first 300 rows are taken; without it every row brings its tables.
    second: a query for the same question is asked for in a second request that does not show the first,
    and both results must be equal; `to` names another model for it in `models`. Offline, with
    `procedural`, the answer is computed with the question. Proof: `query` runs it all in DuckDB.
    """

    id: ClassVar[str] = "sql"
    version: ClassVar[str] = "1"
    proof: ClassVar[str] = "`query`: run in DuckDB, the result equals the known answer or a second query's"
    gates: ClassVar[Mapping[str, Mapping[str, Any]]] = {"dedupe": {"mask_numbers": False}, "query": {}}
    kinds: ClassVar[Mapping[str, str]] = {
        "sql-filter": "some rows by a condition",
        "sql-aggregate": "one number over rows",
        "sql-group": "a number for each group, in an order",
        "sql-join": "two tables",
    }

    labels: Mapping[str, str] = field(default_factory=dict)
    prompt: str = PROMPT
    system: str = SYSTEM
    personas: Sequence[str] = ()
    verbalized: bool = False
    tables: str = ""
    second: bool = True
    to: str = ""

    def cook(self, seed: Seed) -> Conversation:
        rows = yield from ask(self, seed, self._row, tables=_brief(self.tables))
        if not self.second or all(row.fault or row.proof["answer"] is not None for row in rows):
            return rows
        return (yield from self._confirmed(list(rows), seed))

    def _row(self, item: Any, seed: Seed, nth: int) -> GeneratedRow:
        label = seed.cell.label
        found = texts_of(item, "question", "sql")
        setup = self.tables or (item.get("setup") if isinstance(item, Mapping) else "")
        setup = "\n".join(setup) if isinstance(setup, list) and all(isinstance(each, str) for each in setup) else setup
        if len(found) != 2 or not isinstance(setup, str) or not setup.strip():
            return faulty(item, label, "lacks tables, a question or a query")
        setup = setup if self.tables else loose.code(setup)
        question, query = found[0], _query(found[1])
        asked = f"{_schema(setup)}\n\nQuestion: {question}\nAnswer with one SQL query for DuckDB."
        answer = item.get("answer")
        proof = {"setup": setup, "question": question, "query": query, "answer": answer, "second": ""}
        # Rows of one schema would all be near copies of one another by their tables.
        return GeneratedRow({"prompt": asked, "completion": query}, question, label, proof=proof)

    def _confirmed(self, rows: list[GeneratedRow], seed: Seed) -> Conversation:
        """The rows with a second query each, written without sight of the first."""
        whole = [row for row in rows if not row.fault]
        asked = [f"---\n{_brief(self.tables)}"] if self.tables else []
        for row in whole:
            own = [] if self.tables else [f"---\n{row.proof['setup']}"]
            asked += [*own, f"Question: {row.proof['question']}"]
        listed = SECOND.format(count=len(whole), listed="\n".join(asked))
        messages = (Message("system", "You write SQL. Answer with JSON only."), Message("user", listed))
        queries = yield from ask_further(Request(seed, messages, to=self.to))
        written = [_query(each) for each in map(_said, queries)]
        second = {id(row): query for row, query in zip(whole, written, strict=False)}
        return [replace(row, proof={**row.proof, "second": second.get(id(row), "")}) for row in rows]


def _said(item: Any) -> str:
    """The query in an item of the second reply: a text, or the text of an object's `sql` or `query`."""
    found = item if isinstance(item, str) or not isinstance(item, Mapping) else item.get("sql", item.get("query"))
    return found if isinstance(found, str) else ""


def _query(text: str) -> str:
    """A query without a fence, and without what a model says of it behind its semicolon."""
    bare = loose.code(text)
    end = next((match.end() for match in _SQL.finditer(bare) if match[0] == ";"), len(bare))
    return bare if _STATEMENT.match(bare, end) else bare[:end]


def _brief(script: str) -> str:
    """A script of which a model is shown the first rows of each table, where each stands in a line of its own."""
    return _MORE_ROWS.sub(r"\1\n...", script)


def _schema(setup: str) -> str:
    """The CREATE statements of a script: what a model is shown of tables."""
    found = [each.strip() for each in setup.split(";")]
    return "\n".join(f"{each};" for each in found if each.lower().startswith("create"))
