"""What two texts of nearly the same meaning differ in, read from their words: numbers, a negation, a name.

Sentence encoders hardly see these: `turn on the light` and `turn off the light` have a cosine over .9.
Opposites and closed classes are lists of English words; numbers are found in any language, names where the
text is written with capitals. What this misses: opposites and things that no list holds. The cosine of the
words that differ was tried for those: it is as low for `make a list` and `add a list` as for two cities.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from toolkit.core.text import normal_text

Kind = Literal["paraphrase", "number-variant", "opposite", "slot-variant"]

_WORD = re.compile(r"\d+(?:[.,:/]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+)*")
_NAME = re.compile(r"(?<![.!?:;\n\"'])(?<![.!?:;\n\"'] )\b[A-Z][^\W\d_]+")
_PHRASES = re.compile(
    r"\b(?:(?:don't|dont|do not|doesn't|no|not) (?:know|mind|idea|clue|sure|reason|understand|problem))\b"
)
_UNITS = "zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen"
_TENS = "thirty|forty|fifty|sixty|seventy|eighty|ninety"
_DIGITS = {word: str(at) for at, word in enumerate(f"{_UNITS}|seventeen|eighteen|nineteen|twenty".split("|"))}
_DIGITS |= {word: str(10 * at) for at, word in enumerate(_TENS.split("|"), 3)}
_MULTIPLES = frozenset(("hundred", "thousand", "million", "billion", "half", "quarter", "twice", "dozen"))
_NOT = frozenset(("not", "no", "never", "without", "cannot", "none", "nothing", "neither", "nor", "unable"))
_CONTRACTED = re.compile(r"(?:do|does|did|ca|wo|is|are|was|were|should|could|would|has|have|had|ai)n['’]?t")
_OPPOSITES = """
on/off up/down increase/decrease increase/lower increase/reduce raise/lower raise/reduce higher/lower high/low
open/close open/shut start/stop start/end begin/end enable/disable activate/deactivate lock/unlock add/remove
add/delete accept/reject accept/decline approve/reject buy/sell before/after yes/no true/false left/right
more/less more/fewer most/least first/last maximum/minimum max/min largest/smallest longest/shortest best/worst
highest/lowest old/new hot/cold arrive/depart arrival/departure send/receive import/export encode/decode
encrypt/decrypt upload/download push/pull show/hide win/lose ascending/descending positive/negative like/dislike
like/hate love/hate good/bad inside/outside above/below over/under mute/unmute subscribe/unsubscribe
install/uninstall connect/disconnect pause/resume pause/play deposit/withdraw borrow/lend louder/quieter
brighten/dim warmer/cooler always/never all/none same/different with/without male/female husband/wife
mother/father son/daughter brother/sister create/delete create/remove earliest/latest early/late
increasing/decreasing uppercase/lowercase cheapest/expensive credit/debit odd/even sunrise/sunset sender/receiver
"""
_CLASSES = """
monday tuesday wednesday thursday friday saturday sunday
january february march april may june july august september october november december
today tomorrow yesterday tonight
morning afternoon evening night noon midnight
daily weekly monthly yearly hourly
second minute hour day week month year
red green blue yellow orange purple pink black white brown gray
north south east west
spanish french german italian english chinese japanese korean russian arabic portuguese dutch hindi
breakfast lunch dinner
who when where why
"""
_PAIRS = tuple(frozenset(pair.split("/")) for pair in _OPPOSITES.split())
_CLASS_OF = {word: at for at, line in enumerate(_CLASSES.strip().splitlines()) for word in line.split()}


def difference(one: str, other: str) -> Kind:
    """What kind of pair two texts are; `paraphrase` where nothing speaks against it."""
    first, second = _words(one), _words(other)
    if _numbers(first) != _numbers(second):
        return "number-variant"
    mine, theirs = Counter(first) - Counter(second), Counter(second) - Counter(first)
    if _negations(one) % 2 != _negations(other) % 2 or _opposed(mine, theirs) or _swapped(first, second):
        return "opposite"
    if _classed(mine, theirs) or _other_name(one, other):
        return "slot-variant"
    return "paraphrase"


def _words(text: str) -> list[str]:
    return [_DIGITS.get(word, word) for word in _WORD.findall(normal_text(text))]


def _numbers(words: Sequence[str]) -> Counter[str]:
    """Numbers, what multiplies them, and the half of the day after one. A lone `one` is most often no number."""
    halves = [word for before, word in pairwise(words) if before[0].isdigit() and word in ("am", "pm")]
    return Counter([word for word in words if word in _MULTIPLES or (word[0].isdigit() and word != "1")] + halves)


def _negations(text: str) -> int:
    words = _WORD.findall(_PHRASES.sub(" ", normal_text(text)))
    return sum(word in _NOT or _CONTRACTED.fullmatch(word) is not None for word in words)


def _opposed(mine: Counter[str], theirs: Counter[str]) -> bool:
    return any(len(pair & mine.keys()) == 1 and pair - mine.keys() <= theirs.keys() for pair in _PAIRS)


def _swapped(first: Sequence[str], second: Sequence[str]) -> bool:
    """From here to there, and from there to here."""
    (start, goal), (other_start, other_goal) = _ends(first), _ends(second)
    return bool(start and goal) and start != goal and (start, goal) == (other_goal, other_start)


def _ends(words: Sequence[str]) -> tuple[str, str]:
    """The words after the last `from` and after the `to` nearest to it."""
    froms = [at for at, word in enumerate(words[:-1]) if word == "from"]
    goals = [at for at, word in enumerate(words[:-1]) if word == "to"]
    if not froms or not goals:
        return "", ""
    to = min(goals, key=lambda at: abs(at - froms[-1] - 1))
    return _thing(words[froms[-1] + 1 :]), _thing(words[to + 1 :])


def _thing(words: Sequence[str]) -> str:
    return next((word for word in words if word not in ("my", "the", "a", "our", "his", "her")), "")


def _classed(mine: Counter[str], theirs: Counter[str]) -> bool:
    """Do they name two members of one closed class, such as two days? Plurals count as their singular."""
    here, there = _members(mine), _members(theirs)
    return bool({_CLASS_OF[word] for word in here - there} & {_CLASS_OF[word] for word in there - here})


def _members(words: Counter[str]) -> set[str]:
    return {each for word in words if (each := word if word in _CLASS_OF else word.removesuffix("s")) in _CLASS_OF}


def _other_name(one: str, other: str) -> bool:
    """Each names something, with a capital inside a sentence, that the other does not mention at all."""
    first, second = set(_NAME.findall(one)), set(_NAME.findall(other))
    if not first or not second:
        return False
    here, there = one.casefold(), other.casefold()
    return any(name.casefold() not in there for name in first) and any(name.casefold() not in here for name in second)
