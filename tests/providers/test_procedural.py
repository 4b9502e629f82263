"""Answers of computed questions, recomputed from the words of the question alone."""

from __future__ import annotations

import datetime
import json
import re

import duckdb
import pytest

from toolkit.core.errors import UsageError
from toolkit.core.request import Cell
from toolkit.providers.procedural import KINDS, MONTHS, ProceduralProvider, Question

COUNT = 300


def questions(kind: str) -> list[Question]:
    return [ProceduralProvider(seed=3).question(Cell(kind), index) for index in range(COUNT)]


def numbers(text: str) -> list[int]:
    return [int(each.replace(".", "")) for each in re.findall(r"\d+(?:\.\d+)?", text)]


def date(text: str) -> datetime.date:
    day, month, year = re.search(rf"(\d+) ({'|'.join(MONTHS)}) (\d+)", text).groups()  # type: ignore[union-attr]
    return datetime.date(int(year), MONTHS.index(month) + 1, int(day))


def test_arithmetic() -> None:
    for each in questions("arithmetic"):
        asked, told = numbers(each.prompt), numbers(each.completion)
        if each.shape == "arithmetic/basket":
            assert told[-1] == asked[0] * asked[1] + asked[2] * asked[3]
        elif each.shape == "arithmetic/change":
            assert told[-1] == asked[2] - asked[0] * asked[1] >= 0
        else:
            assert told[-2:] == list(divmod(asked[0], asked[1]))


def test_dates() -> None:
    for each in questions("dates"):
        if each.shape == "dates/weekday":
            assert each.completion.endswith(f"{date(each.prompt):%A}.")
        elif each.shape == "dates/later":
            assert date(each.completion) == date(each.prompt) + datetime.timedelta(days=numbers(each.prompt)[0])
        else:
            first, last = (datetime.date.fromisoformat(day) for day in re.findall(r"\d{4}-\d\d-\d\d", each.prompt))
            assert numbers(each.completion) == [(last - first).days]


def test_extraction_holds_only_what_the_message_says() -> None:
    for each in questions("extraction"):
        message = each.prompt.split("\n\n", 1)[1]
        gold = json.loads(each.completion)
        assert set(gold) == {"name", "city", "item", "quantity", "order"}
        assert all(str(value) in message for value in gold.values())


def test_sql_gives_its_result_when_it_is_run() -> None:
    with duckdb.connect() as base:
        for each in questions("sql"):
            table = each.prompt.split("\n\n")[0].splitlines()[2:]
            base.execute("CREATE OR REPLACE TABLE orders (city VARCHAR, item VARCHAR, quantity INTEGER)")
            base.executemany("INSERT INTO orders VALUES (?, ?, ?)", [line.split(" | ") for line in table])
            query, result = each.completion.rsplit("\nResult: ", 1)
            assert base.execute(query).fetchall() == [(int(result),)]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_question_hangs_on_seed_cell_and_index_alone(kind: str) -> None:
    assert questions(kind) == questions(kind)
    assert len({each.prompt for each in questions(kind)}) > 0.95 * COUNT


def test_an_unknown_kind_is_named() -> None:
    with pytest.raises(UsageError, match="did you mean 'dates'"):
        ProceduralProvider().capacity(Cell("date"))
