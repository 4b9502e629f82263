"""The published shapes of credentials: a prefix of the vendor's, then so many characters of an alphabet.

A shape is kept only if a chance match is unlikely. Seen in the vendors' own documentation, or in keys of
theirs; a vendor that gives keys without a prefix cannot be found by shape.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Shape(NamedTuple):
    """A credential's name and pattern. marks: one of them stands in every text that the pattern is found in.

    disorder: whether a match without a digit is taken for a word of someone's code.
    """

    name: str
    pattern: str
    marks: tuple[str, ...]
    disorder: bool = True


_W = r"[A-Za-z0-9_-]"
_X = r"[0-9a-f]"
_MODELS = (
    rf"(?:pplx-[A-Za-z0-9]{{40,}}|gsk_[A-Za-z0-9]{{40,}}|xai-[A-Za-z0-9]{{60,}}|r8_[A-Za-z0-9]{{30,}}|nvapi-{_W}{{50,}}"
    rf"|csk-[A-Za-z0-9]{{40,}}|tvly-(?:dev-|prod-)?[A-Za-z0-9]{{24,}}|jina_[A-Za-z0-9]{{50,}}|fc-{_X}{{32}}\b"
    rf"|lsv2_(?:pt|sk)_{_X}{{32}}_{_X}{{10}}|pcsk_[A-Za-z0-9]{{4,8}}_[A-Za-z0-9]{{50,}}|fw_[A-Za-z0-9]{{22,28}}\b"
    rf"|pa-{_W}{{43}}\b|sk_{_X}{{48}}\b)"
)
_CLOUD = (
    rf"(?:do[opr]_v1_{_X}{{64}}|dapi{_X}{{32}}|hv[bsr]\.{_W}{{24,}}|[A-Za-z0-9]{{14}}\.atlasv1\.{_W}{{60,}}"
    rf"|dp\.(?:pt|st|ct|sa)\.[A-Za-z0-9._-]{{40,}}|HRKU-{_W}{{58,}}|fo1_{_W}{{43}}|vercel_blob_rw_[A-Za-z0-9]{{16}}_{_W}{{30,}}"
    rf"|sbp_{_X}{{40}}|sb_secret_{_W}{{31}}|pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_=.-]{{32,}}|tskey-[a-z]+-{_W}{{20,}}"
    rf"|pul-{_X}{{40}}|dckr_(?:pat|oat)_{_W}{{27,}}|AGE-SECRET-KEY-1[0-9A-Z]{{58}})"
)
_TOOLS = (
    rf"(?:lin_(?:api|oauth)_[A-Za-z0-9]{{32,}}|figd_{_W}{{38,}}|pat[A-Za-z0-9]{{14}}\.{_X}{{64}}|ntn_[A-Za-z0-9]{{40,}}"
    rf"|NRAK-[A-Z0-9]{{27}}|gl(?:sa|c)_[A-Za-z0-9_=]{{32,}}|sntr(?:ys|yu)_[A-Za-z0-9_=+/]{{50,}}"
    rf"|PMAK-{_X}{{24}}-{_X}{{34}}|AT[AC]TT3[A-Za-z0-9_=-]{{100,}}|snyk_[a-z]+\.{_X}{{8}}\.{_W}{{40,}}|phx_[A-Za-z0-9]{{43}}"
    rf"|CFPAT-{_W}{{43}}|dt0c01\.[A-Z0-9]{{24}}\.[A-Z0-9]{{64}}|rubygems_{_X}{{48}}|oy2[a-z0-9]{{43}}|cio[A-Za-z0-9]{{32}}\b"
    rf"|bkua_{_X}{{40}}|sgp_[A-Za-z0-9_]{{40,}}|aio_[A-Za-z0-9]{{28}}\b|2/\d{{16}}/\d{{16}}:{_X}{{32}})"
)
_SHOPS = (
    rf"(?:shp(?:at|ca|pa|ss)_[0-9a-fA-F]{{32}}|EAAA{_W}{{60}}|sq0(?:atp|csp)-{_W}{{22,43}}|EZ[AT]K[A-Za-z0-9]{{54}}"
    rf"|shippo_(?:live|test)_{_X}{{40}}|whsec_[A-Za-z0-9+/=]{{32,}}|FLWSECK-[A-Za-z0-9]{{32}}|rzp_live_[A-Za-z0-9]{{14,}})"
)
_MAIL = (
    rf"(?:key-{_X}{{32}}\b|{_X}{{32}}-us\d{{1,2}}\b|re_[A-Za-z0-9]{{8}}_[A-Za-z0-9]{{24}}\b"
    rf"|xkeysib-{_X}{{64}}-[A-Za-z0-9]{{16}})"
)

SHAPES: tuple[Shape, ...] = (
    Shape("aws-access-key", r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b", ("AKIA", "ASIA", "ABIA", "ACCA"), False),
    Shape("private-key", r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----", ("-----BEGIN",), False),
    Shape(
        "github-token",
        r"\b(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{60,255})\b",
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
    ),
    Shape("gitlab-token", r"\bgl(?:pat|ptt|dt|rt|cbt)-[A-Za-z0-9_.-]{20,}", ("gl",)),
    Shape("slack-token", r"\b(?:xox[abeoprs]-|xapp-\d-)[A-Za-z0-9-]{10,}", ("xox", "xapp-")),
    Shape("slack-webhook", r"hooks\.slack\.com/services/T[A-Z0-9]{6,}/B[A-Z0-9]{6,}/[A-Za-z0-9]{20,}", ("slack",)),
    Shape("stripe-key", r"\b[sr]k_(?:live|test)_[A-Za-z0-9]{16,}", ("k_live_", "k_test_")),
    Shape("anthropic-key", r"\bsk-ant-[A-Za-z0-9_-]{20,}", ("sk-ant-",)),
    Shape("openai-key", r"\bsk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{32,}", ("sk-",)),
    Shape("google-api-key", r"\bAIza[A-Za-z0-9_-]{35}", ("AIza",)),
    Shape("google-secret", r"\b(?:GOCSPX-[A-Za-z0-9_-]{28}|ya29\.[A-Za-z0-9_-]{30,})", ("GOCSPX-", "ya29.")),
    Shape("huggingface-token", r"\bhf_[A-Za-z0-9]{30,}\b", ("hf_",), False),
    Shape("npm-token", r"\bnpm_[A-Za-z0-9]{36}\b", ("npm_",)),
    Shape("pypi-token", r"\bpypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{40,}", ("pypi-AgE",)),
    Shape("sendgrid-key", r"\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}", ("SG.",)),
    Shape("twilio-key", r"\bSK[0-9a-f]{32}\b", ("SK",)),
    Shape("telegram-token", r"\b\d{8,10}:AA[A-Za-z0-9_-]{32,33}\b", (":AA",)),
    Shape("discord-token", r"\b[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,38}\b", (".",)),
    Shape("discord-webhook", r"discord(?:app)?\.com/api/webhooks/\d{17,20}/[A-Za-z0-9_-]{60,68}", ("api/webhooks/",)),
    Shape("azure-key", r"(?:Account|SharedAccess)Key=[A-Za-z0-9+/]{43,86}==?", ("AccountKey=", "SharedAccessKey=")),
    Shape("azure-secret", r"\b[A-Za-z0-9_~.-]{3}\dQ~[A-Za-z0-9_~.-]{31,34}", ("Q~",)),
    Shape("jwt", r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}", (".eyJ",), False),
    Shape(
        "model-key",
        rf"\b{_MODELS}",
        ("pplx-", "gsk_", "xai-", "r8_", "nvapi-", "csk-", "tvly-", "jina_", "fc-", "lsv2_", "pcsk_", "fw_",
         "pa-", "sk_"),
    ),
    Shape(
        "cloud-key",
        rf"\b{_CLOUD}",
        ("_v1_", "dapi", "hvb.", "hvs.", "hvr.", ".atlasv1.", "dp.", "HRKU-", "fo1_", "vercel_", "sbp_", "sb_secret_",
         "pscale_", "tskey-", "pul-", "dckr_", "AGE-SECRET"),
    ),
    Shape(
        "developer-key",
        rf"\b{_TOOLS}",
        ("lin_", "figd_", "pat", "ntn_", "NRAK-", "glsa_", "glc_", "sntr", "PMAK-", "TT3", "snyk_", "phx_", "CFPAT-",
         "dt0c01.", "rubygems_", "oy2", "cio", "bkua_", "sgp_", "aio_", "2/"),
    ),
    Shape("commerce-key", rf"\b{_SHOPS}", ("shp", "EAAA", "sq0", "EZ", "shippo_", "whsec_", "FLWSECK-", "rzp_")),
    Shape("mail-key", rf"\b{_MAIL}", ("key-", "-us", "re_", "xkeysib-")),
    Shape(
        "url-password",
        r"\b[a-z][a-z0-9+.-]{1,20}://[^\s:/@'\"<>]{0,64}:[^\s:/@'\"<>{}$]{4,64}@[\w.-]+",
        ("://",),
        False,
    ),
)  # fmt: skip


def first_look() -> str:
    """One RE2 pattern that is found wherever a shape is, in the JSON of a row too, where an escape may stand before."""
    return "|".join(f"(?:{loosened(each.pattern)})" for each in SHAPES)


def loosened(pattern: str) -> str:
    """A pattern with its counts cut short, for they make the automaton large and tell a first look nothing."""
    short = re.sub(r"\{(\d+)(?:,\d*)?\}", lambda found: f"{{{min(6, int(found[1]))},}}", pattern)
    return re.sub(r"(?<=[})])\\b", "", short).replace(r"\b", r"(?:\b|\\[nrtbf])")
