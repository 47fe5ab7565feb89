"""Drafts that wait for their person: looked at, changed, confirmed, discarded, and made anew from earlier requests.

The row is the draft: nothing is kept between two clicks. Every change is stored under the version that was shown, and
lets the draft wait its whole life again (a day after it was made at the latest).
"""

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from bot.domain.conform import Part
from bot.domain.drafts import DraftView, Renumbering, rearranged
from bot.domain.errors import Refused, Stale, Unavailable
from bot.domain.prompts import Finding, Names, mend_proof, mended
from bot.domain.reasons import Reason, reason
from bot.domain.references import Collected, Fate, Offer, OfferSource, Reference
from bot.domain.requests import Request, Snapshot, Wish
from bot.domain.states import RequestState
from bot.pipeline.animatics import Animatics
from bot.pipeline.asking import check_may_ask
from bot.pipeline.calling_back import CallingBack
from bot.pipeline.collecting import Collecting
from bot.pipeline.drawn_sheets import DrawnSheets
from bot.pipeline.joining import held_offer, joined, retold
from bot.pipeline.looking import Looking
from bot.pipeline.naming import named
from bot.pipeline.rooms import Rooms
from bot.pipeline.submit import Submit, waits_until_ms

_MAX_WRITTEN_CHARACTERS = 6_000
_MENTIONED = frozenset({OfferSource.AVATAR, OfferSource.EMOJI})


class Drafts:
    """All raise `Refused` for a draft that is unknown, over, or somebody else's.

    A `version` is the one that was shown; `Refused` (draft-changed) when the draft has moved on since.
    """

    def __init__(self, rooms: Rooms, submit: Submit) -> None:
        self._rooms = rooms
        self._submit = submit
        self._looking = Looking(rooms)
        self._collecting = Collecting(rooms)
        self._calling_back = CallingBack(rooms)
        self._sheets = DrawnSheets(rooms)
        self._animatics = Animatics(rooms)

    # --- looking -------------------------------------------------------------------------------------------------

    async def look(self, request_id: str, *, person_id: int) -> DraftView:
        """The draft as it stands."""
        return await self._looking.view(self._waiting(await self._own(request_id, person_id)))

    async def shown(self, request_id: str, *, person_id: int, version: int) -> Request:
        """The draft's row alone, as it was shown: for a form, which has to open before any vendor could be asked."""
        return self._shown(await self._own(request_id, person_id), version).request

    async def mine(self, guild_id: int, person_id: int) -> tuple[DraftView, ...]:
        """The drafts that wait for that person in that guild, newest first."""
        ids = await self._rooms.store.drafts_of(guild_id, person_id)
        found = [await self._rooms.store.load(request_id) for request_id in ids]
        waiting = [snapshot for snapshot in found if snapshot is not None and self._waits(snapshot.request)]
        return tuple([await self._looking.view(snapshot) for snapshot in waiting])

    async def sheet(self, view: DraftView) -> bytes | None:
        """A PNG of the references with their numbers; `None` without references, or when it cannot be drawn."""
        return await self._sheets(view)

    async def animatic(
        self, request_id: str, *, person_id: int, version: int, roles: Sequence[int] | None = None
    ) -> bytes:
        """A free draft of what was shown: an MP4, small enough for that place. `Refused`: as `Animatics`.

        `roles`: as `confirm`.
        """
        snapshot = self._shown(await self._own(request_id, person_id), version)
        return await self._animatics(_of_roles(snapshot.request, roles))

    async def answered(self, view: DraftView) -> None:
        """The card got through to its person: nobody has to be called back for it any more.

        When that cannot be stored, the next process calls once too often.
        """
        with suppress(Unavailable):
            await self._calling_back.settle(view.snapshot)

    # --- deciding ------------------------------------------------------------------------------------------------

    async def confirm(
        self, request_id: str, *, person_id: int, version: int, roles: Sequence[int] | None = None
    ) -> Snapshot:
        """Draft → queued. `Refused` with every reason; the draft then waits on. Confirmed already: as it is now.

        `roles`: those that the person has now, whose limits hold; `None`: as they had when they asked.
        """
        snapshot = await self._own(request_id, person_id)
        if snapshot.request.accepted_at_ms is not None:
            return snapshot
        draft = self._shown(snapshot, version).request
        look = await self._looking(draft)
        if look.errors:
            raise Refused(*look.errors)
        try:
            return await self._submit.accept(draft, look, roles=roles)
        except Stale:
            return await self._confirmed_elsewhere(request_id, person_id)
        except Unavailable:
            self._rooms.engine.wake(request_id)  # its acceptance may stand all the same
            raise

    async def discard(self, request_id: str, *, person_id: int) -> Snapshot:
        """The draft ends here; nothing was spent. Discarded already: as it is."""
        snapshot = await self._own(request_id, person_id)
        if _is_discarded(snapshot.request):
            return snapshot
        changes = {
            "cancel_requested_by": person_id,
            "failure": reason("cancelled", person=person_id),
            "finished_at_ms": self._rooms.clock(),
        }
        try:
            discarded = await self._moved(self._waiting(snapshot).request, RequestState.CANCELLED, **changes)
        except Refused:
            moved = await self._own(request_id, person_id)
            if _is_discarded(moved.request):
                return moved
            raise
        return replace(snapshot, request=discarded)

    # --- changing ------------------------------------------------------------------------------------------------

    async def edit(
        self,
        request_id: str,
        *,
        person_id: int,
        version: int,
        prompt: str,
        names: Names,
        offers: Sequence[Offer],
        roles: Sequence[int] | None = None,
    ) -> DraftView:
        """Another prompt; further offers come after what is there, whose numbers stay.

        `Refused` (empty-prompt, prompt-too-long; with further offers, who may ask nothing there, and what admission
        says of the files): then nothing has changed. `roles`: as `confirm`.
        """
        snapshot = self._shown(await self._own(request_id, person_id), version)
        draft = snapshot.request
        _check_written(prompt)
        further = await self._further(_of_roles(draft, roles), _not_there_yet(offers, draft.references))
        return await self._changed(
            snapshot,
            written_prompt=prompt,
            names=_with_names(draft.names, names),
            references=further.references,
            fates=further.fates,
        )

    async def mend(self, request_id: str, *, person_id: int, version: int, proof: str) -> DraftView:
        """Carries out the mend of that proof (`mend_proof`). `Refused` (draft-changed) when it is not offered now."""
        snapshot = self._shown(await self._own(request_id, person_id), version)
        findings = (await self._looking(snapshot.request)).findings
        finding, choice = _proven(findings, proof)
        text = mended(snapshot.request.written_prompt, finding, choice)
        return await self._changed(snapshot, written_prompt=text)

    async def describe(
        self,
        request_id: str,
        *,
        person_id: int,
        version: int,
        reference_id: str,
        alias: str | None,
        shows_person: bool,
    ) -> DraftView:
        """Gives a reference a name of its own (`None`: none) and says whether it shows a real person.

        `Refused`: alias-not-a-name, alias-taken. Mentions by a name that it loses mean it still.
        """
        snapshot = self._shown(await self._own(request_id, person_id), version)
        draft = snapshot.request
        before = _reference(draft, reference_id)
        spec = await self._rooms.provider.model()
        after = named(
            draft.references,
            reference_id,
            alias,
            mentioned=lambda text, among: self._rooms.parse(text, among, spec=spec, names=Names()).prompt.mentioned,
        )
        after = tuple(replace(each, shows_person=shows_person) if each.id == reference_id else each for each in after)
        loses_name = before.alias is not None and before.alias != _reference_of(after, reference_id).alias
        text = self._rewritten(draft, after) if loses_name else draft.written_prompt
        return await self._changed(snapshot, references=after, written_prompt=text)

    async def choose_part(
        self, request_id: str, *, person_id: int, version: int, reference_id: str, part: Part
    ) -> DraftView:
        """Says which part of a file is used where it is too long; for any other file it is kept and means nothing.

        A beginning so late that the part would not be whole is moved ahead until it is. `Refused` (part-not-a-moment).
        """
        snapshot = self._shown(await self._own(request_id, person_id), version)
        chosen = replace(_reference(snapshot.request, reference_id), part=_checked(part))
        after = tuple(chosen if each.id == reference_id else each for each in snapshot.request.references)
        return await self._changed(snapshot, references=after)

    async def renumber(self, request_id: str, *, person_id: int, version: int, change: Renumbering) -> DraftView:
        """Takes a reference out or moves it; the prompt's mentions follow their files.

        A file that is taken out is not listed any more; what was refused is. `Refused` (no-such-file) for a place
        that is not there.
        """
        snapshot = self._shown(await self._own(request_id, person_id), version)
        draft = snapshot.request
        after = _renumbered(draft, change)
        left = {reference.id for reference in after}
        fates = [fate for fate in draft.fates if fate.refused or fate.reference_id in left]
        return await self._changed(
            snapshot, references=after, fates=retold(fates, after), written_prompt=self._rewritten(draft, after)
        )

    # --- making anew ---------------------------------------------------------------------------------------------

    async def again(self, request_id: str, wish: Wish) -> Snapshot:
        """A new draft with an earlier request's prompt, files and settings, for the person and place of `wish`.

        The files are those we hold: it works after the message is gone. For somebody else than who asked first, that
        person's uploads are that person's files. `Refused` (not-here, draft-not-yours), and whatever `Submit` refuses.
        """
        source = (await self._known(request_id)).request
        if source.place.guild_id != wish.place.guild_id:
            raise Refused(reason("not-here"))
        if source.accepted_at_ms is None and source.person.id != wish.person.id:
            raise Refused(reason("draft-not-yours"))
        return await self._submit(
            replace(
                wish,
                prompt=source.written_prompt,
                offers=_offers_again(source, wish.person.id),
                parameters=source.parameters,
                take_count=source.take_count,
                names=source.names,
                ask=True,
                use_tray=False,
            )
        )

    # --- what they share -----------------------------------------------------------------------------------------

    async def _known(self, request_id: str) -> Snapshot:
        snapshot = await self._rooms.store.load(request_id)
        if snapshot is None:
            raise Refused(reason("request-unknown"))
        return snapshot

    async def _own(self, request_id: str, person_id: int) -> Snapshot:
        snapshot = await self._known(request_id)
        if snapshot.request.person.id != person_id:
            raise Refused(reason("draft-not-yours"))
        return snapshot

    def _waits(self, request: Request) -> bool:
        until_ms = request.expires_at_ms
        return request.state is RequestState.DRAFT and until_ms is not None and until_ms > self._rooms.clock()

    def _waiting(self, snapshot: Snapshot) -> Snapshot:
        request = snapshot.request
        if request.state is RequestState.DRAFT and request.expires_at_ms is None:
            raise Refused(reason("draft-preparing"))
        if not self._waits(request):
            raise Refused(_why_over(request))
        return snapshot

    def _shown(self, snapshot: Snapshot, version: int) -> Snapshot:
        if self._waiting(snapshot).request.version != version:
            raise Refused(reason("draft-changed"))
        return snapshot

    async def _confirmed_elsewhere(self, request_id: str, person_id: int) -> Snapshot:
        snapshot = await self._own(request_id, person_id)
        if snapshot.request.accepted_at_ms is None:
            raise Refused(reason("draft-changed"))
        return snapshot

    async def _changed(self, snapshot: Snapshot, **changes: object) -> DraftView:
        draft = snapshot.request
        until_ms = waits_until_ms(self._rooms, draft)
        changed = await self._moved(draft, RequestState.DRAFT, **changes, expires_at_ms=until_ms)
        return await self._looking.view(replace(snapshot, request=changed))

    async def _moved(self, draft: Request, state: RequestState, **changes: object) -> Request:
        try:
            return await self._rooms.store.move(draft, state, **changes)
        except Stale as stale:
            self._waiting(await self._known(draft.id))
            raise Refused(reason("draft-changed")) from stale

    async def _further(self, draft: Request, offers: Sequence[Offer]) -> Collected:
        """All references with what is offered further, and all fates."""
        if not offers:
            return Collected(references=draft.references, fates=draft.fates)
        await check_may_ask(self._rooms, draft.place, draft.person)
        there = [held_offer(reference, reference.source) for reference in draft.references]
        self._collecting.declared([*there, *offers], await self._rooms.provider.model())
        collected = await self._collecting(offers, place=draft.place, person_id=draft.person.id)
        further = joined(draft.references, collected)
        return replace(further, fates=_all_fates(draft.fates, further.fates))

    def _rewritten(self, draft: Request, after: Sequence[Reference]) -> str:
        return self._rooms.renumbered(draft.written_prompt, draft.references, after, names=draft.names)


def _of_roles(draft: Request, roles: Sequence[int] | None) -> Request:
    return draft if roles is None else replace(draft, person=replace(draft.person, roles=tuple(roles)))


def _why_over(request: Request) -> Reason:
    return reason("draft-over") if request.accepted_at_ms is None else reason("draft-confirmed")


def _proven(findings: Sequence[Finding], proof: str) -> tuple[Finding, int]:
    offered = ((finding, choice) for finding in findings for choice in range(len(finding.mends)))
    found = next((one for one in offered if mend_proof(*one) == proof), None)
    if found is None:
        raise Refused(reason("draft-changed"))
    return found


def _is_discarded(request: Request) -> bool:
    return request.state is RequestState.CANCELLED and request.accepted_at_ms is None


def _check_written(prompt: str) -> None:
    if not prompt.strip():
        raise Refused(reason("empty-prompt"))
    if len(prompt) > _MAX_WRITTEN_CHARACTERS:
        raise Refused(reason("prompt-too-long", count=len(prompt), limit=_MAX_WRITTEN_CHARACTERS))


def _checked(part: Part) -> Part:
    if not math.isfinite(part.at_seconds) or part.at_seconds < 0:
        raise Refused(reason("part-not-a-moment", text=f"{part.at_seconds:g}"))
    return part


def _not_there_yet(offers: Sequence[Offer], references: Sequence[Reference]) -> list[Offer]:
    """An avatar or emoji that is there is not fetched once more for being mentioned still."""
    there = {meaning for reference in references for meaning in reference.stands_for}
    return [offer for offer in offers if offer.stands_for is None or offer.stands_for not in there]


def _all_fates(before: Sequence[Fate], further: Sequence[Fate]) -> tuple[Fate, ...]:
    """What was refused once is not listed twice for being offered again.

    A picture that a mention stands for and that is used after all (its owner allowed it meanwhile) is not listed as
    refused any more.
    """
    used = {(fate.name, fate.source) for fate in further if not fate.refused and fate.source in _MENTIONED}
    kept = [fate for fate in before if not (fate.refused and (fate.name, fate.source) in used)]
    return (*kept, *(fate for fate in further if not (fate.refused and fate in before)))


def _with_names(before: Names, further: Names) -> Names:
    return Names(
        people={**before.people, **further.people},
        roles={**before.roles, **further.roles},
        channels={**before.channels, **further.channels},
    )


def _reference(draft: Request, reference_id: str) -> Reference:
    return _reference_of(draft.references, reference_id)


def _reference_of(references: Sequence[Reference], reference_id: str) -> Reference:
    found = next((reference for reference in references if reference.id == reference_id), None)
    if found is None:
        raise Refused(reason("draft-changed"))
    return found


def _renumbered(draft: Request, change: Renumbering) -> tuple[Reference, ...]:
    _reference(draft, change.reference_id)
    count = len(draft.references)
    if change.to_number is not None and not 1 <= change.to_number <= count:
        raise Refused(reason("no-such-file", number=change.to_number, count=count))
    return rearranged(draft.references, change)


def _offers_again(source: Request, person_id: int) -> tuple[Offer, ...]:
    if not source.references and not source.fates:
        return source.offers  # its files were never looked at
    return tuple(held_offer(_owned(each, source, person_id), OfferSource.AGAIN) for each in source.references)


def _owned(reference: Reference, source: Request, person_id: int) -> Reference:
    """What nobody else was known to own belongs to who brought it."""
    if source.person.id == person_id:
        return reference
    mine = {"owner_id": source.person.id}
    return replace(
        reference,
        origins=tuple(replace(one, **mine) if one.owner_id is None else one for one in reference.origins),
    )
