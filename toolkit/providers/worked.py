"""Worked problems: tables and queries, records and texts, sums and programs, calls and results.

Numbers and names are drawn first; the question and its answer are both written from them, so an answer
is right by construction, and the gates that run it prove that once more.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any, NamedTuple

from toolkit.core.types import JSON

PEOPLE = ("Amara", "Bela", "Chen", "Dina", "Emil", "Farah", "Goran", "Hana", "Imran", "Jonas", "Kaya", "Lior", "Mina")
SURNAMES = ("Diallo", "Novak", "Wei", "Haddad", "Larsen", "Khan", "Ilic", "Sato", "Malik", "Berg", "Yilmaz", "Peretz")
CITIES = ("Lisbon", "Osaka", "Tampere", "Quito", "Leeds", "Pune", "Perth", "Graz", "Lagos", "Halifax")
ITEMS = ("lamps", "chairs", "notebooks", "mugs", "cables", "plants", "bags", "kettles", "headphones", "blankets")
FIRMS = ("Amber Works", "Birch & Co", "Delta Foods", "Harbor Freight", "Juniper Labs", "Kestrel Air", "Onyx Tools")
EVENTS = ("Open Evening", "Repair Workshop", "Members' Dinner", "Book Fair", "Safety Training", "Harvest Concert")
START = datetime.date(2024, 1, 1)


class Worked(NamedTuple):
    """An item of a reply, in the shape that its task reads, and the shape of problem that it is."""

    item: Mapping[str, JSON]
    shape: str


class Domain(NamedTuple):
    """What a pair of tables is about: the facts table, its columns for a thing and two counts, and whose they are."""

    facts: str
    thing: str
    things: tuple[str, ...]
    first: str
    second: str
    owners: str
    owner: str


DOMAINS = (
    Domain("orders", "item", ITEMS, "quantity", "price", "customers", "customer_id"),
    Domain(
        "trips", "purpose", ("delivery", "pickup", "repair", "training"), "distance", "duration", "drivers", "driver_id"
    ),
    Domain("loans", "kind", ("novel", "atlas", "comic", "magazine", "score"), "period", "fine", "members", "member_id"),
    Domain("shifts", "task", ("packing", "cleaning", "loading", "counting"), "length", "pause", "workers", "worker_id"),
    Domain(
        "visits", "reason", ("checkup", "vaccination", "x-ray", "advice"), "duration", "fee", "patients", "patient_id"
    ),
    Domain("readings", "sensor", ("north", "south", "roof", "cellar"), "level", "drift", "stations", "station_id"),
)


class Tables(NamedTuple):
    """rows: (id, owner, thing, first, second) of a domain. owners: (id, name, city)."""

    domain: Domain
    rows: list[tuple[int, int, str, int, int]]
    owners: list[tuple[int, str, str]]

    def script(self, both: bool) -> str:
        """CREATE and INSERT for the facts, and for their owners where both are needed."""
        about = self.domain
        columns = f"id INT, {about.owner} INT, {about.thing} TEXT, {about.first} INT, {about.second} INT"
        made = _insert(f"{about.facts}({columns})", self.rows)
        return made + _insert(f"{about.owners}(id INT, name TEXT, city TEXT)", self.owners) if both else made


def _insert(table: str, rows: Sequence[tuple[Any, ...]]) -> str:
    values = ", ".join("(" + ", ".join(f"'{v}'" if isinstance(v, str) else str(v) for v in row) + ")" for row in rows)
    return f"CREATE TABLE {table};\nINSERT INTO {table.partition('(')[0]} VALUES {values};\n"


def _tables(rng: Random) -> Tables:
    domain = rng.choice(DOMAINS)
    cities, some = rng.sample(CITIES, 2), rng.sample(domain.things, 3)
    owners = [(nth, name, rng.choice(cities)) for nth, name in enumerate(rng.sample(PEOPLE, 4), 1)]
    rows = [
        (100 + 7 * nth, rng.randint(1, 4), rng.choice(some), rng.randint(1, 60), rng.randint(2, 90))
        for nth in range(rng.randint(6, 9))
    ]
    return Tables(domain, rows, owners)


def _sql(tables: Tables, asked: tuple[str, str], answer: Sequence[JSON], shape: str, *, both: bool = False) -> Worked:
    question, query = asked
    item: dict[str, JSON] = {"setup": tables.script(both), "question": question, "sql": query, "answer": list(answer)}
    return Worked(item, shape)


def sql_filter(rng: Random) -> Worked:
    tables = _tables(rng)
    about, some = tables.domain, rng.choice(tables.rows)
    at, column = rng.choice(((3, about.first), (4, about.second)))
    least = int(some[at])
    rows: list[JSON] = [[row[0], row[2]] for row in tables.rows if int(row[at]) >= least]
    asked = rng.choice(
        (
            f"Which {about.facts} have a {column} of {least} or more? Give id and {about.thing}, by id.",
            f"List id and {about.thing} of the {about.facts} whose {column} is at least {least}, by id.",
        )
    )
    query = f"SELECT id, {about.thing} FROM {about.facts} WHERE {column} >= {least} ORDER BY id"
    return _sql(tables, (asked, query), rows, "sql/filter")


def sql_aggregate(rng: Random) -> Worked:
    tables = _tables(rng)
    about, some = tables.domain, rng.choice(tables.rows)
    at, column = rng.choice(((3, about.first), (4, about.second)))
    least = rng.randint(1, some[3])
    own = [int(row[at]) for row in tables.rows if row[2] == some[2] and row[3] >= least]
    words, call, answer = rng.choice(
        (
            (f"the sum of {column}", f"SUM({column})", sum(own)),
            (f"the largest {column}", f"MAX({column})", max(own)),
            (f"the smallest {column}", f"MIN({column})", min(own)),
            ("the number of rows", "COUNT(*)", len(own)),
        )
    )
    asked = (
        f"What is {words} over {about.facts} with the {about.thing} {some[2]} and a {about.first} of {least} or more?"
    )
    query = f"SELECT {call} FROM {about.facts} WHERE {about.thing} = '{some[2]}' AND {about.first} >= {least}"
    return _sql(tables, (asked, query), [[answer]], f"sql/{call[:3].lower()}")


def sql_group(rng: Random) -> Worked:
    tables = _tables(rng)
    about, groups = tables.domain, dict[str, list[int]]()
    for row in tables.rows:
        groups.setdefault(row[2], []).append(row[3])
    words, call, fold = rng.choice((("total", "SUM", sum), ("largest", "MAX", max), ("smallest", "MIN", min)))
    least = rng.randint(1, fold(rng.choice(list(groups.values()))))
    folded = sorted((-fold(own), name) for name, own in groups.items())
    rows: list[JSON] = [[name, -number] for number, name in folded if -number >= least]
    value = f"{call}({about.first})"
    asked = (
        f"For every {about.thing} whose {words} {about.first} is {least} or more: the {about.thing} and that number, "
        f"the highest number first, then by {about.thing}."
    )
    query = (
        f"SELECT {about.thing}, {value} FROM {about.facts} GROUP BY {about.thing} "
        f"HAVING {value} >= {least} ORDER BY {value} DESC, {about.thing}"
    )
    return _sql(tables, (asked, query), rows, f"sql/group-{call.lower()}")


def sql_join(rng: Random) -> Worked:
    tables = _tables(rng)
    about, homes = tables.domain, {nth: (name, city) for nth, name, city in tables.owners}
    some = rng.choice(tables.rows)
    city, least = homes[some[1]][1], rng.randint(1, some[3])
    own = [row for row in tables.rows if homes[row[1]][1] == city and row[3] >= least]
    start = f"FROM {about.facts} f JOIN {about.owners} o ON o.id = f.{about.owner} "
    where = f"WHERE o.city = '{city}' AND f.{about.first} >= {least}"
    limit = f"with a {about.first} of {least} or more"
    if rng.random() < 0.5:
        asked = (
            f"What is the sum of {about.first} over {about.facts} {limit} that belong to {about.owners} from {city}?"
        )
        total = sum(row[3] for row in own)
        return _sql(
            tables, (asked, f"SELECT SUM(f.{about.first}) {start}{where}"), [[total]], "sql/join-sum", both=True
        )
    asked = f"Which {about.owners} from {city} have {about.facts} {limit}? Give each name once, by name."
    names = sorted({homes[row[1]][0] for row in own})
    query = f"SELECT DISTINCT o.name {start}{where} ORDER BY o.name"
    return _sql(tables, (asked, query), [[name] for name in names], "sql/join-names", both=True)


def _written(gold: Mapping[str, JSON], texts: tuple[str, ...], rng: Random, shape: str) -> Worked:
    nth = rng.randrange(len(texts))
    return Worked({"text": texts[nth].format(**gold), "gold": dict(gold)}, f"{shape}/{nth + 1}")


def extract_order(rng: Random) -> Worked:
    gold: dict[str, JSON] = {
        "name": f"{rng.choice(PEOPLE)} {rng.choice(SURNAMES)}",
        "city": rng.choice(CITIES),
        "item": rng.choice(ITEMS),
        "quantity": rng.randint(2, 48),
        "order": f"{rng.choice('ABCDEFGH')}{rng.randint(10000, 99999)}",
    }
    texts = (
        "Hi, {name} here from {city}. Order {order} should have had {quantity} {item}, could you check?",
        "Regarding {order}: please send all {quantity} {item} to our shop in {city}. Best, {name}",
        "We ({city}) still wait for {quantity} {item}. The number is {order} and my name is {name}.",
        "{name} wrote on behalf of the {city} office: {item}, {quantity} pieces, reference {order}.",
        "Could somebody in {city} look into {order}? It was for {quantity} {item}. Thanks, {name}",
    )
    return _written(gold, texts, rng, "order")


def extract_event(rng: Random) -> Worked:
    gold: dict[str, JSON] = {
        "title": rng.choice(EVENTS),
        "city": rng.choice(CITIES),
        "date": (START + datetime.timedelta(days=rng.randrange(900))).isoformat(),
        "seats": rng.randint(10, 400),
    }
    texts = (
        "Save the date: our {title} takes place in {city} on {date}. There are {seats} seats.",
        "On {date} we meet in {city} for the {title}. The hall holds {seats} people.",
        "{title}, {city}: {seats} places, {date}. Please reply by the end of the week.",
        "You are invited to the {title}! Come to {city} on {date}; {seats} chairs are ready.",
    )
    return _written(gold, texts, rng, "event")


def extract_contact(rng: Random) -> Worked:
    first, last = rng.choice(PEOPLE), rng.choice(SURNAMES)
    gold: dict[str, JSON] = {
        "name": f"{first} {last}",
        "company": rng.choice(FIRMS),
        "email": f"{first.lower()}.{last.lower()}{rng.randint(1, 99)}@example.com",
        "extension": rng.randint(100, 999),
    }
    texts = (
        "Please add me to the list: {name} of {company}, {email}, extension {extension}.",
        "You reach me at {company} under extension {extension}, or write to {email}. Regards, {name}",
        "My name is {name} and I work for {company}. Mail: {email}. By phone, ask for {extension}.",
        "New contact at {company}: {name}. The desk has extension {extension}; mail goes to {email}.",
    )
    return _written(gold, texts, rng, "contact")


def _sum(problem: str, solution: str, answer: int | float, program: str, shape: str) -> Worked:
    item: dict[str, JSON] = {"problem": problem, "solution": solution, "answer": answer, "program": program}
    return Worked(item, shape)


def maths_purchase(rng: Random) -> Worked:
    (first, second), name = rng.sample(ITEMS, 2), rng.choice(PEOPLE)
    a, b, x, y = rng.randint(2, 19), rng.randint(2, 19), rng.randint(3, 95), rng.randint(3, 95)
    total = a * x + b * y
    paid = (total // 50 + rng.randint(1, 4)) * 50
    problem = (
        f"{name} buys {a} {first} at ${x} each and {b} {second} at ${y} each, and pays with ${paid}. "
        "How many dollars come back?"
    )
    solution = f"{a} × {x} = {a * x} and {b} × {y} = {b * y}, together {total}. {paid} − {total} = {paid - total}."
    return _sum(problem, solution, paid - total, f"print({paid} - ({a} * {x} + {b} * {y}))", "purchase/change")


def maths_percent(rng: Random) -> Worked:
    base, share = rng.randint(2, 60) * 20, rng.choice((5, 10, 15, 20, 25, 30, 35, 40))
    part, thing = base * share // 100, rng.choice(ITEMS)
    if rng.random() < 0.5:
        problem = f"A shop holds {base} {thing} and sells {share}% of them in a week. How many are left?"
        solution = f"{share}% of {base} is {base} × {share} ÷ 100 = {part}. {base} − {part} = {base - part}."
        return _sum(problem, solution, base - part, f"print({base} - {base} * {share} // 100)", "percent/left")
    problem = f"A shop sold {base} {thing} last month and {share}% more this month. How many this month?"
    solution = f"{share}% of {base} is {base} × {share} ÷ 100 = {part}. {base} + {part} = {base + part}."
    return _sum(problem, solution, base + part, f"print({base} + {base} * {share} // 100)", "percent/more")


def maths_rate(rng: Random) -> Worked:
    speed, hours, rest = rng.randint(8, 24) * 5, rng.randint(2, 9), rng.randint(1, 4) * 15
    way = speed * hours
    problem = (
        f"A van drives {way} km at {speed} km per hour and rests {rest} minutes on the way. "
        "How many minutes does the whole trip take?"
    )
    total = hours * 60 + rest
    minutes = hours * 60
    solution = f"{way} ÷ {speed} = {hours} hours; {hours} × 60 = {minutes} minutes; {minutes} + {rest} = {total}."
    return _sum(problem, solution, total, f"print({way} // {speed} * 60 + {rest})", "rate/trip")


def _code(problem: str, solution: str, cases: list[tuple[Any, Any]], name: str, shape: str) -> Worked:
    tests = "\n".join(f"assert {name}({given!r}) == {wanted!r}" for given, wanted in cases)
    return Worked({"problem": problem, "solution": solution, "tests": tests}, shape)


def code_list(rng: Random) -> Worked:
    factor, least = rng.randint(2, 12), rng.randint(3, 40)
    name = rng.choice(("scaled", "kept_and_scaled", "grown", "adjusted", "stretched"))
    lists = [[rng.randint(-50, 90) for _ in range(rng.randint(3, 7))] for _ in range(4)]
    problem = (
        f"Write a Python function `{name}(numbers)` that leaves out every number under {least} "
        f"and returns the list of the others, each multiplied by {factor}, in their order."
    )
    solution = f"def {name}(numbers):\n    return [number * {factor} for number in numbers if number >= {least}]"
    cases = [(each, [n * factor for n in each if n >= least]) for each in [*lists, [], [least], [least - 1]]]
    return _code(problem, solution, cases, name, "code/list")


def code_text(rng: Random) -> Worked:
    length, sign = rng.randint(2, 12), rng.choice("-_+/|.:~=*")
    name = rng.choice(("joined", "shortened", "tagged", "slug", "linked", "packed", "squeezed", "coded"))
    words = [" ".join(rng.choice((*ITEMS, *CITIES, *PEOPLE)) for _ in range(rng.randint(2, 5))) for _ in range(4)]
    problem = (
        f"Write a Python function `{name}(text)` that takes the words of a text in lower case, "
        f"cuts each to its first {length} letters and joins them with '{sign}'."
    )
    solution = f"def {name}(text):\n    return {sign!r}.join(word[:{length}] for word in text.lower().split())"
    cases = [(each, sign.join(w[:length] for w in each.lower().split())) for each in [*words, "", "  A  b "]]
    return _code(problem, solution, cases, name, "code/text")


TO_CM = {"cm": 1, "m": 100, "km": 100_000}


def _conversion(rng: Random) -> tuple[str, dict[str, JSON], JSON, str]:
    unit, to = rng.sample(("m", "km", "cm"), 2)
    value = rng.randint(2, 900) * (1000 if TO_CM[unit] < TO_CM[to] else 1)
    found = value * TO_CM[unit] / TO_CM[to]
    asked = rng.choice(("How much is {0} {1} in {2}?", "Convert {0} {1} to {2}.", "What are {0} {1} in {2}?"))
    call: dict[str, JSON] = {"name": "convert_length", "arguments": {"value": value, "unit": unit, "to": to}}
    return asked.format(value, unit, to), call, found, f"{value} {unit} are {found:g} {to}."


def _days(rng: Random) -> tuple[str, dict[str, JSON], JSON, str]:
    start = START + datetime.timedelta(days=rng.randrange(900))
    end = start + datetime.timedelta(days=rng.randint(3, 400))
    count = (end - start).days
    asked = rng.choice(("How many days are there from {0} to {1}?", "Count the days between {0} and {1}."))
    call: dict[str, JSON] = {"name": "days_between", "arguments": {"start": f"{start}", "end": f"{end}"}}
    return asked.format(start, end), call, count, f"From {start} to {end} it is {count} days."


def _bill(rng: Random) -> tuple[str, dict[str, JSON], JSON, str]:
    cents, people = rng.randint(900, 30_000), rng.randint(2, 9)
    each, left = divmod(cents, people)
    shares: list[JSON] = [each + left, *[each] * (people - 1)]
    asked = rng.choice(("Split {0} cents among {1} people.", "We are {1} and the bill is {0} cents. Who pays what?"))
    call: dict[str, JSON] = {"name": "split_bill", "arguments": {"cents": cents, "people": people}}
    answer = f"The first pays {each + left} cents, the others {each} cents each."
    return asked.format(cents, people), call, shares, answer


CALLS = (_conversion, _days, _bill)
SMALL_TALK = (
    ("Which tools do you have?", "I can convert lengths, count days between dates, and split a bill."),
    ("Thanks, that was all I needed.", "You are welcome. Come back any time."),
    ("What is a kilometre?", "A kilometre is a unit of length: one thousand metres."),
    ("Why do we split bills in cents?", "Cents are whole numbers, so no part of the amount is lost to rounding."),
    ("Is a leap year longer?", "Yes, by one day: it has 366 days instead of 365."),
)
OPENINGS = ("", "Hello! ", "Quick question: ", "Hi there. ", "One more thing. ", "Good morning. ", "Excuse me: ")
SIGNED = ("", " I am {0} from {1}.", " {0} here, in {1}.", " Regards, {0} ({1})", " It is for {0} in {1}.")


def tool_one(rng: Random) -> Worked:
    asked, call, result, answer = rng.choice(CALLS)(rng)
    return Worked({"user": asked, "calls": [call], "results": [result], "answer": answer}, f"tool/{call['name']}")


def tool_two(rng: Random) -> Worked:
    made = [make(rng) for make in rng.sample(CALLS, 2)]
    asked = rng.choice(("{0} And also: {1}", "Two things. {0} {1}", "{0} Then, {1}")).format(made[0][0], made[1][0])
    calls, results = [each[1] for each in made], [each[2] for each in made]
    item: dict[str, JSON] = {"user": asked, "calls": calls, "results": results, "answer": f"{made[0][3]} {made[1][3]}"}
    return Worked(item, "tool/two")


def tool_none(rng: Random) -> Worked:
    asked, answer = rng.choice(SMALL_TALK)
    end = rng.choice(SIGNED).format(f"{rng.choice(PEOPLE)} {rng.choice(SURNAMES)}", rng.choice(CITIES))
    user = f"{rng.choice(OPENINGS)}{asked}{end}"
    return Worked({"user": user, "calls": [], "results": [], "answer": answer}, "tool/none")


KINDS: Mapping[str, Callable[[Random], Worked]] = {
    "sql-filter": sql_filter,
    "sql-aggregate": sql_aggregate,
    "sql-group": sql_group,
    "sql-join": sql_join,
    "extract-order": extract_order,
    "extract-event": extract_event,
    "extract-contact": extract_contact,
    "maths-purchase": maths_purchase,
    "maths-percent": maths_percent,
    "maths-rate": maths_rate,
    "code-list": code_list,
    "code-text": code_text,
    "tool-one": tool_one,
    "tool-two": tool_two,
    "tool-none": tool_none,
}
