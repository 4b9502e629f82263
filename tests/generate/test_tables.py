"""The user's own tables: files become a script in which queries run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.generate.scripted import recipe
from toolkit.core.errors import InputError, UsageError
from toolkit.core.request import Cell, Reply, Seed
from toolkit.generate.tables import MOST_ROWS, script
from toolkit.recipes.sql import Sql
from toolkit.runners.queries import Room

ODD = "SELECT 'it''s; \n(x' AS name, DATE '2024-02-03' AS day, 1.50::DECIMAL(5,2) AS \"unit price\", NULL::INT AS gone,"
ODD += " [1, 2] AS list, 'nan'::DOUBLE AS odd, 1e-7::DOUBLE AS small, true AS yes"

SQL: dict[str, Any] = {"task": "sql", "labels": {"sql-filter": ""}, "model": {"use": "openai:local"}}


def test_files_become_tables_that_hold_what_they_held() -> None:
    Path("my orders.csv").write_text("id,city,sum\n" + "".join(f"{nth},Graz,{nth}.5\n" for nth in range(1000)))
    duckdb.execute(f"COPY ({ODD}) TO 'odd.parquet'")
    with duckdb.connect("shop.duckdb") as door:
        door.execute(f'CREATE TABLE "order" AS {ODD}; CREATE TABLE empty(a INT)')
    Path("more.jsonl").write_text('{"a": {"b": 1}}\n')
    files = [Path(name) for name in ("my orders.csv", "odd.parquet", "shop.duckdb", "more.jsonl")]
    with Room(script(files)) as room:
        assert room.ask("SELECT count(*), sum(sum) FROM my_orders").rows == ((MOST_ROWS, 45_000.0),)
        for table in ("odd", '"order"'):
            plain = f'SELECT name, day, "unit price", gone, list, odd::TEXT, small, yes FROM {table}'
            wanted = f'SELECT name, day, "unit price", gone, list::VARCHAR, odd::TEXT, small, yes FROM ({ODD})'
            assert room.ask(plain).rows == room.ask(wanted).rows
        assert room.ask("SELECT count(*) FROM empty").rows == ((0,),)


def test_a_recipe_names_them_and_a_model_sees_the_first_rows() -> None:
    Path("a.csv").write_text("id,city\n" + "".join(f"{nth},Graz\n" for nth in range(40)))
    asked = []
    for told in ("a.csv", ["a.csv"]):
        loaded = recipe(**SQL, options={"tables": told})
        assert loaded.references() == [Path("a.csv")]
        conversation = loaded.recipe.cook(Seed(Cell("sql-filter")))
        asked.append(next(conversation).messages[-1].content)
    assert asked[0] == asked[1]
    assert "CREATE TABLE a(id BIGINT, city VARCHAR);" in asked[0]
    assert ("(4, 'Graz'),\n..." in asked[0], "(5, 'Graz')" in asked[0]) == (True, False)
    second = conversation.send(Reply(json.dumps([{"question": "Who?", "sql": "SELECT 1"}])))
    assert second.messages[-1].content.count("CREATE TABLE") == 1


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ("none.csv", "'none.csv' does not exist"),
        (["a.csv", "b.sql"], "mixes files of tables with others"),
        ("bad.parquet", "cannot be read as a table"),
        ("bad.duckdb", "cannot be read as a table"),
    ],
)
def test_tables_that_cannot_be_read_are_told(told: object, words: str) -> None:
    for name in ("a.csv", "b.sql", "bad.parquet", "bad.duckdb"):
        Path(name).write_text("a,b\n1,2\n")
    with pytest.raises((UsageError, InputError), match=words):
        recipe(**SQL, options={"tables": told})


def test_a_script_of_a_line_for_each_row_is_shown_in_brief() -> None:
    rows = ",\n".join(f"({nth})" for nth in range(9))
    asking = Sql(labels={"a": ""}, tables=f"CREATE TABLE t(id INT);\nINSERT INTO t VALUES\n{rows};").cook(
        Seed(Cell("a"))
    )
    assert "(4),\n...\n" in next(asking).messages[-1].content


@pytest.mark.parametrize(
    ("task", "options"), [("sql", {"tables": "CREATE TABLE t(a INT)"}), ("extraction", {"schema": {"type": "object"}})]
)
def test_what_composes_its_own_tables_cannot_be_told_others(task: str, options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="is not read by procedural, which composes its own"):
        recipe(task=task, labels={}, options=options)


def test_rows_in_another_encoding_are_told_as_such() -> None:
    for name, text in (("a.csv", "text,label\nsch\xf6n,refund\n"), ("b.csv", "\xe4\xf6,label\n")):
        Path(name).write_bytes(text.encode("latin-1"))
        with pytest.raises(InputError) as caught:
            recipe(seeds={"path": name})
        assert "iconv" in caught.value.fix


def test_words_of_sql_may_be_names_of_columns_and_tables() -> None:
    Path("left.csv").write_text("to,default,case,natural,city\nGraz,1,2,3,Wien\n")
    with Room(script([Path("left.csv")])) as room:
        assert room.ask('SELECT "to", "default", "case", "natural", city FROM "left"').rows == (
            ("Graz", 1, 2, 3, "Wien"),
        )
