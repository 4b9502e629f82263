"""What stands beside the advice: scenarios, what each approach needs, closed against open, the next commands."""

from __future__ import annotations

from typing import NamedTuple

from toolkit.advise.answers import Answers
from toolkit.advise.decide import TUNING, Advice, Leaf
from toolkit.advise.evidence import BIG_CALLS_A_DAY


class Scenario(NamedTuple):
    """What to try first for a goal. here: whether it is the user's."""

    goal: str
    case: str
    first: str
    here: bool = False


class Need(NamedTuple):
    """What an approach takes, by rule of thumb. here: whether it is the advice."""

    approach: str
    data: str
    time: str
    cost: str
    here: bool = False


SCENARIOS = (
    Scenario("shape", "the output must be JSON of one shape", "structured output"),
    Scenario("label", "texts are sorted into classes", "few-shot and class descriptions; LoRA at volume"),
    Scenario("knowledge", "fresh or private documents", "retrieval"),
    Scenario("capability", "look up, compute, act", "tools"),
    Scenario("cost", "tokens at volume cost too much", "LoRA on a smaller model"),
    Scenario("latency", "long prompts take too long", "LoRA on a smaller model, with a short prompt"),
    Scenario("style", "a brand's voice", "LoRA on examples of the style"),
    Scenario("refusals", "it refuses too much or too little", "LoRA on examples of both"),
    Scenario("helpful", "a more helpful chatbot", "the strongest model and a system prompt"),
    Scenario("domain", "a narrow domain's idioms", "LoRA on domain data, with retrieval"),
    Scenario("tool-use", "use our tools well", "SFT on traces of correct use"),
    Scenario("preference", "which of two answers people like", "DPO on pairs"),
    Scenario("reasoning", "mathematics and code", "a reasoning model; RL where a program can check"),
    Scenario("privacy", "data must stay in house", "open weights, then LoRA on them"),
)
NEEDS = (
    Need("prompting", "a few examples", "minutes", "$0"),
    Need("retrieval", "a corpus", "days", "low, ongoing"),
    Need("LoRA", "hundreds to 10,000 examples", "hours, one GPU", "tens to hundreds of $"),
    Need("full SFT", "10,000 to 1,000,000", "days, 1 to 8 GPUs", "hundreds to thousands of $"),
    Need("DPO", "preference pairs", "days to weeks", "thousands of $"),
    Need("reasoning RL", "a task suite and a verifier", "weeks", "tens of thousands of $"),
)
_NEED_OF = {
    Leaf.FIX_PROMPT: "prompting",
    Leaf.FEW_SHOT: "prompting",
    Leaf.STRONGER: "prompting",
    Leaf.RETRIEVAL: "retrieval",
    Leaf.LORA: "LoRA",
    Leaf.FULL: "full SFT",
    Leaf.DPO: "DPO",
    Leaf.RL: "reasoning RL",
}
_COLLECT = {
    "synthetic": "toolkit generate RECIPE; toolkit verify DATA",
    "distil": "keep the strong model's traces, then toolkit verify DATA --source-kind captured",
    "active learning": "toolkit verify POOL, and label first what it doubts",
    "few-shot first": "go out with a few-shot prompt and log what comes in",
}


def scenarios(advice: Advice) -> list[Scenario]:
    """The table, with the user's goal marked."""
    return [each._replace(here=each.goal == advice.answers.goal.answer) for each in SCENARIOS]


def needs(advice: Advice) -> list[Need]:
    """The table, with the advice marked."""
    return [each._replace(here=each.approach == _NEED_OF.get(advice.leaf)) for each in NEEDS]


def closed_or_open(answers: Answers) -> str:
    """Closed provider or open weights, in one or two sentences."""
    if "yes" in (answers.private.answer, "yes" if answers.goal.answer == "privacy" else ""):
        return "Open weights: the data must stay in house, and a closed provider's tuning takes it out."
    calls = answers.money.calls.likely * 12 / 365 if answers.money else 0
    if calls >= BIG_CALLS_A_DAY:
        return (
            f"Open weights with LoRA: at {calls:,.0f} calls a day it is by rule of thumb a hundredth of the price to "
            "train and a thousandth to serve; an adapter has some 200 MB and goes with you."
        )
    if answers.money:
        return (
            f"At {calls:,.0f} calls a day a closed provider's tuning is simpler; keep the rows and the eval set in "
            "plain files, so that you can leave."
        )
    return f"Not known without the volume: from about {BIG_CALLS_A_DAY:,} calls a day LoRA on open weights can pay."


def next_steps(advice: Advice, data: str = "") -> list[str]:
    """What to do next, commands where there are some. data: the run or file that was measured."""
    target = data or "DATA"
    ladder = f"or all of it on your dev rows: toolkit advise --ladder --data {data or 'RUN'} --model openai:NAME"
    steps = {
        Leaf.FIX_PROMPT: ["read 20 failures, mend the prompt, constrain the output, run the same rows again"],
        Leaf.FEW_SHOT: ["put 3 to 5 examples into the prompt, then 20 and 100 that are like the request", ladder],
        Leaf.STRONGER: [
            "run the same rows through the strongest model, and write down score and price",
            f"{ladder} --stronger anthropic:NAME",
        ],
        Leaf.RETRIEVAL: ["index the documents, and measure whether the right one is found before the answer"],
        Leaf.TOOLS: ["give the model the tool, and measure calls against their schema"],
        Leaf.COLLECT: [_COLLECT.get(advice.branch, "")],
        Leaf.DONT: ["stay with what there is; come back when an answer above has changed"],
    }.get(advice.leaf, [])
    if advice.rule == "evaluated":
        steps = [f"toolkit split {target} --heldout 0.2, on rows of real use"]
    if advice.leaf in TUNING:
        steps = [
            f"toolkit readiness {target}",
            f"toolkit export {data or 'RUN'} --to messages",
            "toolkit compare BEFORE AFTER --heldout heldout.jsonl, after the tuning",
        ]
    return [*steps, *(["answer what is unknown: it would change this advice"] if advice.turns else [])]
