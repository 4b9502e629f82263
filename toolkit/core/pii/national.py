"""National identity, tax and health numbers: a table of shapes, check digits and the words that announce them.

A number whose shape and check digits leave more than about one chance match in a hundred needs its
words before it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

from toolkit.core.pii import checksums
from toolkit.core.pii.spans import Span, preceded, words


class Scheme(NamedTuple):
    """One numbering scheme. alone: the score without its words, 0 where it needs them; with them it is .95."""

    type: str
    shape: re.Pattern[str]
    fits: Callable[[str], bool]
    alone: float
    context: re.Pattern[str]


def _date(year: int, month: int, day: int) -> bool:
    """Whether day and month exist; years of two digits leave the 29th of February open."""
    return 1 <= month <= 12 and 1 <= day <= (29 if month == 2 else 30 if month in (4, 6, 9, 11) else 31) and year >= 0


def _ymd(digits: str) -> bool:
    return _date(int(digits[:2]), int(digits[2:4]), int(digits[4:6]))


def _dmy(digits: str) -> bool:
    return _date(int(digits[4:6]), int(digits[2:4]), int(digits[:2]))


def _us_ssn(digits: str) -> bool:
    area = digits[:3]
    shown = digits in ("123456789", "078051120", "219099999", "987654321", "111111111", "333333333")
    return area not in ("000", "666") and area[0] != "9" and digits[3:5] != "00" and digits[5:] != "0000" and not shown


def _uk_nhs(digits: str) -> bool:
    return (11 - checksums.weighted(digits[:9], range(10, 1, -1)) % 11) % 11 == int(digits[9])


def _de_tax(digits: str) -> bool:
    repeated = [count for count in Counter(digits[:10]).values() if count > 1]
    return len(repeated) == 1 and repeated[0] in (2, 3) and checksums.mod11_10(digits)


def _es_dni(text: str) -> bool:
    number = str("XYZ".index(text[0])) + text[1:-1] if text[0] in "XYZ" else text[:-1]
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23] == text[-1] and len(set(number)) > 2  # 01010000B is binary


def _fr_nir(text: str) -> bool:
    number = text[:13].replace("2A", "19").replace("2B", "18")
    return 97 - int(number) % 97 == int(text[13:])


def _br_cpf(digits: str) -> bool:
    one = checksums.weighted(digits[:9], range(10, 1, -1)) * 10 % 11 % 10
    two = checksums.weighted(digits[:10], range(11, 1, -1)) * 10 % 11 % 10
    return len(set(digits)) > 1 and digits[9:] == f"{one}{two}"


def _nl_bsn(digits: str) -> bool:
    return checksums.weighted(digits, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0 and len(set(digits)) > 1


def _pl_pesel(digits: str) -> bool:
    month = int(digits[2:4]) % 20
    weights = (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)
    return checksums.weighted(digits, weights) % 10 == 0 and _date(0, month, int(digits[4:6]))


def _se_personnummer(text: str) -> bool:
    digits = re.sub(r"\D", "", text)[-10:]
    day = int(digits[4:6])
    return _date(0, int(digits[2:4]), day - 60 * (day > 60)) and checksums.luhn(digits)


def _fi_hetu(text: str) -> bool:
    digits = text[:6] + text[-4:-1]
    return _dmy(digits) and "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(digits) % 31] == text[-1]


def _no_fnr(digits: str) -> bool:
    day = int(digits[:2])
    one = checksums.weighted(digits, (3, 7, 6, 1, 8, 9, 4, 5, 2, 1)) % 11
    two = checksums.weighted(digits, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)) % 11
    return one == two == 0 and _date(0, int(digits[2:4]), day - 40 * (day > 40))


def _ch_ahv(digits: str) -> bool:
    return checksums.weighted(digits, (1, 3) * 6 + (1,)) % 10 == 0


def _be_nrn(digits: str) -> bool:
    return any(97 - int(century + digits[:9]) % 97 == int(digits[9:]) for century in ("", "2")) and _ymd(digits)


def _pt_nif(digits: str) -> bool:
    rest = 11 - checksums.weighted(digits[:8], range(9, 1, -1)) % 11
    return (0 if rest > 9 else rest) == int(digits[8])


def _ie_pps(text: str) -> bool:
    extra = 9 * (ord(text[8]) - 64) if len(text) == 9 and text[8] != "W" else 0
    return "WABCDEFGHIJKLMNOPQRSTUV"[(checksums.weighted(text[:7], range(8, 1, -1)) + extra) % 23] == text[7]


def _cn_id(text: str) -> bool:
    year = int(text[6:10])
    return 1900 <= year <= 2100 and _date(year, int(text[10:12]), int(text[12:14])) and checksums.mod11_2(text)


def _kr_rrn(digits: str) -> bool:
    total = checksums.weighted(digits[:12], (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5))
    return _ymd(digits) and (11 - total % 11) % 10 == int(digits[12])


def _tw_id(text: str) -> bool:
    letter = "ABCDEFGHJKLMNPQRSTUVXYWZIO".index(text[0]) + 10
    total = checksums.weighted(f"{letter}{text[1:]}", (1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1))
    return total % 10 == 0


def _sg_nric(text: str) -> bool:
    total = checksums.weighted(text[1:8], (2, 7, 6, 5, 4, 3, 2)) + 4 * (text[0] in "TG")
    return ("JZIHGFEDCBA" if text[0] in "ST" else "XWUTRQPNMLK")[total % 11] == text[8]


def _hk_id(text: str) -> bool:
    letters = text[: len(text) - 7].rjust(2)
    values = [36 if char == " " else ord(char) - 55 for char in letters] + [int(digit) for digit in text[-7:-1]]
    check = 10 if text[-1] == "A" else int(text[-1])
    return (sum(value * (9 - at) for at, value in enumerate(values)) + check) % 11 == 0


def _tr_kimlik(digits: str) -> bool:
    values = [int(digit) for digit in digits]
    tenth = (7 * sum(values[0:9:2]) - sum(values[1:8:2])) % 10
    return values[9] == tenth and sum(values[:10]) % 10 == values[10]


def _au_tfn(digits: str) -> bool:
    return checksums.weighted(digits, (1, 4, 3, 7, 5, 8, 6, 9, 10)) % 11 == 0


def _au_medicare(digits: str) -> bool:
    return checksums.weighted(digits[:8], (1, 3, 7, 9, 1, 3, 7, 9)) % 10 == int(digits[8])


def _ro_cnp(digits: str) -> bool:
    rest = checksums.weighted(digits[:12], (2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9)) % 11
    return _ymd(digits[1:]) and (1 if rest == 10 else rest) == int(digits[12])


def _cz_rc(digits: str) -> bool:
    month = int(digits[2:4]) % 50
    return int(digits) % 11 == 0 and _date(0, month - 20 * (month > 20), int(digits[4:6]))


def _cl_rut(text: str) -> bool:
    total = sum(int(digit) * (2 + at % 6) for at, digit in enumerate(reversed(text[:-1])))
    return "0K987654321"[total % 11] == text[-1].upper()


def _ar_cuil(digits: str) -> bool:
    return checksums.weighted(digits, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)) % 11 == 0


def _za_id(digits: str) -> bool:
    return _ymd(digits) and checksums.luhn(digits)


def _npi(digits: str) -> bool:
    return checksums.luhn("80840" + digits)


def _always(text: str) -> bool:
    return True


def _scheme(name: str, shape: str, fits: Callable[[str], bool], alone: float, *context: str) -> Scheme:
    return Scheme(
        name, re.compile(rf"(?a)(?<![\w+])(?<!\d[.,/-])(?:{shape})(?!\w)(?![.,/-]\d)"), fits, alone, words(*context)
    )


_SSN = ("ssn", "social security", "soc sec")
SHORT: tuple[Scheme, ...] = (
    _scheme("es-dni", r"\d{8}[ -]?[A-Z]", _es_dni, 0.6, "dni", "nif", "documento"),
    _scheme("ie-pps", r"\d{7}[A-W][A-IW]?", _ie_pps, 0.4, "ppsn?", "personal public service"),
    _scheme("cl-rut", r"\d{1,2}\.\d{3}\.\d{3}-[\dkK]", _cl_rut, 0.8, "rut", "run"),
    _scheme("cl-rut", r"\d{7,8}-[\dkK]", _cl_rut, 0.0, "(?-i:RUT|RUN)"),
)  # fmt: skip
"""Schemes that begin with a digit and have seven or eight."""
LONG: tuple[Scheme, ...] = (
    _scheme("us-ssn", r"\d{3}-\d{2}-\d{4}", _us_ssn, 0.7, *_SSN),
    _scheme("us-ssn", r"\d{3} \d{2} \d{4}|\d{9}", _us_ssn, 0.0, *_SSN),
    _scheme("us-itin", r"9\d{2}-(?:5\d|6[0-5]|7\d|8[0-8]|9[0-24-9])-\d{4}", _always, 0.5, "itin", "taxpayer", "tax id"),
    _scheme("us-npi", r"[12]\d{9}", _npi, 0.0, "npi", "national provider", "provider (?:id|number)"),
    _scheme("uk-nhs", r"\d{3}([ -]?)\d{3}\1\d{4}", _uk_nhs, 0.0, "nhs", "national health"),
    _scheme("de-tax-id", r"[1-9]\d ?\d{3} ?\d{3} ?\d{3}",
            _de_tax, 0.0, "steuer\\w*", "idnr\\.?", "tax (?:id|number)\\w*", "tin"),
    _scheme("fr-nir", r"[12] ?\d{2} ?(?:0[1-9]|1[0-2]|[2-9]\d) ?(?:\d{2}|2[AB]) ?\d{3} ?\d{3} ?\d{2}",
            _fr_nir, 0.8, "nir", "s[ée]curit[ée] sociale", "insee"),
    _scheme("br-cpf", r"\d{3}\.\d{3}\.\d{3}-\d{2}", _br_cpf, 0.9, "cpf"),
    _scheme("br-cpf", r"\d{11}", _br_cpf, 0.0, "cpf"),
    _scheme("in-aadhaar", r"[2-9]\d{3}([ -]?)\d{4}\1\d{4}", checksums.verhoeff, 0.0, "aadhaa?r", "uidai", "uid"),
    _scheme("nl-bsn", r"\d{9}|\d{4}[. ]\d{2}[. ]\d{3}", _nl_bsn, 0.0, "bsn", "burgerservice\\w*", "sofi\\w*"),
    _scheme("pl-pesel", r"\d{11}", _pl_pesel, 0.0, "pesel"),
    _scheme("se-personnummer", r"(?:19|20)?\d{6}[-+]\d{4}", _se_personnummer, 0.7, "person\\w*", "pnr"),
    _scheme("se-personnummer", r"(?:19|20)?\d{10}", _se_personnummer, 0.0, "person(?:nummer|nr)", "pnr"),
    _scheme("fi-hetu", r"\d{6}[-+A-FU-Y]\d{3}[0-9A-FHJ-NPR-Y]", _fi_hetu, 0.8, "hetu", "henkil\\w+"),
    _scheme("no-fnr", r"\d{6} ?\d{5}", _no_fnr, 0.6, "f[øo]dsels\\w*", "personnummer", "fnr"),
    _scheme("dk-cpr", r"\d{6}-?\d{4}", _dmy, 0.0, "cpr", "personnummer"),
    _scheme("ch-ahv", r"756\.?\d{4}\.?\d{4}\.?\d{2}", _ch_ahv, 0.8, "ahv", "avs", "oasi"),
    _scheme("be-nrn", r"\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}", _be_nrn, 0.9, "rijksregister\\w*", "registre national"),
    _scheme("be-nrn", r"\d{11}", _be_nrn, 0.0, "rijksregister\\w*", "registre national", "insz", "niss"),
    _scheme("pt-nif", r"[1-35]\d{8}", _pt_nif, 0.0, "nif", "contribuinte"),
    _scheme("cn-resident-id", r"[1-8]\d{16}[\dXx]", _cn_id, 0.85, "身份证\\w*", "resident id\\w*"),
    _scheme("kr-rrn", r"\d{6}-[1-8]\d{6}", _kr_rrn, 0.7, "주민\\w*", "resident registration"),
    _scheme("za-id", r"\d{10}[01]\d{2}", _za_id, 0.0, "id(?:entity)?(?: number| no)?", "south african"),
    _scheme("tr-kimlik", r"[1-9]\d{10}", _tr_kimlik, 0.0, "t\\.?c\\.?", "kimlik\\w*"),
    _scheme("au-tfn", r"\d{3} ?\d{3} ?\d{3}", _au_tfn, 0.0, "tfn", "tax file"),
    _scheme("au-medicare", r"[2-6]\d{3} ?\d{5} ?\d", _au_medicare, 0.0, "medicare"),
    _scheme("ca-sin", r"\d{3}([ -]?)\d{3}\1\d{3}", checksums.luhn, 0.0, "(?-i:SIN)", "social insurance", "(?-i:NAS)"),
    _scheme("ro-cnp", r"[1-8]\d{12}", _ro_cnp, 0.0, "cnp", "cod(?:ul)? numeric"),
    _scheme("cz-rc", r"\d{6}/\d{4}", _cz_rc, 0.6, "rodn[éeá]\\w*", "r\\.?č\\.?"),
    _scheme("hr-oib", r"\d{11}", checksums.mod11_10, 0.0, "oib"),
    _scheme("ar-cuil", r"2[0347]-\d{8}-\d", _ar_cuil, 0.8, "cui[lt]"),
)  # fmt: skip
"""Schemes that begin with a digit and have nine or more."""
_NINO = "(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]"
_NI = ("national insurance", "(?-i:NI)", "nino")
LETTERED: tuple[Scheme, ...] = (
    _scheme("es-nie", r"[XYZ][ -]?\d{7}[ -]?[A-Z]", _es_dni, 0.7, "nie", "extranjero"),
    _scheme("uk-nino", rf"{_NINO} \d{{2}} \d{{2}} \d{{2}} [A-D]", _always, 0.6, *_NI),
    _scheme("uk-nino", rf"{_NINO}\d{{6}}[A-D]", _always, 0.4, *_NI),  # as many parts and chips are numbered
    _scheme("it-codice-fiscale", r"(?i:[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z])",
            checksums.codice_fiscale, 0.95, "codice fiscale"),
    _scheme("mx-curp", r"[A-Z]{4}\d{6}[HMX][A-Z]{5}[A-Z0-9]\d", checksums.curp, 0.95, "curp"),
    _scheme("in-pan", r"[A-Z]{3}[ABCFGHJLPT][A-Z]\d{4}[A-Z]",
            _always, 0.4, "(?-i:PAN)", "permanent account", "income tax"),
    _scheme("tw-id", r"[A-Z][12]\d{8}", _tw_id, 0.4, "身[分份]證\\w*", "national id"),
    _scheme("sg-nric", r"[STFG]\d{7}[A-Z]", _sg_nric, 0.7, "nric", "fin"),
    _scheme("hk-id", r"[A-Z]{1,2}\d{6}\([\dA]\)", _hk_id, 0.8, "hkid", "hong kong"),
)  # fmt: skip
"""Schemes that begin with a letter."""


_DIGIT = re.compile(r"(?a)\d")


def starting(text: str, start: int) -> Iterator[Span]:
    """Numbers of the lettered schemes that begin exactly at `start`."""
    for scheme in LETTERED:
        match = scheme.shape.match(text, start)
        if match:
            yield from _judged(text, match, scheme)


def within(text: str, start: int, end: int) -> Iterator[Span]:
    """Numbers of the digit schemes in text[start:end]."""
    n_digits = len(_DIGIT.findall(text, start, end))
    for scheme in SHORT + LONG if n_digits >= 9 else SHORT:
        for match in scheme.shape.finditer(text, start, end):
            yield from _judged(text, match, scheme)


def _judged(text: str, match: re.Match[str], scheme: Scheme) -> Iterator[Span]:
    score = 0.95 if preceded(text, match.start(), scheme.context) else scheme.alone
    if score and scheme.fits(re.sub(r"[ ./()-]", "", match.group())):
        yield Span(match.start(), match.end(), scheme.type, score)
