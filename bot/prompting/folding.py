"""Matching ignores case and width (Unicode NFKC); the text itself is never normalised.

A `Folded` is the text to match in, with the way back: every folded character knows where in the source it came from.
"""

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

_MAX_CLUSTER = 31
"""A character and at most 30 marks: the stream-safe bound of UAX #15. Without it, ordering marks is quadratic."""

_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]++")
_JOINING_JAMO = range(0x1160, 0x1200)
_HALFWIDTH_VOICED_MARKS = frozenset("\uff9e\uff9f")


@dataclass(frozen=True, slots=True)
class Folded:
    """`text[i]` came from the source cluster that starts at `origin[i]`; `origin` has one entry more, the end."""

    source: str
    text: str
    origin: Sequence[int]

    def is_edge(self, index: int) -> bool:
        """True where a source cluster begins or ends: `½` folds to `1⁄2`, and a mention cannot end inside it."""
        return index == 0 or self.origin[index] != self.origin[index - 1]

    def source_of(self, start: int, end: int) -> str:
        """The source text of a folded span."""
        return self.source[self.origin[start] : self.origin[end]]

    def index_of(self, source_index: int) -> int:
        """The first folded index that came from that source index or a later one."""
        return bisect_left(self.origin, source_index)

    def at(self, index: int) -> str:
        """The folded character there, or the empty string outside of the text."""
        return self.text[index] if 0 <= index < len(self.text) else ""


def fold(text: str) -> str:
    """The form in which names and words are compared."""
    return folded(text).text


def folded(text: str) -> Folded:
    """The text to match in. Time and size are linear: a cluster is bounded, and so is what it folds to."""
    parts: list[str] = []
    origin: list[int] = []
    done = 0
    for beyond in _BEYOND_ASCII.finditer(text):
        start = beyond.start()
        if start > done and _continues(text[start]):
            start -= 1  # the marks belong to the character before them
        parts.append(text[done:start].lower())
        origin.extend(range(done, start))
        done = beyond.end()
        _fold_clusters(text, start, done, parts, origin)
    parts.append(text[done:].lower())
    origin.extend(range(done, len(text) + 1))
    return Folded(text, "".join(parts), origin)


def _fold_clusters(text: str, start: int, end: int, parts: list[str], origin: list[int]) -> None:
    for index in range(start + 1, end + 1):
        if index == end or index - start >= _MAX_CLUSTER or not _continues(text[index]):
            part = _folded_cluster(text[start:index])
            parts.append(part)
            origin.extend([start] * len(part))
            start = index


@lru_cache(maxsize=4096)
def _folded_cluster(cluster: str) -> str:
    if cluster.isascii():
        return cluster.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", cluster).casefold())


@lru_cache(maxsize=4096)
def _continues(character: str) -> bool:
    return not character.isascii() and (
        unicodedata.combining(character) != 0 or ord(character) in _JOINING_JAMO or character in _HALFWIDTH_VOICED_MARKS
    )
