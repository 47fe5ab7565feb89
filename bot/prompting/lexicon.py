"""Look-ups over the language tables: the kind word or the ordinal at a place in folded text."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from bot.domain.media import Kind
from bot.prompting.boundaries import LETTERS, is_wide
from bot.prompting.folding import fold
from bot.prompting.languages import LANGUAGES, Language


@dataclass(frozen=True, slots=True)
class KindWord:
    """A kind, found up to `end`. `strict_only` words count after an `@` or in brackets."""

    kind: Kind
    strict_only: bool
    end: int = 0


@dataclass(frozen=True, slots=True)
class Ordinal:
    """What an ordinal counts, the articles it takes along, and the words after which it is none."""

    number: int
    articles: frozenset[str]
    not_after: frozenset[str]


def kind_word_at(text: str, index: int) -> KindWord | None:
    """The kind word that begins at `index` of folded text: the longest, and a whole word where words have spaces."""
    if not text[index : index + 1].isalpha():
        return None
    if is_wide(text[index]):
        return _longest(_WIDE_KINDS, text, index)
    run = LETTERS.match(text, index)
    found = _KINDS.get(run[0]) if run else None
    return KindWord(found.kind, found.strict_only, run.end()) if run and found else None


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


def may_begin_mention(word: str) -> bool:
    """True for a folded word with which a mention in words may begin: a kind, an ordinal, or an article."""
    return word in _BEGINNINGS


def _longest(words: Mapping[str, KindWord], text: str, index: int) -> KindWord | None:
    for length in range(min(_LONGEST_WIDE, len(text) - index), 0, -1):
        found = words.get(text[index : index + length])
        if found is not None:
            return KindWord(found.kind, found.strict_only, index + length)
    return None


def _kinds(language: Language) -> Iterator[tuple[str, KindWord]]:
    table = {Kind.IMAGE: language.image, Kind.VIDEO: language.video, Kind.AUDIO: language.audio}
    for kind, words in table.items():
        for word in words:
            yield fold(word), KindWord(kind, word in language.strict_only)


def _ordinals(numbers: Callable[[Language], Mapping[str, int]]) -> dict[str, Ordinal]:
    """A word of several languages has the articles of all, and is none after the words of any."""
    result: dict[str, Ordinal] = {}
    for language in LANGUAGES:
        for word, number in numbers(language).items():
            before = result.get(fold(word), Ordinal(number, frozenset(), frozenset()))
            result[fold(word)] = Ordinal(
                number, before.articles | language.articles, before.not_after | language.not_after
            )
    return result


_ALL_KINDS = dict(pair for language in LANGUAGES for pair in _kinds(language))
_WIDE_KINDS = {word: kind for word, kind in _ALL_KINDS.items() if is_wide(word[0])}
_KINDS = {word: kind for word, kind in _ALL_KINDS.items() if not is_wide(word[0])}
_LONGEST_WIDE = max(map(len, _WIDE_KINDS))
_ORDINALS = _ordinals(lambda language: language.ordinals)
_ARTICLES = frozenset[str]().union(*(language.articles for language in LANGUAGES))
_SUFFIXES = _ordinals(lambda language: dict.fromkeys(language.ordinal_suffixes, 0))
_PREFIXES = {fold(word): number for language in LANGUAGES for word, number in language.ordinal_prefixes.items()}
_LONGEST_PREFIX = max(map(len, _PREFIXES))
_PREFIX_STARTS = frozenset(prefix[0] for prefix in _PREFIXES)
_BEGINNINGS = frozenset(_KINDS) | frozenset(_ORDINALS) | _ARTICLES | frozenset(_PREFIXES)
