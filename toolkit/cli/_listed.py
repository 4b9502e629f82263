"""`--write` and `--baseline`, which several commands have: findings for machines, and what is new."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from toolkit.cli import _options as opts

if TYPE_CHECKING:
    from toolkit.core.listing import Listing
    from toolkit.core.policy import Policy
    from toolkit.listing import Baseline
    from toolkit.store.folder import RunFolder


def before(write: Sequence[str], baseline: str) -> Baseline | None:
    """Refuse what cannot be written and read the older run, which may lie where the new one will."""
    from toolkit import listing

    listing.check_targets(write)
    return listing.baseline(baseline) if baseline else None


def after(
    folder: RunFolder, write: Sequence[str], older: Baseline | None, policy: Policy | None = None
) -> Listing | None:
    """Write the files and return the findings; None where neither option was given."""
    if not write and older is None:
        return None
    from toolkit import listing
    from toolkit.store.ledger import Ledger

    with Ledger(folder.ledger, read_only=True) as ledger:
        found = listing.listing(folder, ledger, policy=policy, older=older)
        for file in listing.write(found, write):
            opts.say(f"written: {file}")
    return found


def exit_code(found: Listing) -> int:
    """1 when new findings reach an error or blocker."""
    from toolkit.core.types import Level

    return 1 if found.level >= Level.ERROR else 0
