"""The tree as a short interview: it asks what it comes by and does not know yet, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from pydantic import ValidationError

from toolkit.advise.answers import QUESTIONS, UNKNOWN, Answers, Stated, choices, question
from toolkit.advise.decide import decide, next_question
from toolkit.advise.money import Money
from toolkit.core.errors import UsageError

Ask = Callable[[str, str], str]
MONEY = ("calls_per_day", "cost_per_1000_now", "cost_per_1000_tuned", "tune", "months", "infrastructure_per_month",
         "maintenance_per_month", "day_rate")  # fmt: skip
NEEDED = MONEY[:5]
AFTER = ("requirements", "general_data", "epochs", "verified", "provider")


def interview(answers: Answers, ask: Ask, say: Callable[[str], None]) -> Answers:
    """Answers completed by asking. ask: shows a question and a hint, returns a line; an empty one is `unknown`.

    An answer that cannot be one is said and asked again. Text after `#` is kept as evidence.
    """
    asked: set[str] = set()
    while (name := next_question(answers, asked)) is not None:
        asked.add(name)
        answers = _asked(answers, name, ask, say)
        if answers.money is None and decide(answers).rule == "money":
            answers = _money(answers, ask, say)
    for name in AFTER if decide(answers).tunes else ():
        if not getattr(answers, name).known and name not in asked:
            answers = _asked(answers, name, ask, say)
    return answers


def _asked(answers: Answers, name: str, ask: Ask, say: Callable[[str], None]) -> Answers:
    words = choices(name)
    hint = " | ".join(words) if words else f"a number | {UNKNOWN}"
    while True:
        line, _, evidence = ask(question(name), hint).partition("#")
        word = line.strip() or UNKNOWN
        try:
            value = Answers.model_validate({name: {"answer": _value(word, words), "evidence": evidence.strip()}})
        except ValidationError as failure:
            say(f"  {word[:60]!r} is no answer to it: {failure.errors()[0]['msg'].lower()}")
            continue
        return answers.model_copy(update={name: getattr(value, name)})


def _value(word: str, words: tuple[str, ...]) -> Any:
    if words or word == UNKNOWN:
        return {"y": "yes", "n": "no"}.get(word.lower(), word.lower())
    try:
        number = float(word.replace(",", "").rstrip("%")) / (100 if word.endswith("%") else 1)
    except ValueError:
        return word
    return int(number) if number.is_integer() and "." not in word and not word.endswith("%") else number


def _money(answers: Answers, ask: Ask, say: Callable[[str], None]) -> Answers:
    """The break-even's inputs; a needed one that is left empty ends the asking without a break-even."""
    given: dict[str, Any] = {}
    for name in MONEY:
        field = Money.model_fields[name]
        while True:
            word = ask(f"{(field.description or name).capitalize()}?", "a number | low likely high").strip()
            if not word or word == UNKNOWN:
                break
            try:
                given[name] = _range(word)
                break
            except ValueError:
                say(f"  {word[:60]!r} is no number and no three numbers")
        if name in NEEDED and name not in given:
            return answers
    try:
        return answers.model_copy(update={"money": Money.model_validate(given)})
    except ValidationError as failure:
        say(f"  these numbers do not fit together: {failure.errors()[0]['msg'].lower()}")
        return answers


def _range(word: str) -> float | list[float]:
    numbers = [float(each) for each in word.replace(",", "").split()]
    if len(numbers) not in (1, 3):
        raise ValueError(word)
    return numbers[0] if len(numbers) == 1 else numbers


def terminal(prompt: Callable[[str], None], read: Callable[[], str]) -> Ask:
    """Asks on a terminal. The end of the input ends the interview: UsageError."""

    def ask(words: str, hint: str) -> str:
        prompt(f"\n{words}\n  [{hint}] ")
        line = read()
        if not line:
            raise UsageError(
                "the interview was not finished", "toolkit advise --template > answers.yaml, and fill it in"
            )
        return line.rstrip("\n")

    return ask


def template() -> str:
    """A file of answers to fill in, every question with its possible answers, all unknown."""
    return "\n".join(_template()) + "\n"


def _template() -> Iterator[str]:
    yield "# toolkit advise --answers THIS_FILE"
    yield "# An answer is a word or number, or {answer: yes, evidence: where it is from}. Leave out the unknown."
    yield "version: 1"
    for name in QUESTIONS:
        words = choices(name)
        yield f"\n# {question(name)}"
        yield f"# {' | '.join(words) if words else f'a number | {UNKNOWN}'}"
        yield f"{name}: {UNKNOWN}"
    yield "\n# The break-even, in US dollars; each a number or [low, likely, high]. Take the # away from what you know."
    yield "# money:"
    for name, field in Money.model_fields.items():
        yield f"#   {name}: # {field.description}"


def saved(answers: Answers) -> str:
    """The known answers as YAML that `--answers` takes again."""
    import io

    from ruamel.yaml import YAML

    known = {name: stated for name in QUESTIONS if (stated := getattr(answers, name)).known}
    told: dict[str, Any] = {"version": 1, **{name: _short(stated) for name, stated in known.items()}}
    if answers.money:
        told["money"] = answers.money.model_dump(exclude_unset=True)
    if answers.measured.rungs:
        told["measured"] = answers.measured.model_dump(mode="json")
    out = io.StringIO()
    yaml = YAML(typ="safe")
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.dump(told, out)
    return out.getvalue()


def _short(stated: Stated[Any]) -> Any:
    if not stated.evidence and stated.source == "you":
        return stated.answer
    return stated.model_dump()
