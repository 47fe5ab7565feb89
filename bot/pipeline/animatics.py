"""Free drafts: a film drawn here from a draft's files and its prompt, which costs nothing and is kept nowhere."""

import math
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bot.domain.errors import Refused, Unavailable
from bot.domain.media import AnimaticPart, AnimaticPlan, Kind
from bot.domain.models import ModelLimits
from bot.domain.prompts import Prompt, Text
from bot.domain.reasons import reason
from bot.domain.references import Reference
from bot.domain.requests import Request
from bot.pipeline.asking import check_may_ask
from bot.pipeline.looking import Look, Looking
from bot.pipeline.rooms import Rooms
from bot.pipeline.scratch import scratch_folder
from bot.pipeline.sheets import brought, drawn_part, planned_files

_AREA_PIXELS: Final = 854 * 480
_WIDEST, _TALLEST = 21 / 9, 9 / 21
_USUAL_SHAPE: Final = 16 / 9
_USUAL_SECONDS: Final = 5

_Shown = tuple[Reference, AnimaticPart]


class Animatics:
    """Draws for one person one at a time in this process: it takes a turn of the media child, and it is free."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._looking = Looking(rooms)
        self._drawing_for: set[int] = set()

    async def __call__(self, draft: Request) -> bytes:
        """An MP4 of what the draft's files are now, without those that their owners do not allow.

        `Refused`: who may ask nothing there,
        animatic-being-drawn, nothing-to-draw (both counted nowhere), the day's allowance; and, counted
        already and said to be (animatic-counted), a file that cannot be drawn, clip-does-not-fit. `Unavailable`; when
        it was counted already, animatic-not-drawn.
        """
        await check_may_ask(self._rooms, draft.place, draft.person)
        with self._turn(draft.person.id), scratch_folder(self._rooms.scratch) as folder:
            look = await self._looking(draft)
            shown = await self._shown(draft, look, folder)
            if not shown:
                raise Refused(reason("nothing-to-draw"))
            await self._reserve(draft)
            with _counted():
                return await self._drawn(_plan(draft, look, shown), draft, folder)

    @contextmanager
    def _turn(self, person_id: int) -> Generator[None]:
        if person_id in self._drawing_for:
            raise Refused(reason("animatic-being-drawn"))
        self._drawing_for.add(person_id)
        try:
            yield
        finally:
            self._drawing_for.discard(person_id)

    async def _shown(self, draft: Request, look: Look, folder: Path) -> list[_Shown]:
        """What may be shown and is still there, in the order of the prompt's mentions, then the rest."""
        files = planned_files(draft.references, look.plan)
        shown: list[_Shown] = []
        for reference in _in_order(draft.references, look.prompt):
            path = folder / f"part-{reference.number}"
            if reference.id not in look.barred and await brought(self._rooms, reference, path):
                shown.append((reference, drawn_part(reference, path, files.get(reference.id))))
        return shown

    async def _reserve(self, draft: Request) -> None:
        rooms = self._rooms
        allowance, now_ms = rooms.drafting.allowance, rooms.clock()
        guild_id, person_id = draft.place.guild_id, draft.person.id
        await rooms.store.reserve_animatic(guild_id, person_id, allowance=allowance, now_ms=now_ms)

    async def _drawn(self, plan: AnimaticPlan, draft: Request, folder: Path) -> bytes:
        """The film, made smaller if it is too large to be posted there."""
        film, smaller = folder / "free-draft.mp4", folder / "smaller.mp4"
        facts, most = await self._rooms.media.animatic(plan, film), draft.place.upload_limit_bytes
        if facts.byte_count <= most:
            return film.read_bytes()
        await self._rooms.clips.shrink(film, smaller, max_bytes=most)
        return smaller.read_bytes()


@contextmanager
def _counted() -> Generator[None]:
    """The person is told that it counts all the same: it was drawn at, and took its turn of the child."""
    try:
        yield
    except Refused as refused:
        raise Refused(*refused.reasons, reason("animatic-counted"), detail=refused.detail) from refused
    except (Unavailable, OSError) as failure:
        detail = failure.reason.code if isinstance(failure, Unavailable) else type(failure).__name__
        raise Unavailable(reason("animatic-not-drawn"), detail=detail) from failure


def _in_order(references: Sequence[Reference], prompt: Prompt) -> list[Reference]:
    places = {reference_id: place for place, reference_id in enumerate(prompt.mentioned)}
    return sorted(references, key=lambda each: (places.get(each.id, len(places)), each.number))


def _plan(draft: Request, look: Look, shown: Sequence[_Shown]) -> AnimaticPlan:
    width, height = _size(_shape(draft.parameters.aspect_ratio, [reference for reference, _ in shown]))
    return AnimaticPlan(
        width=width,
        height=height,
        seconds=_seconds(draft.parameters.duration_seconds, shown, look.spec.limits),
        parts=tuple(part for _, part in shown),
        caption=_words(look.prompt, draft.references),
        audio=draft.parameters.audio,
    )


def _shape(chosen: str, references: Sequence[Reference]) -> float:
    """Width over height: as chosen (16:9), else that of the first file that is seen, within what films have."""
    width, _, height = chosen.partition(":")
    if width.isdecimal() and height.isdecimal() and int(width) and int(height):
        return int(width) / int(height)
    facts = (each.facts for each in references)
    shapes = (each.width / each.height for each in facts if each.width and each.height)
    return next(shapes, _USUAL_SHAPE)


def _size(shape: float) -> tuple[int, int]:
    """Even sides of that shape with as many pixels as 480p has."""
    shape = min(max(shape, _TALLEST), _WIDEST)
    return _even(math.sqrt(_AREA_PIXELS * shape)), _even(math.sqrt(_AREA_PIXELS / shape))


def _even(pixels: float) -> int:
    return 2 * round(pixels / 2)


def _seconds(chosen: int | None, shown: Sequence[_Shown], limits: ModelLimits) -> float:
    """As chosen; else time for the clips and a second for each picture, within what the model makes."""
    clips = sum(part.seconds or each.facts.seconds or 0.0 for each, part in shown if each.kind is Kind.VIDEO)
    pictures = sum(each.kind is Kind.IMAGE for each, _ in shown)
    wanted = max(_USUAL_SECONDS, math.ceil(clips + pictures)) if chosen is None else chosen
    return float(min(max(wanted, limits.min_seconds), limits.max_seconds))


def _words(prompt: Prompt, references: Sequence[Reference]) -> str:
    """The prompt with the tokens that the labels on the pictures have."""
    tokens = {reference.id: reference.token for reference in references}
    return "".join(
        part.text if isinstance(part, Text) else tokens.get(part.reference_id, "") for part in prompt.segments
    )
