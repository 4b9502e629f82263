"""Texts written around a record that is known, so that the record is what must be extracted."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, ClassVar

from toolkit.core.jsontext import written
from toolkit.core.quotes import missing
from toolkit.core.request import Conversation, GeneratedRow, Seed
from toolkit.core.types import JSON
from toolkit.recipes.asking import ABOUT, SYSTEM, ask, faulty, texts_of

PROMPT = f"""\
Write {{{{ rows }}}} texts of the kind "{{{{ label }}}}"{{% if description %}}: {{{{ description }}}}{{% endif %}}. \
Each is written around one of these records, in their order, and holds every value of it exactly as written here, \
within sentences of its own, without a list of fields:
{{% for record in records %}}
{{{{ loop.index }}}}. {{{{ record | tojson }}}}
{{% endfor %}}
{ABOUT}\
Answer with a JSON list of {{{{ rows }}}} objects, each with "text", and nothing else."""
WORDS = (
    *("amber", "birch", "cobalt", "delta", "ember", "falcon", "garnet", "harbor", "indigo", "juniper", "kestrel"),
    *("lumen", "maple", "nimbus", "onyx", "prairie", "quartz", "raven", "sierra", "tundra", "umber", "violet"),
)
PEOPLE = ("Amara Diallo", "Bela Novak", "Chen Wei", "Dina Haddad", "Emil Larsen", "Farah Khan", "Lior Peretz")
CITIES = ("Lisbon", "Osaka", "Tampere", "Quito", "Leeds", "Pune", "Perth", "Graz", "Lagos", "Halifax")
START = datetime.date(2024, 1, 1)


def _record(**properties: Mapping[str, JSON]) -> Mapping[str, JSON]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


SCHEMAS: Mapping[str, Mapping[str, JSON]] = {
    "extract-order": _record(
        name={"type": "string"},
        city={"type": "string"},
        item={"type": "string"},
        quantity={"type": "integer", "minimum": 1, "maximum": 48},
        order={"type": "string", "pattern": "^[A-H][0-9]{5}$"},
    ),
    "extract-event": _record(
        title={"type": "string"},
        city={"type": "string"},
        date={"type": "string", "format": "date"},
        seats={"type": "integer", "minimum": 10, "maximum": 400},
    ),
    "extract-contact": _record(
        name={"type": "string"},
        company={"type": "string"},
        email={"type": "string", "format": "email"},
        extension={"type": "integer", "minimum": 100, "maximum": 999},
    ),
}


@dataclass(frozen=True, slots=True)
class Extraction:
    """`{"prompt", "completion"}` rows: a text, and the record in it as JSON.

    The record is drawn first, from `schema` (JSON Schema of an object; enum, minimum, maximum, format
    date and email, and `examples` are read) or from that of the kind, and the text is written around
    it. Another `seed` of the recipe draws other records. Proof: `gold` finds every value in the text and
    holds the record against the schema.
    """

    id: ClassVar[str] = "extraction"
    version: ClassVar[str] = "1"
    proof: ClassVar[str] = "`gold`: the record came first, and every value of it stands in the text"
    gates: ClassVar[Mapping[str, Mapping[str, Any]]] = {"dedupe": {"mask_numbers": False}, "gold": {}}
    kinds: ClassVar[Mapping[str, str]] = {
        "extract-order": "a message about an order",
        "extract-event": "a note that announces an event",
        "extract-contact": "a message of someone who gives their details",
    }

    labels: Mapping[str, str] = field(default_factory=dict)
    prompt: str = PROMPT
    system: str = SYSTEM
    personas: Sequence[str] = ()
    verbalized: bool = False
    schema: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0

    def cook(self, seed: Seed) -> Conversation:
        schema = self.schema or SCHEMAS.get(seed.cell.label) or next(iter(SCHEMAS.values()))
        told = f"{self.seed}|{seed.cell.name}"
        records = [record(schema, Random(f"{told}|{seed.sample + nth}")) for nth in range(seed.rows)]  # noqa: S311

        left = list(records)

        def row(item: Any, seed: Seed, nth: int) -> GeneratedRow:
            own = _told(item, left) or (records[nth] if nth < len(records) else None)
            return _row(item, seed.cell.label, schema, own)

        return ask(self, seed, row, records=records)


def _told(item: Any, left: list[Any]) -> Any:
    """The record that a text is written around, taken from those that are left: a list may skip one or lose its
    order. None where no record stands in the text."""
    text = "".join(texts_of(item, "text"))
    found = next((nth for nth, each in enumerate(left) if text and not missing(each, text)), None)
    return None if found is None else left.pop(found)


def _row(item: Any, label: str, schema: Mapping[str, JSON], planned: JSON) -> GeneratedRow:
    """The row of a text; its record is the planned one, or its own where the provider composed both."""
    found = texts_of(item, "text")
    gold = item.get("gold", planned) if isinstance(item, Mapping) else None
    if not found or not isinstance(gold, Mapping):
        return faulty(item, label, "lacks a text, or there was no record for it")
    text, names = found[0], ", ".join(gold)
    if _lists(gold, text):
        return faulty(item, label, "lists the fields of its record, where sentences were asked for")
    proof: dict[str, JSON] = {"gold": gold, "schema": schema, "text": text}
    prompt = f"Extract {names} as JSON from this text.\n\n{text}"
    return GeneratedRow({"prompt": prompt, "completion": written(gold).decode()}, text, label, proof=proof)


def _lists(gold: Mapping[str, JSON], text: str) -> bool:
    """Whether most fields of a record stand in a text as `field: value`: from such a text nothing is extracted."""
    named = [re.search(rf'(?mi)(?:^[-*\s]*|[{{,]\s*)"?{re.escape(name)}"?\s*:', text) for name in gold]
    return len(gold) > 1 and sum(each is not None for each in named) > len(gold) / 2


def record(schema: Mapping[str, Any], rng: Random, name: str = "") -> Any:
    """A value of a JSON Schema, drawn; what the schema does not say is drawn by the name of the field."""
    if choices := schema.get("enum") or schema.get("examples"):
        return rng.choice(list(choices))
    kind = schema.get("type", "string")
    if kind == "object":
        return {key: record(each, rng, key) for key, each in schema.get("properties", {}).items()}
    if kind == "array":
        return [record(schema.get("items", {}), rng, name) for _ in range(rng.randint(1, 3))]
    if kind == "boolean":
        return rng.random() < 0.5
    if kind in ("integer", "number"):
        low, high = schema.get("minimum", 1), schema.get("maximum", schema.get("minimum", 1) + 98)
        return rng.randint(int(low), int(high)) if kind == "integer" else round(rng.uniform(low, high), 2)
    return _text(schema, rng, name.lower())


def _text(schema: Mapping[str, Any], rng: Random, name: str) -> str:
    if schema.get("format") == "date" or "date" in name:
        return (START + datetime.timedelta(days=rng.randrange(900))).isoformat()
    if schema.get("format") == "email" or "mail" in name:
        return f"{rng.choice(WORDS)}.{rng.choice(WORDS)}@example.com"
    if schema.get("pattern", "").endswith("[0-9]{5}$") or "order" in name or name.endswith("id"):
        return f"{rng.choice('ABCDEFGH')}{rng.randint(10000, 99999)}"
    if "city" in name or "place" in name:
        return rng.choice(CITIES)
    if name in ("name", "person", "customer") or name.endswith("_name"):
        return rng.choice(PEOPLE)
    return f"{rng.choice(WORDS)} {rng.choice(WORDS)}"
