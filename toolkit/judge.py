"""The verdict: a pure function of what the checks came to and what the policy needs.

any error or blocker among the rows that would be trained on            NOT READY
a needed check skipped, failed or unproven, or another question open    CANNOT TELL
any warning                                                             READY WITH RISKS
else                                                                    READY

Unproven is a check that missed more of the self-test's planted defects than the policy bears: what it did not find
says little. Where the policy makes that an error, it is a doubt for a needed check and a warning for another.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from toolkit.core.policy import Policy
from toolkit.core.report import Reason
from toolkit.core.types import Level, Verdict
from toolkit.decide import Decision, Kind, Outcome

LOST = 0.1
SELF_TEST = "self-test"
_NAME = re.compile(r"\w*_|\w+ \d+\.")
NONE_STAYS = "none of the rows that stay"


def verdict(reasons: Iterable[Reason]) -> Verdict:
    """The verdict that the reasons add up to."""
    worst = max((Level[reason.level.upper()] for reason in reasons), default=Level.OK)
    if worst >= Level.ERROR:
        return Verdict.NOT_READY
    if worst == Level.DOUBT:
        return Verdict.CANNOT_TELL
    return Verdict.READY_WITH_RISKS if worst == Level.WARNING else Verdict.READY


def reasons(outcomes: Sequence[Outcome], policy: Policy, row_format: str) -> list[Reason]:
    """Why the verdict is what it is, heaviest first, then by code."""
    needed = set(policy.needed(row_format))
    found = [reason for each in outcomes for reason in _of_outcome(each, needed)]
    found += [_never_ran(name) for name in sorted(needed - {each.check for each in outcomes})]
    return ordered(found)


def ordered(found: Iterable[Reason]) -> list[Reason]:
    """Reasons with the heaviest first, then by code and title."""
    return sorted(found, key=lambda reason: (-Level[reason.level.upper()], reason.code, reason.title))


def losses(decision: Decision) -> list[Reason]:
    """A warning where more than a tenth of the records left: what stays may be another data set than was meant."""
    out = decision.records - decision.kept
    causes = [
        (kind.rejected, each.check, each.code, kind)
        for each in decision.outcomes
        for kind in each.kinds
        if kind.rejected
    ]
    if out <= LOST * decision.records or not causes:
        return []
    rejected, check, code, kind = max(causes, key=lambda cause: (*cause[:3], cause[3].kind))
    title = f"{out:,} of {decision.records:,} records were quarantined"
    detail = f"{rejected:,} of them because: {kind.message}"
    remedy = "read quarantine.jsonl of the run: each record is there with why"
    return [Reason("warning", check, code, title, detail, remedy)]


def _of_outcome(each: Outcome, needed: set[str]) -> list[Reason]:
    if each.status in ("skipped", "failed"):
        return [_not_looked(each, each.check in needed)]
    if each.check == SELF_TEST and each.level >= Level.ERROR:
        return [_unproven(each, kind, kind.kind in needed) for kind in each.kinds if kind.flagged]
    own = [_reason(each, kind) for kind in each.kinds if kind.level > Level.OK]
    shared = max([kind.level for kind in each.kinds], default=Level.OK)
    if each.level > shared or (each.level > Level.OK and not own):
        own.append(_of_check(each))
    return own


def _not_looked(each: Outcome, needed: bool) -> Reason:
    words = "could not look" if each.status == "skipped" else "failed"
    detail = each.reason + (". The verdict needs it" if needed else "")
    level = "doubt" if needed else ("warning" if each.status == "failed" else "info")
    cause = "mend the cause" if each.status == "failed" else "give what it asks for"
    remedy = f"{cause} and run the command again: what is done is not done twice"
    return Reason(level, each.check, each.code, f"{each.check} {words}", detail, remedy)


def _unproven(each: Outcome, kind: Kind, needed: bool) -> Reason:
    """The kinds of the self-test are the checks that it tried."""
    detail = _title(kind.message) + (". The verdict needs it" if needed else "")
    remedy = kind.remedy or each.remedy
    return Reason("doubt" if needed else "warning", each.check, each.code, f"{kind.kind} is unproven", detail, remedy)


def _never_ran(check: str) -> Reason:
    title = f"{check} was not run"
    return Reason("doubt", check, "", title, "The verdict needs it", "run toolkit verify without --check and --skip")


def _reason(each: Outcome, kind: Kind) -> Reason:
    counted = _counted(kind.flagged_kept, kind.flagged, each)
    return Reason(kind.level.name.lower(), each.check, each.code, _of_kind(kind), counted, kind.remedy)


def _of_check(each: Outcome) -> Reason:
    """The reason for the kinds of a check that are counted together; one alone gives its words."""
    flagged, kept = each.together
    live = sorted((kind for kind in each.kinds if kind.flagged_kept and not kind.own), key=_most_first)
    more = f" and {len(live) - 4} more" if len(live) > 4 else ""
    named = f"{each.check}: {', '.join(kind.kind for kind in live[:4])}{more}"
    title = _of_kind(live[0]) if len(live) == 1 else named
    return Reason(each.level.name.lower(), each.check, each.code, title, _counted(kept, flagged, each), each.remedy)


def _most_first(kind: Kind) -> tuple[int, str]:
    return -kind.flagged_kept, kind.kind


def _counted(kept: int, flagged: int, each: Outcome) -> str:
    if not flagged:
        return ""
    of_kept = f"{kept:,} of the rows that stay ({_percent(kept, each.kept_total)})" if kept else NONE_STAYS
    return f"{of_kept}; {flagged:,} of {each.total:,} rows that were looked at"


def _percent(part: int, whole: int) -> str:
    """A share that never rounds something to nothing, or most to all."""
    percent = 100 * part / max(whole, 1)
    if percent < 0.1:
        return "<0.1 %"
    return ">99.9 %" if 99.9 < percent < 100 else f"{percent:.1f} %"


def _of_kind(kind: Kind) -> str:
    """What a kind is about: its message, or one of them where they differ from row to row."""
    return _title(f"{kind.kind}, such as: {kind.message}" if kind.varied else kind.message)


def _title(message: str) -> str:
    """A message as a sentence; a name of a column or of a program with its version stays as it is."""
    return message if _NAME.match(message) else message[:1].upper() + message[1:]
