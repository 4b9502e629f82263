"""Check digits of published numbering schemes. Every function takes the compact text: no spaces, no separators."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_BASE36 = {char: value for value, char in enumerate("0123456789" + LETTERS)}
_BASE58 = {char: value for value, char in enumerate("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz")}
_BECH32 = {char: value for value, char in enumerate("qpzry9x8gf2tvdw0s3jn54khce6mua7l")}
_ODD = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)
_FLIP = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)


def luhn(digits: str) -> bool:
    """ISO/IEC 7812-1 annex B: every second digit from the right counts double."""
    values = [int(digit) for digit in reversed(digits)]
    return (sum(values[::2]) + sum(sum(divmod(2 * value, 10)) for value in values[1::2])) % 10 == 0


def mod97(text: str) -> bool:
    """ISO 7064 MOD 97-10 as IBAN uses it: the first four characters move to the end, letters count 10 to 35."""
    moved = text[4:] + text[:4]
    return int("".join(str(_BASE36[char]) for char in moved.upper())) % 97 == 1


def weighted(digits: str, weights: Sequence[int]) -> int:
    """The sum of the first digits, each times its weight."""
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False))


def mod11_10(digits: str) -> bool:
    """ISO 7064 MOD 11,10, the hybrid system of the German tax id and the Croatian OIB."""
    product = 10
    for digit in digits[:-1]:
        total = (int(digit) + product) % 10 or 10
        product = total * 2 % 11
    return (11 - product) % 10 == int(digits[-1])


def mod11_2(text: str) -> bool:
    """ISO 7064 MOD 11-2, the last place 0-9 or X: Chinese resident identity numbers."""
    total = 0
    for char in text[:-1]:
        total = (total + int(char)) * 2 % 11
    return (total + (10 if text[-1].upper() == "X" else int(text[-1]))) % 11 == 1


def verhoeff(digits: str) -> bool:
    """Verhoeff (1969) in the dihedral group of order 10, the check digit last."""
    total = 0
    for at, digit in enumerate(reversed(digits)):
        value = int(digit)
        for _ in range(at % 8):
            value = _FLIP[value]
        total = _dihedral(total, value)
    return total == 0


def _dihedral(left: int, right: int) -> int:
    """The product of two elements: 0-4 are rotations of a pentagon, 5-9 its reflections."""
    turned = left % 5 - right % 5 if left >= 5 else left % 5 + right % 5
    return turned % 5 + (5 if (left >= 5) != (right >= 5) else 0)


def codice_fiscale(text: str) -> bool:
    """The Italian tax code: characters in odd places count by a table, the 26th remainder is a letter."""
    text = text.upper()
    odd = [_ODD[int(char) if char.isdigit() else LETTERS.index(char)] for char in text[:15:2]]
    even = [int(char) if char.isdigit() else LETTERS.index(char) for char in text[1:15:2]]
    return LETTERS[(sum(odd) + sum(even)) % 26] == text[15]


def curp(text: str) -> bool:
    """The Mexican CURP: eighteen places over an alphabet with Ñ, the last a check digit."""
    alphabet = "0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ"
    total = sum(alphabet.index(char) * (18 - at) for at, char in enumerate(text[:17]))
    return (10 - total % 10) % 10 == int(text[17])


def base58check(text: str) -> bool:
    """A base58 text of 25 bytes whose last four are the double SHA-256 of the others (Bitcoin addresses)."""
    number = 0
    for char in text:
        if char not in _BASE58:
            return False
        number = number * 58 + _BASE58[char]
    try:
        whole = number.to_bytes(25, "big")
    except OverflowError:
        return False
    return hashlib.sha256(hashlib.sha256(whole[:21]).digest()).digest()[:4] == whole[21:]


def bech32(text: str) -> bool:
    """A segwit address with the checksum of BIP 173 or BIP 350."""
    prefix, _, data = text.lower().rpartition("1")
    if not prefix or len(data) < 6 or any(char not in _BECH32 for char in data):
        return False
    values = [ord(char) >> 5 for char in prefix] + [0] + [ord(char) & 31 for char in prefix]
    state = 1
    for value in (*values, *(_BECH32[char] for char in data)):
        top = state >> 25
        state = (state & 0x1FFFFFF) << 5 ^ value
        for bit, word in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            state ^= word if top >> bit & 1 else 0
    return state in (1, 0x2BC830A3)
