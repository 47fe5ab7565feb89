"""The tray: files put aside, their bytes copied at once, for a request that comes later in the same channel."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from bot.domain.drafts import TrayLimits, TrayView, TrayWish
from bot.domain.errors import Refused
from bot.domain.models import ModelSpec
from bot.domain.prompts import Names
from bot.domain.reasons import reason
from bot.domain.references import Collected, Fate, Reference
from bot.domain.requests import Place
from bot.pipeline.asking import check_may_ask
from bot.pipeline.collecting import Collecting, refuse_when_nothing_is_left
from bot.pipeline.joining import joined
from bot.pipeline.naming import named
from bot.pipeline.rooms import Rooms

Change = Callable[[tuple[Reference, ...]], Sequence[Reference]]
"""Makes of a tray's references those that are to lie in it; pure, may raise `Refused`."""


class Tray:
    """One tray a person and channel. Numbers are over all, from 1. `Refused` for numbers that are not there."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._collecting = Collecting(rooms)

    async def add(self, wish: TrayWish) -> TrayView:
        """Copies the files' bytes and puts them at the end; every file's fate is in the view.

        `Refused` when nothing is offered, who may ask nothing there, when no file can be used, or when they do not fit;
        then nothing has changed.
        """
        if not wish.offers:
            raise Refused(reason("nothing-to-use"))
        rooms = self._rooms
        await check_may_ask(rooms, wish.place, wish.person)
        spec = await rooms.provider.model()
        self._collecting.declared(wish.offers, spec)
        await self._refuse_when_full(wish, spec)
        collected = await self._collecting(wish.offers, place=wish.place, person_id=wish.person.id)
        refuse_when_nothing_is_left(wish.offers, collected)

        def with_further(there: tuple[Reference, ...]) -> Sequence[Reference]:
            together = joined(there, collected).references
            if reasons := rooms.tray_reasons(together, spec):
                raise Refused(*reasons)
            return together

        view = await self._changed(wish.place, wish.person.id, with_further)
        return replace(view, fates=_fates(view, collected))

    async def show(self, channel_id: int, person_id: int) -> TrayView:
        """The tray as it stands."""
        return await self._rooms.trays.tray(channel_id, person_id, now_ms=self._rooms.clock())

    async def name(self, place: Place, person_id: int, *, number: int, alias: str | None) -> TrayView:
        """Gives a file a name of its own; `None` takes it away. `Refused`: alias-not-a-name, alias-taken."""
        rooms = self._rooms
        spec = await rooms.provider.model()

        def mentioned(text: str, among: Sequence[Reference]) -> Sequence[str]:
            return rooms.parse(text, among, spec=spec, names=Names()).prompt.mentioned

        def with_name(there: tuple[Reference, ...]) -> Sequence[Reference]:
            return named(there, _at(there, number).id, alias, mentioned=mentioned)

        return await self._changed(place, person_id, with_name)

    async def move(self, place: Place, person_id: int, *, number: int, to_number: int) -> TrayView:
        """Moves a file to another place in the order."""

        def moved(there: tuple[Reference, ...]) -> Sequence[Reference]:
            moving = _at(there, number)
            _at(there, to_number)
            others = [each for each in there if each.id != moving.id]
            return [*others[: to_number - 1], moving, *others[to_number - 1 :]]

        return await self._changed(place, person_id, moved)

    async def remove(self, place: Place, person_id: int, *, number: int) -> TrayView:
        """Takes a file out."""

        def without(there: tuple[Reference, ...]) -> Sequence[Reference]:
            removed = _at(there, number)
            return [each for each in there if each.id != removed.id]

        return await self._changed(place, person_id, without)

    async def clear(self, place: Place, person_id: int) -> TrayView:
        """Takes everything out."""

        def nothing(there: tuple[Reference, ...]) -> Sequence[Reference]:
            if not there:
                raise Refused(reason("tray-empty"))
            return ()

        return await self._changed(place, person_id, nothing)

    async def _refuse_when_full(self, wish: TrayWish, spec: ModelSpec) -> None:
        """A full tray takes nothing more, and nothing is fetched to say so; the transaction has the last word."""
        there = (await self.show(wish.place.channel_id, wish.person.id)).references
        limit = spec.limits.max_files
        if len(there) >= limit:
            raise Refused(reason("tray-full", limit=limit, count=len(there) + len(wish.offers)))

    async def _changed(self, place: Place, person_id: int, change: Change) -> TrayView:
        rooms, drafting = self._rooms, self._rooms.drafting
        now_ms = rooms.clock()
        limits = TrayLimits(
            tray_files=(await rooms.provider.model()).limits.max_files,
            person_files=drafting.tray_files_per_person,
            guild_files=drafting.tray_files_per_guild,
        )
        return await rooms.trays.change_tray(
            place, person_id, change, limits=limits, expires_at_ms=now_ms + drafting.tray_life_ms, now_ms=now_ms
        )


def _at(there: tuple[Reference, ...], number: int) -> Reference:
    if not there:
        raise Refused(reason("tray-empty"))
    if not 1 <= number <= len(there):
        raise Refused(reason("no-such-file", number=number, count=len(there)))
    return there[number - 1]


def _fates(view: TrayView, collected: Collected) -> tuple[Fate, ...]:
    """Told of the tray as it is now: what lay in it before, under the same bytes, is what a file has become."""
    brought = {reference.id for reference in collected.references}
    before = [reference for reference in view.references if reference.id not in brought]
    return joined(before, collected).fates
