"""text → segments and findings: what was sighted is looked up, and lint has the last word."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bot.domain.media import Kind
from bot.domain.models import ModelLimits
from bot.domain.prompts import Finding, Mention, Parsed, Prompt, PromptStyle, Segment, Severity, Text
from bot.domain.reasons import Reason
from bot.domain.references import Reference, faces_first
from bot.prompting.explain import ambiguous, loose_unresolved, replaced, shadowed, unknown
from bot.prompting.folding import Folded, fold, folded
from bot.prompting.lint import lint
from bot.prompting.markup import Surroundings
from bot.prompting.register import Register, register
from bot.prompting.scan import sightings
from bot.prompting.sightings import ById, ByName, ByNumber, Literal, Sighting, Target
from bot.prompting.tokens import natural_numbering, settled

_EVERYBODY = frozenset({"everyone", "here"})


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a sighting becomes, and what there is to say about it: an error's or a warning's reason.

    `choices` are the references that may have been meant.
    """

    segment: Segment
    error: Reason | None = None
    warning: Reason | None = None
    choices: tuple[Reference, ...] = ()


@dataclass(frozen=True, slots=True)
class Mark:
    """One place of the source, `start:end`, that may be a mention or is markup, and what becomes of it.

    `reach`: where what is said about it ends; further than the place when a longer name may have been meant.
    """

    start: int
    end: int
    reach: int
    target: Target
    resolved: Resolved


Mends = Callable[[Sequence[Mark], int], tuple[str, ...]]
"""The mends of the mark at that place of the list; see `bot.prompting.mends`."""


def parse(
    text: str,
    references: Sequence[Reference],
    *,
    limits: ModelLimits,
    people: Mapping[int, str] | None = None,
    roles: Mapping[int, str] | None = None,
    channels: Mapping[int, str] | None = None,
    avatars: Mapping[int, str] | None = None,
    emoji: Mapping[int, str] | None = None,
    style: PromptStyle = PromptStyle.AT,
    face_kinds: Collection[Kind] = (),
) -> Parsed:
    """Reads a prompt as a person wrote it. Total (any text has an outcome) and linear in its length.

    `people`, `roles`, `channels`: Discord id → name to show. `avatars`, `emoji`: Discord id → id of the reference
    that was collected from it. `style` and `face_kinds` are the model's and only count characters. Spans are of
    `text`. Mends of single mentions take further looks at the text: `bot.prompting.read` adds them.
    """
    around = Surroundings(
        people=people or {}, roles=roles or {}, channels=channels or {}, avatars=avatars or {}, emoji=emoji or {}
    )
    found = tuple(marks(text, register(references), around))
    return parsed_from(text, found, references, limits=limits, style=style, face_kinds=face_kinds)


def marks(text: str, known: Register, around: Surroundings) -> Iterator[Mark]:
    """Everything that may be a mention or is markup, in order, without overlaps, and what becomes of it."""
    page = folded(text)
    for sighting in sightings(page, known, around):
        resolved = _resolve(sighting, page, known)
        start, end = page.origin[sighting.start], page.origin[sighting.end]
        reach = page.origin[sighting.reach] if sighting.reach and page.is_edge(sighting.reach) else end
        yield Mark(start, end, reach, sighting.target, resolved)


def parsed_from(
    text: str,
    found: Sequence[Mark],
    references: Sequence[Reference],
    *,
    limits: ModelLimits,
    style: PromptStyle,
    face_kinds: Collection[Kind],
    mends: Mends = lambda _found, _index: (),
) -> Parsed:
    """The prompt that the marks make of the text, with everything there is to say."""
    prompt = Prompt(settled(_segments(text, found)))
    findings = tuple(_findings(found, mends))
    numbering = natural_numbering(faces_first(references, face_kinds))
    return Parsed(prompt, (*findings, *lint(text, prompt, findings, references, limits, style, numbering)))


def _segments(text: str, found: Sequence[Mark]) -> Iterator[Segment]:
    done = 0
    for mark in found:
        yield Text(text[done : mark.start])
        yield mark.resolved.segment
        done = mark.end
    yield Text(text[done:])


def _findings(found: Sequence[Mark], mends: Mends) -> Iterator[Finding]:
    for index, mark in enumerate(found):
        for why, severity in ((mark.resolved.error, Severity.ERROR), (mark.resolved.warning, Severity.WARNING)):
            if why:
                yield Finding(
                    reason=why, severity=severity, start=mark.start, end=mark.reach, mends=mends(found, index)
                )


def _resolve(sighting: Sighting, page: Folded, known: Register) -> Resolved:
    match sighting.target:
        case ByNumber() as target:
            return _by_number(target, sighting, page, known)
        case ByName() as target:
            return _by_name(target, sighting, page, known)
        case ById(reference_id):
            return Resolved(Mention(reference_id))
        case Literal(text, shown):
            return Resolved(Text(text), warning=replaced(shown, text) if shown else None)


def _by_number(target: ByNumber, sighting: Sighting, page: Folded, known: Register) -> Resolved:
    written = page.source_of(sighting.start, sighting.end)
    found = known.of_number(target.kind, target.number)
    if sighting.unsure:
        return Resolved(Text(written), warning=loose_unresolved(written) if found else None)
    if found:
        hidden = _hidden(sighting, found, page, known)
        return Resolved(
            Mention(found.id), warning=shadowed(written, found, hidden[0]) if hidden else None, choices=hidden
        )
    if sighting.strict:
        nearest = known.near_number(target.kind, target.number)
        return Resolved(_bare(sighting, page), error=unknown(written, target.kind, nearest, known), choices=nearest)
    return Resolved(Text(written), warning=loose_unresolved(written))


def _by_name(target: ByName, sighting: Sighting, page: Folded, known: Register) -> Resolved:
    key = fold(target.key)
    found = known.names.get(key, ())
    if len(found) == 1:
        return Resolved(Mention(found[0].id))
    bare, written = _bare(sighting, page), page.source_of(sighting.start, sighting.end)
    if found:
        return Resolved(bare, error=ambiguous(written, found), choices=found)
    nearest = () if key in _EVERYBODY else known.near(key)
    if nearest or target.certain:
        return Resolved(bare, error=unknown(written, None, nearest, known), choices=nearest)
    return Resolved(bare, warning=replaced(written, bare.text))


def _hidden(sighting: Sighting, found: Reference, page: Folded, known: Register) -> tuple[Reference, ...]:
    """A file of that very name which the mention does not mean."""
    end = max(sighting.bare_end, sighting.reach)
    others = known.names.get(page.text[sighting.bare_start : end], ()) if sighting.strict else ()
    return tuple(other for other in others if other.id != found.id)[:1]


def _bare(sighting: Sighting, page: Folded) -> Text:
    return Text(page.source_of(sighting.bare_start, sighting.bare_end))
