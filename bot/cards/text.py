"""Other people's words on our cards: cleaned, escaped, and cut to what Discord takes.

Lengths are counted in UTF-16 units, the strictest way to read Discord's "characters".
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

ELLIPSIS: Final = "…"
_JOINERS = frozenset("\u200c\u200d")  # Persian and Indic words and joined emoji need them; they turn nothing around
_DROPPED = frozenset({"Cc", "Cf", "Cs", "Co"})
_LINE_BREAKS = re.compile(r"\r\n?|[\u0085\u2028\u2029\v\f]")
_INLINE = re.compile(r"[\\`*_~|\[<]|:(?=//)")
_LINE_START = re.compile(r"^([^\S\n]*)(?=[-#>+])", re.MULTILINE)  # each line by itself, or a mark is escaped twice
_EVERYONE = re.compile(r"@(?=everyone|here)", re.IGNORECASE)
_NONCHARACTER_MASK = 0xFFFE
MORE: Final = "… and {count} more"


@dataclass(frozen=True, slots=True)
class Listed:
    """Lines as one text. `missing` counts those that did not fit; the last line then says so."""

    text: str
    missing: int = 0


def units(text: str) -> int:
    """The length in UTF-16 units."""
    return len(text) + sum(character > "\uffff" for character in text)


def clean(text: str) -> str:
    """Without control, bidi and private characters; line breaks are kept, as one kind, and tabs become spaces."""
    plain = _LINE_BREAKS.sub("\n", text).replace("\t", " ")
    return "".join(character for character in plain if character == "\n" or _shows(character))


def one_line(text: str) -> str:
    """Cleaned, with every run of white space as one space."""
    return " ".join(clean(text).split())


def escaped(text: str) -> str:
    """Text that Discord shows as it is: no markdown, link, mention, emoji or timestamp comes of it."""
    inline = _INLINE.sub(lambda match: f"\\{match.group()}", text)
    return _EVERYONE.sub("@\u200b", _LINE_START.sub(r"\1\\", inline))


def quoted(text: str) -> str:
    """Escaped, as a block quote."""
    return "\n".join(f"> {line}" for line in escaped(text).split("\n"))


def fitted(text: str, limit: int, draw: Callable[[str], str] = escaped) -> str:
    """`draw(text)` in at most `limit` units; what does not fit is left out and an ellipsis says so."""
    drawn = draw(text)
    if units(drawn) <= limit:
        return drawn
    kept = text[:limit]
    while kept:
        drawn = draw(kept.rstrip() + ELLIPSIS)
        surplus = units(drawn) - limit
        if surplus <= 0:
            return drawn
        kept = kept[: -max(1, surplus // 4)]
    return ELLIPSIS


def inline(text: str, limit: int) -> str:
    """Somebody's words for the middle of a line of ours: one line, cleaned, escaped, cut."""
    return fitted(one_line(text), limit)


def first_lines(text: str, count: int) -> str:
    """At most `count` lines; an ellipsis stands for the rest."""
    lines = text.split("\n")
    return text if len(lines) <= count else "\n".join([*lines[:count], ELLIPSIS])


def joined(lines: Sequence[str], limit: int, *, more: str = MORE) -> str:
    """As many whole lines as fit into `limit` units; the last line tells how many are missing."""
    return listed([lines], limit, more=more).text


def listed(drawings: Iterable[Sequence[str]], limit: int, *, more: str = MORE) -> Listed:
    """The first drawing whose lines all fit into `limit` units; else as many lines of the last one as fit.

    Every drawing shows the same things, a line each, the later ones in fewer words.
    """
    lines: Sequence[str] = ()
    for lines in drawings:
        if units("\n".join(lines)) <= limit:
            return Listed("\n".join(lines))
    kept: list[str] = []
    for position, line in enumerate(lines):
        rest = more.format(count=len(lines) - position - 1)
        if units("\n".join([*kept, line, rest])) > limit:
            break
        kept.append(line)
    missing = len(lines) - len(kept)
    return Listed("\n".join([*kept, more.format(count=missing)]), missing)


def titled(title: str, lines: Sequence[str]) -> list[str]:
    """The lines with a title above the first one, in that very line, so that only what is listed is counted."""
    return [f"**{title}**\n{lines[0]}", *lines[1:]] if lines else []


def _shows(character: str) -> bool:
    if character in _JOINERS:
        return True
    code = ord(character)
    if code & _NONCHARACTER_MASK == _NONCHARACTER_MASK or 0xFDD0 <= code <= 0xFDEF:  # noqa: PLR2004  Unicode 23.7
        return False
    return unicodedata.category(character) not in _DROPPED
