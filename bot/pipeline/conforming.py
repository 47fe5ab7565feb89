"""Making an accepted request's files fit the model: as was shown, one by one, each kept and recorded at once."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import structlog

from bot.domain.conform import FilePlan, Made, SetPlan, Target
from bot.domain.errors import Refused
from bot.domain.models import ModelSpec
from bot.domain.reasons import reason
from bot.domain.references import Reference
from bot.domain.requests import Request
from bot.pipeline.planning import is_as_fixed, is_fixed, is_made, model_reasons, publisher_reasons
from bot.pipeline.rooms import Rooms
from bot.pipeline.scratch import scratch_folder

_log: structlog.stdlib.BoundLogger = structlog.get_logger("rushes.references")


class Conforming:
    """Carries out the plan of a request that is being prepared, a file at a time, and rests on its row alone.

    What each file becomes was fixed with the confirmation. The plan is made anew from what the row holds: when it is
    another one by the limits of now, nothing is made of what nobody has seen.
    """

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    async def __call__(self, request: Request) -> bool:
        """Makes the next file that is not made yet; `False` when nothing is left to be made.

        `Refused` when the files cannot be used any more, would become something else than was confirmed
        (plan-changed), or one cannot be made; then none of it has cost anything.
        `Unavailable`, `Stale`: what was recorded stays.
        """
        rooms = self._rooms
        spec = await rooms.provider.model()
        plan = rooms.plan(request.references, spec)
        self._refuse_another(request.references, plan, spec)
        for reference, file in zip(request.references, plan.files, strict=True):
            if file.target is not None and not await self._is_there(reference, file):
                made = await self._made(reference, file, file.target)
                rooms.reached("conformed")
                await rooms.store.record_made(request, reference.id, made)
                rooms.reached("recorded-made")
                return True
        return False

    def _refuse_another(self, references: Sequence[Reference], plan: SetPlan, spec: ModelSpec) -> None:
        """Refuses a plan that is not the one that was confirmed, and one that cannot be carried out."""
        reasons = model_reasons(self._rooms, references, plan, spec)
        if not is_as_fixed(references, plan) or (reasons and is_fixed(references)):
            raise Refused(reason("plan-changed"), *reasons)
        reasons += publisher_reasons(self._rooms, references, plan)
        if reasons:
            raise Refused(*reasons)

    async def _is_there(self, reference: Reference, file: FilePlan) -> bool:
        made = reference.made
        return made is not None and is_made(reference, file) and await self._rooms.contents.holds(made.content)

    async def _made(self, reference: Reference, file: FilePlan, target: Target) -> Made:
        rooms = self._rooms
        with _naming(reference), scratch_folder(rooms.scratch) as folder:
            original, into = folder / "original", folder / "made"
            try:
                await rooms.contents.copy_to(reference.content, original)
            except KeyError as missing:
                raise Refused(reason("bytes-gone", name=reference.name)) from missing
            record = await rooms.conformer.conform(original, file, into)
            if record.facts is None:
                raise Refused(reason("not-conformed", name=reference.name), detail="what was made was not measured")
            return Made(content=await rooms.contents.put(into), facts=record.facts, target=target)


@contextmanager
def _naming(reference: Reference) -> Generator[None]:
    """Refusals in the person's words: the media tools know a file by its path only."""
    try:
        yield
    except Refused as refused:
        _log.info("file not made to fit", reason=refused.reason.code, detail=refused.detail)
        named = [replace(why, arguments={**why.arguments, "name": reference.name}) for why in refused.reasons]
        raise Refused(*named, detail=refused.detail) from refused
