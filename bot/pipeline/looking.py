"""A draft, looked at: everything there is to say of it now, and what the model would read. Nothing of it is stored."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from bot.domain.conform import SetPlan
from bot.domain.drafts import DraftView
from bot.domain.models import ModelSpec
from bot.domain.prompts import Finding, Prompt, Severity
from bot.domain.reasons import Argument, Reason, reason
from bot.domain.references import Reference, faces_first
from bot.domain.requests import Parameters, Request, Snapshot
from bot.pipeline.consenting import Consenting
from bot.pipeline.planning import plan_reasons
from bot.pipeline.rooms import Rooms


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one look found. `findings`: errors first, each reason once. `price_usd_micros`: the most it can cost.

    `barred`: ids of the references whose owners do not allow their use now. `references`: the draft's, as the prompt
    was read with them: without the mentions of people who do not allow their avatar. `plan`: what they become.
    """

    spec: ModelSpec
    prompt: Prompt
    findings: tuple[Finding, ...]
    price_usd_micros: int | None
    barred: frozenset[str]
    references: tuple[Reference, ...]
    plan: SetPlan

    @property
    def errors(self) -> tuple[Reason, ...]:
        """Why it cannot be accepted."""
        return tuple(finding.reason for finding in self.findings if finding.severity is Severity.ERROR)


class Looking:
    """Looks at drafts: reading a prompt is pure and fast, so it is done anew each time."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._consenting = Consenting(rooms)

    async def __call__(self, draft: Request) -> Look:
        """Consent, the files' plan, the publisher, the prompt, the settings. `Unavailable`."""
        rooms = self._rooms
        spec = await rooms.provider.model()
        judged = await self._consenting.judged(draft)
        plan = rooms.plan(draft.references, spec)
        parsed = rooms.parse(draft.written_prompt, judged.references, spec=spec, names=draft.names)
        findings = (
            *_spanless(judged.barred.values(), Severity.ERROR),
            *_spanless(plan_reasons(rooms, draft.references, plan, spec), Severity.ERROR),
            *parsed.findings,
            *_spanless(_dropped(draft.parameters, spec), Severity.WARNING),
        )
        price = spec.worst_cost_usd_micros(
            seconds=draft.parameters.duration_seconds, resolution=draft.parameters.resolution, takes=draft.take_count
        )
        return Look(
            spec=spec,
            prompt=parsed.prompt,
            findings=_in_order(findings),
            price_usd_micros=price,
            barred=frozenset(judged.barred),
            references=judged.references,
            plan=plan,
        )

    async def view(self, snapshot: Snapshot) -> DraftView:
        """The draft as its person sees it."""
        rooms, draft = self._rooms, snapshot.request
        look = await self(draft)
        return DraftView(
            snapshot=snapshot,
            findings=look.findings,
            rendered=rooms.render(look.prompt, look.spec, draft.references),
            price_usd_micros=look.price_usd_micros,
            vendor_tokens=vendor_tokens(draft.references, look.spec),
            barred=look.barred,
            plan=look.plan,
            quotas=await rooms.store.quotas(draft.place.guild_id, draft.person, now_ms=rooms.clock()),
        )


def _spanless(reasons: Iterable[Reason], severity: Severity) -> Iterator[Finding]:
    return (Finding(reason=why, severity=severity) for why in reasons)


_SET_WIDE = frozenset({"too-many-references", "audio-needs-visual", "empty-prompt", "prompt-too-long"})
"""Codes that both the set's and the prompt's look may find, in words of their own: said once."""

_Key = tuple[str, frozenset[tuple[str, Argument]]]


def _in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Each reason once, errors first."""
    once: dict[_Key, Finding] = {}
    for finding in findings:
        once.setdefault(_key(finding.reason), finding)
    return tuple(sorted(once.values(), key=lambda finding: finding.severity is not Severity.ERROR))


def _key(why: Reason) -> _Key:
    return why.code, frozenset() if why.code in _SET_WIDE else frozenset(why.arguments.items())


def _dropped(parameters: Parameters, spec: ModelSpec) -> list[Reason]:
    """What was chosen but the model has no field for: said before anything is spent."""
    chosen = (
        ("duration", parameters.duration_seconds is not None, "duration"),
        ("aspect_ratio", parameters.aspect_ratio != "auto", "aspect_ratio"),
        ("seed", parameters.seed is not None, "seed"),
        ("audio", not parameters.audio, "generate_audio"),
    )
    return [
        reason("parameter-dropped", name=name)
        for name, was_chosen, field in chosen
        if was_chosen and field not in spec.fields
    ]


def vendor_tokens(references: tuple[Reference, ...], spec: ModelSpec) -> Mapping[str, str]:
    """Reference id → the token the model reads, for those that it numbers otherwise than we do."""
    here = {reference.id: reference.kind_number for reference in references}
    return {
        reference.id: spec.style.token(reference.kind, reference.kind_number)
        for reference in faces_first(references, spec.face_kinds)
        if reference.kind_number != here[reference.id]
    }
