"""Mail addresses, web addresses, network addresses."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from toolkit.core.pii.spans import Span, preceded, words

_COUNTRIES = (
    "ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br bs bt bw by bz ca cc "
    "cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg er es et eu fi fj fk fm fo fr ga "
    "gd ge gf gg gh gi gl gm gn gp gq gr gt gu gw gy hk hm hn hr ht hu id ie il im in io iq ir is it je jm jo jp ke "
    "kg kh ki km kn kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mg mh mk ml mm mn mo mp mq mr ms mt "
    "mu mv mw mx my mz na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt pw py qa re ro rs "
    "ru rw sa sb sc sd se sg sh si sk sl sm sn so sr ss st su sv sx sy sz tc td tf tg th tj tk tl tm tn to tr tt tv "
    "tw tz ua ug uk us uy uz va vc ve vg vi vn vu wf ws ye yt za zm zw "
)
_GENERIC = (
    "com org net edu gov mil int info biz name pro aero coop museum jobs mobi travel tel cat asia post xxx app dev "
    "online shop site store tech xyz club top cloud email agency blog design digital live media news one page space "
    "studio team today website wiki work world zone "
)
TLDS = frozenset(_COUNTRIES.split()) | frozenset(_GENERIC.split())
_RESERVED = re.compile(
    r"(?i)(?:.*\.)?(?:example\.(?:com|org|net|edu)|localhost|domain\.com|email\.com|yourdomain\.\w+)\Z"
)
_LOCAL = re.compile(r"[\w.+%'’-]{1,64}\Z")
_DOMAIN = re.compile(r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,6}([A-Za-z]{2,24})(?![A-Za-z0-9_@(])")
_ROLE = re.compile(
    r"(?i)(?:user(?:name)?|test\w*|info|no-?reply|example|admin|your\W?\w*|my\W?\w*|name|e?mail|someone|foo|bar|abc|xyz)\d*\Z"
)
_LINK = re.compile(
    r"(?<![\w@])(?:https?://(?:[\w-]+(?::[^\s@/]*)?@)?|www\.)((?:[^\W_](?:[\w-]{0,61}[\w])?\.)+([A-Za-z]{2,24}))(?![\w-])"
    r"(?::\d+)?(?:[/?#][^\s<>\"'`\\|{}\[\]]*)?",
    re.IGNORECASE,
)
_BARE = re.compile(
    r"(?a)(?<![\w@./:#-])(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,4}"
    r"(?:com(?:\.[a-z]{2})?|org(?:\.uk)?|net|edu|gov|info|biz|co\.[a-z]{2}|ac\.uk)(?![\w(-])(?!\.\w)(?:/[^\s<>\"'`\\|{}\[\]]*)?"
)
_ENDINGS = (".com", ".org", ".net", ".edu", ".gov", ".info", ".biz", ".co.", ".ac.uk")
_FRAMEWORKS = re.compile(r"(?i)(?:asp|ado|vb|ml|paint|dot|f#|c#|system|java|microsoft)\.(?:net|org|info)\Z")
_PROFILE = re.compile(
    r"(?i)(?:https?://)?(?:[\w-]+\.)?(?:linkedin\.com/in/[\w%-]+|(?:facebook|instagram|twitter|x|tiktok|threads|medium|youtube|github"
    r"|patreon|flickr)\.(?:com|net)/@?(?!(?:share|intent|search|home|login|help|about|explore|hashtag|watch|privacy|terms|settings"
    r"|features|pricing|channel|playlist|p|reel|topics?|tag)\b)[\w.-]{2,40}/?(?:\?\S*)?\Z|t\.me/[\w]{4,}|reddit\.com/u(?:ser)?/[\w-]+"
    r"|[^/\s]+/(?:~|@|people/|profile/)[A-Za-z][\w.-]+)"
)
_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_IP4 = re.compile(rf"(?a)(?<![\w.])(?:{_OCTET}\.){{3}}{_OCTET}(?!\w)(?!\.\d)")
_DOTTED = re.compile(r"(?a)\d\.\d{1,3}\.\d{1,3}\.\d")
_RESOLVERS = ("8.8.8.8", "8.8.4.4", "1.1.1.1", "1.0.0.1", "9.9.9.9", "208.67.222.222")
_IP6 = re.compile(r"(?a)(?<![\w:.])(?=[0-9A-Fa-f:]*:[0-9A-Fa-f]{0,4}:)[0-9A-Fa-f:]{4,39}(?![\w:])")
_COLONS = re.compile(r":(?::|[0-9A-Fa-f]{1,4}:[0-9A-Fa-f]{1,4}:)|-[0-9A-Fa-f]{2}-[0-9A-Fa-f]{2}-")
_MAC = re.compile(r"(?a)(?<![\w:-])[0-9A-Fa-f]{2}([:-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}(?![\w]|[:-][0-9A-Fa-f])")
_NET_WORDS = words(
    "ip\\w*",
    "address\\w*",
    "hosts?",
    "servers?",
    "clients?",
    "ping\\w*",
    "dns",
    "network",
    "router",
    "gateway",
    "login",
)


def emails(text: str) -> Iterator[Span]:
    """Mail addresses; placeholders such as user@example.com score low."""
    at = text.find("@")
    while at >= 0:
        local = _LOCAL.search(text, max(0, at - 64), at)
        domain = _DOMAIN.match(text, at + 1)
        if local and domain:
            start = local.start() + len(local.group()) - len(local.group().lstrip(".'’%+-"))
            score = _email_score(text[start:at], domain)
            if start < at and score:
                yield Span(start, domain.end(), "email", score)
        at = text.find("@", at + 1)


def _email_score(local: str, domain: re.Match[str]) -> float:
    if local == "git" or len(local) < 1:
        return 0.0
    if _RESERVED.match(domain.group()):
        return 0.3 if _ROLE.match(local) else 0.5
    if domain.group(1).lower() not in TLDS:
        return 0.5 if len(local) > 1 and domain.group(1).islower() else 0.0
    return 0.95


def links(text: str) -> Iterator[Span]:
    """Web addresses: `profile` where the path names a person's account, else `url`; a bare domain scores low."""
    for match in _LINK.finditer(text) if "://" in text or "www." in text.lower() else ():
        if not _RESERVED.match(match.group(1)) and match.group(2).lower() in TLDS:
            yield _link(match)
    for match in _BARE.finditer(text) if any(ending in text for ending in _ENDINGS) else ():
        host = match.group().partition("/")[0]
        if not _RESERVED.match(host) and not _FRAMEWORKS.match(host):
            found = _link(match)
            yield found if found.type == "profile" else found._replace(score=0.4)


def _link(match: re.Match[str]) -> Span:
    found = match.group().rstrip(".,;:!?)*_~")
    personal = bool(_PROFILE.match(found.removeprefix("www.")))
    return Span(match.start(), match.start() + len(found), "profile" if personal else "url", 0.7 if personal else 0.5)


def addresses(text: str) -> Iterator[Span]:
    """Network addresses: IPv4, IPv6 and MAC; not loopback, masks or what reads like a version."""
    if _DOTTED.search(text):
        for match in _IP4.finditer(text):
            score = _ip4_score(text, match)
            if score:
                yield Span(match.start(), match.end(), "ip", score)
    if _COLONS.search(text):
        for match in _IP6.finditer(text):
            if _is_ip6(match.group()):
                yield Span(match.start(), match.end(), "ip", 0.8)
        for match in _MAC.finditer(text):
            if re.search(r"[A-Fa-f]|:", match.group()) and len(set(match.group().lower())) > 2:
                counts = not re.search("[A-Fa-f]", match.group()) and not preceded(text, match.start(), _NET_WORDS, 48)
                yield Span(match.start(), match.end(), "mac", 0.4 if counts else 0.7)


def _ip4_score(text: str, match: re.Match[str]) -> float:
    address = ipaddress.ip_address(match.group())
    if (
        address.is_loopback
        or address.is_unspecified
        or address.is_multicast
        or address.is_reserved
        or address.is_link_local
    ):
        return 0.0
    if match.group() in _RESOLVERS:
        return 0.0
    told = preceded(text, match.start(), _NET_WORDS, 48)
    if max(address.packed) <= 30 and not told:  # 1.2.3.4 is a version or a section more often than a host
        return 0.0
    if address.is_private:
        return 0.6 if told else 0.5
    return 0.9 if told else 0.7


def _is_ip6(found: str) -> bool:
    """Whether it is an address a machine could have, not a time of day or a scope such as std::abs."""
    groups = [group for group in found.split(":") if group]
    if len(groups) < 8 and not ("::" in found and len(groups) >= 3):
        return False
    try:
        address = ipaddress.IPv6Address(found)
    except ValueError:
        return False
    documentation = address in ipaddress.IPv6Network("2001:db8::/32")
    return not documentation and any(len(group) > 2 for group in groups)
