"""Arithmetic that stands in a text and can be computed again: `12 * 3 = 36`, `<<12*3=36>>`, chains of them.

Only what can be read in one way is judged; nothing is ever passed to an interpreter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

NUMBER = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+"
MARK = re.compile(r"<<([^<>=]{1,200})=([^<>=]{1,60})>>")
TOKEN = re.compile(
    rf"(?P<number>[$€£]?(?:{NUMBER}))|(?P<sign>\*\*|[-+*/×÷^−()%=]|(?<=[\s\d)])x(?=\s*[\d$(]))"
    r"|(?P<word>[^\W\d_]+)|(?P<end>\n)|(?P<other>[^\s])"
)
SPOKEN = re.compile(
    r"(?i)(?:hundred|thousand|million|billion|trillion|lakh|crore|dozens?|mod|modulo|remainder|r|[kmb])\Z"
)
# An answer may quote a wrong sum in order to correct it, or count in a ring.
HEDGED = re.compile(
    r"(?i)\b(?:not|wrong|incorrect|mistake|error|false|instead|isn't|≠|mod|modulo|binary|hex|base|approx\w*|about"
    r"|claim\w*|says?|said|if|suppose|assum\w+)\b|≈|≡"
)
CODED = re.compile(r"(?<![\d.,])0\d")  # `0900 - 0130` are times, `007` is a name
DASHES = ("–", "—")
SIGNS = ("+", "*", "**", "/", "×", "÷", "^", "−", "-", "x", ")", "%", "=")
UNHANDY = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", re.DOTALL)
MOST_DIGITS, MOST_POWER, MOST_SIDES, MOST_TOKENS, LONGEST = 40, 64, 20, 500, 200_000


class Wrong(NamedTuple):
    """One equation that does not hold. start, stop: its place in the text; off: how sure that is, 0..1."""

    written: str
    computed: str
    start: int
    stop: int
    sureness: float


class Equation(NamedTuple):
    """One equation that could be read. sides: the value of each side as written; holds: whether they agree."""

    start: int
    stop: int
    sides: tuple[Fraction, ...]
    wrong: Wrong | None


def equations(text: str) -> Iterator[Equation]:
    """The equations of a text in order; code blocks and inline code are left out, texts are cut at 200,000."""
    plain = _without_code(text[:LONGEST])
    marks = [(match.start(), match.end(), [match[1], match[2]], True) for match in MARK.finditer(plain)]
    rest = MARK.sub(lambda match: "\n" * len(match[0]), plain) if marks else plain
    for start, stop, sides, is_mark in sorted([*marks, *_spelled(rest)]):
        values = [value_of(side) for side in sides]
        told = tuple(value for value in values if value is not None)
        if len(told) < len(values) or not any(_operates(side) for side in sides):
            continue
        hedged = not is_mark and bool(HEDGED.search(plain[max(0, start - 40) : stop + 25]))
        yield Equation(start, stop, told, _wrong((start, stop), sides, told, (is_mark, hedged)))


def _spelled(text: str) -> Iterator[tuple[int, int, list[str], bool]]:
    """Runs of numbers and signs with an equals sign between: places, sides, and that it is no mark."""
    run: list[re.Match[str]] = []
    before: re.Match[str] | None = None
    for token in [*TOKEN.finditer(text), None]:
        if token is not None and token.lastgroup in ("number", "sign"):
            run.append(token)
            continue
        if run:
            yield from _whole(text, run, before, token)
            run = []
        before = token


def _whole(
    text: str, run: list[re.Match[str]], before: re.Match[str] | None, after: re.Match[str] | None
) -> Iterator[tuple[int, int, list[str], bool]]:
    """The sides of a run, without the first or the last where what stands beside them belongs to them."""
    cuts = [at for at, token in enumerate(run) if token[0] == "="]
    if not 0 < len(cuts) <= MOST_SIDES or len(run) > MOST_TOKENS:
        return
    ends = [(0 if at == 0 else cuts[at - 1] + 1, [*cuts, len(run)][at]) for at in range(len(cuts) + 1)]
    if _clings(text, before, run[0]) or run[0][0] in SIGNS:
        ends = ends[1:]
    if ends and (run[-1][0] in SIGNS or _goes_on(text, run[-1], after)):
        ends = ends[:-1]
    if len(ends) < 2 or any(stop <= start for start, stop in ends):
        return
    sides = [_balanced(text[run[start].start() : run[stop - 1].end()]) for start, stop in ends]
    yield run[ends[0][0]].start(), run[ends[-1][1] - 1].end(), sides, False


def _clings(text: str, before: re.Match[str] | None, first: re.Match[str]) -> bool:
    """Whether a letter, a colon or the like stands right before, as in `2:30`, `x2` or `√4`."""
    if before is None or before.lastgroup == "end":
        return False
    if before[0] in DASHES and re.search(r"[\d)%]\s*\Z", text[: before.start()][-4:]):
        return True  # a minus, or what a heading ends with: `$90 - (20 + 5) = 65` goes wrong without its beginning
    if before.end() == first.start():
        return before[0] not in tuple("\"'“‘([{-–—>*:") or (
            before[0] == ":" and text[before.start() - 1 : before.start()].isdigit()
        )
    variable = before.lastgroup == "word" and len(before[0]) == 1 and before[0] not in "aAI"
    return before[0] in tuple("√<>≤≥≠≈±∑∫·") or (variable and not text[: before.start()].endswith(("'", "’")))


def _goes_on(text: str, last: re.Match[str], after: re.Match[str] | None) -> bool:
    """Whether what follows changes the value: a variable, a unit that scales, a colon or comma of a number."""
    if after is None or after.lastgroup == "end":
        return False
    close = after.start() == last.end()
    if after.lastgroup == "word":
        return SPOKEN.match(after[0]) is not None or (close and after[0].lower() not in ("st", "nd", "rd", "th"))
    if after[0] in "!≠≈<>≤≥±·" or (after[0] in DASHES and re.match(r"\s*[$€£]?[\d(]", text[after.end() :][:4])):
        return True
    return close and (after[0] in "°²³_" or (after[0] in ":,.'’" and text[after.end() : after.end() + 1].isdigit()))


def _balanced(side: str) -> str:
    """A side without a bracket at its ends that it does not share: `(2 * 3 = 6)`."""
    side = side.strip()
    while side.count("(") > side.count(")") and side.startswith("("):
        side = side[1:].strip()
    while side.count(")") > side.count("(") and side.endswith(")"):
        side = side[:-1].strip()
    return side


def wrong_sums(text: str) -> list[Wrong]:
    """The equations of a text that do not hold, in order."""
    if "=" not in text:
        return []
    return [each.wrong for each in equations(text) if each.wrong is not None]


def value_of(expression: str) -> Fraction | None:
    """The value of an expression of numbers, + - * / ^ and brackets; None where it cannot be read.

    `$`, thousands commas and `%` (a hundredth) are understood. Division by zero is not readable.
    """
    tokens = _tokens(expression)
    if tokens is None or len(tokens) > 200 or expression.count("(") > 20:
        return None
    try:
        value, at = _sum(tokens, 0)
    except (ZeroDivisionError, ValueError, IndexError):
        return None
    return value if at == len(tokens) else None


def _wrong(
    place: tuple[int, int], sides: list[str], values: tuple[Fraction, ...], what: tuple[bool, bool]
) -> Wrong | None:
    is_mark, hedged = what
    for at in range(1, len(sides)):
        gap = _gap(sides[at - 1], sides[at], values[at - 1], values[at])
        if gap == "none":
            continue
        sure = 1.0 if is_mark else 0.9
        doubtful = gap == "unsure" or hedged or any(CODED.search(side) for side in sides[at - 1 : at + 1])
        if doubtful or (not is_mark and (_may_be_a_range(sides[at - 1]) or not _operates(sides[at - 1]))):
            sure = 0.3
        written = f"{sides[at - 1].strip()} = {sides[at].strip()}"
        return Wrong(written[:120], _shown(values[at - 1]), *place, sure)
    return None


def _gap(left: str, right: str, one: Fraction, other: Fraction) -> str:
    """`none` where the sides agree as written, `unsure` where another reading may explain it, else `wrong`."""
    step = max(Fraction(1, 10 ** _decimals(right)), abs(other) / 10**9)
    readings = [one, *_percents(left), *_fraction_divisor(left)]
    targets = [other, *([other * 100, other / 100] if "%" in left + right else [])]
    targets += _first_value(right)  # `2 + 3 = 5 * 2 = 10` goes on with what it has
    near = [(value, target) for value in readings for target in targets if abs(value - target) <= step]
    if any(abs(value - target) <= abs(target) / 10**9 for value, target in near):
        return "none"
    digits = 10 ** _decimals(right)
    if any((value * digits).denominator != 1 for value, _ in near):  # cut or rounded at the last digit
        return "none" if digits > 1 else "unsure"
    if any(value == target * 10**power for value in readings for target in targets for power in (-3, -2, 2, 3)):
        return "unsure"  # cents, percent or thousands
    inexact = any("." in number for number in re.findall(NUMBER, left))
    close = any(abs(value - other) <= abs(other) / 100 for value in readings)
    return "unsure" if inexact and close else "wrong"


def _fraction_divisor(side: str) -> list[Fraction]:
    """`28 / 1/5` is meant as 28 divided by a fifth."""
    match = re.fullmatch(rf"(.*\S)\s*/\s*({NUMBER})\s*/\s*({NUMBER})\s*", side)
    if not match:
        return []
    base, low = value_of(match[1]), value_of(f"{match[2]}/{match[3]}")
    return [] if base is None or not low else [base / low]


def _percents(side: str) -> list[Fraction]:
    """`40 - 25%` is meant as three quarters of 40."""
    match = re.fullmatch(rf"(.*\S)\s*([+−-])\s*((?:{NUMBER}))\s?%\s*", side)
    if not match:
        return []
    base, share = value_of(match[1]), value_of(match[3])
    if base is None or share is None:
        return []
    return [base * (1 + (share if match[2] == "+" else -share) / 100)]


def _first_value(side: str) -> list[Fraction]:
    match = re.match(rf"\s*([$€£]?(?:{NUMBER})\s?%?)", side)
    value = value_of(match[1]) if match and _operates(side) else None
    return [] if value is None else [value]


def _decimals(side: str) -> int:
    """Digits behind the point of the last number of a side."""
    numbers = re.findall(NUMBER, side)
    return len(numbers[-1].partition(".")[2]) if numbers else 0


def _operates(side: str) -> bool:
    return re.search(r"[\d)%]\s*(?:[+*/×÷^−-]|x)", side) is not None


def _may_be_a_range(side: str) -> bool:
    """`3-5`, `1914-18`, `1/2`: a range, a date or a ratio as well as a sum; of a range the second number is larger."""
    match = re.fullmatch(rf"\s*({NUMBER})([-/−])({NUMBER})\s*", side)
    if match is None or match[2] == "/" or re.fullmatch(r"1[5-9]\d\d|20\d\d", match[1]):
        return match is not None
    return float(match[1].replace(",", "")) <= float(match[3].replace(",", ""))


def _shown(value: Fraction) -> str:
    return str(value.numerator) if value.denominator == 1 else f"{float(value):.6g}"


def _without_code(text: str) -> str:
    return UNHANDY.sub(lambda match: " " * len(match[0]), text) if "`" in text else text


def _tokens(expression: str) -> list[str | Fraction] | None:
    found: list[str | Fraction] = []
    at, text = 0, expression.strip()
    while at < len(text):
        match = TOKEN.match(text, at)
        if not match or len(match[0]) > MOST_DIGITS:
            return None
        number, sign = match["number"], match["sign"]
        if not number and not sign:
            return None
        found.append(Fraction(re.sub(r"[$€£,]", "", number)) if number else sign)
        at = match.end() + len(text[match.end() :]) - len(text[match.end() :].lstrip())
    return found


def _sum(tokens: list[str | Fraction], at: int) -> tuple[Fraction, int]:
    value, at = _product(tokens, at)
    while at < len(tokens) and tokens[at] in ("+", "-", "−"):
        other, after = _product(tokens, at + 1)
        value, at = (value + other if tokens[at] == "+" else value - other), after
    return value, at


def _product(tokens: list[str | Fraction], at: int) -> tuple[Fraction, int]:
    value, at = _power(tokens, at)
    while at < len(tokens) and tokens[at] in ("*", "/", "×", "÷", "x"):
        other, after = _power(tokens, at + 1)
        value, at = (value / other if tokens[at] in ("/", "÷") else value * other), after
    return value, at


def _power(tokens: list[str | Fraction], at: int) -> tuple[Fraction, int]:
    sign = 1
    if tokens[at] in ("-", "−", "+"):
        sign, at = (1 if tokens[at] == "+" else -1), at + 1
    value, at = _atom(tokens, at)
    if at < len(tokens) and tokens[at] in ("^", "**"):
        power, at = _power(tokens, at + 1)
        if power.denominator != 1 or abs(power) > MOST_POWER:
            raise ValueError("the power is not a small whole number")
        value = value ** int(power)
    return sign * value, at


def _atom(tokens: list[str | Fraction], at: int) -> tuple[Fraction, int]:
    first = tokens[at]
    if first == "(":
        value, at = _sum(tokens, at + 1)
        if tokens[at] != ")":
            raise ValueError("a bracket is not closed")
    elif isinstance(first, Fraction):
        value = first
    else:
        raise ValueError(f"{first} is no number")
    at += 1
    if at < len(tokens) and tokens[at] == "%":
        return value / 100, at + 1
    return value, at
