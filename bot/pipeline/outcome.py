"""What the vendor says of a generation, written to its take. One place, for the watcher and for cancelling alike."""

from collections.abc import Mapping

from bot.domain.errors import Stale
from bot.domain.generations import Generation, GenerationState
from bot.domain.reasons import reason
from bot.domain.requests import Take
from bot.domain.states import TakeState
from bot.pipeline.rooms import Rooms


class Outcome:
    """Writes outcomes."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    async def write(self, take: Take, said: Generation) -> Take:
        """The take after what was said. A row that moved meanwhile is left to whoever moved it."""
        state, changes = verdict(take, said, most_doubts=self._rooms.patience.settle_looks)
        if state is take.state and all(getattr(take, name) == value for name, value in changes.items()):
            return take
        try:
            return await self._rooms.store.move_take(take, state, **changes)
        except Stale:
            return take


def verdict(take: Take, said: Generation, *, most_doubts: int) -> tuple[TakeState, Mapping[str, object]]:
    """The state and the fields that follow from what the vendor says of a rendering take. Pure."""
    status = {"vendor_status": said.vendor_status}
    paid = {"cost_usd_micros": said.cost_usd_micros if said.cost_usd_micros is not None else take.cost_usd_micros}
    match said.state:
        case GenerationState.ACTIVE:
            return take.state, {**status, "looks": 0}
        case GenerationState.SUCCEEDED if said.result_url:
            return TakeState.FETCHING, {
                **status,
                **paid,
                "result_url": said.result_url,
                "attempts": 0,
                "not_before_ms": 0,
            }
        case GenerationState.FAILED:
            return TakeState.FAILED, {**status, **paid, "failure": said.failure or reason("vendor-failed")}
        case GenerationState.CANCELLED:
            return TakeState.CANCELLED, {**status, **paid, "failure": said.failure or reason("vendor-cancelled")}
        case _:
            # Missing, or done without a video: several such answers over time, before a paid generation is given up.
            if take.looks + 1 < most_doubts:
                return take.state, {**status, "looks": take.looks + 1}
            code = "vendor-lost" if said.state is GenerationState.MISSING else "result-missing"
            return TakeState.FAILED, {**status, **paid, "failure": reason(code)}
