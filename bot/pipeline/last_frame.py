"""Going on from a result: its clip's last frame, as a file to begin another video with."""

from dataclasses import dataclass
from pathlib import Path

from bot.domain.conform import Record, Verdict
from bot.domain.errors import Refused
from bot.domain.reasons import reason
from bot.domain.references import Offer, OfferSource, Origin, Reference
from bot.domain.requests import Person, Place, Post, Snapshot, Take, result_slot
from bot.domain.states import TakeState
from bot.pipeline.asking import check_may_ask
from bot.pipeline.consenting import Consenting
from bot.pipeline.rooms import Rooms
from bot.pipeline.scratch import scratch_folder

_NAME = "last frame.png"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Clip:
    """A clip as it came back: the key of its bytes, how it came here, and whether it was made from a real person."""

    key: str
    origin: Origin
    shows_person: bool


class LastFrame:
    """Takes the last frame out of a take's clip as it came back, which may be larger than what was posted.

    It belongs to whom the clip belongs to, the person who asked for it, and came in the message that brought the clip:
    what they said of their files, and of that message, holds for the frame as it does for the clip.
    """

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._consenting = Consenting(rooms)

    async def look(self, request_id: str, *, ordinal: int, place: Place, person: Person) -> None:
        """Whether there is a clip to go on from: rows and a question to the content store, so that a form can wait.

        `Refused`: who may ask nothing there,
        request-unknown, not-here, clip-not-posted, whatever its owner says, clip-bytes-gone. `Unavailable`.
        """
        await self._found(request_id, ordinal=ordinal, place=place, person=person)

    async def __call__(self, request_id: str, *, ordinal: int, place: Place, person: Person) -> Offer:
        """The frame as a held file, for a wish of that person in that place.

        `Refused`: as `look`, the day's allowance of files, clip-without-end, or why the frame cannot be used.
        `Unavailable`.
        """
        clip = await self._found(request_id, ordinal=ordinal, place=place, person=person)
        rooms = self._rooms  # it counts as a file looked at: it is free, and costs us as much
        allowance, now_ms = rooms.drafting.allowance, rooms.clock()
        await rooms.store.reserve(place.guild_id, person.id, files=1, byte_count=0, allowance=allowance, now_ms=now_ms)
        return await self._offer(clip)

    async def _found(self, request_id: str, *, ordinal: int, place: Place, person: Person) -> _Clip:
        await check_may_ask(self._rooms, place, person)
        snapshot = await self._rooms.store.load(request_id)
        if snapshot is None:
            raise Refused(reason("request-unknown"))
        request = snapshot.request
        if request.place.guild_id != place.guild_id:
            raise Refused(reason("not-here"))
        take, message_id = _posted(snapshot, ordinal)
        origin = Origin(source=OfferSource.CLIP, owner_id=request.person.id, message_id=message_id)
        await self._allowed(origin, place=place, person_id=person.id)
        if take.clip is None or not await self._rooms.contents.holds(take.clip):
            raise Refused(reason("clip-bytes-gone"))
        return _Clip(key=take.clip, origin=origin, shows_person=any(one.shows_person for one in request.references))

    async def _allowed(self, origin: Origin, *, place: Place, person_id: int) -> None:
        clip = Offer(
            name=_NAME,
            url="",
            byte_count=0,
            source=origin.source,
            owner_id=origin.owner_id,
            message_id=origin.message_id,
        )
        (judged,) = await self._consenting.allowed([clip], guild_id=place.guild_id, person_id=person_id)
        if judged.refusal is not None:
            raise Refused(judged.refusal)

    async def _offer(self, clip: _Clip) -> Offer:
        rooms = self._rooms
        with scratch_folder(rooms.scratch) as folder:
            frame = await self._frame(clip.key, folder)
            spec = await rooms.provider.model()
            limits = spec.limits.carried(rooms.publisher.max_bytes_each)
            record = await rooms.conformer.record(frame, limits, name=_NAME)
            if record.verdict is Verdict.REJECT:
                raise Refused(record.why or reason("clip-without-end"), detail=record.code)
            key = await rooms.contents.put(frame)
        held = _reference(rooms.ids.short(), key, record, clip)
        return Offer(name=held.name, url="", byte_count=held.facts.byte_count, source=held.source, held=held)

    async def _frame(self, key: str, folder: Path) -> Path:
        clip, frame = folder / "clip", folder / "frame"
        try:
            await self._rooms.contents.copy_to(key, clip)
        except KeyError as error:
            raise Refused(reason("clip-bytes-gone")) from error
        try:
            await self._rooms.clips.last_frame(clip, frame)
        except Refused as refused:
            raise Refused(reason("clip-without-end"), detail=refused.reason.code) from refused
        return frame


def _posted(snapshot: Snapshot, ordinal: int) -> tuple[Take, int]:
    """The take and the message that brought its clip. `Refused` when there is none."""
    fetched = sorted((take for take in snapshot.takes if take.state is TakeState.FETCHED), key=lambda one: one.ordinal)
    for place_in_result, take in enumerate(fetched, start=1):
        post = _post(snapshot, place_in_result)
        if take.ordinal == ordinal and post is not None and post.message_id is not None:
            return take, post.message_id
    raise Refused(reason("clip-not-posted"))


def _post(snapshot: Snapshot, place_in_result: int) -> Post | None:
    """Each clip comes in a message of its own, or all in the first one."""
    return snapshot.post(result_slot(place_in_result)) or snapshot.post(result_slot(1))


def _reference(reference_id: str, key: str, record: Record, clip: _Clip) -> Reference:
    if record.facts is None:
        raise ValueError("a frame that can be used was not measured")
    return Reference(
        id=reference_id,
        number=1,
        kind=record.used_kind or record.facts.kind,
        kind_number=1,
        name=_NAME,
        content=key,
        facts=record.facts,
        source=clip.origin.source,
        origins=(clip.origin,),
        shows_person=clip.shows_person,
        record=record,
    )
