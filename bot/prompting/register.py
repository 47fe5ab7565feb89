"""The references of one request, as they can be reached: by number, by name, and by what is nearly a name."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from bot.domain.media import Kind
from bot.domain.references import Reference, of_kind, stem_of
from bot.prompting.boundaries import ends_name
from bot.prompting.folding import fold

_LONGEST_NEAR = 40
_SHORTEST_NEAR = 4
_MAX_NEAREST = 3
_FIRST_PART = re.compile(r"[-.]")


@dataclass(frozen=True)
class Register:
    """Look-ups over references. Names, stems and aliases are folded; one key may stand for several references.

    What is nearly a name is worked out when it is first asked for: most prompts never do.
    """

    references: tuple[Reference, ...]
    names: Mapping[str, tuple[Reference, ...]]
    file_names: frozenset[str]
    by_first: Mapping[str, tuple[str, ...]]

    @cached_property
    def neighbours(self) -> Mapping[str, tuple[Reference, ...]]:
        """Names and tokens, whole and with any one character left out, with what they stand for."""
        return _neighbours(self.references, self.names)

    @cached_property
    def _said(self) -> dict[object, str]:
        return {}

    def once(self, key: object, make: Callable[[], str]) -> str:
        """A text about these references, made when it is first wanted: a prompt may be wrong in one way many times."""
        if key not in self._said:
            self._said[key] = make()
        return self._said[key]

    def of_number(self, kind: Kind | None, number: int) -> Reference | None:
        """The reference of that number: within the kind, or over all when `kind` is `None`."""
        for reference in self.references:
            if (kind is None and reference.number == number) or (
                reference.kind is kind and reference.kind_number == number
            ):
                return reference
        return None

    def longest_name(self, text: str, index: int) -> str | None:
        """The longest name, stem or alias that stands at `index` of folded text and ends as a name may end."""
        for key in self.by_first.get(text[index : index + 1], ()):
            if text.startswith(key, index) and ends_name(text, index + len(key)):
                return key
        return None

    def near(self, word: str) -> tuple[Reference, ...]:
        """The references whose token or name is at most one slip of the finger away from a folded word; at most 3.

        When there are none, those near the word's first part: `hero-2` is near `hero.png`.
        """
        return self._one_slip_away(word) or self._one_slip_away(_FIRST_PART.split(word, maxsplit=1)[0])

    def _one_slip_away(self, word: str) -> tuple[Reference, ...]:
        if len(word) > _LONGEST_NEAR:
            return ()
        found = [reference for form in _slips(word) for reference in self.neighbours.get(form, ())]
        return tuple({reference.id: reference for reference in found}.values())[:_MAX_NEAREST]

    def near_number(self, kind: Kind | None, number: int) -> tuple[Reference, ...]:
        """What may have been meant by a number that does not exist: the file so called, and the kind's last one."""
        same = self.references if kind is None else of_kind(self.references, kind)
        named = self.near(f"{kind.value}{number}") if kind else ()
        return tuple({reference.id: reference for reference in (*same[-1:], *named)}.values())[:_MAX_NEAREST]


def register(references: Sequence[Reference]) -> Register:
    """Builds the look-ups."""
    names: dict[str, tuple[Reference, ...]] = {}
    for reference in references:
        for key in _keys(reference):
            names[key] = (*names.get(key, ()), reference)
    return Register(
        references=tuple(references),
        names=names,
        file_names=frozenset(
            fold(name) for one in references for name in (one.name, *one.also) if stem_of(name) != name
        ),
        by_first=_by_first(names),
    )


def _keys(reference: Reference) -> tuple[str, ...]:
    names = (reference.name, reference.stem, reference.alias, *reference.also, *map(stem_of, reference.also))
    return tuple(dict.fromkeys(fold(name) for name in names if name))


def _by_first(names: Mapping[str, object]) -> dict[str, tuple[str, ...]]:
    result: dict[str, tuple[str, ...]] = {}
    for key in sorted(names, key=len, reverse=True):
        result[key[0]] = (*result.get(key[0], ()), key)
    return result


def _neighbours(
    references: Sequence[Reference], names: Mapping[str, tuple[Reference, ...]]
) -> dict[str, tuple[Reference, ...]]:
    tokens = {fold(reference.token.removeprefix("@")): (reference,) for reference in references}
    result: dict[str, tuple[Reference, ...]] = {}
    for table in (names, tokens):
        for word, meant in table.items():
            for form in _slips(word) if len(word) <= _LONGEST_NEAR else ():
                result[form] = (*result.get(form, ()), *meant)
    return result


def _slips(word: str) -> Iterator[str]:
    """The word itself and the word without any one character: two words that share a form are one slip apart.

    Looking up costs as many steps as the word has characters, however many names there are. Short words are too
    close to one another, so only the word itself counts there.
    """
    yield word
    if len(word) >= _SHORTEST_NEAR:
        yield from dict.fromkeys(word[:index] + word[index + 1 :] for index in range(len(word)))
