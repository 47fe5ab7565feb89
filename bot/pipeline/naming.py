"""Names that people give to files: one word that reaches the file, and no other's."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from bot.domain.errors import Refused
from bot.domain.reasons import reason
from bot.domain.references import MAX_ALIAS, Reference, compared, is_alias, stem_of

Mentioned = Callable[[str, Sequence[Reference]], Sequence[str]]
"""The ids of the references that a text points to, among those given."""


def named(
    references: Sequence[Reference], reference_id: str, alias: str | None, *, mentioned: Mentioned
) -> tuple[Reference, ...]:
    """The references, that one with the alias; `None` or nothing takes it away.

    `Refused`: alias-not-a-name, or alias-taken when it is, or reads as, another one's. The alias that it has may stay,
    wherever it is from.
    """
    word = (alias or "").strip().removeprefix("@") or None
    if any(each.id == reference_id and each.alias == word for each in references):
        return tuple(references)
    after = tuple(replace(each, alias=word) if each.id == reference_id else each for each in references)
    if word is None:
        return after
    if not is_alias(word):
        raise _no_name(word)
    for other in references:
        if other.id != reference_id and compared(word) in _called(other):
            raise _taken(word, other)
    _check_reached(word, reference_id, after, mentioned(f"@{word}", after))
    return after


def _check_reached(word: str, reference_id: str, references: Sequence[Reference], met: Sequence[str]) -> None:
    """A name such as `image2` or `3` would never be read as one: the canonical form wins."""
    if tuple(met) == (reference_id,):
        return
    other = next((each for each in references if each.id in met and each.id != reference_id), None)
    raise _taken(word, other) if other is not None else _no_name(word)


def _called(reference: Reference) -> frozenset[str]:
    """Everything it answers to, as names are compared."""
    names = (reference.name, *reference.also)
    stems = map(stem_of, names)
    alias = () if reference.alias is None else (reference.alias,)
    return frozenset(compared(name) for name in (*names, *stems, *alias))


def _no_name(word: str) -> Refused:
    return Refused(reason("alias-not-a-name", name=word, limit=MAX_ALIAS))


def _taken(word: str, other: Reference) -> Refused:
    return Refused(reason("alias-taken", name=word, token=other.token))
