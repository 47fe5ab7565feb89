"""From a wish to a queued request, or to a draft that waits: admission, the durable draft, collection, the prompt."""

from collections.abc import Sequence
from dataclasses import replace

from bot.domain.errors import Refused, RushesError, Stale
from bot.domain.models import ModelSpec
from bot.domain.reasons import Reason, reason
from bot.domain.references import Collected, OfferSource
from bot.domain.requests import Parameters, Request, Snapshot, Wish
from bot.domain.states import RequestState
from bot.pipeline.asking import asked_of, check_served
from bot.pipeline.calling_back import CallingBack
from bot.pipeline.collecting import Collecting, refuse_when_nothing_is_left
from bot.pipeline.consenting import Consenting
from bot.pipeline.guild_choices import ChoicesOfGuilds
from bot.pipeline.joining import held_offer
from bot.pipeline.looking import Look, Looking
from bot.pipeline.planning import fixed
from bot.pipeline.rooms import Rooms

_DAY_MS = 24 * 3_600_000
_TRIES = 3


class Submit:
    """Takes a wish as far as it goes unasked. Nothing is downloaded before admission, nothing spent before acceptance.

    A draft that needs its person waits, from then on in `bot.pipeline.drafts`.
    """

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._consenting = Consenting(rooms)
        self._collecting = Collecting(rooms)
        self._looking = Looking(rooms)
        self._choices = ChoicesOfGuilds(rooms)
        self._calling_back = CallingBack(rooms)

    async def __call__(self, wish: Wish) -> Snapshot:
        """The queued request or the waiting draft, or `Refused` with every reason found.

        The same interaction again answers the same one.
        """
        snapshot = await self._rooms.store.made_by(wish.interaction_id) or await self._admitted(wish)
        try:
            return await self._prepared_once(snapshot)
        except Refused:
            raise
        except Exception as error:  # the person is told that it failed, so nothing may be made of it later
            why = error.reason if isinstance(error, RushesError) else reason("internal-error")
            await self._give_up(snapshot.request, why)
            known = await self._rooms.store.load(snapshot.request.id)
            if known is None:
                raise
            if not _got_through(known.request):
                await self._calling_back.settle(known)
                raise
            self._wake(known.request)
            return known

    async def prepare(self, draft: Request) -> Snapshot:
        """A draft that is being prepared → queued, or waiting for its person (`expires_at_ms` is set then).

        `Refused` and failed when it can be neither; `Unavailable` leaves the draft as it is, `Stale` too: somebody
        else has it.
        """
        try:
            return await self._prepare(draft)
        except Refused as refused:
            await self._give_up(draft, refused.reason)
            raise

    async def accept(self, draft: Request, look: Look, *, roles: Sequence[int] | None = None) -> Snapshot:
        """Draft → queued, and on its way. `Refused` by policy or consent: then it waits on. `Stale`.

        Its references stay as the prompt was read with them, and become what this very plan says: from here on, both
        are fixed. `roles`: those that the person has now; `None`: those of the draft.
        """
        rooms = self._rooms
        check_served(rooms, draft.place.guild_id)
        snapshot = await rooms.store.accept(
            draft,
            prompt=look.prompt,
            findings=look.findings,
            model_id=look.spec.id,
            asked=asked_of(draft.parameters, draft.take_count, look.spec),
            now_ms=rooms.clock(),
            references=fixed(look.references, look.plan),
            roles=roles,
        )
        rooms.engine.wake(draft.id)
        return snapshot

    async def _admitted(self, wish: Wish) -> Snapshot:
        """The wish as a durable draft, unless the first look refuses it."""
        rooms = self._rooms
        check_served(rooms, wish.place.guild_id)
        spec = await rooms.provider.model()
        wish = await self._complete(wish)
        await self._look_first(wish, spec)
        return await rooms.store.create_draft(rooms.ids.request(), wish, now_ms=rooms.clock())

    async def _complete(self, wish: Wish) -> Wish:
        """With the tray's files where it is to be used, and a refusal on each file that others do not allow."""
        offers = wish.offers
        if wish.use_tray and all(offer.stands_for is not None for offer in offers):
            tray = await self._rooms.trays.tray(wish.place.channel_id, wish.person.id, now_ms=self._rooms.clock())
            offers = (*(held_offer(reference, OfferSource.TRAY) for reference in tray.references), *offers)
        allowed = await self._consenting.allowed(offers, guild_id=wish.place.guild_id, person_id=wish.person.id)
        return replace(wish, offers=allowed)

    async def _look_first(self, wish: Wish, spec: ModelSpec) -> None:
        rooms = self._rooms
        quotas = await rooms.store.quotas(wish.place.guild_id, wish.person, now_ms=rooms.clock())
        refusals = rooms.first_look(wish, quotas, asked_of(wish.parameters, wish.take_count, spec))
        self._collecting.declared(wish.offers, spec, *refusals, *_parameter_reasons(wish.parameters, spec))

    async def _prepared_once(self, snapshot: Snapshot) -> Snapshot:
        """The same interaction may be on its way already, in another call: then its outcome is this one's."""
        for _try in range(_TRIES):
            if snapshot.request.state is not RequestState.DRAFT or snapshot.request.expires_at_ms is not None:
                break
            try:
                return await self.prepare(snapshot.request)
            except Stale:
                snapshot = await self._rooms.store.load(snapshot.request.id) or snapshot
        return snapshot

    async def _prepare(self, draft: Request) -> Snapshot:
        rooms = self._rooms
        collected = await self._collected(draft)
        fates, references = collected.fates, collected.references
        known = replace(draft, references=references, fates=fates)
        look = await self._looking(known)
        until_ms = waits_until_ms(rooms, draft) if await self._choices.ask_first(known, look) else None
        if until_ms is not None:
            await self._calling_back.intend(draft)
        kept = await rooms.store.move(
            draft, RequestState.DRAFT, references=references, fates=fates, expires_at_ms=until_ms
        )
        if until_ms is None:
            return await self.accept(kept, look)
        self._wake(kept)
        return Snapshot(request=kept)

    async def _collected(self, draft: Request) -> Collected:
        """What another process collected before it ended is not collected again."""
        if draft.fates:
            return Collected(references=draft.references, fates=draft.fates)
        collected = await self._collecting(
            draft.offers, place=draft.place, person_id=draft.person.id, draft_id=draft.id
        )
        refuse_when_nothing_is_left(draft.offers, collected)
        return collected

    def _wake(self, request: Request) -> None:
        """At once, or when it expires: its person is being answered, so nobody is to be called back before."""
        until_ms = request.expires_at_ms if request.state is RequestState.DRAFT else None
        self._rooms.engine.wake(request.id, delay_ms=0 if until_ms is None else until_ms - self._rooms.clock())

    async def _give_up(self, draft: Request, why: Reason) -> None:
        rooms = self._rooms
        snapshot = await rooms.store.load(draft.id)
        if snapshot is None or snapshot.request.state is not RequestState.DRAFT:
            return
        if snapshot.request.expires_at_ms is not None:
            return  # another call of the same interaction brought it to its person
        try:
            await rooms.store.move(snapshot.request, RequestState.FAILED, failure=why, finished_at_ms=rooms.clock())
        except Stale:
            return  # somebody else settled the draft meanwhile


def _got_through(draft: Request) -> bool:
    """Only the answer was lost: it is accepted, or waits for its person. Told otherwise, they would ask twice."""
    waits = draft.state is RequestState.DRAFT and draft.expires_at_ms is not None
    return waits or draft.accepted_at_ms is not None


def waits_until_ms(rooms: Rooms, draft: Request) -> int:
    """Until when a draft waits that is stored now: its life from now, and a day from its making at the latest."""
    return min(rooms.clock() + rooms.drafting.draft_life_ms, draft.created_at_ms + _DAY_MS)


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
