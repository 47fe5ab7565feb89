"""The forms of a mention. Each function looks at one place of the folded text and reads a bounded way ahead."""

import re
from collections.abc import Callable
from dataclasses import replace

from bot.prompting.boundaries import (
    DIGITS,
    LETTERS,
    WORD,
    ends_number,
    ends_plain_number,
    ends_word,
    glues,
    goes_on,
    has_media_extension,
    is_wide,
    starts_word,
)
from bot.prompting.lexicon import (
    LOOSE_SEPARATOR,
    KindWord,
    Ordinal,
    continues_numeral,
    counts_in_words,
    doubts_number,
    is_article,
    is_compound,
    is_indefinite,
    is_kind_of_kind,
    is_kind_word,
    is_measured,
    kind_word_at,
    ordinal_of,
    ordinal_prefix_at,
    ordinal_suffix,
)
from bot.prompting.register import Register
from bot.prompting.sightings import ByName, ByNumber, Sighting

_STRICT_SEPARATOR = re.compile(r"[-_:.]| {0,2}#?")
_GAP = re.compile(r" {1,3}")
_QUOTED = re.compile(r'@(?:"([^"<>@\n]{1,100})"|“([^”<>@\n]{1,100})”)')
_BRACKETS = {"[": "]", "<": ">", "{": "}", "【": "】"}
_BEFORE = re.compile(r"([^\W_]{1,16})[ -]{1,3}$")
_SUFFIX = re.compile(r"[.-]?[^\W\d_]{0,8}")
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
    reach = index + 1 + len(key or "")
    if numbered and (reach <= numbered[1] or _is_words(key, numbered[0], known)):
        return _sighting(index, numbered[1], numbered[0], reach=reach)
    if key:
        return _sighting(index, reach, ByName(key))
    return _plain_word(text, index)


def _is_words(key: str | None, numbered: ByNumber, known: Register) -> bool:
    """True when a name that begins with an existing number reads on like a sentence: `image1 dances`."""
    if not key or " " not in key or key in known.file_names:
        return False
    return known.of_number(numbered.kind, numbered.number) is not None


def bracket_form(text: str, index: int, after: int) -> Sighting | None:
    """`[Image 1]` in any of four pairs of brackets (strict), or `[2]` (loose), also in a row; not in `text[1][2]`."""
    inner = _skip_spaces(text, index + 1)
    numbered = _kind_number(text, inner, _STRICT_SEPARATOR, _anywhere)
    if numbered:
        close = _skip_spaces(text, numbered[1])
        if text[close : close + 1] == _BRACKETS[text[index]]:
            return _sighting(index, close + 1, numbered[0], bare=(index + 1, close))
    digits = DIGITS.match(text, index + 1)
    if text[index] != "[" or not digits or len(digits[1]) > _MOST_LOOSE_DIGITS or not starts_word(text, index, after):
        return None
    if text[digits.end() : digits.end() + 1] != "]" or (text[index - 1 : index] == "]" and after != index):
        return None
    return _sighting(index, digits.end() + 1, ByNumber(None, int(digits[1])), strict=False)


def hash_form(text: str, index: int, after: int) -> Sighting | None:
    """`#2`, but not `#ff0000`, `#123`, `a#2`, `&#39;`."""
    digits = DIGITS.match(text, index + 1)
    if not digits or len(digits[1]) > _MOST_LOOSE_DIGITS or (index and text[index - 1] == "&"):
        return None
    end = digits.end()
    if not starts_word(text, index, after) or not ends_plain_number(text, end):
        return None
    unsure = goes_on(text, end) or is_measured(text, end)
    return _sighting(index, end, ByNumber(None, int(digits[1])), strict=False, unsure=unsure)


def word_form(text: str, index: int, known: Register, after: int) -> Sighting | None:
    """What needs no sign: a file's name, a kind and its number, an ordinal and its kind.

    `after`: where the mention before it ended.
    """
    if not starts_word(text, index, after):
        return None
    key = known.longest_name(text, index)
    if key in known.file_names and not _dotted_on(text, index + len(key)):
        return _sighting(index, index + len(key), ByName(key), strict=False)
    return _loose_number(text, index) or _ordinal(text, index)


Ends = Callable[[str, int], bool]
Numbered = tuple[ByNumber, int]
"""What was counted, and where the mention ends."""


def _kind_number(text: str, index: int, separator: re.Pattern[str], ends: Ends) -> Numbered | None:
    word = kind_word_at(text, index)
    return _numbered(text, word, separator, ends) if word else None


def _numbered(text: str, word: KindWord, separator: re.Pattern[str], ends: Ends) -> Numbered | None:
    gap = separator.match(text, word.end)
    digits = DIGITS.match(text, gap.end() if gap else word.end)
    if digits is None or not ends(text, digits.end()):
        return None
    return ByNumber(word.kind, _value(digits[1])), digits.end()


def _loose_number(text: str, index: int) -> Sighting | None:
    word = kind_word_at(text, index)
    found = _numbered(text, word, LOOSE_SEPARATOR, ends_plain_number) if word and not word.strict_only else None
    if word is None or found is None:
        return None
    number, end = found
    measured = is_measured(text, end)
    if measured and (before := _BEFORE.search(text[max(0, index - _LOOK_BACK) : index])) and is_indefinite(before[1]):
        return None
    unsure = measured or goes_on(text, end) or doubts_number(text, index, word.end, end)
    return _sighting(index, end, number, strict=False, unsure=unsure)


def _number(text: str, index: int) -> Numbered | None:
    digits = DIGITS.match(text, index)
    if digits is None or not ends_plain_number(text, digits.end()):
        return None
    return ByNumber(None, _value(digits[1])), digits.end()


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
        return None if continues_numeral(text, index) else _glued_ordinal(text, index, *glued)
    first = LETTERS.match(text, index)
    if first and is_article(first[0]):
        start = _past_gap(text, first.end())
        return _spaced_ordinal(text, index, start, article=first[0]) if start else None
    return _spaced_ordinal(text, index, index)


def _glued_ordinal(text: str, index: int, number: int, end: int) -> Sighting | None:
    """`第一张图片`. Without a word between the number and the kind it may end another word: `世界第一图片`."""
    kind = kind_word_at(text, _skip_spaces(text, end))
    worded = counts_in_words(text, index, end)
    if kind is None or (kind.strict_only and not worded):
        return None
    before = text[index - 1 : index]
    ends_another = not worded and before != "" and is_wide(before) and before not in kind.followers
    return _counted(text, index, number, kind, unsure=ends_another)


def _spaced_ordinal(text: str, index: int, start: int, *, article: str | None = None) -> Sighting | None:
    """`first image`, `the first image`, `2nd image`: a sighting that begins at `index`."""
    found = _ordinal_word(text, start)
    kind_start = _past_gap(text, found[1]) if found else None
    kind = kind_word_at(text, kind_start) if kind_start else None
    if found is None or kind is None or kind.strict_only:
        return None
    ordinal, end = found
    if article is not None:
        fits = article in ordinal.articles and (len(article) > 1 or _agrees(text, index, article, kind, end))
        return _counted(text, index, ordinal.number, kind) if fits else None
    before = _BEFORE.search(text[max(0, index - _LOOK_BACK) : index])
    dotted = text[end - 1] == "."  # "das 2. Bild", but a list's "1. Bild" and "... in shot 2. Bild" are something else
    if (before and _spoils(before[1], ordinal.not_after)) or (dotted and not before):
        return None
    unsure = dotted or (before is not None and before[1] in ordinal.unsure_after)
    return _counted(text, index, ordinal.number, kind, unsure=unsure)


def _agrees(text: str, index: int, article: str, kind: KindWord, ordinal_end: int) -> bool:
    """True for an article of one letter that is one here: "o segundo vídeo", not "la primera o segunda imagen"."""
    before = _BEFORE.search(text[max(0, index - _LOOK_BACK) : index])
    follows = before is not None and (is_kind_word(before[1]) or before[1].isdecimal() or ordinal_of(before[1]))
    return article in kind.articles and text[ordinal_end - 1] == article and not follows


def _ordinal_word(text: str, index: int) -> tuple[Ordinal, int] | None:
    digits = DIGITS.match(text, index)
    if digits is None:
        word = LETTERS.match(text, index)
        ordinal = ordinal_of(word[0]) if word else None
        return (ordinal, word.end()) if word and ordinal else None
    suffix = _SUFFIX.match(text, digits.end())
    ordinal = ordinal_suffix(suffix[0]) if suffix else None
    return (replace(ordinal, number=_value(digits[1])), suffix.end()) if suffix and ordinal else None


def _spoils(word: str, not_after: frozenset[str]) -> bool:
    """True after "a" and after a count: "a second image", "10 second clip"."""
    return word in not_after or word.isdecimal()


def _counted(text: str, index: int, number: int, kind: KindWord, *, unsure: bool = False) -> Sighting | None:
    """An ordinal and its kind, unless the kind has its own number ("first image 2") or is another's ("music video")."""
    if _kind_continues(text, kind) or is_kind_of_kind(text, kind):
        return None
    unsure = unsure or is_compound(text, kind)
    return _sighting(index, kind.end, ByNumber(kind.kind, number), strict=False, unsure=unsure)


def _kind_continues(text: str, kind: KindWord) -> bool:
    if is_wide(text[kind.end - 1]):
        return False
    gap = LOOSE_SEPARATOR.match(text, kind.end)
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
    start: int,
    end: int,
    target: ByNumber | ByName,
    *,
    bare: tuple[int, int] | None = None,
    strict: bool = True,
    unsure: bool = False,
    reach: int = 0,
) -> Sighting:
    """A sighting; what stays of a strict one is by default all but its first character, the `@`."""
    bare_start, bare_end = bare or (start + strict, end)
    return Sighting(
        start=start,
        end=end,
        bare_start=bare_start,
        bare_end=bare_end,
        target=target,
        strict=strict,
        unsure=unsure,
        reach=reach if reach > end else 0,
    )
