"""text → segments and findings: what was sighted is looked up, and lint has the last word."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bot.domain.models import ModelLimits
from bot.domain.prompts import Finding, Mention, Parsed, Prompt, PromptStyle, Segment, Severity, Text
from bot.domain.reasons import Reason
from bot.domain.references import Reference
from bot.prompting.explain import ambiguous, loose_unresolved, replaced, shadowed, unknown
from bot.prompting.folding import Folded, fold, folded
from bot.prompting.lint import lint
from bot.prompting.markup import Surroundings
from bot.prompting.register import Register, register
from bot.prompting.scan import sightings
from bot.prompting.sightings import ById, ByName, ByNumber, Literal, Sighting
from bot.prompting.tokens import settled

_EVERYBODY = frozenset({"everyone", "here"})


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a sighting becomes, and what there is to say about it: an error's or a warning's reason."""

    segment: Segment
    error: Reason | None = None
    warning: Reason | None = None


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
) -> Parsed:
    """Reads a prompt as a person wrote it. Total (any text has an outcome) and linear in its length.

    `people`, `roles`, `channels`: Discord id → name to show. `avatars`, `emoji`: Discord id → id of the reference
    that was collected from it. `style` is the model's and only counts characters. Spans are of `text`.
    """
    around = Surroundings(
        people=people or {}, roles=roles or {}, channels=channels or {}, avatars=avatars or {}, emoji=emoji or {}
    )
    page, known = folded(text), register(references)
    segments: list[Segment] = []
    findings: list[Finding] = []
    done = 0
    for sighting in sightings(page, known, around):
        resolved = _resolve(sighting, page, known)
        segments += [Text(page.source_of(done, sighting.start)), resolved.segment]
        findings += _findings(resolved, page, sighting)
        done = sighting.end
    segments.append(Text(page.source_of(done, len(page.text))))
    prompt = Prompt(settled(segments))
    return Parsed(prompt, (*findings, *lint(prompt, findings, references, limits, style)))


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
    if found:
        return Resolved(Mention(found.id), warning=_shadow(sighting, written, found, page, known))
    if sighting.strict:
        nearest = known.near_number(target.kind, target.number)
        return Resolved(_bare(sighting, page), error=unknown(written, target.kind, nearest, known))
    return Resolved(Text(written), warning=loose_unresolved(written))


def _by_name(target: ByName, sighting: Sighting, page: Folded, known: Register) -> Resolved:
    key = fold(target.key)
    found = known.names.get(key, ())
    written = page.source_of(sighting.start, sighting.end)
    if len(found) == 1:
        return Resolved(Mention(found[0].id))
    if found:
        return Resolved(_bare(sighting, page), error=ambiguous(written, found))
    nearest = () if key in _EVERYBODY else known.near(key)
    if nearest or target.certain:
        return Resolved(_bare(sighting, page), error=unknown(written, None, nearest, known))
    bare = _bare(sighting, page)
    return Resolved(bare, warning=replaced(written, bare.text))


def _shadow(sighting: Sighting, written: str, found: Reference, page: Folded, known: Register) -> Reason | None:
    """A file of that very name which the mention does not mean."""
    others = known.names.get(page.text[sighting.bare_start : sighting.bare_end], ()) if sighting.strict else ()
    hidden = next((other for other in others if other.id != found.id), None)
    return shadowed(written, found, hidden) if hidden else None


def _bare(sighting: Sighting, page: Folded) -> Text:
    return Text(page.source_of(sighting.bare_start, sighting.bare_end))


def _findings(resolved: Resolved, page: Folded, sighting: Sighting) -> Iterable[Finding]:
    start, end = page.origin[sighting.start], page.origin[sighting.end]
    for why, severity in ((resolved.error, Severity.ERROR), (resolved.warning, Severity.WARNING)):
        if why:
            yield Finding(reason=why, severity=severity, start=start, end=end)
