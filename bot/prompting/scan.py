"""The one pass over the text: from left to right, at each word or sign the first form that fits.

Linear: every form reads a bounded way ahead, and runs of address characters are read once.
"""

import re
from collections.abc import Iterator

from bot.prompting.boundaries import LEXEME, NUMBER_GROUP, SIGN_GROUP, SPACE_GROUP, WORD_GROUP, in_path, is_wide
from bot.prompting.folding import Folded
from bot.prompting.forms import OPENERS, at_form, bracket_form, hash_form, word_form
from bot.prompting.lexicon import may_begin_mention
from bot.prompting.markup import MARKUP, Surroundings, readable
from bot.prompting.register import Register
from bot.prompting.sightings import ByName, Literal, Sighting
from bot.prompting.tokens import left_alone, may_hold_alone

_SIGNS = OPENERS | {"@", "#", "\\"}
_NUMBER_ENDS = (".", "-")


def sightings(page: Folded, known: Register, around: Surroundings) -> Iterator[Sighting]:
    """Everything that may be a mention or is markup, in order, without overlaps; URLs and addresses are skipped."""
    text, wary = page.text, may_hold_alone(page.source)
    index, read_until, after = 0, 0, -1
    while lexeme := LEXEME.match(text, index):
        if wary and (here := page.origin[index]) >= read_until and page.is_edge(index):
            read_until, alone = left_alone(page.source, here)
            if alone:
                index = page.index_of(read_until)
                continue
        found = _found(page, lexeme, known, around, after) if _may_begin(lexeme, known) else None
        if found and page.is_edge(found.start) and page.is_edge(found.end):
            yield found
            index = after = found.end
        else:
            index = lexeme.end()


def _may_begin(lexeme: re.Match[str], known: Register) -> bool:
    """False for most of a prose: what begins no form and no name needs no closer look."""
    group, word = lexeme.lastindex, lexeme[0]
    if group == SPACE_GROUP:
        return False
    if group == SIGN_GROUP or word[0] in known.by_first:
        return True
    if group == WORD_GROUP:
        return may_begin_mention(word)
    if group == NUMBER_GROUP:  # "2nd", "2番目の", "2. ", "2-я "
        behind = lexeme.string[lexeme.end() : lexeme.end() + 1]
        return behind in _NUMBER_ENDS or behind.isalpha()
    return is_wide(word)


def _found(page: Folded, lexeme: re.Match[str], known: Register, around: Surroundings, after: int) -> Sighting | None:
    index = lexeme.start()
    if page.text[index] == "\\":
        return _escaped(page, index, known, around, after)
    return _sighted(page, index, known, around, after)


def _sighted(page: Folded, index: int, known: Register, around: Surroundings, after: int) -> Sighting | None:
    text, sign = page.text, page.text[index]
    if sign not in _SIGNS:
        return word_form(text, index, known, after)
    if sign == "<" and (found := _markup(page, index, around)):
        return found
    if sign == "@":
        return at_form(text, index, known)
    if sign in OPENERS and (found := bracket_form(text, index, after)):
        return found
    if sign == "#" and (found := hash_form(text, index, after)):
        return found
    return word_form(text, index, known, after) if sign in known.by_first else None


def _escaped(page: Folded, index: int, known: Register, around: Surroundings, after: int) -> Sighting | None:
    """A backslash and the mention it takes back. Discord's markup is replaced all the same; a path stays whole."""
    if index + 1 >= len(page.text):
        return None
    found = _sighted(page, index + 1, known, around, after)
    if found is None:
        return None
    if page.text[index + 1] == "<" and isinstance(found.target, Literal):
        target = found.target
    elif isinstance(found.target, ByName) and not found.strict and after != index and in_path(page.text, index):
        target = Literal(page.source_of(index, found.end))
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
