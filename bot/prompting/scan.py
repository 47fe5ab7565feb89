"""The one pass over the text: from left to right, at each word or sign the first form that fits.

Linear: every form reads a bounded way ahead, and runs of address characters are read once.
"""

from collections.abc import Iterator

from bot.prompting.boundaries import LEXEME
from bot.prompting.folding import Folded
from bot.prompting.forms import OPENERS, at_form, bracket_form, hash_form, word_form
from bot.prompting.markup import MARKUP, Surroundings, readable
from bot.prompting.register import Register
from bot.prompting.sightings import Literal, Sighting
from bot.prompting.tokens import left_alone


def sightings(page: Folded, known: Register, around: Surroundings) -> Iterator[Sighting]:
    """Everything that may be a mention or is markup, in order, without overlaps; URLs and addresses are skipped."""
    index, read_until = 0, 0
    while index < len(page.text):
        here = page.origin[index]
        if here >= read_until and page.is_edge(index):
            read_until, alone = left_alone(page.source, here)
            if alone:
                index = page.index_of(read_until)
                continue
        found = _escaped(page, index, known, around) or _sighted(page, index, known, around)
        if found and page.is_edge(found.start) and page.is_edge(found.end):
            yield found
            index = found.end
        else:
            index = _next(page, index)


def _sighted(page: Folded, index: int, known: Register, around: Surroundings) -> Sighting | None:
    text, sign = page.text, page.text[index]
    if sign == "<" and (found := _markup(page, index, around)):
        return found
    if sign == "@":
        return at_form(text, index, known)
    if sign in OPENERS and (found := bracket_form(text, index)):
        return found
    if sign == "#" and (found := hash_form(text, index)):
        return found
    return word_form(text, index, known)


def _escaped(page: Folded, index: int, known: Register, around: Surroundings) -> Sighting | None:
    """A backslash and the mention it takes back. Discord's markup is replaced all the same."""
    if page.text[index] != "\\" or index + 1 >= len(page.text):
        return None
    found = _sighted(page, index + 1, known, around)
    if found is None:
        return None
    if page.text[index + 1] == "<" and isinstance(found.target, Literal):
        target = found.target
    else:
        target = Literal(page.source_of(found.bare_start, found.bare_end))
    return Sighting(
        start=index, end=found.end, bare_start=index, bare_end=found.end, target=target, strict=found.strict
    )


def _markup(page: Folded, index: int, around: Surroundings) -> Sighting | None:
    found = MARKUP.match(page.source, page.origin[index])
    if found is None:
        return None
    end = page.index_of(found.end())
    return Sighting(start=index, end=end, bare_start=index, bare_end=end, target=readable(found, around), strict=True)


def _next(page: Folded, index: int) -> int:
    lexeme = LEXEME.match(page.text, index)
    return lexeme.end() if lexeme else index + 1
