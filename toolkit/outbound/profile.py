"""What a provider takes, as a dated and versioned page of rules, each with its source."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from toolkit.core import config
from toolkit.core.errors import unknown
from toolkit.core.share import shipped

Mode = Literal["sft", "dpo", "kto", "prompt", "stepwise", "text", "rl"]
RuleName = Literal[
    "rows", "heldout-rows", "file-bytes", "file-name", "keys", "characters", "tokens", "roles", "starts-with",
    "ends-with", "prompt-ends-with", "alternate", "system-first", "answers", "one-answer", "text", "trained",
    "reserved", "tools", "media", "function-name",
]  # fmt: skip


class Rule(BaseModel):
    """One rule. Which fields it reads hangs on `rule`:

    rows, heldout-rows: low to high examples in the file to train on, or in each held-out one. file-bytes,
    characters, tokens: at most high a file, or a row. roles, starts-with (after a system turn), ends-with,
    prompt-ends-with, keys (of the row): one of `words`. file-name, function-name: fits `pattern`. reserved: no
    system or user text begins with (`where: begins`) or holds one of `words`. answers: at least low assistant
    turns. alternate, system-first, one-answer (each side of a pair is one assistant message), text (no blank
    content), trained (an assistant turn has a loss), tools, media: nothing more to say.

    refuse: the provider rejects it; otherwise it is advice. modes: what it speaks of, all where empty. seen: on
    `date` the rule stood so in the words of the source; otherwise it is as observed or reported, and the source
    is where to look.
    """

    model_config = ConfigDict(extra="forbid")
    id: str
    rule: RuleName
    low: int | None = None
    high: int | None = None
    words: list[str] = Field(default_factory=list)
    pattern: str = ""
    where: Literal["begins", "holds"] = "holds"
    modes: list[Mode] = Field(default_factory=list)
    refuse: bool = True
    why: str
    source: str
    date: datetime.date
    seen: bool = False


class Profile(BaseModel):
    """The rules of one provider. version: counts up with every change; checked: when it was last gone over."""

    model_config = ConfigDict(extra="forbid")
    id: str
    version: int
    name: str
    checked: datetime.date
    notes: str = ""
    rules: list[Rule]

    def of(self, mode: str) -> list[Rule]:
        """The rules that speak of a mode."""
        return [each for each in self.rules if not each.modes or mode in each.modes]


def path_of(name: str) -> Path:
    """The file of a shipped profile by its id, or a profile file of the user's own."""
    if Path(name).suffix in (".yaml", ".yml"):
        return Path(name)
    folder = shipped("schemas") / "profiles"
    known = sorted(path.stem for path in folder.glob("*.yaml"))
    if name not in known:
        raise unknown("profile", name, known)
    return folder / f"{name}.yaml"


def load_profile(name: str) -> Profile:
    """A profile by id or file. Raises UsageError for one that there is not or that is not well formed."""
    return config.load(Profile, path_of(name))
