"""Payment cards, bank accounts and wallets: every hit has passed the check digits of its scheme."""

from __future__ import annotations

import re
from collections.abc import Iterator

from toolkit.core.pii import checksums
from toolkit.core.pii.spans import Span, preceded, words

_CARD = re.compile(
    r"(?a)(?<![\w+])(?<!\d[.,/-])(?:\d{4}([ -])\d{4}\1\d{4}\1\d{4}(?:\1\d{1,3})?|\d{4}([ -])\d{6}\2\d{4,5}|\d{12,19})"
    r"(?!\w)(?![.,/-]\d)"
)
_CARD_WORDS = words(
    "cards?", "credit", "debit", "cc", "visa", "master ?card", "amex", "american express", "discover", "diners", "jcb",
    "maestro", "unionpay", "(?:kredit)?karten?(?:nummer)?", "tarjeta", "carte", "carta", "cart[ãa]o",
)  # fmt: skip
_CARD_AFTER = re.compile(r"(?i).{0,24}?\b(?:card|expir|cvv|cvc|visa|amex|master ?card)")
_IBAN = re.compile(r"(?a)\d\d(?<=[A-Za-z]{2}\d\d)(?<![A-Za-z0-9][A-Za-z]{2}\d\d)(?=[ -]?[A-Za-z0-9]{4})")
_IBAN_LENGTHS = {
    country: int(length)
    for length, countries in (
        line.split(":")
        for line in (
            "15:NO", "16:BE", "18:DK FI FO GL NL SD FK", "19:MK SI", "20:AT BA EE KZ LT LU XK MN",
            "21:CH CR HR LI LV", "22:BG BH DE GB GE IE ME RS VA", "23:AE GI IL IQ OM TL SO",
            "24:AD CZ ES MD PK RO SA SE SK TN VG", "25:LY PT ST", "26:IS TR", "27:BI DJ FR GR IT MC MR SM",
            "28:AL AZ BY CY DO GT HU LB NI PL SV", "29:BR EG PS QA UA", "30:JO KW MU YE", "31:MT SC", "33:RU",
        )
    )
    for country in countries.split()
}  # fmt: skip
_WALLET = re.compile(
    r"(?a)[013b](?<![A-Za-z0-9][013b])(?:(?<=[13])[1-9A-HJ-NP-Za-km-z]{25,34}|(?<=b)c1[a-z0-9]{11,71}"
    r"|(?<=0)x[0-9a-fA-F]{40})(?![A-Za-z0-9])"
)
_WALLET_WORDS = words("wallets?", "eth(?:ereum|er)?", "metamask", "(?:my|his|her|your) address", "crypto", "donat\\w+")


def cards(text: str, start: int, end: int) -> Iterator[Span]:
    """Card numbers in text[start:end]: all pass Luhn, and lie in an issuer's range or behind words such as `card`."""
    for match in _CARD.finditer(text, start, end):
        digits = re.sub(r"\D", "", match.group())
        if not checksums.luhn(digits) or len(set(digits)) < 2:
            continue
        alone = _issued(digits)
        told = preceded(text, match.start(), _CARD_WORDS) or _CARD_AFTER.match(text, match.end(), match.end() + 40)
        grouped = alone > 0 and len(digits) < match.end() - match.start()
        score = (0.95 if alone else 0.6) if told else min(0.9, alone + 0.2 * grouped)
        if score:
            yield Span(match.start(), match.end(), "card", score)


def _issued(digits: str) -> float:
    """How far the leading digits and the length alone speak for a card; 0 outside every issuer's range."""
    size, two, four = len(digits), int(digits[:2]), int(digits[:4])
    if digits[0] == "4":
        return 0.7 if size == 16 else 0.4 * (size in (13, 19))
    if 51 <= two <= 55 or 2221 <= four <= 2720 or 2200 <= four <= 2204:
        return 0.7 * (size == 16)
    if two in (34, 37) or four in (2131, 1800):
        return 0.7 * (size == 15)
    if two in (36, 38, 39) or 300 <= four // 10 <= 305 or four == 3095:
        return 0.6 if size == 14 else 0.4 * (size in (16, 19))
    if 3528 <= four <= 3589 or four == 6011 or two == 65 or 644 <= four // 10 <= 649 or two in (62, 81, 82):
        return 0.7 if size == 16 else 0.4 * (size > 16)
    return 0.4 if two == 50 or 56 <= two <= 69 else 0.0  # Maestro has the widest range and the shortest numbers


def ibans(text: str) -> Iterator[Span]:
    """IBANs, grouped or not, whose country's length and check digits fit (ISO 13616)."""
    for match in _IBAN.finditer(text):
        start = match.start() - 2
        length = _IBAN_LENGTHS.get(text[start : start + 2].upper())
        end = _walked(text, start, length) if length else None
        if end and checksums.mod97(re.sub(r"[ -]", "", text[start:end])):
            yield Span(start, end, "iban", 0.95)


def _walked(text: str, start: int, length: int) -> int | None:
    """Where `length` letters and digits with at most one space or hyphen between them end, None if they do not."""
    at, left = start, length
    while left and at < len(text):
        if text[at].isascii() and text[at].isalnum():
            left -= 1
        elif text[at] not in " -" or text[at - 1] in " -":
            return None
        at += 1
    follows = text[at : at + 1]
    return None if left or (follows.isascii() and follows.isalnum()) else at


def wallets(text: str) -> Iterator[Span]:
    """Bitcoin addresses by checksum; Ethereum's, which carry one only in their letter case, by context."""
    for match in _WALLET.finditer(text):
        found = match.group()
        if found.startswith("0x"):
            score = 0.7 if preceded(text, match.start(), _WALLET_WORDS) else 0.3
        else:
            score = 0.95 * (checksums.bech32(found) if found.startswith("bc1") else checksums.base58check(found))
        if score:
            yield Span(match.start(), match.end(), "wallet", score)
