"""Characters in contents that show nothing and mean nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.core.contents import contents_mapped

# A zero-width space parts words in scripts without blanks, and joiners make emoji and letters: only
# where its neighbours have no use for it is one taken away.
_SPACELESS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u19ff\ua9e0-\ua9ff\uaa60-\uaa7f"
_INVISIBLE = re.compile(
    f"(?<![{_SPACELESS}])[\u200b]+(?![{_SPACELESS}])|[\ufeff\u2060\x00]+"
    "|(?<=[A-Za-z0-9 ])[\u200c\u200d]+(?=[A-Za-z0-9 ])"
)


@dataclass(frozen=True, slots=True)
class Invisible:
    """NUL, zero-width spaces, byte-order marks and word joiners inside contents are taken away.

    They come from web pages, make equal words different and cost tokens. Zero-width spaces beside
    Thai, Lao, Khmer and Burmese letters stay, as do joiners that are not between Latin letters.
    """

    id: ClassVar[str] = "invisible"
    on: ClassVar[str] = "row"
    order: ClassVar[int] = 50

    def mend(self, row: Mapping[str, Any]) -> dict[str, Any] | None:
        return contents_mapped(row, lambda text: _INVISIBLE.sub("", text) if _INVISIBLE.search(text) else None)
