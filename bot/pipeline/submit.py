"""From a wish to a queued request: admission, the durable draft, collection, the prompt, acceptance."""

from collections.abc import Iterable

from bot.domain.errors import Refused, RushesError, Stale
from bot.domain.models import ModelSpec
from bot.domain.prompts import Finding, Parsed, Severity
from bot.domain.reasons import Reason, reason
from bot.domain.references import Reference
from bot.domain.requests import Parameters, Request, Snapshot, Wish
from bot.domain.states import RequestState
from bot.domain.words import byte_size
from bot.pipeline.rooms import Rooms


class Submit:
    """Takes a wish as far as its lane. Nothing is downloaded before admission, nothing is spent before acceptance."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    async def __call__(self, wish: Wish) -> Snapshot:
        """The queued request, or `Refused` with every reason found. The same interaction again answers the same one."""
        spec = await self._rooms.provider.model()
        await self._look_first(wish, spec)
        snapshot = await self._rooms.store.create_draft(self._rooms.ids.request(), wish, now_ms=self._rooms.clock())
        if snapshot.request.state is not RequestState.DRAFT:
            return snapshot
        try:
            return await self.accept(snapshot.request)
        except Refused:
            raise
        except Stale:  # the same interaction is on its way already
            return await self._rooms.store.load(snapshot.request.id) or snapshot
        except Exception as error:  # the person is told that it failed, so nothing may be made of it later
            why = error.reason if isinstance(error, RushesError) else reason("internal-error")
            await self._give_up(snapshot.request, why)
            raise

    async def accept(self, draft: Request) -> Snapshot:
        """Draft → queued, or `Refused` and failed; `Unavailable` leaves the draft as it is."""
        try:
            snapshot = await self._accept(draft)
        except Refused as refused:
            await self._give_up(draft, refused.reason)
            raise
        self._rooms.engine.wake(draft.id)
        return snapshot

    async def _accept(self, draft: Request) -> Snapshot:
        rooms = self._rooms
        spec = await rooms.provider.model()
        references, notes = await rooms.collect(draft.offers)
        parsed = rooms.parse(draft.written_prompt, references, limits=spec.limits, style=spec.style)
        self._refuse_any(self._set_reasons(references, spec, parsed))
        kept = await rooms.store.keep_references(draft, references)
        return await rooms.store.accept(
            kept,
            prompt=parsed.prompt,
            findings=(*parsed.findings, *_warnings([*notes, *_dropped(draft.parameters, spec)])),
            model_id=spec.id,
            policy=rooms.policy(draft.place.guild_id),
            now_ms=rooms.clock(),
        )

    async def _look_first(self, wish: Wish, spec: ModelSpec) -> None:
        rooms = self._rooms
        guild_id = wish.place.guild_id
        usage = await rooms.store.usage(guild_id, wish.person.id, now_ms=rooms.clock())
        self._refuse_any(
            [
                *rooms.first_look(wish, rooms.policy(guild_id), usage),
                *_parameter_reasons(wish.parameters, spec),
                *rooms.declared_reasons(wish.offers, spec),
            ]
        )

    def _set_reasons(self, references: tuple[Reference, ...], spec: ModelSpec, parsed: Parsed) -> list[Reason]:
        reasons = [
            *self._rooms.set_reasons(references, spec),
            *(reason for reference in references for reason in self._publisher_reasons(reference)),
            *(finding.reason for finding in parsed.errors),
        ]
        return _each_code_once(reasons)

    def _publisher_reasons(self, reference: Reference) -> list[Reason]:
        code = self._rooms.publisher.refusal(reference)
        if code is None:
            return []
        limit = byte_size(self._rooms.publisher.max_bytes_each)
        return [reason(code, name=reference.name, size=byte_size(reference.facts.byte_count), limit=limit)]

    def _refuse_any(self, reasons: list[Reason]) -> None:
        if reasons:
            raise Refused(reasons[0], *reasons[1:])

    async def _give_up(self, draft: Request, why: Reason) -> None:
        rooms = self._rooms
        snapshot = await rooms.store.load(draft.id)
        if snapshot is None or snapshot.request.state is not RequestState.DRAFT:
            return
        try:
            await rooms.store.move(snapshot.request, RequestState.FAILED, failure=why, finished_at_ms=rooms.clock())
        except Stale:
            return  # somebody else settled the draft meanwhile


def _each_code_once(reasons: list[Reason]) -> list[Reason]:
    seen: set[tuple[str, tuple[tuple[str, object], ...]]] = set()
    unique: list[Reason] = []
    for found in reasons:
        key = (found.code, tuple(sorted(found.arguments.items())))
        if key not in seen and not (found.code in _SET_WIDE and any(found.code == other.code for other in unique)):
            seen.add(key)
            unique.append(found)
    return unique


def _warnings(reasons: Iterable[Reason]) -> tuple[Finding, ...]:
    return tuple(Finding(reason=why, severity=Severity.WARNING) for why in reasons)


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


_SET_WIDE = frozenset({"too-many-references", "audio-needs-visual", "empty-prompt", "prompt-too-long"})
"""Codes that both the set's and the prompt's look may find: said once."""


def _parameter_reasons(parameters: Parameters, spec: ModelSpec) -> list[Reason]:
    duration = "auto" if parameters.duration_seconds is None else parameters.duration_seconds
    chosen = (("duration", duration), ("resolution", parameters.resolution), ("aspect_ratio", parameters.aspect_ratio))
    return [
        reason("parameter-not-offered", name=name, value=value, choices=_in_words(spec.fields[name].choices))
        for name, value in chosen
        if name in spec.fields and spec.fields[name].choices and not _offered(value, spec.fields[name].choices)
    ]


_AUTO = frozenset({"auto", "adaptive", -1, "-1"})
"""How schemas spell "leave it to the model"; people read and write auto."""


def _in_words(choices: tuple[str | int, ...]) -> str:
    return ", ".join("auto" if choice in _AUTO else str(choice) for choice in choices)


def _offered(value: str | int, choices: tuple[str | int, ...]) -> bool:
    if value == "auto":
        return any(choice in _AUTO for choice in choices)
    return str(value) in {str(choice) for choice in choices}
