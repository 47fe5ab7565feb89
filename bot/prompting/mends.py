"""The mends of single mentions: texts that, put in a mention's place, settle what is wrong with it.

A mend may read differently in its place than alone (`[Image 9]2`, a file called `image1 x.png`), so each is put there
and the text around it is read again: only what settles its finding and leaves every other mention as it is gets
offered. Reading a bounded way ahead and back, a form further off cannot tell the difference.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from bot.domain.prompts import Mention, PromptStyle, Segment, Text
from bot.domain.references import Reference
from bot.prompting.parse import Mark

_MOST_CHARACTERS = 2_000
_MOST_FINDINGS = 24
"""What one look at a prompt reads again for its mends; a longer list of mistakes gets the rest at the next look."""

_REACH = 150
"""More than any form reads ahead: a quoted name or a command has at most some 130 characters."""

_SPACE = re.compile(r"\s")

Read = Callable[[str], Sequence[Mark]]


@dataclass(slots=True)
class Mender:
    """Finds the mends of one text's marks; `read` gives the marks of a changed text."""

    text: str
    read: Read
    _left: int = field(default=_MOST_CHARACTERS, init=False)
    _looked: int = field(default=0, init=False)

    def __call__(self, found: Sequence[Mark], index: int) -> tuple[str, ...]:
        """The mends of that mark, in order of likelihood; none when nothing settles it."""
        self._looked += 1
        if self._looked > _MOST_FINDINGS:
            return ()
        around = self._surroundings(found, index)
        mends = (self._first_fitting(around, texts, becomes) for texts, becomes in self._ways(found[index]))
        return tuple(mend for mend in mends if mend is not None)

    def _ways(self, mark: Mark) -> Iterator[tuple[tuple[str, ...], Segment]]:
        """For each thing that may have been meant: how it can be written, and what it then becomes."""
        written = self.text[mark.start : mark.end]
        code = _code(mark)
        if code == "loose-mention-unresolved":
            yield (f"\\{written}",), Text(written)
        for reference in mark.resolved.choices:
            names = _by_name(reference) if code == "name-shadowed" else ()
            yield (*names, *by_number(reference)), Mention(reference.id)

    def _surroundings(self, found: Sequence[Mark], index: int) -> "_Around":
        """The stretch to read again: from and to white space or a mention's edge, far enough off."""
        mark = found[index]
        first, last = index, index + 1
        while first > 0 and found[first - 1].end > mark.start - _REACH:
            first -= 1
        while last < len(found) and found[last].start < mark.reach + _REACH:
            last += 1
        earliest = found[first - 1].end if first else 0
        latest = found[last].start if last < len(found) else len(self.text)
        start = max(earliest, _last_space(self.text, earliest, min(mark.start - _REACH, found[first].start)))
        end = _first_space(self.text, max(mark.reach + _REACH, found[last - 1].end), latest)
        return _Around(start, end, tuple(found[first:last]), index - first)

    def _first_fitting(self, around: "_Around", texts: tuple[str, ...], becomes: Segment) -> str | None:
        return next((mend for mend in texts if self._settles(around, mend, becomes)), None)

    def _settles(self, around: "_Around", mend: str, becomes: Segment) -> bool:
        found, index = around.found, around.index
        mark = found[index]
        text = self.text[around.start : mark.start] + mend + self.text[mark.reach : around.end]
        if len(text) > self._left:
            return False
        self._left -= len(text)
        again = self.read(text)
        if len(again) != len(found):
            return False
        after, longer = again[index], len(mend) - (mark.reach - mark.start)
        return (
            after.resolved.segment == becomes
            and _code(after) is None
            and all(_alike(old, new, -around.start) for old, new in zip(found[:index], again[:index], strict=True))
            and all(
                _alike(old, new, longer - around.start)
                for old, new in zip(found[index + 1 :], again[index + 1 :], strict=True)
            )
        )


@dataclass(frozen=True, slots=True)
class _Around:
    """`start:end` of the text, the marks in it, and which of them is to be mended."""

    start: int
    end: int
    found: tuple[Mark, ...]
    index: int


def _last_space(text: str, start: int, end: int) -> int:
    """The last white space of `start:end`; `start` when there is none."""
    return max((text.rfind(space, start, max(start, end)) for space in " \n"), default=start)


def _first_space(text: str, start: int, end: int) -> int:
    found = _SPACE.search(text, start, end)
    return found.start() if found else end


def by_number(reference: Reference) -> tuple[str, ...]:
    """The ways to write a reference's number, the plainest first; the later ones stand closer company."""
    token, bracketed = reference.token, PromptStyle.BRACKET.token(reference.kind, reference.kind_number)
    return (token, bracketed, f"{token} ", f" {token}", f" {token} ", f" {bracketed} ")


def _by_name(reference: Reference) -> tuple[str, str]:
    plain, quoted = f"@{reference.name}", f'@"{reference.name}"'
    return (quoted, plain) if " " in reference.name else (plain, quoted)


def _alike(old: Mark, new: Mark, shift: int = 0) -> bool:
    return (old.start + shift, old.end + shift, old.resolved.segment) == (new.start, new.end, new.resolved.segment)


def _code(mark: Mark) -> str | None:
    said = mark.resolved.error or mark.resolved.warning
    return said.code if said else None
