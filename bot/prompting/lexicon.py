"""Look-ups over the language tables: the kind word or the ordinal at a place in folded text."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from bot.domain.media import Kind
from bot.prompting.boundaries import DIGITS, LETTERS, is_wide
from bot.prompting.folding import fold
from bot.prompting.languages import LANGUAGES, Language


@dataclass(frozen=True, slots=True)
class KindWord:
    """A kind, found up to `end`. `strict_only` words count after an `@` or in brackets.

    `articles` are those of its languages; `followers` the characters that may come right after it.
    """

    kind: Kind
    strict_only: bool
    articles: frozenset[str]
    followers: frozenset[str]
    end: int = 0

    def ending(self, end: int) -> "KindWord":
        """The same, found up to `end` (written out: `dataclasses.replace` costs ten times as much)."""
        return KindWord(self.kind, self.strict_only, self.articles, self.followers, end)


@dataclass(frozen=True, slots=True)
class Ordinal:
    """What an ordinal counts, the articles it takes along, the words after which it is none, and those it doubts."""

    number: int
    articles: frozenset[str]
    not_after: frozenset[str]
    unsure_after: frozenset[str]


def kind_word_at(text: str, index: int) -> KindWord | None:
    """The kind word that begins at `index` of folded text: the longest, and a whole word where words have spaces."""
    if not text[index : index + 1].isalpha():
        return None
    if is_wide(text[index]):
        return _longest(_WIDE_KINDS, text, index)
    run = LETTERS.match(text, index)
    found = _KINDS.get(run[0]) if run else None
    return found.ending(run.end()) if run and found else None


def is_kind_word(word: str) -> bool:
    """True for a kind word alone, in folded text."""
    return word in _KINDS or word in _WIDE_KINDS


def ordinal_of(word: str) -> Ordinal | None:
    """The ordinal that a folded word is."""
    return _ORDINALS.get(word)


def is_article(word: str) -> bool:
    """True for a folded word that some ordinal takes along."""
    return word in _ARTICLES


def ordinal_suffix(word: str) -> Ordinal | None:
    """What follows a digit (`nd` in `2nd`), with the articles and the words of its languages; its number is 0."""
    return _SUFFIXES.get(word)


def ordinal_prefix_at(text: str, index: int) -> tuple[int, int] | None:
    """The longest glued ordinal at `index` (`第二张`): its number and its end."""
    if text[index : index + 1] not in _PREFIX_STARTS:
        return None
    for length in range(min(_LONGEST_PREFIX, len(text) - index), 0, -1):
        number = _PREFIXES.get(text[index : index + length])
        if number is not None:
            return number, index + length
    return None


def counts_in_words(text: str, index: int, end: int) -> bool:
    """True for the glued ordinal `index:end` that has a measure word or a particle: `第一张`, not `第一` alone."""
    return not text[index:end].endswith(_NUMERALS)


def continues_numeral(text: str, index: int) -> bool:
    """True for a numeral at `index` that is the end of a longer one: `二十一`, `스물두`, `열 두`."""
    if not text.startswith(_NUMERALS, index):
        return False
    before = text[max(0, index - _LONGEST_NUMERAL - 2) : index]
    apart = before.removesuffix(" ")
    word = next((numeral for numeral in _NUMERALS if apart.endswith(numeral)), None)
    if word is None:
        return False
    earlier = apart.removesuffix(word)[-1:]
    return apart == before or not (earlier and is_wide(earlier))


def is_measured(text: str, index: int) -> bool:
    """True when a number that ends at `index` of folded text counts something: "3 seconds", `3张`."""
    gap = _MEASURE_GAP.match(text, index)
    start = gap.end() if gap else index
    if start < len(text) and is_wide(text[start]):
        return _wide_measure(text, start)
    run = LETTERS.match(text, start)
    return run is not None and run[0] in _MEASURES and not _SAME_WORD.match(text, run.end())


def is_indefinite(word: str) -> bool:
    """True for "a" and its like: "a clip 2 seconds long" cannot mean the second clip."""
    return word in _INDEFINITE


def doubts_number(text: str, start: int, word_end: int, end: int) -> bool:
    """True for the verb of "I picture 2 things": a kind word at `start:word_end` and a number that ends at `end`."""
    if text[start:word_end] not in _VERBS or not (gap := _GAP.match(text, end)):
        return False
    run = LETTERS.match(text, gap.end())
    return run is not None and run[0] not in _FOLLOWERS


def is_compound(text: str, kind: KindWord) -> bool:
    """True when the kind word and what follows are one thing: "video game", `音乐厅`."""
    following = text[kind.end : kind.end + 1]
    if is_wide(text[kind.end - 1]):
        return following != "" and is_wide(following) and following.isalpha() and following not in kind.followers
    return _next_word(text, kind.end) in _COMPOUNDS


def is_kind_of_kind(text: str, kind: KindWord) -> bool:
    """True for "music video": another kind word comes next, and no number of its own after it."""
    gap = _GAP.match(text, kind.end)
    other = kind_word_at(text, gap.end()) if gap else None
    if other is None:
        return False
    separator = LOOSE_SEPARATOR.match(text, other.end)
    return DIGITS.match(text, separator.end() if separator else other.end) is None


def may_begin_mention(word: str) -> bool:
    """True for a folded word with which a mention in words may begin: a kind, an ordinal, or an article."""
    return word in _BEGINNINGS


def _next_word(text: str, index: int) -> str | None:
    gap = _GAP.match(text, index)
    run = LETTERS.match(text, gap.end()) if gap else None
    return run[0] if run else None


def _wide_measure(text: str, index: int) -> bool:
    for length in range(min(_LONGEST_MEASURE, len(text) - index), 0, -1):
        followers = _WIDE_MEASURES.get(text[index : index + length])
        if followers is not None:
            after = text[index + length : index + length + 1]
            return _NOTHING not in followers and (
                not followers or not after or not is_wide(after) or after in followers
            )
    return False


def _longest(words: Mapping[str, KindWord], text: str, index: int) -> KindWord | None:
    for length in range(min(_LONGEST_WIDE, len(text) - index), 0, -1):
        found = words.get(text[index : index + length])
        if found is not None:
            return found.ending(index + length)
    return None


def _kinds(language: Language) -> Iterator[tuple[str, KindWord]]:
    table = {Kind.IMAGE: language.image, Kind.VIDEO: language.video, Kind.AUDIO: language.audio}
    for kind, words in table.items():
        for word in words:
            yield fold(word), KindWord(kind, word in language.strict_only, language.articles, language.followers)


def _ordinals(numbers: Callable[[Language], Mapping[str, int]]) -> dict[str, Ordinal]:
    """A word of several languages has the articles of all, and minds the words of any."""
    result: dict[str, Ordinal] = {}
    for language in LANGUAGES:
        for word, number in numbers(language).items():
            before = result.get(fold(word), Ordinal(number, frozenset(), frozenset(), frozenset()))
            result[fold(word)] = Ordinal(
                number,
                before.articles | _folded(language.articles),
                before.not_after | _folded(language.not_after),
                before.unsure_after | _folded(language.unsure_after),
            )
    return result


def _folded(words: Iterable[str]) -> frozenset[str]:
    return frozenset(map(fold, words))


def _all(words: Callable[[Language], Iterable[str]]) -> frozenset[str]:
    return _folded(word for language in LANGUAGES for word in words(language))


def _all_kinds() -> dict[str, KindWord]:
    """A word of several languages has the articles and the followers of all."""
    result: dict[str, KindWord] = {}
    for word, kind in (pair for language in LANGUAGES for pair in _kinds(language)):
        before = result.get(word, kind)
        result[word] = replace(
            kind, articles=before.articles | kind.articles, followers=before.followers | kind.followers
        )
    return result


def _wide_measures() -> dict[str, frozenset[str]]:
    """Each measure with what may come right after it; anything when that is empty. `_NOTHING` marks what is none."""
    result: dict[str, frozenset[str]] = {}
    for language in LANGUAGES:
        for word in filter(lambda word: is_wide(word[0]), _folded(language.measures)):
            result[word] = language.measure_followers
    return result | dict.fromkeys(_all(lambda language: language.no_measures), frozenset({_NOTHING}))


def _separator() -> re.Pattern[str]:
    """What may stand between a loose kind word and its number."""
    words = sorted(_all(lambda language: language.number_words), key=lambda word: (-len(word), word))
    return re.compile(rf" {{0,3}}(?:(?:#|{'|'.join(map(re.escape, words))}) ?)?")


_NOTHING = ""
_GAP = re.compile(r" {1,3}")
_MEASURE_GAP = re.compile(r"[ -]{0,2}")
_SAME_WORD = re.compile(r"[0-9_]|['’][^\W\d_]")
_ALL_KINDS = _all_kinds()
_WIDE_KINDS = {word: kind for word, kind in _ALL_KINDS.items() if is_wide(word[0])}
_KINDS = {word: kind for word, kind in _ALL_KINDS.items() if not is_wide(word[0])}
_LONGEST_WIDE = max(map(len, _WIDE_KINDS))
_ORDINALS = _ordinals(lambda language: language.ordinals)
_ARTICLES = _all(lambda language: language.articles)
_SUFFIXES = _ordinals(lambda language: dict.fromkeys(language.ordinal_suffixes, 0))
_PREFIXES = {fold(word): number for language in LANGUAGES for word, number in language.ordinal_prefixes.items()}
_LONGEST_PREFIX = max(map(len, _PREFIXES))
_PREFIX_STARTS = frozenset(prefix[0] for prefix in _PREFIXES)
_BEGINNINGS = frozenset(_KINDS) | frozenset(_ORDINALS) | _ARTICLES | frozenset(_PREFIXES)
_NUMERALS = tuple(sorted(_all(lambda language: language.numerals), key=lambda word: (-len(word), word)))
_LONGEST_NUMERAL = max(map(len, _NUMERALS))
_MEASURES = _all(lambda language: language.measures)
_WIDE_MEASURES = _wide_measures()
_LONGEST_MEASURE = max(map(len, _WIDE_MEASURES))
_INDEFINITE = _all(lambda language: language.not_after)
_VERBS = _all(lambda language: language.verbs)
_FOLLOWERS = _all(lambda language: language.followers)
_COMPOUNDS = _all(lambda language: language.compounds)
LOOSE_SEPARATOR = _separator()
"""What may stand between a loose kind word and its number: spaces, `#`, "no."."""
