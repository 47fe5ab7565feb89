"""The mends of single mentions: texts that, put in a mention's place, settle what is wrong with it.

A mend may read differently in its place than alone (`[Image 9]2`, a file called `image1 x.png`), so each is put there
and the text is read again: only what settles its finding and leaves every other mention as it is gets offered.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from bot.domain.prompts import Mention, PromptStyle, Segment, Text
from bot.domain.references import Reference
from bot.prompting.parse import Mark

_MOST_CHARACTERS = 16_000
"""What one look at a prompt reads again for its mends; a longer list of mistakes gets the rest at the next look."""

Read = Callable[[str], Sequence[Mark]]


@dataclass(slots=True)
class Mender:
    """Finds the mends of one text's marks; `read` gives the marks of a changed text."""

    text: str
    read: Read
    _left: int = field(default=_MOST_CHARACTERS, init=False)

    def __call__(self, found: Sequence[Mark], index: int) -> tuple[str, ...]:
        """The mends of that mark, in order of likelihood; none when nothing settles it."""
        mends = (self._first_fitting(found, index, texts, becomes) for texts, becomes in self._ways(found[index]))
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

    def _first_fitting(self, found: Sequence[Mark], index: int, texts: tuple[str, ...], becomes: Segment) -> str | None:
        return next((mend for mend in texts if self._settles(found, index, mend, becomes)), None)

    def _settles(self, found: Sequence[Mark], index: int, mend: str, becomes: Segment) -> bool:
        mark = found[index]
        text = self.text[: mark.start] + mend + self.text[mark.end :]
        if len(text) > self._left:
            return False
        self._left -= len(text)
        again = self.read(text)
        if len(again) != len(found):
            return False
        after, shift = again[index], len(text) - len(self.text)
        return (
            after.resolved.segment == becomes
            and _code(after) != _code(mark)
            and all(map(_alike, found[:index], again[:index]))
            and all(_alike(old, new, shift) for old, new in zip(found[index + 1 :], again[index + 1 :], strict=True))
        )


def by_number(reference: Reference) -> tuple[str, ...]:
    """The ways to write a reference's number, the plainest first; the later ones stand closer company."""
    token, bracketed = reference.token, PromptStyle.BRACKET.token(reference.kind, reference.kind_number)
    return (token, bracketed, f"{token} ", f" {token}", f" {token} ", f" {bracketed} ")


def _by_name(reference: Reference) -> tuple[str, str]:
    return f"@{reference.name}", f'@"{reference.name}"'


def _alike(old: Mark, new: Mark, shift: int = 0) -> bool:
    return (old.start + shift, old.end + shift, old.resolved.segment) == (new.start, new.end, new.resolved.segment)


def _code(mark: Mark) -> str | None:
    said = mark.resolved.error or mark.resolved.warning
    return said.code if said else None
