"""N02: answers that are probably wrong."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from toolkit.core.answers import Final, announced, final_answer, numbers, times
from toolkit.core.arithmetic import Equation, equations
from toolkit.core.errors import NotApplicable
from toolkit.core.text import normal_text
from toolkit.core.types import Fact, Finding, Result
from toolkit.store.view import View

ALIKE = 0.9
FEWEST = 200
TELLS = 0.9
MOST_VOTERS = 20
SURE = 0.5
FLOOR = 0.1
ECHO_CHARS = 40
PARTS = ("(a)", "(b)", "part a", "part 1", "(i)", "1)")


class Sign(NamedTuple):
    """One reason to doubt an answer. weight: 0..1, as the chance that the answer is wrong for it."""

    kind: str
    weight: float
    words: str


class Answer(NamedTuple):
    """What was read in one answer."""

    text: str
    final: Final | None
    equations: tuple[Equation, ...]


@dataclass(frozen=True, slots=True)
class SuspiciousAnswer:
    """A wrong answer is learned as well as a right one, and no loss curve shows it.

    Found: sums in the answer that do not compute (`arithmetic`; `<<12*3=35>>`, `12 * 3 = 35`, chains;
    the only kind that can be verified); a final answer that the answers to the same prompt outvote
    (`outvoted`); final answers that differ within one text (`contradiction`); one that is not what was
    computed last (`final-mismatch`); an answer that repeats its prompt (`echo`); one that fits other
    prompts as well as its own (`unrelated`: true pairs of these rows against shuffled ones, by
    embeddings, the share of foreign answers being estimated; not told where the two cannot be told
    apart). Reasons add up: the score is one minus the product of what each leaves, and the strongest
    names the kind. Steps that no other answer to the prompt takes, and numbers of the prompt that are
    never used, count a little where answers compute.

    Prompts are the same where the system turns are the same and the rest of their text is, or nearly is
    (shingle Jaccard .9) with the same numbers, and asks the same beside a document that both hold.
    Missed: wrong answers on which all generators agree, wrong facts, code that runs and is wrong.
    Example: `There are 4 + 3 = 8 eggs.`
    """

    id: ClassVar[str] = "suspicious-answer"
    code: ClassVar[str] = "N02"
    version: ClassVar[int] = 4
    scope: ClassVar[str] = "input"
    embeds: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("prompt", "question", "system", "answer")

    seed: int = 0

    def run(self, view: View) -> Iterator[Result]:
        if view.manifest.format in ("text", "text-label", "preference", "unpaired-preference"):
            raise NotApplicable(f"{view.manifest.format} rows have no one answer to a prompt")
        rows, prompts, answers, keys = _pairs(view)
        if not len(rows):
            return
        groups = _same_prompts(keys)
        read = [_read(text) for text in answers]
        doubts, auc = _unrelated(view, prompts, answers, self.seed)
        for row, sign, score, other in self._found(prompts, read, groups, doubts):
            place = None if other is None else int(rows[other])
            evidence = {"kinds": [each.kind for each in sign]}
            words = "; ".join(each.words for each in sign)
            yield Finding(
                int(rows[row]), score, words, kind=sign[0].kind, other=place, column="answer", evidence=evidence
            )
        voters = np.bincount(groups, minlength=len(rows))[groups] > 1
        yield Fact("answers with others to the same prompt", float(voters.sum()), "rows")
        yield Fact("equations computed again", float(sum(len(each.equations) for each in read)), "equations")
        if auc is not None:
            yield Fact("pairing AUC", auc, "share")

    def _found(
        self, prompts: Sequence[str], read: Sequence[Answer], groups: np.ndarray, doubts: np.ndarray
    ) -> Iterator[tuple[int, list[Sign], float, int | None]]:
        votes = _votes(read, groups)
        for at, answer in enumerate(read):
            voted, other = votes.get(at, ((), None))
            signs = [*_sums(answer), *voted, *_own(prompts[at], answer)]
            if doubts[at] >= FLOOR:
                signs.append(Sign("unrelated", float(doubts[at]), "the answer fits other prompts as well as its own"))
            named = sorted((each for each in signs if each.weight >= 0.05), key=lambda each: (-each.weight, each.kind))
            score = 1 - float(np.prod([1 - each.weight for each in signs]))
            if named and score >= FLOOR:
                yield at, named, min(score, 1.0), other


def _pairs(view: View) -> tuple[np.ndarray, list[str], list[str], list[tuple[str, str]]]:
    """Rows that have a prompt and an answer, in an order that depends on their content alone; what makes two the same.

    The last are the system turns and the prompt without the instructions that rows share.
    """
    table = view.table("prompt", "question", "system", "answer")
    rows, prompts = table.column("row").to_numpy(), table.column("prompt").to_pylist()
    answers, systems = table.column("answer").to_pylist(), table.column("system").to_pylist()
    asked = table.column("question").to_pylist()
    some = [at for at in range(len(rows)) if (prompts[at] or "").strip() and (answers[at] or "").strip()]
    some.sort(key=lambda at: (prompts[at], answers[at], systems[at] or ""))
    normal = {system: normal_text(system or "") for system in set(systems)}
    keys = [(normal[systems[at]], _lines(asked[at])) for at in some]
    return rows[some], [prompts[at] for at in some], [answers[at] for at in some], keys


def _lines(text: str) -> str:
    """Normalised line by line: a document and the question under it stay apart."""
    return "\n".join(filter(None, map(normal_text, text.splitlines())))


def _same_prompts(keys: Sequence[tuple[str, str]]) -> np.ndarray:
    """The first place with the same prompt, shape (n,)."""
    import pyarrow as pa

    from toolkit.near.components import components
    from toolkit.near.pairs import near_pairs

    unique = {key: at for at, key in enumerate(dict.fromkeys(keys))}
    of = np.array([unique[key] for key in keys], np.int64)
    told = list(unique)
    found = near_pairs(pa.chunked_array([pa.array([text for _, text in told], pa.large_string())]), threshold=ALIKE)
    pairs = zip(found.left.tolist(), found.right.tolist(), strict=True)
    same = np.array([_ask_the_same(told[one], told[two]) for one, two in pairs], bool)
    return np.asarray(components(len(told), found.left[same], found.right[same])[of], np.int64)


def _ask_the_same(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Whether two prompts that are nearly the same text ask the same, with the same numbers, under one system turn."""
    from toolkit.near.passages import Asked, ask_otherwise, sentences

    if one[0] != other[0] or numbers(one[1]) != numbers(other[1]):
        return False
    rows = (Asked(sentences(text), ("any",)) for _, text in (one, other))
    return not ask_otherwise(*rows)


def _read(text: str) -> Answer:
    found = tuple(equations(text)) if "=" in text else ()
    return Answer(text, final_answer(text), found)


def _sums(answer: Answer) -> list[Sign]:
    wrong = max((each.wrong for each in answer.equations if each.wrong), key=lambda each: each.sureness, default=None)
    if wrong is None:
        return []
    kind = "arithmetic" if wrong.sureness > SURE else "doubtful-sum"
    return [Sign(kind, wrong.sureness, f"{wrong.written} does not compute: it is {wrong.computed}")]


def _votes(read: Sequence[Answer], groups: np.ndarray) -> dict[int, tuple[list[Sign], int | None]]:
    """What the other answers to a prompt say about each, and one that says otherwise."""
    members: dict[int, list[int]] = defaultdict(list)
    for at, group in enumerate(groups.tolist()):
        members[group].append(at)
    return {at: found for each in members.values() if len(each) > 1 for at, found in _vote(read, each).items()}


def _vote(read: Sequence[Answer], members: list[int]) -> dict[int, tuple[list[Sign], int | None]]:
    finals = {at: final for at in members if (final := read[at].final) is not None}
    count = Counter(final.value for final in finals.values())
    if not count:
        return {}
    best, most = count.most_common(1)[0]
    computed = sum(bool(read[at].equations) or (at in finals and finals[at].numeric) for at in members) * 2 > len(
        members
    )
    numeric = sum(final.numeric for final in finals.values()) * 2 > len(finals)
    settled = most * 2 > len(members)
    if not settled and (not (numeric and computed) or len(members) > MOST_VOTERS):
        return {}  # variety may be wanted where nothing is computed
    others = {value: at for at, final in reversed(finals.items()) for value in (final.value,)}
    steps = Counter(step for at in members for step in _steps(read[at]))
    found = {}
    for at in members:
        own = count[finals[at].value] if at in finals else 0
        against = 1 - max(own, 1) / len(members)
        dissent = len(members) - max(own, 1)
        words = f"{dissent} of {len(members) - 1} other answers to this prompt come to another result"
        signs = [Sign("outvoted", _capped(against, numeric), words)] if against else []
        alone = [step for step in _steps(read[at]) if steps[step] == 1]
        if computed and (alone or not _steps(read[at])):
            share = len(alone) / max(len(_steps(read[at])), 1) or 1.0
            signs.append(Sign("alone", 0.25 * share, "no other answer to this prompt takes these steps"))
        other = next((place for value, place in others.items() if at in finals and value != finals[at].value), None)
        found[at] = (signs, others[best] if own < most else other)
    return found


def _capped(against: float, numeric: bool) -> float:
    """The chance that the outvoted is wrong: a tie is under the bar; short words may say the same in other words."""
    return 0.9 * against if numeric else min(0.9 * against, 0.6)


def _steps(answer: Answer) -> set[str]:
    return {str(each.sides[-1]) for each in answer.equations}


def _own(prompt: str, answer: Answer) -> list[Sign]:
    """What an answer says about itself."""
    signs = []
    announces = answer.final is not None and answer.final.said
    said = {each.value for each in announced(answer.text) if each.numeric} if announces else set()
    if len(said) > 1 and not any(part in prompt.lower() for part in PARTS):
        signs.append(Sign("contradiction", 0.6, f"the answer announces {len(said)} different results"))
    if answer.equations and answer.final and answer.final.numeric and answer.final.said:
        if answer.final.value not in {str(side) for side in answer.equations[-1].sides}:
            nowhere = times(answer.text, answer.final.value) < 2
            words = "stands nowhere before it" if nowhere else "is not the last result computed"
            signs.append(Sign("final-mismatch", 0.6 if nowhere else 0.2, f"the final answer {words}"))
        asked = numbers(prompt)
        if asked:
            unused = len(asked - numbers(answer.text)) / len(asked)
            signs.append(Sign("unused", 0.25 * unused, "numbers of the prompt are not used"))
    return [*signs, *_echo(prompt, answer.text)]


def _echo(prompt: str, text: str) -> list[Sign]:
    asked = prompt.strip()
    if len(asked) < ECHO_CHARS or not text.lstrip()[:20].lower().startswith(asked[:20].lower()):
        return []
    one, other = normal_text(asked), normal_text(text)
    if one == other:
        return [Sign("echo", 0.9, "the answer repeats the prompt and says nothing else")]
    return [Sign("echo", 0.5, "the answer begins with the whole prompt")] if other.startswith(one) else []


def _unrelated(
    view: View, prompts: Sequence[str], answers: Sequence[str], seed: int
) -> tuple[np.ndarray, float | None]:
    """Doubts by pairing, shape (n,); zeros where it cannot be told."""
    none = np.zeros(len(prompts))
    if view.encode is None:
        return none, None
    long = np.array([len(one.split()) > 2 and len(two.split()) > 2 for one, two in zip(prompts, answers, strict=True)])
    at = np.flatnonzero(long)
    if len(at) < FEWEST or len({prompts[each] for each in at.tolist()}) * 2 < len(at):
        return none, None
    from toolkit.near.pairing import pairing

    asked, told = ([texts[each] for each in at.tolist()] for texts in (prompts, answers))
    found = pairing(view.encode(asked), view.encode(told), seed=seed)
    if found.auc >= TELLS:
        none[at] = found.doubt
    return none, found.auc
