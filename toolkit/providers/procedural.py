"""Questions whose answers are computed, so that every row is right by construction."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import ClassVar, NamedTuple

import orjson

from toolkit.core.errors import unknown
from toolkit.core.request import Cell, Reply, Request
from toolkit.providers import worked
from toolkit.providers.worked import Worked

NAMES = ("Amara", "Bela", "Chen", "Dina", "Emil", "Farah", "Goran", "Hana", "Imran", "Jonas", "Kaya", "Lior", "Mina")
THINGS = ("lamps", "chairs", "notebooks", "mugs", "cables", "plants", "bags", "kettles", "headphones", "blankets")
CITIES = ("Lisbon", "Osaka", "Tampere", "Quito", "Leeds", "Pune", "Perth", "Graz", "Lagos", "Halifax")
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
START = datetime.date(2019, 1, 1)


class Question(NamedTuple):
    """A prompt, the answer computed from the same numbers, and the shape that it was built by."""

    prompt: str
    completion: str
    shape: str


@dataclass(frozen=True, slots=True)
class ProceduralProvider:
    """Sums, dates, records, queries, programs and tool calls for the kind that a cell's label names.

    The numbers are drawn first, the question and its answer are both written from them. Kinds for the
    task `instruction`: `arithmetic`, `dates`, `extraction`, `sql`. The tasks sql, extraction, maths-code
    and tool-use have kinds of their own, which are their labels where a recipe names none. Wording is
    plain and few-shaped: this teaches a skill, not a style. Every row says `source_kind: procedural`.
    """

    id: ClassVar[str] = "procedural"
    version: ClassVar[str] = "1"
    source_kind: ClassVar[str] = "procedural"
    free: ClassVar[bool] = True
    reads_prompt: ClassVar[bool] = False
    per_call: ClassVar[int] = 64

    seed: int = 0

    @property
    def model(self) -> str:
        return f"procedural:{self.version}:{self.seed}"

    def capacity(self, cell: Cell) -> None:
        """None: the numbers give more questions than a run will ask for."""
        _kind(cell.label)

    async def complete(self, request: Request) -> Reply:
        first, cell = request.seed.sample, request.seed.cell
        made = [self.question(cell, index) for index in range(first, first + request.seed.rows)]
        items = [
            dict(each.item) if isinstance(each, Worked) else {"prompt": each.prompt, "completion": each.completion}
            for each in made
        ]
        return Reply(orjson.dumps(items).decode(), self.id, origins=tuple(each.shape for each in made))

    def question(self, cell: Cell, index: int) -> Question | Worked:
        """The question at a sample index of a cell: a function of these and the seed alone."""
        return _kind(cell.label)(Random(f"{self.seed}|{cell.name}|{index}"))  # noqa: S311 - no secret is made


def _kind(name: str) -> Callable[[Random], Question | Worked]:
    known: Mapping[str, Callable[[Random], Question | Worked]] = {**KINDS, **worked.KINDS}
    if name not in known:
        raise unknown("kind of procedural question", name, known)
    return known[name]


def arithmetic(rng: Random) -> Question:
    return rng.choice((_basket, _change, _shares))(rng)


def _basket(rng: Random) -> Question:
    (first, second), name = rng.sample(THINGS, 2), rng.choice(NAMES)
    a, b, x, y = rng.randint(2, 19), rng.randint(2, 19), rng.randint(3, 95), rng.randint(3, 95)
    prompt = f"{name} orders {a} {first} at ${x} each and {b} {second} at ${y} each. What does the order cost in total?"
    total = a * x + b * y
    return Question(prompt, f"{a} × ${x} = ${a * x} and {b} × ${y} = ${b * y}; together ${total}.", "arithmetic/basket")


def _change(rng: Random) -> Question:
    price, count = rng.randint(105, 4995), rng.randint(2, 9)
    total = price * count
    paid = (total // 2000 + rng.randint(1, 4)) * 2000
    prompt = (
        f"One ticket costs {_money(price)}. Someone buys {count} and pays with {_money(paid)}. How much comes back?"
    )
    return Question(
        prompt,
        f"{count} × {_money(price)} = {_money(total)}; {_money(paid)} − {_money(total)} = {_money(paid - total)}.",
        "arithmetic/change",
    )


def _shares(rng: Random) -> Question:
    people, each, left = rng.randint(3, 12), rng.randint(4, 60), rng.randint(0, 2)
    thing, total = rng.choice(THINGS), people * each + left
    prompt = f"{total} {thing} are shared equally among {people} shops. How many does each get, and how many are left?"
    return Question(
        prompt,
        f"{total} = {people} × {each} + {left}, so each shop gets {each} and {left} are left.",
        "arithmetic/shares",
    )


def dates(rng: Random) -> Question:
    return rng.choice((_weekday, _later, _between))(rng)


def _weekday(rng: Random) -> Question:
    day = _day(rng)
    return Question(
        f"Which day of the week was {_long(day)}?", f"{_long(day)} was a {WEEKDAYS[day.weekday()]}.", "dates/weekday"
    )


def _later(rng: Random) -> Question:
    day, count = _day(rng), rng.randint(5, 400)
    end = day + datetime.timedelta(days=count)
    prompt = f"A warranty of {count} days begins on {_long(day)} (day 0). On which date does it end?"
    return Question(prompt, f"It ends on {_long(end)}.", "dates/later")


def _between(rng: Random) -> Question:
    day = _day(rng)
    end = day + datetime.timedelta(days=rng.randint(2, 900))
    prompt = f"How many days lie between {day.isoformat()} and {end.isoformat()}, the last one counted?"
    return Question(prompt, f"{(end - day).days} days.", "dates/between")


def extraction(rng: Random) -> Question:
    """A message that mentions an order, and the JSON that it holds: the gold comes first, the text second."""
    gold: dict[str, str | int] = {
        "name": rng.choice(NAMES),
        "city": rng.choice(CITIES),
        "item": rng.choice(THINGS),
        "quantity": rng.randint(2, 48),
        "order": f"{rng.choice('ABCDEFGH')}{rng.randint(10000, 99999)}",
    }
    shape = rng.randrange(len(LETTERS))
    prompt = (
        f"Extract name, city, item, quantity and order as JSON from this message:\n\n{LETTERS[shape].format(**gold)}"
    )
    return Question(prompt, orjson.dumps(gold).decode(), f"extraction/{shape + 1}")


LETTERS = (
    "Hi, {name} here from {city}. Order {order} should have had {quantity} {item}, could you check?",
    "Regarding {order}: please send all {quantity} {item} to our shop in {city}. Best, {name}",
    "We ({city}) still wait for {quantity} {item}. The number is {order} and my name is {name}.",
    "{name} wrote on behalf of the {city} office: {item}, {quantity} pieces, reference {order}.",
)


def sql(rng: Random) -> Question:
    """A small table, a question, and a query with its result computed from the same rows."""
    cities = rng.sample(CITIES, 3)
    rows = [(rng.choice(cities), rng.choice(THINGS), rng.randint(1, 40)) for _ in range(rng.randint(4, 7))]
    city = rng.choice(rows)[0]
    shape, (asked, query, answer) = rng.choice(list(_table_questions(rows, city).items()))
    table = "\n".join(["city | item | quantity", *(" | ".join(map(str, row)) for row in rows)])
    prompt = f"Table `orders`:\n{table}\n\nWrite one SQL query and give its result: {asked}"
    return Question(prompt, f"{query}\nResult: {answer}", f"sql/{shape}")


def _table_questions(rows: list[tuple[str, str, int]], city: str) -> Mapping[str, tuple[str, str, int]]:
    here = [row for row in rows if row[0] == city]
    return {
        "sum": (
            f"how many pieces were ordered in {city}?",
            f"SELECT SUM(quantity) FROM orders WHERE city = '{city}';",
            sum(row[2] for row in here),
        ),
        "count": (
            f"how many orders came from {city}?",
            f"SELECT COUNT(*) FROM orders WHERE city = '{city}';",
            len(here),
        ),
        "max": (
            f"what is the largest quantity ordered in {city}?",
            f"SELECT MAX(quantity) FROM orders WHERE city = '{city}';",
            max(row[2] for row in here),
        ),
        "distinct": (
            "how many different items were ordered?",
            "SELECT COUNT(DISTINCT item) FROM orders;",
            len({row[1] for row in rows}),
        ),
    }


KINDS: Mapping[str, Callable[[Random], Question]] = {
    "arithmetic": arithmetic,
    "dates": dates,
    "extraction": extraction,
    "sql": sql,
}


def _day(rng: Random) -> datetime.date:
    return START + datetime.timedelta(days=rng.randrange(365 * 8))


def _long(day: datetime.date) -> str:
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def _money(cents: int) -> str:
    return f"${cents // 100}.{cents % 100:02d}"
