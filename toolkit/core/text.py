"""Text as it is compared: normalised, and with its numbers masked. `near.normal` does it to whole columns."""

from __future__ import annotations

import re
import unicodedata

# Unicode's Default_Ignorable_Code_Point, which NFKC_Casefold removes: they show nothing.
_IGNORABLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_NUMBER = re.compile(r"[0-9]+(?:[.,][0-9]+)*")


def normal_text(text: str) -> str:
    """NFKC, case folded, ignorables gone, white space squeezed to one blank."""
    if text.isascii():
        return " ".join(text.lower().split())
    folded = _IGNORABLE.sub("", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(unicodedata.normalize("NFKC", folded).split())


def mask_numbers(text: str) -> str:
    """Every number as `0`: a run of digits with its decimals and its groups of thousands is one."""
    return _NUMBER.sub("0", text)
