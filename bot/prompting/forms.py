"""The forms of a mention. Each function looks at one place of the folded text and reads a bounded way ahead."""

import re
from collections.abc import Callable

from bot.prompting.boundaries import (
    DIGITS,
    LETTERS,
    WORD,
    ends_loose_number,
    ends_number,
    ends_word,
    glues,
    has_media_extension,
    is_wide,
    starts_word,
)
from bot.prompting.lexicon import (
    KindWord,
    is_article,
    is_kind_word,
    kind_word_at,
    ordinal_of,
    ordinal_prefix_at,
    ordinal_suffix,
)
from bot.prompting.register import Register
from bot.prompting.sightings import ByName, ByNumber, Sighting

_STRICT_SEPARATOR = re.compile(r"[-_:.]| {0,2}#?")
_LOOSE_SEPARATOR = re.compile(r" {0,3}(?:(?:#|n[or]\.?|n°) ?)?")
_GAP = re.compile(r" {1,3}")
_QUOTED = re.compile(r'@(?:"([^"<>@\n]{1,100})"|“([^”<>@\n]{1,100})”)')
_BRACKETS = {"[": "]", "<": ">", "{": "}", "【": "】"}
_BEFORE = re.compile(r"([^\W_]{1,16})[ -]{1,3}$")
_LOOK_BACK = 16
_MOST_DIGITS = 9
_MOST_LOOSE_DIGITS = 2
"""Over all there are at most 15 references; `#123` and `#ffaa00` are something else."""

OPENERS = frozenset(_BRACKETS)


def at_form(text: str, index: int, known: Register) -> Sighting | None:
    """`@` and what follows: quoted name, kind and number, number over all, name, or a plain word."""
    if quoted := _QUOTED.match(text, index):
        key = " ".join((quoted[1] or quoted[2]).split())
        return _sighting(index, quoted.end(), ByName(key), bare=(index + 1, quoted.end()))
    numbered = _kind_number(text, index + 1, _STRICT_SEPARATOR, ends_number) or _number(text, index + 1)
    key = known.longest_name(text, index + 1)
    if numbered and (key is None or index + 1 + len(key) <= numbered[1]):
        return _sighting(index, numbered[1], numbered[0])
    if key:
        return _sighting(index, index + 1 + len(key), ByName(key))
    return _plain_word(text, index)


def bracket_form(text: str, index: int) -> Sighting | None:
    """`[Image 1]` in any of four pairs of brackets (strict), or `[2]` (loose)."""
    inner = _skip_spaces(text, index + 1)
    numbered = _kind_number(text, inner, _STRICT_SEPARATOR, _anywhere)
    if numbered:
        close = _skip_spaces(text, numbered[1])
        if text[close : close + 1] == _BRACKETS[text[index]]:
            return _sighting(index, close + 1, numbered[0], bare=(index + 1, close))
    digits = DIGITS.match(text, index + 1)
    if text[index] != "[" or not digits or len(digits[0]) > _MOST_LOOSE_DIGITS or not starts_word(text, index):
        return None
    if text[digits.end() : digits.end() + 1] != "]":
        return None
    return _sighting(index, digits.end() + 1, ByNumber(None, int(digits[0])), strict=False)


def hash_form(text: str, index: int) -> Sighting | None:
    """`#2`, but not `#ff0000`, `#123`, `a#2`, `&#39;`."""
    digits = DIGITS.match(text, index + 1)
    if not digits or len(digits[0]) > _MOST_LOOSE_DIGITS or (index and text[index - 1] == "&"):
        return None
    if not starts_word(text, index) or not ends_loose_number(text, digits.end()):
        return None
    return _sighting(index, digits.end(), ByNumber(None, int(digits[0])), strict=False)


def word_form(text: str, index: int, known: Register) -> Sighting | None:
    """What needs no sign: a file's name, a kind and its number, an ordinal and its kind."""
    if not starts_word(text, index):
        return None
    key = known.longest_name(text, index)
    if key in known.file_names and not _dotted_on(text, index + len(key)):
        return _sighting(index, index + len(key), ByName(key), strict=False)
    numbered = _kind_number(text, index, _LOOSE_SEPARATOR, ends_loose_number, loose=True)
    if numbered:
        return _sighting(index, numbered[1], numbered[0], strict=False)
    return _ordinal(text, index)


Ends = Callable[[str, int], bool]
Numbered = tuple[ByNumber, int]
"""What was counted, and where the mention ends."""


def _kind_number(
    text: str, index: int, separator: re.Pattern[str], ends: Ends, *, loose: bool = False
) -> Numbered | None:
    word = kind_word_at(text, index)
    if word is None or (loose and word.strict_only):
        return None
    gap = separator.match(text, word.end)
    digits = DIGITS.match(text, gap.end() if gap else word.end)
    if digits is None or not ends(text, digits.end()):
        return None
    return ByNumber(word.kind, _value(digits[0])), digits.end()


def _number(text: str, index: int) -> Numbered | None:
    digits = DIGITS.match(text, index)
    return (ByNumber(None, _value(digits[0])), digits.end()) if digits and ends_number(text, digits.end()) else None


def _value(digits: str) -> int:
    """The number; 0, which no reference has, for what no list of files reaches (`int` refuses 5,000 digits)."""
    significant = digits.lstrip("0")
    return int(significant) if 0 < len(significant) <= _MOST_DIGITS else 0


def _plain_word(text: str, index: int) -> Sighting | None:
    """`@word`: a mention only when it is near one, or when it looks like a file or names a kind."""
    found = WORD.match(text, index + 1)
    if found is None:
        first = text[index + 1 : index + 2]
        return _sighting(index, index + 2, ByName(first, certain=False)) if first.isalnum() else None
    certain = has_media_extension(found[0]) or is_kind_word(found[0]) or _names_number(found[0])
    return _sighting(index, found.end(), ByName(found[0], certain=certain))


def _names_number(word: str) -> bool:
    """True for `image1st` or `image1a`: a kind and a number, badly ended."""
    return _kind_number(word, 0, _STRICT_SEPARATOR, _anywhere) is not None


def _ordinal(text: str, index: int) -> Sighting | None:
    glued = ordinal_prefix_at(text, index)
    if glued:
        kind = kind_word_at(text, _skip_spaces(text, glued[1]))
        return _counted(text, index, glued[0], kind)
    first = LETTERS.match(text, index)
    if first and is_article(first[0]):
        start = _past_gap(text, first.end())
        return _spaced_ordinal(text, index, start, article=first[0]) if start else None
    return _spaced_ordinal(text, index, index)


def _spaced_ordinal(text: str, index: int, start: int, *, article: str | None = None) -> Sighting | None:
    """`first image`, `the first image`, `2nd image`: a sighting that begins at `index`."""
    found = _ordinal_word(text, start)
    if found is None:
        return None
    number, end, articles, not_after = found
    before = _BEFORE.search(text[max(0, index - _LOOK_BACK) : index]) if article is None else None
    if (article is not None and article not in articles) or (before and _spoils(before[1], not_after)):
        return None
    kind_start = _past_gap(text, end)
    return _counted(text, index, number, kind_word_at(text, kind_start)) if kind_start else None


def _ordinal_word(text: str, index: int) -> tuple[int, int, frozenset[str], frozenset[str]] | None:
    digits = DIGITS.match(text, index)
    if digits:
        suffix = LETTERS.match(text, digits.end())
        ordinal = ordinal_suffix(suffix[0]) if suffix else None
        return (_value(digits[0]), suffix.end(), ordinal.articles, ordinal.not_after) if suffix and ordinal else None
    word = LETTERS.match(text, index)
    ordinal = ordinal_of(word[0]) if word else None
    return (ordinal.number, word.end(), ordinal.articles, ordinal.not_after) if word and ordinal else None


def _spoils(word: str, not_after: frozenset[str]) -> bool:
    """True after "a" and after a count: "a second image", "10 second clip"."""
    return word in not_after or word.isdecimal()


def _counted(text: str, index: int, number: int, kind: KindWord | None) -> Sighting | None:
    """An ordinal and its kind, unless the kind has a number of its own: "first image 2"."""
    if kind is None or kind.strict_only or _kind_continues(text, kind):
        return None
    return _sighting(index, kind.end, ByNumber(kind.kind, number), strict=False)


def _kind_continues(text: str, kind: KindWord) -> bool:
    if is_wide(text[kind.end - 1]):
        return False
    gap = _LOOSE_SEPARATOR.match(text, kind.end)
    numbered = DIGITS.match(text, gap.end() if gap else kind.end) is not None
    hyphened = text[kind.end : kind.end + 1] == "-" and kind.end + 1 < len(text) and glues(text[kind.end + 1])
    return numbered or hyphened or not ends_word(text, kind.end)


def _dotted_on(text: str, index: int) -> bool:
    """True inside of a longer name: `hero.png` in `hero.png.bak`."""
    return text[index : index + 1] == "." and index + 1 < len(text) and glues(text[index + 1])


def _past_gap(text: str, index: int) -> int | None:
    gap = _GAP.match(text, index)
    return gap.end() if gap else None


def _skip_spaces(text: str, index: int) -> int:
    return index + (text[index : index + 1] == " ")


def _anywhere(_text: str, _index: int) -> bool:
    return True


def _sighting(
    start: int, end: int, target: ByNumber | ByName, *, bare: tuple[int, int] | None = None, strict: bool = True
) -> Sighting:
    """A sighting; what stays of a strict one is by default all but its first character, the `@`."""
    bare_start, bare_end = bare or (start + strict, end)
    return Sighting(start=start, end=end, bare_start=bare_start, bare_end=bare_end, target=target, strict=strict)
