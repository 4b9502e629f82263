"""Nodes that remember, for the length of one text, what was said: once and then the same, or each time another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

from toolkit.core.errors import UsageError
from toolkit.providers.nodes import Choice, Digits, Range, Source

_TRIES = 20


class Once:
    """A lexicon that is drawn once a text: whatever names it says the same. Counted where the text begins.

    value: what it says in this text, None until it is drawn. nth: inner ones come before those that name them.
    """

    __slots__ = ("edge", "longest", "masked", "maybe", "node", "nth", "sure", "texts", "value")

    def __init__(self, node: Any, nth: int) -> None:
        self.node, self.nth = node, nth
        self.value: str | None = None
        self.texts = self.masked = 1
        self.longest, self.edge = node.longest, node.edge
        self.sure: frozenset[Any] = node.sure | {self}
        self.maybe: frozenset[Any] = node.maybe | {self}

    def draw(self, random: Source) -> str:
        if self.value is None:
            self.value = self.node.draw(random)
        return self.value

    def visit(self, rank: int, random: Source) -> str:
        return self.draw(random)

    def all(self) -> Iterator[str]:
        yield cast(str, self.value)


class Remembering:
    """A whole text that names lexicons drawn once. Those that every derivation names count, others come by chance."""

    __slots__ = ("counted", "edge", "longest", "masked", "named", "part", "texts")
    sure: frozenset[Any] = frozenset()  # what is remembered is forgotten where the text ends
    maybe: frozenset[Any] = frozenset()

    def __init__(self, part: Any) -> None:
        self.part, self.longest, self.edge = part, part.longest, part.edge
        self.counted = sorted(part.sure, key=_nth)
        self.named = sorted(part.maybe, key=_nth)
        self.texts, self.masked = part.texts, part.masked
        for once in self.counted:
            self.texts *= once.node.texts
            self.masked *= once.node.masked

    @property
    def program(self) -> tuple[Any, ...]:
        return (self,)

    def draw(self, random: Source) -> str:
        self._forget()
        text: str = self.part.draw(random)
        return text

    def visit(self, rank: int, random: Source) -> str:
        self._forget()
        for once in self.counted:
            rank, inner = divmod(rank, once.node.masked)
            once.value = once.node.visit(inner, random)
        text: str = self.part.visit(rank, random)
        return text

    def all(self) -> Iterator[str]:
        self._forget()
        yield from dict.fromkeys(self._all(self.named))

    def _all(self, left: Sequence[Once]) -> Iterator[str]:
        if not left:
            yield from self.part.all()
            return
        for value in left[0].node.all():
            left[0].value = value
            yield from self._all(left[1:])

    def _forget(self) -> None:
        for once in self.named:
            once.value = None


class Other:
    """A slot of a pattern that says another text than earlier ones did. Its lexicon holds plain texts or numbers.

    earlier: what it must differ from; none for the first, which only has to be remembered.
    """

    __slots__ = ("earlier", "edge", "longest", "masked", "maybe", "node", "sure", "texts", "value")

    def __init__(self, node: Any, earlier: Sequence[Any], where: str) -> None:
        """where: the place and the slot, for errors. Raises UsageError where there is no other text."""
        if not isinstance(node, Choice | Digits | Range) or not _plain(node):
            what = f"{where} is asked of a lexicon whose entries have slots"
            raise UsageError(what, "use `:other` with a list of plain texts, digits or a range")
        self.node, self.earlier = node, list(earlier)
        self.value: str | None = None
        self.texts = node.texts - len(self.earlier)
        self.masked = max(1, node.masked - len(self.earlier))
        if self.texts < 1:
            what = f"{where} asks for {len(self.earlier) + 1} different texts of a lexicon that has {node.texts}"
            raise UsageError(what, "add texts to it, or take out `:other`")
        self.longest, self.edge = node.longest, node.edge
        once = frozenset(each for each in self.earlier if isinstance(each, Once))
        self.sure: frozenset[Any] = once
        self.maybe: frozenset[Any] = once

    def draw(self, random: Source) -> str:
        said = self._said(random)
        for _ in range(_TRIES):
            self.value = self.node.draw(random)
            if self.value not in said:
                return self.value
        self.value = next(text for text in self.node.all() if text not in said)
        return self.value

    def visit(self, rank: int, random: Source) -> str:
        if not isinstance(self.node, Choice):
            return self.draw(random)
        said = self._said(random)
        left = [free for group in self.node.groups if (free := [text for text in group if text not in said])]
        group = left[rank]
        self.value = group[int(random() * len(group))]
        return self.value

    def all(self) -> Iterator[str]:
        said = {each.value for each in self.earlier}
        for text in self.node.all():
            if text not in said:
                self.value = text
                yield text

    def _said(self, random: Source) -> set[str]:
        return {each.draw(random) if isinstance(each, Once) else each.value for each in self.earlier}


def _plain(node: Choice | Digits | Range) -> bool:
    return not isinstance(node, Choice) or all(isinstance(item, str) for item in node.items)


def _nth(once: Once) -> int:
    return once.nth
