"""Sheets that were drawn: each once, for as long as it is likely to be shown again."""

import asyncio
from collections import OrderedDict
from typing import Final
from weakref import WeakValueDictionary

from bot.domain.conform import Target
from bot.domain.drafts import DraftView
from bot.pipeline.rooms import Rooms
from bot.pipeline.sheets import planned_files, reference_sheet

_MOST_SHEETS: Final = 64
_MOST_BYTES: Final = 32 << 20

_Tile = tuple[str, int, str, str, bool, Target | None]
_Key = tuple[_Tile, ...]


class DrawnSheets:
    """Drawing costs us a copy of every file and a run of the media child, and the person nothing.

    So what was drawn is kept in memory, up to a number and a size, and one person has one sheet drawn at a time.
    """

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._drawn = OrderedDict[_Key, bytes]()
        self._turns = WeakValueDictionary[int, asyncio.Lock]()

    async def __call__(self, view: DraftView) -> bytes | None:
        """The sheet's PNG; `None` without references, or when it cannot be drawn."""
        key = _key(view)
        async with self._turn_of(view.request.person.id):
            sheet = self._drawn.get(key) or await reference_sheet(self._rooms, view)
            if sheet is not None:
                self._keep(key, sheet)
            return sheet

    def _turn_of(self, person_id: int) -> asyncio.Lock:
        return self._turns.setdefault(person_id, asyncio.Lock())

    def _keep(self, key: _Key, sheet: bytes) -> None:
        self._drawn[key] = sheet
        self._drawn.move_to_end(key)
        while len(self._drawn) > _MOST_SHEETS or sum(map(len, self._drawn.values())) > _MOST_BYTES:
            self._drawn.popitem(last=False)


def _key(view: DraftView) -> _Key:
    """All that a sheet shows: what is the same in this gives the same picture."""
    references = view.request.references
    targets = {reference_id: file.target for reference_id, file in planned_files(references, view.plan).items()}
    return tuple(
        (one.content, one.number, one.token, one.name, one.id not in view.barred, targets.get(one.id))
        for one in references
    )
