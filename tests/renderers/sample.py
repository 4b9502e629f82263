"""Reports to render: a usual one, one where nothing could be looked at, and one full of hostile text."""

from __future__ import annotations

from dataclasses import replace

from toolkit.core.report import (
    CheckLine,
    ClassLine,
    Example,
    Heldout,
    Lengths,
    Number,
    Part,
    Reason,
    Report,
)

RUN = "runs/support-tickets"
SIZES = {
    "billing dispute": 71,
    "password reset": 66,
    "order status": 62,
    "refund request": 58,
    "delivery delay": 55,
    "account locked": 51,
    "change address": 48,
    "damaged item": 46,
    "cancel subscription": 43,
    "invoice copy": 40,
    "app crash": 38,
    "promo code": 34,
    "wrong item": 31,
    "data export": 27,
    "upgrade plan": 24,
    "tax form": 19,
    "accessibility": 14,
    "press enquiry": 11,
}


def _line(code, check, **given):
    plain = {
        "scope": "input",
        "status": "ran",
        "reason": "",
        "seen": 812,
        "total": 812,
        "flagged": 0,
        "flagged_kept": 0,
        "rejected": 0,
        "level": "ok",
        "level_input": "ok",
        "kinds": {},
        "summary": "",
        "needed": True,
    }
    return CheckLine(check=check, code=code, **{**plain, **given})


CHECKS = [
    _line(
        "S01",
        "parse",
        flagged=3,
        rejected=3,
        level_input="blocker",
        kinds={"not-json": [2, 0], "not-utf8": [1, 0]},
        summary="3 lines could not be read",
    ),
    _line("S02", "row-format", seen=809, total=809),
    _line(
        "S03",
        "roles",
        status="not applicable",
        reason="rows of text and label have no turns",
        seen=0,
        total=809,
        needed=False,
    ),
    _line(
        "S04",
        "empty-answer",
        flagged=12,
        rejected=12,
        seen=809,
        total=809,
        level_input="error",
        kinds={"blank": [8, 0], "placeholder": [4, 0]},
    ),
    _line(
        "S05",
        "template-residue",
        flagged=2,
        rejected=2,
        seen=809,
        total=809,
        level_input="error",
        kinds={"unrendered": [2, 0]},
        needed=False,
    ),
    _line("S07", "duplicate-id", seen=809, total=809, needed=False),
    _line(
        "D01",
        "exact-duplicate",
        flagged=31,
        rejected=31,
        seen=809,
        total=809,
        level_input="warning",
        kinds={"exact": [31, 0]},
    ),
    _line(
        "D02",
        "near-duplicate",
        flagged=30,
        flagged_kept=8,
        rejected=22,
        seen=809,
        total=809,
        level_input="warning",
        kinds={"near": [22, 0], "number-variant": [5, 5], "other-label": [3, 3]},
        level="info",
    ),
    _line(
        "D04",
        "conflict",
        flagged=7,
        flagged_kept=6,
        seen=809,
        total=809,
        level="warning",
        level_input="warning",
        kinds={"label": [7, 6]},
    ),
    _line(
        "N01",
        "label-noise",
        scope="kept",
        flagged=19,
        flagged_kept=19,
        seen=738,
        total=738,
        level="warning",
        level_input="warning",
        kinds={"label": [19, 19]},
    ),
    _line("Q01", "refusal", seen=809, total=809, needed=False),
    _line(
        "P01",
        "secret",
        flagged=4,
        rejected=4,
        seen=809,
        total=809,
        level_input="blocker",
        kinds={"aws-access-key": [1, 0], "github-token": [3, 0]},
    ),
    _line(
        "L01",
        "leak",
        status="skipped",
        reason="no file to compare with; name one with --against",
        seen=0,
        total=809,
        needed=False,
    ),
    _line("L01", "leak", scope="split", seen=82, total=82),
    _line("C01", "balance", scope="kept", seen=738, total=738, level="info", level_input="info"),
    _line("A01", "heldout-size", scope="split", seen=82, total=82, level="warning", level_input="warning"),
]

REASONS = [
    Reason(
        "warning",
        "label-noise",
        "N01",
        "19 labels look wrong (2.6 % of 738 rows)",
        "The estimate is 2.6 %, 95 % interval 1.6 to 4.0 %. Flags are a ranking, not a verdict: of such flags a "
        "third to nine tenths turn out to be wrong labels.",
        "toolkit findings runs/support-tickets --check label-noise, and relabel from the top by hand",
    ),
    Reason(
        "info",
        "balance",
        "C01",
        "738 rows: enough to try a fine-tune",
        "Guidance asks for 500 and more; it has no error bars, the learning curve is the measured answer.",
        "",
    ),
    Reason(
        "warning",
        "heldout-size",
        "A01",
        "82 held-out rows show a gain of 11.8 points or more, nothing smaller",
        "A smaller difference between two models on these rows is noise. None of the 18 classes has the 30 held-out "
        "rows that a figure of its own needs, and 18 have fewer than 10: per-class figures cannot be measured.",
        "collect 387 more rows of real use for a gain of 5 points, or read the cross-validated estimate",
    ),
    Reason(
        "warning",
        "conflict",
        "D04",
        "6 rows have the text of another row and another label",
        "In training they teach both answers; held out, one of the two is always wrong.",
        "toolkit findings runs/support-tickets --check conflict lists the pairs: decide which is right",
    ),
]

EXAMPLES = [
    Example(
        "label-noise",
        "label",
        "line-417",
        None,
        0.97,
        "labelled 'press enquiry', reads like 'order status'",
        "Hi, I ordered a standing desk on the 3rd and the tracking page says 'preparing'. When will it ship?",
    ),
    Example(
        "label-noise",
        "label",
        "line-88",
        None,
        0.94,
        "labelled 'promo code', reads like 'refund request'",
        "The voucher was fine but the chair arrived broken.\nI want my money back, not another voucher.",
    ),
    Example(
        "near-duplicate",
        "near",
        "line-602",
        "line-599",
        0.93,
        "nearly the same text as another row",
        "cant log in since this morning, it says account locked after 3 tries",
    ),
    Example(
        "conflict",
        "label",
        "line-233",
        "line-12",
        1.0,
        "the text of another row with another label",
        "Please send me the invoice for March again.",
    ),
    Example(
        "secret",
        "github-token",
        "line-745",
        None,
        1.0,
        "the text holds what looks like a github-token",
        "my integration stopped working, here is the token ghp_********",
    ),
    Example("parse", "not-json", "line-301", None, 1.0, "Expecting ',' delimiter: column 62", '{"text": "where is my'),
]


LEARNED = [[66, 0.61, None, None], [131, 0.7, None, None], [262, 0.78, None, None], [656, 0.864, None, None]]
SECTIONS = {
    "since": {
        "report": f"{RUN} of 2026-01-02",
        "changed": [["verdict", "NOT READY", "READY WITH RISKS"], ["kept", 640, 738], ["smallest gain", None, 11.8]],
        "gone": ["12 answers are empty"],
        "new": [],
        "checks": [["label-noise (kept)", "skipped", "19 rows"]],
    },
    "fixes": [
        {
            "reason": "6 rows have the text of another row and another label",
            "try": f"toolkit findings {RUN} --check conflict",
            "effect": "without it: READY WITH RISKS",
            "check": "conflict",
        }
    ],
    "minimums": [
        {"what": "rows that stay", "least": 500, "for": "a fine-tune", "source": "a guide", "have": 738.0, "met": True},
        {"what": "held-out rows", "least": 469, "for": "five points", "source": "Connor", "have": 82.0, "met": False},
    ],
    "learning": {
        "line": "a linear probe names 86.4% of labels after 656 rows; twice as many would add 2.9 points",
        "points": LEARNED,
        "expected": [[328, 0.81, 0.78, 0.84], [656, 0.866, 0.85, 0.88], [1312, 0.895, 0.87, 0.91]],
        "gain": [2.9, 1.2, 4.4],
    },
    "made": {
        "provider": "anthropic",
        "target": 700,
        "candidates": 1003,
        "accepted": 700,
        "waterfall": [
            {"gate": "schema", "reached": 1003, "refused": 102},
            {"gate": "dedupe", "reached": 901, "refused": 188},
            {"gate": "surplus", "reached": 713, "refused": 13},
        ],
    },
    "leaked": {
        "line": "a linear probe names 86.4% of held-out labels. Report the last",
        "parts": [["all", 82, 0.864, 0.77, 0.92], ["similar", 12, 1.0, 0.76, 1.0], ["the rest", 70, 0.84, 0.74, 0.91]],
        "curve": [["0.0 to 0.5", 40, 0.8, 0.65, 0.9], ["0.9 to 1.0", 12, 1.0, 0.76, 1.0]],
    },
    "cost": {
        "line": "about 30,000 tokens in 656 train rows, 3 epochs; from $0.05 (a provider)",
        "facts": [
            {"name": "tokens of a pass", "value": 3e4, "unit": "tokens", "group": "guessed", "low": 24e3, "high": 4e4},
            {"name": "cost of training", "value": 0.05, "unit": "$", "group": "a provider", "low": 0.04, "high": 0.06},
        ],
    },
    "personal": [["secret", "github-token", 3, 0], ["pii", "email", 9, 4]],
}


def _classes():
    held = [8, 7, 7, 6, 6, 6, 5, 5, 5, 5, 4, 4, 3, 3, 3, 2, 2, 1]
    pairs = zip(SIZES.items(), held, strict=True)
    return [ClassLine(name, rows, rows - out, out) for (name, rows), out in pairs]


def _lengths():
    at = (0, 5, 25, 50, 75, 95, 99, 100)
    return [
        Lengths("text", tuple(zip(at, (9.0, 31.0, 68.0, 112.0, 190.0, 420.0, 810.0, 2_304.0), strict=True))),
        Lengths("answer", tuple(zip(at, (8.0, 8.0, 10.0, 12.0, 15.0, 19.0, 19.0, 19.0), strict=True))),
    ]


def usual() -> Report:
    """800 support tickets in 18 classes from a CSV."""
    return Report(
        verdict="READY WITH RISKS",
        name="support-tickets",
        created="2026-01-15T10:04:00Z",
        toolkit="0.1.0",
        policy="default",
        format="text-label",
        sources=[
            {
                "name": "support-tickets.csv",
                "sha256": "3f5a" * 16,
                "records": 812,
                "rows": 809,
                "rejects": 3,
                "notes": ["read as CSV with the delimiter ';'"],
            }
        ],
        records=812,
        rows=809,
        kept=738,
        quarantined=74,
        quarantine=[
            ["exact-duplicate", "exact", 31],
            ["near-duplicate", "near", 22],
            ["empty-answer", "blank", 8],
            ["empty-answer", "placeholder", 4],
            ["secret", "github-token", 3],
            ["parse", "not-json", 2],
            ["template-residue", "unrendered", 2],
            ["parse", "not-utf8", 1],
            ["secret", "aws-access-key", 1],
        ],
        reasons=REASONS,
        checks=CHECKS,
        examples=EXAMPLES,
        parts=[
            Part("train", 656, 656 / 738, "train.jsonl", "a1b2" * 16),
            Part("heldout", 82, 82 / 738, "heldout.jsonl", "c3d4" * 16),
        ],
        split={
            "seed": 7,
            "threshold": 0.7,
            "components": 731,
            "largest_component": 4,
            "sacrificed": 0,
            "keys": ["exact", "near", "group"],
            "stratified": True,
        },
        heldout=Heldout(82, 82, 81.2, 11.8, 0.15, 8.7, 0, 0, 18, ("every held-out row is of real use",)),
        classes=_classes(),
        lengths=_lengths(),
        numbers=[
            Number("classes", 18.0, "classes", check="balance"),
            Number("effective classes", 15.9, "classes", check="balance"),
            Number("imbalance ratio", 6.4545, "times", check="balance"),
            Number("distinct rows", 778.0, "rows", check="exact-duplicate"),
            Number("label noise", 2.6, "%", low=1.6, high=4.0, check="label-noise"),
            Number("cross-validated accuracy", 86.4, "%", low=83.8, high=88.7, check="label-noise"),
        ],
        source_kinds={"real": 738},
        not_looked=[
            ["leak", "skipped", "no file to compare with; name one with --against"],
            ["roles", "not applicable", "rows of text and label have no turns"],
        ],
        missing=["semantic duplicates (D03)", "language of the answer (Q02)", "personal data (P02)"],
        next=[
            "collect rows of the small classes; toolkit split RUN --heldout SHARE takes a larger share",
            f"toolkit findings {RUN} --check label-noise",
            f"toolkit export {RUN} --to trl",
        ],
        extra=SECTIONS,
    )


def empty() -> Report:
    """12 rows without labels and without a split, where every check was skipped."""
    lines = [
        _line(
            line.code, line.check, status="skipped", reason="fewer than 20 rows", seen=0, total=12, needed=line.needed
        )
        for line in CHECKS
    ]
    return Report(
        verdict="CANNOT TELL",
        name="notes",
        created="2026-01-15T10:04:00Z",
        toolkit="0.1.0",
        policy="default",
        format="text",
        sources=[{"name": "notes.txt"}],
        records=12,
        rows=12,
        kept=12,
        quarantined=0,
        quarantine=[],
        reasons=[Reason("doubt", "parse", "S01", "no check looked at these rows", "All 15 were skipped.", "")],
        checks=lines,
        examples=[],
        parts=[],
        split={},
        heldout=None,
        classes=[],
        lengths=[],
        numbers=[],
        source_kinds={},
        not_looked=[[line.check, line.status, line.reason] for line in lines],
        missing=[],
        next=[],
    )


SCRIPT = "<script>document.title='owned';document.documentElement.dataset.owned=1;alert(1)</script>"
HOSTILE = (
    SCRIPT,
    '"><img src=x onerror="document.title=\'owned\'">',
    "'><svg/onload=document.title='owned'>",
    "</title></style></textarea></svg></pre></details><script src=http://evil.test/x.js></script>",
    "<a href=\"javascript:document.title='owned'\">click</a>",
    "[click](javascript:alert(1)) ![x](http://evil.test/p.png) http://evil.test/a www.evil.test @everyone a@evil.test",
    "{{ 7 * 7 }} {% include 'x' %} ${7*7} <%= 7 %>",
    "safe\u202egnp.exe\u202c \u2066isolated\u2069 zero\u200bwidth \ufeffmark \U000e0041tag",
    "nul\x00 esc\x1b[31mred\x1b[0m \x1b]0;title\x07 bell\x07 back\x08 c1\x9b31m del\x7f",
    "a | b | c ` ``` ~~~ **bold** _em_ # head\n# heading\n- item\n> quote\n|---|---|\n<!-- open",
    "half\ud800pair \ufffe \uffff \u2028 \u2029",
    "N" * 10_000,
    "&lt;script&gt;alert(1)&lt;/script&gt; &#x3c;script&#x3e; &amp;",
    "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘!͖̬̰̙̗̿̋ͥͥ̂ͣ̐́́͜͞ العربية עברית 中文分类",
    "]]> --> */ expression(alert(1)) url(http://evil.test/c.css) @import 'http://evil.test/i.css'",
    "",
    "   ",
    "../../../etc/passwd\r\nSet-Cookie: x=1",
)


def hostile() -> Report:
    """Every text of the usual report taken by one that attacks a renderer, and a value in each of them."""
    plain, bad = usual(), HOSTILE
    at = lambda place: bad[place % len(bad)]  # noqa: E731
    return replace(
        plain,
        name=SCRIPT + bad[7],
        policy=bad[1],
        toolkit=bad[8],
        format=bad[4],
        created=bad[2],
        sources=[{"name": text, "sha256": text, "records": 1, "notes": [text]} for text in bad],
        quarantine=[[text, at(place + 3), 4] for place, text in enumerate(bad)],
        reasons=[
            Reason(
                ("blocker", "error", "warning", "info", SCRIPT)[place % 5],
                at(place + 1),
                at(place + 2),
                text,
                at(place + 3),
                at(place + 4),
            )
            for place, text in enumerate(bad)
        ],
        checks=[
            _line(
                at(place + 1) if place % 2 else "D" + text[:20],
                text,
                reason=at(place + 2),
                summary=at(place + 3),
                kinds={at(place + 4): [3, 1]},
                scope=at(place + 5),
                level=at(place + 6),
                flagged=3,
                status=("ran", "skipped", "failed", SCRIPT)[place % 4],
            )
            for place, text in enumerate(bad)
        ],
        examples=[
            Example(at(place // 3), at(place + 1), at(place + 2), at(place + 3), 0.5, at(place + 4), text)
            for place, text in enumerate(bad)
        ],
        parts=[Part(text, 5, 0.1, at(place + 1), at(place + 2)) for place, text in enumerate(bad)],
        split={text: at(place + 1) for place, text in enumerate(bad)},
        heldout=replace(plain.heldout, notes=bad),
        classes=[ClassLine(text, 40 - place, 30 - place, 10) for place, text in enumerate(bad)],
        lengths=[replace(each, name=text) for each, text in zip(plain.lengths, bad, strict=False)],
        numbers=[
            Number(text, float("nan") if place == 3 else 1.5, at(place + 1), at(place + 2), 1.0, 2.0, at(place + 3))
            for place, text in enumerate(bad)
        ],
        source_kinds=dict.fromkeys(bad, 1),
        not_looked=[[text, at(place + 1), at(place + 2)] for place, text in enumerate(bad)],
        missing=list(bad),
        next=list(bad),
        extra={
            **{text: [text, {"nested": at(place + 1)}] for place, text in enumerate(bad)},
            "since": {"report": bad[0], "changed": [[bad[1], bad[2], None]], "gone": bad, "new": bad, "checks": []},
            "fixes": [{"reason": text, "try": at(place + 1), "effect": text} for place, text in enumerate(bad)],
            "cost": {
                "line": bad[4],
                "facts": [{**SECTIONS["cost"]["facts"][0], "name": text, "group": at(n)} for n, text in enumerate(bad)],
            },
            "minimums": [{**SECTIONS["minimums"][0], "what": text, "source": at(n)} for n, text in enumerate(bad)],
            "leaked": {**SECTIONS["leaked"], "line": bad[5], "curve": [[text, 9, 0.5, 0.2, 0.8] for text in bad]},
            "made": {
                **SECTIONS["made"],
                "provider": bad[6],
                "waterfall": [{"gate": text, "reached": 9, "refused": 1} for text in bad],
            },
            "personal": [[text, at(place + 1), 3, 1] for place, text in enumerate(bad)],
            "learning": {**SECTIONS["learning"], "line": bad[3]},
        },
    )


def million() -> Report:
    """A million rows in ten thousand classes, with long lists of everything: for the caps."""
    plain = usual()
    text = "The parcel has not arrived and the tracking page has said 'in transit' for eleven days now. " * 20
    return replace(
        plain,
        records=1_010_000,
        rows=1_009_000,
        kept=1_000_000,
        quarantined=10_000,
        quarantine=[["contract", f"rule-{place}", 5] for place in range(2_000)],
        reasons=[replace(plain.reasons[place % 4], title=f"reason {place}") for place in range(500)],
        checks=[
            replace(plain.checks[place % 15], kinds={f"kind-{n}": [n, n] for n in range(300)}) for place in range(300)
        ],
        examples=[replace(plain.examples[0], check=f"check-{place % 60}", excerpt=text) for place in range(6_000)],
        classes=[ClassLine(f"class {place} of a long name", 100, 90, 10) for place in range(10_000)],
        numbers=[Number(f"number {place}", place * 1.1, "rows", check="balance") for place in range(20_000)],
        not_looked=[[f"check-{place}", "skipped", text] for place in range(3_000)],
        sources=[{"name": f"part-{place}.jsonl", "sha256": "3f5a" * 16, "records": 1_000} for place in range(1_010)],
        heldout=Heldout(50_000, 50_000, 48_100.0, 0.5, 0.15, 0.35, 10_000, 0, 0),
        next=[f"toolkit findings {RUN} --check check-{place}" for place in range(500)],
    )
