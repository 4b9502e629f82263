"""The verb: read a pool of real use, decide which rows are worth a label, and write the queue."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from toolkit.core.errors import NotApplicable, UsageError
from toolkit.near.cover import nearest
from toolkit.read import Progress, locate
from toolkit.sample.hard import rank, records
from toolkit.sample.look import Given, Seen, look
from toolkit.sample.plan import Planned, by_chance, plan, sampler_named
from toolkit.sample.queue import FILE, QueueRow, content_hash, write_queue
from toolkit.sample.reasons import reason
from toolkit.sample.rounds import Round, history
from toolkit.sample.signals import Told, told
from toolkit.store.folder import RunFolder, default_run
from toolkit.write import whole_file

Ints = npt.NDArray[np.int64]
MANIFEST = "queue.json"


@dataclass(frozen=True, slots=True)
class Sampled:
    """A queue that was written. told: what `queue.json` says of how it came to be."""

    folder: Path
    rows: tuple[QueueRow, ...]
    told: Mapping[str, Any]

    @property
    def path(self) -> Path:
        return self.folder / FILE

    def __repr__(self) -> str:
        return f"<Sampled {self.path}: {len(self.rows):,} rows>"


def sample(
    given: Given, n: int = 200, *, out: str | Path | None = None, encode: Any, progress: Progress | None = None
) -> Sampled:
    """Write a queue of at most `n` rows into the folder `out`, `runs/<name of the pool>-queue` by default.

    encode: texts to unit vectors. Raises InputError for what cannot be read, UsageError where nothing is
    left to ask or the strategy needs what there is not.
    """
    given.options.check()
    if n < 1:
        raise UsageError(f"a queue of {n} rows", "give -n 1 or more")
    named = default_run(locate(given.pool).name).path
    folder = RunFolder(Path(out) if out else named.with_name(f"{named.name}-queue"))
    with folder.locked():
        seen = look(given, folder.path, encode, progress)
        sampler = sampler_named(given.options.strategy, cold=seen.ready.hardness is None)
        made = _planned(seen, given, sampler, n)
        rows = tuple(_rows(seen, made))
        write_queue(rows, folder.path / FILE)
        manifest = _manifest(seen, given, rows, n, "chance" if given.options.goal == "heldout" else sampler.id)
        manifest["rounds"] = [asdict(each) for each in history(folder.path / MANIFEST, seen, encode)]
        with whole_file(folder.path / MANIFEST) as file:
            file.write(json.dumps(manifest, indent=1, ensure_ascii=False).encode())
    return Sampled(folder.path, rows, manifest)


def rounds_of(sampled: Sampled) -> list[Round]:
    """The rounds of labelling that the queue's folder remembers."""
    return [Round(**each) for each in sampled.told["rounds"]]


def _planned(seen: Seen, given: Given, sampler: Any, n: int) -> Planned:
    asked = given.options
    if asked.goal == "heldout":
        return by_chance(seen.ready, n, seed=asked.seed)
    try:
        return plan(seen.ready, sampler, n, audit=asked.audit, novel=asked.novel, seed=asked.seed)
    except NotApplicable as reason_why:
        raise UsageError(
            f"{sampler.id} cannot choose: {reason_why}", "--strategy auto, or --train FILE"
        ) from reason_why


def _rows(seen: Seen, made: Planned) -> Iterator[QueueRow]:
    """The queue's rows in their order."""
    text_at = seen.may.place[made.place]
    told_of = _records(seen, text_at)
    texts = seen.pool.some(text_at)
    vectors = np.asarray(seen.ready.vectors[made.place], np.float32)
    near = nearest(vectors, seen.ready.known)
    harder = None if seen.ready.hardness is None else rank(np.asarray(seen.ready.hardness, np.float64))[made.place]
    shares = None if seen.head is None else seen.head.shares(vectors)
    requests = seen.may.weight[made.place]
    for at, text in enumerate(texts):
        record, ref = told_of[int(text_at[at])]
        signs = told(record, ref)
        likely = [] if shares is None or seen.head is None else _likely(shares[at], seen.head.classes)
        beside = _nearest(seen, int(near.row[at]), float(near.cosine[at]))
        chance = made.chance[at]
        hard = None if harder is None else float(harder[at])
        n_similar = round(float(requests[at]))
        yield QueueRow(
            rank=at + 1,
            id=ref,
            hash=content_hash(text),
            kind=_kind(signs, record, bool(likely)),
            text=text,
            group=made.group[at],
            hardness=0.5 if hard is None else round(hard, 4),
            probability=None if np.isnan(chance) else round(float(chance), 6),
            n_similar=n_similar,
            nearest=beside,
            reason=reason(made.group[at], signs, likely=likely, nearest=beside, n_similar=n_similar, harder=hard)
            + (_wanted(likely, seen.sought) if made.group[at] != "audit" else ""),
            draft=_draft(signs, record, likely, () if seen.head is None else seen.head.classes),
            row=record,
        )


def _records(seen: Seen, places: Ints) -> dict[int, tuple[dict[str, Any], str]]:
    """The records of some places of the pool, and the names of their rows."""
    wanted = set(places.tolist())
    return {at: each for at, each in enumerate(records(seen.pool.data)) if at in wanted}


def _likely(shares: npt.NDArray[np.float64], classes: tuple[str, ...]) -> list[tuple[str, float]]:
    first, second = np.argsort(-shares, kind="stable")[:2].tolist()
    return [(classes[first], float(shares[first])), (classes[second], float(shares[second]))]


def _nearest(seen: Seen, at: int, cosine: float) -> dict[str, Any] | None:
    if at < 0 or seen.labelled is None:
        return None
    record, ref = seen.labelled.ref(at)
    return {"id": ref, "label": seen.labelled.label[at].as_py(), "text": record, "similarity": round(cosine, 4)}


def _wanted(likely: list[tuple[str, float]], sought: tuple[str, ...]) -> str:
    name = next((each for each, _ in likely if each in sought), None)
    return "" if name is None else f"; '{name}' lacks rows"


def _kind(signs: Told, record: Mapping[str, Any], classes: bool) -> str:
    """What a person is asked: to choose between two drafts, to choose a class, or to edit an answer."""
    if "chosen" in record and "rejected" in record:
        return "preference"
    return "text" if not classes and _answer(signs, record) is not None else "class"


def _draft(
    signs: Told, record: Mapping[str, Any], likely: list[tuple[str, float]], classes: tuple[str, ...]
) -> dict[str, Any] | None:
    """What the model says: its own prediction or an answer that is a class before the head's, else its answer."""
    if "chosen" in record and "rejected" in record:
        return {"answers": [record["chosen"], record["rejected"]]}
    if signs.prediction is not None:
        sure = max(signs.probabilities) if signs.probabilities else signs.confidence
        return {"label": signs.prediction, "confidence": None if sure is None else round(sure, 4)}
    answer = _answer(signs, record)
    if answer is not None and answer.strip() in classes:
        return {"label": answer.strip(), "confidence": signs.confidence}
    if not likely and answer is not None:
        return {"answer": answer}
    return {"label": likely[0][0], "confidence": round(likely[0][1], 4)} if likely else None


def _answer(signs: Told, record: Mapping[str, Any]) -> str | None:
    """The model's answer: of a column, or the last turn of a chat where the assistant wrote it."""
    if signs.answer is not None:
        return signs.answer
    turns = record.get("messages")
    last = turns[-1] if isinstance(turns, list) and turns and isinstance(turns[-1], Mapping) else {}
    content = last.get("content")
    return content if last.get("role") == "assistant" and isinstance(content, str) else None


def _manifest(seen: Seen, given: Given, rows: tuple[QueueRow, ...], n: int, strategy: str) -> dict[str, Any]:
    """How the queue came to be; no clock and no path, so that the same input gives the same bytes."""
    may = seen.may
    return {
        "version": 1,
        "pool": {"name": locate(given.pool).name, "digest": seen.pool.data.manifest.digest, "rows": len(seen.pool)},
        "labelled": None if seen.labelled is None else {"rows": len(seen.labelled), "digest": seen.labelled.digest},
        "excluded": [each.digest for each in seen.excluded],
        "left_out": may.left._asdict(),
        "texts": len(may.place),
        "requests": float(may.weight.sum()),
        "asked_for": n,
        "strategy": strategy,
        "hardness": list(seen.signals),
        "classes": list(seen.head.classes) if seen.head is not None else [],
        "options": {name: value for name, value in asdict(given.options).items() if name != "seek"},
        **({"sought": list(seen.sought)} if given.options.seek else {}),
        "groups": dict(sorted(Counter(row.group for row in rows).items())),
    }
