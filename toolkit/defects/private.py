"""Credentials and personal data with valid shapes and check digits; none of them is anyone's."""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from toolkit.core.pii.checksums import luhn, mod97
from toolkit.core.planting import Around, Row, Spoiled, Way

BASE32 = string.ascii_uppercase + "234567"
ALPHANUMERIC = string.ascii_letters + string.digits


def drawn(rng: Random, alphabet: str, size: int) -> str:
    return "".join(rng.choice(alphabet) for _ in range(size))


# Prefixes are joined at run time, so that no text in this file looks like a key to a scanner.
SECRETS: Mapping[str, Callable[[Random], str]] = {
    "aws-access-key": lambda rng: "AK" + "IA" + drawn(rng, BASE32, 16),
    "github-token": lambda rng: "gh" + "p_" + drawn(rng, ALPHANUMERIC, 36),
    "slack-token": lambda rng: (
        "xo" + "xb-" + drawn(rng, string.digits, 12) + "-" + drawn(rng, string.ascii_letters, 24)
    ),
}
MORE_SECRETS: Mapping[str, Callable[[Random], str]] = {
    **SECRETS,
    "anthropic-key": lambda rng: "sk" + "-ant-api03-" + drawn(rng, ALPHANUMERIC, 40),
    "google-api-key": lambda rng: "AI" + "za" + drawn(rng, ALPHANUMERIC, 35),
    "stripe-key": lambda rng: "sk" + "_live_" + drawn(rng, ALPHANUMERIC, 24),
    "private-key": lambda rng: "-----BEGIN " + "RSA PRIVATE KEY-----\n" + drawn(rng, ALPHANUMERIC, 64),
    "url-password": lambda rng: "postgres" + "://app:" + drawn(rng, ALPHANUMERIC, 14) + "@db.shop.net/main",
    "assigned-secret": lambda rng: "api" + "_key = " + drawn(rng, ALPHANUMERIC, 28),
}


def card(rng: Random) -> str:
    """A number of a payment card with its Luhn digit."""
    body = "4" + drawn(rng, string.digits, 14)
    number = next(body + digit for digit in string.digits if luhn(body + digit))
    return " ".join(number[at : at + 4] for at in range(0, 16, 4))


def iban(rng: Random) -> str:
    """A German IBAN with its check digits (ISO 7064)."""
    account = drawn(rng, string.digits, 18)
    return next(f"DE{check:02d}{account}" for check in range(2, 99) if mod97(f"DE{check:02d}{account}"))


def email(rng: Random) -> str:
    names = ("jana", "tomas", "li", "amara", "oskar", "noor")
    host = rng.choice(("gmail.com", "web.de", "outlook.com"))
    return f"{rng.choice(names)}.{drawn(rng, string.ascii_lowercase, 6)}@{host}"


def phone(rng: Random) -> str:
    return f"+49 30 {rng.randrange(2000, 9999)} {rng.randrange(1000, 9999)}"


def ssn(rng: Random) -> str:
    return f"{rng.randrange(100, 665)}-{rng.randrange(10, 99)}-{rng.randrange(1000, 9999)}"


PERSONAL: Mapping[str, tuple[str, Callable[[Random], str]]] = {
    "card": ("My card number is {}.", card),
    "iban": ("Please use my account {}.", iban),
    "email": ("Write to {} please.", email),
    "phone": ("Call me on {}.", phone),
    "us-ssn": ("My SSN is {}.", ssn),
}


@dataclass(frozen=True, slots=True)
class LooseSecret:
    """A credential of a published shape in the text of a row."""

    id: ClassVar[str] = "loose-secret"
    tests: ClassVar[str] = "secret"

    def ways(self) -> Mapping[str, Way]:
        return {kind: _with("The key is {} by the way.", make) for kind, make in MORE_SECRETS.items()}


@dataclass(frozen=True, slots=True)
class LoosePersonalData:
    """A card, an account, a mail address, a phone or a social security number in the text of a row."""

    id: ClassVar[str] = "loose-personal-data"
    tests: ClassVar[str] = "pii"

    def ways(self) -> Mapping[str, Way]:
        return {kind: _with(words, make) for kind, (words, make) in PERSONAL.items()}


def _with(words: str, make: Callable[[Random], str]) -> Way:
    def way(row: Row, around: Around) -> Spoiled | None:
        return row.edit(
            "text" if row.answer and around.rng.random() < 0.5 else "prompt", _appended(words, make, around)
        )

    return way


def _appended(words: str, make: Callable[[Random], str], around: Around) -> Callable[[str], str]:
    return lambda text: f"{text} {words.format(make(around.rng))}"
