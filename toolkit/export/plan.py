"""What an export is to do, decided before a row is read: the target, the shape of the rows, the provider's rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from toolkit.core import parts
from toolkit.core.errors import UsageError, unknown
from toolkit.export.convert import Work
from toolkit.export.plain import SAME, Plain
from toolkit.outbound.example import SHAPES, Shape
from toolkit.outbound.profile import load_profile
from toolkit.store.dataset import Manifest

AS: Mapping[str, Shape] = {
    "sft": "chat",
    "dpo": "preference",
    "kto": "unpaired",
    "prompt": "prompt",
    "stepwise": "stepwise",
    "text": "text",
}
MADE: Mapping[tuple[str, str], str] = {
    ("preference", "chat"): "rejected answers",
    ("unpaired", "chat"): "which answers are wanted",
}
"""What is lost where rows are made into another shape, which `--as` asks for."""


@dataclass(frozen=True)
class Ask:
    """What the user asks for. as_: sft, dpo, kto, prompt, stepwise or text, empty for what the rows are.

    options: the target's own. shards: files for each part. profile: a profile file in place of the shipped
    one. model: a folder or cached Hub id whose tokenizer counts tokens.
    """

    to: str = "messages"
    as_: str = ""
    leave_out: bool = False
    shards: int = 1
    profile: str = ""
    model: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


def planned(ask: Ask, manifest: Manifest) -> Work | Plain:
    """How rows of a data set go to a target. Raises UsageError for what the target cannot hold."""
    columns = {name: manifest.options[name] for name in ("text", "label") if manifest.options.get(name)}
    source = (manifest.format, columns)
    if ask.shards < 1:
        raise UsageError(f"--shards {ask.shards} is no number of files", "give 1 or more")
    targets, formats = parts.parts("targets"), parts.parts("formats")
    if ask.to not in targets and ask.to in (SAME, *formats):
        plain = Plain(source, ask.to)
        plain.check()
        return plain
    if ask.to not in targets:
        raise unknown("export", ask.to, {*targets, *formats, SAME})
    found = targets[ask.to]
    if ask.shards > 1 and not found.shards:
        raise UsageError(f"{ask.to} reads one file for each part", "leave --shards out")
    shape = shape_of(ask, manifest)
    profile = ask.profile or found.profile
    rules = load_profile(profile) if profile else None
    parts.build("targets", ask.to, ask.options)
    return Work(source, (ask.to, ask.options), shape, found.takes[shape], rules, ask.model)


def shape_of(ask: Ask, manifest: Manifest) -> Shape:
    """The shape that rows are exported in. Raises UsageError where the target has no place for it."""
    takes = parts.part("targets", ask.to).takes
    own = SHAPES.get(manifest.format)
    if own is None:
        raise UsageError(f"{manifest.format} rows have no shape that a trainer knows", "name the format with --format")
    if ask.as_ and ask.as_ not in AS:
        raise unknown("shape", ask.as_, AS)
    shape = AS[ask.as_] if ask.as_ else own
    if shape not in takes:
        able = sorted(name for name, found in parts.parts("targets").items() if shape in found.takes)
        hint = ", or --as sft for the better answers" if shape == "preference" and "chat" in takes else ""
        raise UsageError(f"{ask.to} cannot hold {manifest.format} rows", f"export them --to {', '.join(able)}{hint}")
    if shape != own and (own, shape) not in {*MADE, ("chat", "prompt")}:
        able = [name for name, other in AS.items() if other == own or (own, other) in {*MADE, ("chat", "prompt")}]
        raise UsageError(f"{manifest.format} rows cannot be made into {ask.as_} rows", f"--as {' or '.join(able)}")
    return shape
