"""A prompt's source text after its references were moved or taken out: every mention still means its file.

The text is rewritten and read again. Where something does not read as it should in its place, it is written more
plainly, and so on until all does: a handful of readings, whatever the text.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from bot.domain.prompts import Mention, Names, Text
from bot.domain.references import Reference
from bot.prompting.boundaries import glues
from bot.prompting.mends import by_number
from bot.prompting.parse import Mark, marks
from bot.prompting.reading import surroundings
from bot.prompting.register import register
from bot.prompting.sightings import ByNumber, Literal

_CLOSING = frozenset(']}>】"”')
_MOST_ROUNDS = 20
"""No text is known to need five; each round writes some place more plainly."""


@dataclass(slots=True)
class _Place:
    """A stretch of the text, and the ways to write it, the best first.

    `means`: the reference mentioned here; without one, nothing may be mentioned, unless the place is `free` (what was
    wrong in the source may well come right). `escape`: what an escaped mention stands for.
    """

    ways: tuple[str, ...]
    means: str | None = None
    escape: str | None = None
    free: bool = False
    backslashes: set[int] = field(default_factory=set[int])

    @property
    def written(self) -> str:
        """The best way left, with backslashes before what would be read as a mention."""
        way = self.ways[0]
        return "".join(f"\\{sign}" if at in self.backslashes else sign for at, sign in enumerate(way))

    def settled(self, start: int, here: Sequence[Mark]) -> bool:
        """True when the marks that touch the place, which begins at `start`, read as they should; else changes it."""
        if self.means is not None:
            return self._reaches(start, here) or not self._more_plainly()
        if self.escape is not None and not _stays_escaped(here, self.escape) and self._more_plainly():
            return False
        wrong = [mark.start - start for mark in here if mark.start >= start and _points(mark)]
        return self.free or not self._take_back(wrong)

    def _reaches(self, start: int, here: Sequence[Mark]) -> bool:
        if len(here) != 1 or here[0].resolved.segment != Mention(self.means or ""):
            return False
        around = self.written[: max(0, here[0].start - start)] + self.written[here[0].end - start :]
        return here[0].start >= start and here[0].end <= start + len(self.written) and not around.strip()

    def _more_plainly(self) -> bool:
        """Takes the next way; false when there is none."""
        more = len(self.ways) > 1
        self.ways = self.ways[1:] or self.ways
        return more

    def _take_back(self, wrong: Sequence[int]) -> bool:
        """Puts backslashes at those indexes of `written`; false when there is nothing new to do."""
        count, earlier = len(self.backslashes), sorted(self.backslashes)
        for at in wrong:
            self.backslashes.add(at - sum(index + shift < at for shift, index in enumerate(earlier)))
        return len(self.backslashes) > count


def renumbered(text: str, before: Sequence[Reference], after: Sequence[Reference], *, names: Names) -> str:
    """The source text with its mentions rewritten, so that each means the same file under its new number.

    A mention by number becomes the new `@Image1`; one by name stays while it still reaches its file; one of a file
    that is gone becomes the file's name in plain words. Everything else stays character for character.
    """
    found = tuple(marks(text, register(before), surroundings(before, names)))
    places = tuple(_places(text, found, {one.id: one for one in before}, {one.id: one for one in after}))
    known, around = register(after), surroundings(after, names)
    for _ in range(_MOST_ROUNDS):
        again = tuple(marks(_joined(places), known, around))
        if not _mended(places, again):
            break
    return _joined(places)


def _joined(places: Sequence[_Place]) -> str:
    return "".join(place.written for place in places)


def _places(
    text: str, found: Sequence[Mark], before: Mapping[str, Reference], after: Mapping[str, Reference]
) -> Iterator[_Place]:
    done = 0
    for mark in found:
        yield _Place((text[done : mark.start],))
        yield _place(text, mark, before, after)
        done = mark.end
    yield _Place((text[done:],))


def _place(text: str, mark: Mark, before: Mapping[str, Reference], after: Mapping[str, Reference]) -> _Place:
    source = text[mark.start : mark.end]
    match mark.resolved.segment, mark.target:
        case Mention(reference_id), target if reference_id in after:
            plain = by_number(after[reference_id])
            return _Place(plain if isinstance(target, ByNumber) else (source, *plain), means=reference_id)
        case Mention(reference_id), _:
            return _Place(
                (
                    _in_words(
                        before[reference_id].name,
                        text[max(0, mark.start - 1) : mark.start],
                        text[mark.end : mark.end + 1],
                    ),
                )
            )
        case Text(stands), Literal(shown=None):
            return _Place((source, stands), escape=stands)
        case Text(), ByNumber() if mark.resolved.error is None:
            return _Place((source,))
        case _:
            return _Place((source,), free=True)


def _in_words(name: str, before: str, after: str) -> str:
    """The name of a file that is gone, apart from what it would run into."""
    left = " " if glues(before or " ") or before in _CLOSING else ""
    right = " " if glues(after or " ") else ""
    return f"{left}{name}{right}"


def _mended(places: Sequence[_Place], found: Sequence[Mark]) -> bool:
    """Writes more plainly what does not read as it should; false when there is nothing (more) to do.

    What touches a place that was just changed waits for the next reading: it may have come right by that.
    """
    ends = tuple(accumulate(len(place.written) for place in places))
    begins = [mark.start for mark in found]
    changed_until, changed, first = -1, False, 0
    for place, start, end in zip(places, (0, *ends), ends, strict=False):
        while first < len(found) and found[first].end <= start:
            first += 1
        here = found[first : bisect_left(begins, end)]
        if start != changed_until and not place.settled(start, here):
            changed_until, changed = end, True
    return changed


def _points(mark: Mark) -> bool:
    return isinstance(mark.resolved.segment, Mention) or mark.resolved.error is not None


def _stays_escaped(here: Sequence[Mark], stands: str) -> bool:
    return len(here) == 1 and isinstance(here[0].target, Literal) and here[0].resolved.segment == Text(stands)
