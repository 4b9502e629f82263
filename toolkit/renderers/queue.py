"""A queue, a simulation and an error rate on a terminal and as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from toolkit.sample import Sampled, Simulated
    from toolkit.stats.sampling import Estimate

SHOWN = 5
WIDTH = 70


def text(made: Sampled, files: Sequence[Path]) -> str:
    """What was chosen from what, the first rows with their reasons, and the next command."""
    from toolkit.sample.driver import rounds_of
    from toolkit.sample.rounds import advice

    told = made.told
    pool, left = told["pool"], {name: count for name, count in told["left_out"].items() if count}
    lines = [
        f"{pool['name']}: {pool['rows']:,} rows, {told['texts']:,} different texts may be asked"
        + "".join(f", {count:,} {name.replace('_', ' ')}" for name, count in left.items()),
        f"{len(made.rows):,} rows in {made.path}, chosen by {told['strategy']}: "
        + ", ".join(f"{count:,} {name}" for name, count in told["groups"].items()),
        f"hardness: {', '.join(told['hardness']) or 'unknown, so rows that stand for many'}",
        "",
    ]
    if len(made.rows) < min(told["asked_for"], told["texts"]):
        lines.insert(
            2, f"fewer than the {told['asked_for']:,} asked for: the rest are of new topics; --novel 1 asks them"
        )
    for row in made.rows[:SHOWN]:
        lines += [f"{row.rank:>5}  {_cut(row.text)}", f"       {row.reason}"]
    lines += ["", *(f"wrote {path}" for path in files)]
    if rounds := rounds_of(made):
        lines.append(advice(rounds))
        if rounds[-1].weakest:
            lines.append(f"the next round should seek: {', '.join(rounds[-1].weakest)}")
    return "\n".join(lines)


def as_json(made: Sampled, files: Sequence[Path]) -> dict[str, Any]:
    """The manifest, where the files are, and the advice."""
    from toolkit.sample.driver import rounds_of
    from toolkit.sample.rounds import advice

    rounds = rounds_of(made)
    shown = {key: value for key, value in made.told.items() if key != "rounds"}
    told = [{**asdict(each), "accuracy": each.accuracy} for each in rounds]
    for each in told:
        del each["hits"]
    return {
        "queue": str(made.path),
        "rows": len(made.rows),
        "files": [str(path) for path in files],
        **shown,
        "rounds": told,
        "advice": advice(rounds) if rounds else "",
    }


def simulated(found: Simulated) -> str:
    """The table of strategies; a gain is called one only where its interval does not reach zero."""
    lines = [
        f"{found.classes} classes, {found.pool_rows:,} rows to choose from, {found.held_out_rows:,} held out, "
        f"{found.seeds} repetitions, {found.labels[0]:,} to {found.labels[-1]:,} labels",
        "",
        f"{'':<18}{'accuracy':>9}{'macro':>8}{'at end':>8}{'labels to 90 %':>16}   to random (95 %)",
    ]
    for each in found.trials:
        reached = "-" if each.labels_to_90 is None else f"{each.labels_to_90:,.0f}"
        gain = "" if each.strategy == "random" else _gain(each.gain)
        lines.append(
            f"{each.strategy:<18}{each.area:>9.3f}{each.macro:>8.3f}{each.curve[-1]:>8.3f}{reached:>16}   {gain}"
        )
    return "\n".join([*lines, "", *(_verdict(each) for each in found.trials if each.strategy != "random")])


def _gain(gain: Any) -> str:
    return f"{100 * gain.mean:+.1f} points ({100 * gain.low:+.1f} to {100 * gain.high:+.1f})"


def _verdict(trial: Any) -> str:
    """What may be said of a strategy, in rows as they come and with every class alike."""
    words = []
    for name, gain in (("in rows as they come", trial.gain), ("with every class counting alike", trial.macro_gain)):
        if gain.shown:
            words.append(f"a gain over random {name}")
        elif gain.high < 0:
            words.append(f"worse than random {name}")
        else:
            words.append(f"no gain shown {name}: {_gain(gain)}")
    return f"{trial.strategy}: {'; '.join(words)}"


def simulated_json(found: Simulated) -> dict[str, Any]:
    """The same as plain values, with `claim` for whether a gain may be claimed."""
    told = asdict(found)
    for each, trial in zip(told["trials"], found.trials, strict=True):
        each["gain"], each["macro_gain"] = trial.gain._asdict(), trial.macro_gain._asdict()
        each["claim"] = trial.strategy != "random" and trial.gain.shown
    return told


def error(found: Estimate) -> str:
    """One sentence with its interval."""
    return (
        f"the model's label is wrong in {found.rate:.1%} of new requests ({found.low:.1%} to {found.high:.1%}), "
        f"from {found.rows:,} rows drawn by chance out of {found.requests:,.0f} requests"
    )


def _cut(text: str) -> str:
    flat = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return flat if len(flat) <= WIDTH else f"{flat[: WIDTH - 1]}…"
