"""Anti-patterns: ways in which fine-tunes are known to fail, found in the answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from toolkit.advise.answers import Answers
from toolkit.advise.evidence import BIG_CALLS_A_DAY

TINY = 200
FACTS = 0.05
CONFLICTS = 0.02
GENERAL = 0.05
EPOCHS = 5
PROMPT_TOKENS = 1_000
CLASS_ROWS = 10
EVAL_ROWS = 100


class Warned(NamedTuple):
    """An anti-pattern that is there. says: what it does, with its number. fix: what to do, often a command."""

    name: str
    says: str
    fix: str


def found(answers: Answers, *, tunes: bool) -> tuple[Warned, ...]:
    """The anti-patterns in the answers. The unknown accuses nobody, but for verifying and mixing in."""
    return (*_data(answers), *_task(answers), *(_tuning(answers) if tunes else ()))


def _data(a: Answers) -> Iterator[Warned]:
    n = _number(a, "examples")
    if n is not None and n < TINY:
        yield Warned("tiny set", f"{n:,.0f} examples teach a style at most; {TINY} are the least", "few-shot first")
    share = _number(a, "facts_share")
    if share is not None and share >= FACTS:
        says = f"{share:.0%} of the answers hold facts (dates, prices, endpoints) that go out of date in the weights"
        yield Warned("facts in the data", says, "move them into documents and retrieve them")
    share = _number(a, "synthetic_share")
    if share and a.verified.answer != "yes":
        says = f"{share:.0%} of the examples are made by a program or a model, not verified: their bugs are learnt"
        yield Warned("unverified synthetic data", says, "toolkit verify DATA")
    share = _number(a, "conflict_share")
    if share is not None and share >= CONFLICTS:
        says = f"{share:.1%} of the rows contradict another row"
        yield Warned("garbage data", says, "toolkit verify DATA, then toolkit findings RUN --check conflict")
    n = _number(a, "smallest_class")
    if n is not None and n < CLASS_ROWS:
        says = f"the smallest class has {n:,.0f} examples: it is neither learnt nor measured"
        yield Warned("starved class", says, "collect rows of that class, or join it with another")


def _task(a: Answers) -> Iterator[Warned]:
    if a.eval_set.answer == "no":
        yield Warned("no held-out set", "whatever is trained, nobody can tell", "toolkit split DATA --heldout 0.2")
    n = _number(a, "eval_rows")
    if a.eval_set.answer == "yes" and n is not None and n < EVAL_ROWS:
        yield Warned("small eval set", _shows(int(n)), "hold out more rows: toolkit split DATA --heldout 0.3")
    if a.prompt_debugged.answer == "no":
        yield Warned("tuning instead of debugging", "a fine-tune learns what the prompt gets wrong", "mend the prompt")
    n = _number(a, "prompt_tokens")
    if n is not None and n > PROMPT_TOKENS:
        says = f"the system prompt has {n:,.0f} tokens; over about {PROMPT_TOKENS:,} models stop following"
        yield Warned("long prompt", says, "cut it, or move what is looked up into tools and documents")
    if a.requirements.answer == "weekly":
        yield Warned(
            "moving target", "requirements change weekly: every change is another tuning", "stay with a prompt"
        )
    if a.provider.answer == "closed" and (a.private.answer == "yes" or _calls(a) >= BIG_CALLS_A_DAY):
        says = "a closed provider is the dearer place for this volume, or not allowed for this data"
        yield Warned("lock-in", says, "compare with LoRA on open weights before you commit")


def _tuning(a: Answers) -> Iterator[Warned]:
    n = _number(a, "epochs")
    if n is not None and (n > EPOCHS or n == 0):
        yield Warned("epochs", f"{n:,.0f} epochs: one to three are usual, over {EPOCHS} learn rows by heart", "1 to 3")
    if a.general_data.answer != "yes":
        share = _number(a, "general_share") or GENERAL
        says = "no general data is mixed in: other abilities may be forgotten, and nothing would show it"
        fix = f"toolkit split DATA --mix general.jsonl --share {share:g}, and toolkit compare with --regression"
        yield Warned("forgetting", says, fix)


def _shows(n: int) -> str:
    from toolkit.stats.power import detectable_gain

    gain = detectable_gain(n) if n else None
    least = f"a gain under {100 * gain:.0f} points does not show" if gain else "no gain can show"
    return f"on {n:,} rows {least}"


def _calls(a: Answers) -> float:
    return a.money.calls.likely * 12 / 365 if a.money else 0.0


def _number(answers: Answers, name: str) -> float | None:
    stated: Any = getattr(answers, name)
    return float(stated.answer) if stated.known else None
