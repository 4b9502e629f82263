"""Check digits against published numbers, and what holds for whatever text is searched."""

from __future__ import annotations

import gzip
import json
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.core import pii, secrets
from toolkit.core.pii import checksums, national

# Numbers that schemes, banks and tax offices print in their own documentation, or test numbers of payment providers.
CARDS = [
    "4111111111111111", "4242424242424242", "5555555555554444", "2223003122003222", "378282246310005",
    "6011111111111117", "30569309025904", "3530111333300000", "6200000000000005", "6304000000000000",
]  # fmt: skip
IBANS = [
    "GB82 WEST 1234 5698 7654 32", "DE89 3704 0044 0532 0130 00", "FR14 2004 1010 0505 0001 3M02 606",
    "NL91 ABNA 0417 1643 00", "NO93 8601 1117 947", "MT84 MALT 0110 0001 2345 MTLC AST0 01S",
    "CH93 0076 2011 6238 5295 7",
    "ES91 2100 0418 4502 0005 1332", "PL61 1090 1014 0000 0712 1981 2874", "BE68 5390 0754 7034",
]  # fmt: skip
NATIONAL = [
    ("uk-nhs", "9434765919"), ("de-tax-id", "86095742719"), ("es-dni", "12345678Z"), ("es-nie", "X1234567L"),
    ("fr-nir", "255081416802538"), ("it-codice-fiscale", "RSSMRA85T10A562S"), ("br-cpf", "11144477735"),
    ("in-aadhaar", "234123412346"), ("nl-bsn", "111222333"), ("pl-pesel", "44051401359"),
    ("se-personnummer", "811218-9876"), ("fi-hetu", "131052-308T"), ("no-fnr", "01010750160"),
    ("ch-ahv", "7569217076985"), ("be-nrn", "85073003328"), ("cn-resident-id", "11010519491231002X"),
    ("tr-kimlik", "10000000146"), ("au-tfn", "123456782"), ("au-medicare", "2123456701"), ("ca-sin", "046454286"),
    ("mx-curp", "BOXW310820HNERXN09"), ("cl-rut", "123456785"), ("ar-cuil", "20123456786"), ("ie-pps", "1234567FA"),
    ("za-id", "8001015009087"), ("us-npi", "1234567893"), ("hk-id", "A1234563"), ("sg-nric", "S1234567D"),
    ("tw-id", "A123456789"), ("cz-rc", "7360285163"), ("pt-nif", "123456789"), ("hr-oib", "69435151530"),
    ("kr-rrn", "8801011234568"), ("us-ssn", "536221234"),
]  # fmt: skip
SCHEMES = {scheme.type: scheme for scheme in (*national.SHORT, *national.LONG, *national.LETTERED)}


@pytest.mark.parametrize("number", CARDS)
def test_test_cards_of_payment_providers_are_found(number: str) -> None:
    assert checksums.luhn(number)
    assert [(each.type, each.score >= 0.5) for each in pii.find(f"card {number}")] == [("card", True)]
    changed = number[:-1] + str((int(number[-1]) + 1) % 10)
    assert not pii.find(f"card {changed}"), "Luhn finds every single wrong digit"


@pytest.mark.parametrize("number", IBANS)
def test_ibans_of_the_registry_are_found_however_they_are_grouped(number: str) -> None:
    for written in (number, number.replace(" ", ""), number.replace(" ", "-"), number.lower()):
        assert [each.type for each in pii.find(f"to {written} please")] == ["iban"], written
    assert [each for each in pii.find(f"to {number[:-1]} please") if each.type == "iban"] == []


@pytest.mark.parametrize(("scheme", "number"), NATIONAL)
def test_published_national_numbers_fit_and_a_changed_digit_does_not(scheme: str, number: str) -> None:
    fits = SCHEMES[scheme].fits
    compact = number.replace("-", "")
    assert fits(compact)
    if scheme not in ("us-ssn", "dk-cpr"):
        at = next(at for at in range(len(compact) - 2, 0, -1) if compact[at].isdigit())
        wrong = [compact[:at] + digit + compact[at + 1 :] for digit in "0123456789" if digit != compact[at]]
        assert sum(fits(each) for each in wrong) <= 1


def test_every_scheme_with_check_digits_has_a_published_number() -> None:
    assert set(SCHEMES) - {name for name, _ in NATIONAL} == {
        "us-itin", "dk-cpr", "uk-nino", "in-pan", "ro-cnp",
    }  # fmt: skip


def test_wallets_by_their_checksums() -> None:
    assert checksums.base58check("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa")
    assert not checksums.base58check("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb")
    assert checksums.bech32("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4")
    assert checksums.bech32("bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0")
    assert not checksums.bech32("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5")


PIECES = [
    "jane.roe@acme-corp.de", "user@example.com", "4242 4242 4242 4242", "DE89 3704 0044 0532 0130 00", "467 3395",
    "call me at ", "phone: ", "+44 7700 900123", "(415) 555-0132", "536-22-1234", "SSN ", "0490 75 40 81",
    "61 51 81 office",
    "https://www.linkedin.com/in/jane-roe", "www.wikipedia.org/x", "acme.org", "36.160.14.148",
    "fe80::1ff:fe23:4567:890a",
    "00:1A:2B:3C:4D:5E", "00-1A-2B-3C-4D-5E", "RSSMRA85T10A562S", "AB 12 34 56 C", "X-1234567-L", "736028/5163",
    "811218+9876", "1 85 12 2A 451 089 42", "A123456(3)", "passport C01X00T47", "date of birth: 1 March 1980",
    "DOB 2/7/61", "D.O.B. 12/03/1980", "MRN 12345", "driver's license number is AB-12-345",
    "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
    "0x52908400098527886E0F7030069857D2E4169EE7", "[PHONE_1]", "[EMAIL_7]", "12345678Z", "né le 12/03/1980",
    "geboren am 1.2.1980",
]  # fmt: skip
TEXT = st.lists(
    st.sampled_from(PIECES) | st.sampled_from([" ", "\n", ", ", ". ", "-", "(", ")", ": ", "\t",
    "/"]) | st.text(max_size=6)
    | st.from_regex(r"[0-9 .()+-]{1,16}", fullmatch=True),
    max_size=9,
).map("".join)  # fmt: skip


@given(TEXT)
@settings(max_examples=200, deadline=None)
def test_spans_lie_in_the_text_in_order_without_overlaps(text: str) -> None:
    found = pii.find(text)
    assert all(0 <= each.start < each.end <= len(text) and 0 < each.score <= 1 for each in found)
    assert all(left.end <= right.start for left, right in pairwise(found))
    assert "\n" not in "".join(text[each.start : each.end] for each in found)


@given(TEXT)
@settings(max_examples=300, deadline=None)
def test_the_first_look_misses_nothing(text: str) -> None:
    if pii.find(text):
        written = pa.array([text, json.dumps(text), json.dumps(text, ensure_ascii=False).replace("/", r"\/")])
        assert pc.match_substring_regex(written, pii.FIRST).to_pylist() == [True] * 3


@given(TEXT)
@settings(max_examples=200, deadline=None)
def test_an_excerpt_shows_no_value(text: str) -> None:
    shown = secrets.excerpt(text, 2000)
    assert [each for each in pii.find(shown) if each.type not in ("url", "phone") and each.score > 0.4] == []


@pytest.mark.parametrize(
    "piece",
    ["a", "1", "1 ", "(", "@", "a@", "a.", "1.", ":", "a:", "0x", "AB 12 ", "+1", "a@b.de ", "4242 ", "http://", "-"],
)
def test_cost_is_linear_in_the_text(piece: str) -> None:
    small, large = (_fastest(piece * (size // len(piece))) for size in (20_000, 160_000))
    assert large < 24 * max(small, 0.01), (small, large)


def _fastest(text: str) -> float:
    seconds = []
    for _ in range(3):
        started = time.process_time()
        pii.find(text)
        seconds.append(time.process_time() - started)
    return min(seconds)


STRUCTURED = (
    "EMAIL_ADDRESS", "PHONE_NUMBER", "CREDIT_CARD", "US_SSN", "IBAN_CODE", "IP_ADDRESS", "DOMAIN_NAME",
    "US_DRIVER_LICENSE",
)  # fmt: skip


@pytest.mark.parametrize(("name", "floor"), [("synth_dataset_v2", 326), ("generated_large", 469)])
def test_structured_spans_of_presidio_research(truth: Path, name: str, floor: int) -> None:
    """At least what presidio's own patterns find (2.2.366, score .3), and nothing that is none."""
    with gzip.open(truth / "presidio_research" / f"{name}.json.gz", "rt", encoding="utf-8") as file:
        rows = json.load(file)
    found_spans = 0
    for row in rows:
        spans = [(each["start_position"], each["end_position"], each["entity_type"]) for each in row["spans"]]
        found = pii.find(row["full_text"])
        for each in found:
            assert _share(each.start, each.end, spans) >= 0.5, (each, row["full_text"])
        found_spans += sum(_share(start, end, found) >= 0.5 for start, end, kind in spans if kind in STRUCTURED)
    assert found_spans >= floor


def _share(start: int, end: int, others: Any) -> float:
    covered = {at for other in others for at in range(max(start, other[0]), min(end, other[1]))}
    return len(covered) / max(1, end - start)


def test_numbers_of_maths_problems_are_nobodys(truth: Path) -> None:
    with gzip.open(truth / "gsm8k" / "train.jsonl.gz", "rt", encoding="utf-8") as file:
        texts = [f"{row['question']}\n{row['answer']}" for row in map(json.loads, file)]
    assert len(texts) > 7000
    assert [each for text in texts for each in pii.find(text) if each.type != "url"] == []
