"""The advice, from the answers alone: an ordered tree of which the first rule that speaks decides.

    retrieval, tools         knowledge or capability is missing and was not given yet
    fix the prompt           nobody mended it, or its output could be constrained and is not
    don't                    what there is reaches what is needed
    few-shot                 fewer than three examples were tried in the prompt
    stronger model           none was tried; or one does it and can be paid for
    don't                    facts; a one-off; no product yet; requirements that change weekly; no eval set;
                             money that does not come back
    reasoning RL, don't      reasoning, with and without a program that tells right results
    DPO                      preferences, and pairs
    full SFT, LoRA SFT       enough examples
    collect data             too few of them

`unknown` counts as not done, not there, not so: the cheaper step comes first. Where cost or latency is
the point the prompt is not the cure, so few-shot and the stronger model are passed over; where data
must stay in house the stronger model is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, NamedTuple

from toolkit.advise import warnings
from toolkit.advise.answers import UNKNOWN, Answers, Stated, choices
from toolkit.advise.break_even import BreakEven, break_even
from toolkit.advise.evidence import filled
from toolkit.advise.warnings import Warned

LEAST = 500
LEAST_STYLE = 200
FULL = 10_000
SHOTS = 3
SMALL_GAP = 0.02


class Leaf(StrEnum):
    """How the advice ends."""

    FIX_PROMPT = "fix the prompt"
    FEW_SHOT = "few-shot"
    STRONGER = "stronger model"
    RETRIEVAL = "retrieval"
    TOOLS = "tools"
    COLLECT = "collect data"
    LORA = "LoRA SFT"
    DPO = "DPO"
    FULL = "full SFT"
    RL = "reasoning RL"
    DONT = "don't"


TUNING = (Leaf.LORA, Leaf.DPO, Leaf.FULL, Leaf.RL)
Branch = Literal["", "synthetic", "distil", "few-shot first", "active learning"]


class End(NamedTuple):
    """Where the tree ends. why: one sentence for each reason, the decisive one first."""

    leaf: Leaf
    why: tuple[str, ...]
    branch: Branch = ""
    rule: str = ""


class Turn(NamedTuple):
    """An unknown answer that would change the advice: what it would have to be, and to what."""

    question: str
    answer: str
    leaf: str


@dataclass(frozen=True, slots=True)
class Advice:
    """The end of the tree with everything it rests on.

    rests_on: the answers that were looked at, in order. turns: which of the unknown ones would change
    the advice. contradicted: answers that a measurement replaced. warned: anti-patterns.
    """

    leaf: Leaf
    branch: Branch
    rule: str
    why: tuple[str, ...]
    rests_on: dict[str, Stated[Any]]
    turns: tuple[Turn, ...]
    contradicted: tuple[str, ...]
    warned: tuple[Warned, ...]
    break_even: BreakEven | None
    answers: Answers

    @property
    def unknown(self) -> tuple[str, ...]:
        """The unanswered questions that the tree came by."""
        return tuple(name for name, stated in self.rests_on.items() if not stated.known)

    @property
    def tunes(self) -> bool:
        return self.leaf in TUNING


class Looking:
    """The answers while the tree looks at them; it remembers at which it looked."""

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self.seen: dict[str, Stated[Any]] = {}

    def of(self, name: str) -> Any:
        """The answer, `unknown` among the possible ones."""
        self.seen[name] = getattr(self.answers, name)
        return self.seen[name].answer

    def count(self, name: str) -> float:
        """The number; 0 where it is unknown."""
        found = self.of(name)
        return 0.0 if found == UNKNOWN else float(found)

    @property
    def about_cost(self) -> bool:
        return self.of("goal") in ("cost", "latency")


def decide(answers: Answers, facts: Mapping[str, Stated[Any]] | None = None) -> Advice:
    """The advice. Pure: the same answers give the same advice, and every set of answers has exactly one.

    facts: answers that rows gave (`measure.measured`); they stand before what was said.
    """
    full, contradicted = filled(answers, facts or {})
    end, looked = _end(full)
    return Advice(
        leaf=end.leaf,
        branch=end.branch,
        rule=end.rule,
        why=end.why,
        rests_on=looked.seen,
        turns=tuple(_turns(full, end, looked)),
        contradicted=contradicted,
        warned=warnings.found(full, tunes=end.leaf in TUNING),
        break_even=break_even(full.money) if full.money else None,
        answers=full,
    )


def _end(answers: Answers) -> tuple[End, Looking]:
    looking = Looking(answers)
    for rule in TREE:
        end = rule(looking)
        if end is not None:
            return end._replace(rule=rule.__name__), looking
    raise AssertionError("the last rule of the tree always speaks")


def _turns(answers: Answers, end: End, looked: Looking) -> Iterator[Turn]:
    for name, stated in looked.seen.items():
        if stated.known:
            continue
        for word in _possible(name):
            other = _end(answers.model_copy(update={name: Stated(answer=word)}))[0]
            if (other.leaf, other.branch) != (end.leaf, end.branch):
                yield Turn(name, f"{word:,}" if isinstance(word, int) else str(word), _shown(other))
                break


def _possible(name: str) -> Iterable[Any]:
    if name in ("score_now", "score_needed"):
        return (0.0, 1.0)
    return [word for word in choices(name) if word != UNKNOWN] or (0, SHOTS, LEAST_STYLE, LEAST, FULL)


def _shown(end: End) -> str:
    return f"{end.leaf}: {end.branch}" if end.branch else str(end.leaf)


def knowledge(look: Looking) -> End | None:
    """Knowledge is missing: retrieval, before anything else."""
    if look.of("goal") != "knowledge" or look.of("retrieval_tried") == "yes":
        return None
    return End(Leaf.RETRIEVAL, ("what is missing is knowledge, and documents change while weights do not",))


def capability(look: Looking) -> End | None:
    """A capability is missing: tools."""
    if look.of("goal") != "capability" or look.of("tools_tried") == "yes":
        return None
    return End(Leaf.TOOLS, ("what is missing is a capability: a tool does it, weights only imitate it",))


def prompt(look: Looking) -> End | None:
    """The prompt was not mended, or the shape of its output is left to chance."""
    if look.of("goal") == UNKNOWN:
        return End(Leaf.FIX_PROMPT, ("nobody has said what must become better: the prompt cannot say it either",))
    if look.of("prompt_debugged") != "yes":
        return End(Leaf.FIX_PROMPT, ("nobody has read the prompt aloud and mended it against its failures",))
    if look.of("goal") == "shape" and look.of("constrained_output") != "yes":
        return End(Leaf.FIX_PROMPT, ("structured output holds a shape for certain; weights only make it likely",))
    return None


def enough(look: Looking) -> End | None:
    """What there is already reaches what is needed."""
    if look.about_cost:
        return None
    now, needed = look.of("score_now"), look.of("score_needed")
    if UNKNOWN in (now, needed) or now < needed - SMALL_GAP:
        return None
    return End(Leaf.DONT, (f"{now:.1%} is right and {needed:.1%} is needed: there is no gap worth a fine-tune",))


def few_shot(look: Looking) -> End | None:
    """Examples in the prompt were not tried."""
    if look.about_cost or look.count("prompt_examples") >= SHOTS:
        return None
    why = f"fewer than {SHOTS} examples were tried in the prompt; three to ten, even a hundred, often do as well"
    return End(Leaf.FEW_SHOT, (why,))


def stronger(look: Looking) -> End | None:
    """A stronger model was not tried, or does it and can be paid for."""
    if look.about_cost or look.of("goal") == "privacy" or look.of("private") == "yes":
        return None
    if look.of("stronger_tried") != "yes":
        return End(Leaf.STRONGER, ("no stronger model was tried: try one, and note the difference in price",))
    if look.of("frontier_does_it") == "yes" and look.of("stronger_affordable") != "no":
        return End(Leaf.STRONGER, ("the strongest model does it, and nobody said that it costs too much",))
    return None


def facts(look: Looking) -> End | None:
    """Facts are asked of weights."""
    if look.of("goal") != "knowledge":
        return None
    return End(Leaf.DONT, ("facts do not stay in weights and go out of date there: make retrieval better",))


def early(look: Looking) -> End | None:
    """The task does not stand still long enough to be learnt."""
    if look.of("one_off") == "yes":
        return End(Leaf.DONT, ("a behaviour that is needed once is not worth a model",))
    if look.of("product") == "no":
        return End(Leaf.DONT, ("before a first product nobody knows what the model must do",))
    if look.of("requirements") == "weekly":
        return End(Leaf.DONT, ("requirements change weekly: a prompt follows in minutes, a model in weeks",))
    return None


def evaluated(look: Looking) -> End | None:
    """There is nothing to tell by whether it helped."""
    if look.of("eval_set") == "yes":
        return None
    return End(
        Leaf.DONT, ("without a held-out eval set of real use nobody can tell whether it helped: build one first",)
    )


def money(look: Looking) -> End | None:
    """Money is the reason, and it does not come back, or nobody has counted it."""
    is_reason = look.of("goal") == "cost" or look.of("stronger_affordable") == "no"
    if not is_reason:
        return None
    if look.answers.money is None:
        why = "the reason is cost, and without calls, prices and months nobody can say that it pays"
        return End(Leaf.DONT, (why,)) if look.of("goal") == "cost" else None
    found = break_even(look.answers.money)
    if found.likely.pays:
        return None
    late = "never pays" if found.likely.month is None else f"pays after {found.likely.month:,.0f} months only"
    why = f"in the likely case it {late}, and it is in use for {found.likely.months:g} months"
    return End(Leaf.DONT, (why, f"best case: {'it pays' if found.best.pays else 'it does not pay either'}"))


def reasoning(look: Looking) -> End | None:
    """Reasoning is learnt from results that a program can check, or not at all."""
    if look.of("goal") != "reasoning":
        return None
    if look.of("verifier") == "yes":
        return End(Leaf.RL, ("a suite of tasks and a program that tells right results is what RL learns from",))
    return End(Leaf.DONT, ("examples do not teach reasoning: use a reasoning model, or build a verifier first",))


def preference(look: Looking) -> End | None:
    """What people prefer is learnt from pairs."""
    if look.of("goal") not in ("preference", "helpful") or look.count("pairs") < LEAST:
        return None
    return End(Leaf.DPO, (f"{look.count('pairs'):,.0f} preference pairs are there, and preferences are the point",))


def supervised(look: Looking) -> End | None:
    """Enough examples whose answer is right."""
    if look.of("goal") in ("preference", "helpful"):
        return None
    n, least = look.count("examples"), LEAST_STYLE if look.of("goal") in ("style", "refusals") else LEAST
    if n >= FULL and look.of("lora_fell_short") == "yes":
        return End(Leaf.FULL, (f"LoRA fell short, and {n:,.0f} examples are enough for all weights",))
    if n < least:
        return None
    return End(
        Leaf.LORA, (f"{n:,.0f} examples are there ({least} and more are needed), and cheaper steps leave a gap",)
    )


def collect(look: Looking) -> End:
    """Too few rows: how to come by them."""
    kind = "pairs" if look.of("goal") in ("preference", "helpful") else "examples"
    n = look.count(kind)
    why = f"{n:,.0f} {kind} are too few to tune on"
    can_ask = look.of("frontier_does_it") == "yes" and look.of("distil_allowed") != "no"
    if look.of("real_use") == "yes":
        if can_ask:
            return End(Leaf.COLLECT, (why, "a strong model does the task: keep its answers on real use"), "distil")
        if look.of("people") == "yes":
            hard = "there is real use and there are people: label the rows that the baseline finds hardest"
            return End(Leaf.COLLECT, (why, hard), "active learning")
    elif can_ask and look.of("can_verify") == "yes":
        made = "there is no real use yet, but a strong model that does the task, and a way to verify what it makes"
        return End(Leaf.COLLECT, (why, made), "synthetic")
    first = "go out with a few-shot prompt, and collect what people do with it"
    return End(Leaf.COLLECT, (why, first), "few-shot first")


Rule = Callable[[Looking], End | None]
TREE: tuple[Rule, ...] = (
    knowledge, capability, prompt, enough, few_shot, stronger, facts, early, evaluated, money, reasoning,
    preference, supervised, collect,
)  # fmt: skip


def next_question(answers: Answers, asked: Iterable[str]) -> str | None:
    """The unknown answer that the tree wants next and that was not asked yet; None where it wants none."""
    done = set(asked)
    seen = decide(answers).unknown
    return next((name for name in seen if name not in done), None)
