"""One call of `advance`, with every way it can end. What engines share."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from bot.domain.errors import RushesError, Stale, Unavailable
from bot.domain.reasons import Reason, reason

Advance = Callable[[str], Awaitable[int | None]]
"""Takes a request as far as it can go; answers the wait in ms before the next call, or `None`."""

Stumble = Callable[[str, Reason], Awaitable[None]]
"""Told of every unexpected failure of a request, so that it can be given up after too many."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger("rushes.engine")


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """The waits after failures in a row: doubling from the first, bounded. Milliseconds."""

    first_ms: int
    most_ms: int

    def backoff_ms(self, failures: int) -> int:
        """The wait after that many failures (from 1)."""
        return min(self.first_ms << min(failures - 1, 20), self.most_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The wait in ms before the next attempt (`None`: somebody will wake it), and the failures in a row."""

    wait_ms: int | None
    failures: int


async def attempt(request_id: str, failures: int, *, advance: Advance, stumble: Stumble, retries: Retries) -> Outcome:
    """Calls `advance` once and raises nothing but a cancellation. `failures`: how many there were in a row before."""
    with structlog.contextvars.bound_contextvars(request=request_id):
        try:
            return Outcome(wait_ms=await advance(request_id), failures=0)
        except Stale:
            return Outcome(wait_ms=0, failures=failures)
        except Unavailable as unavailable:
            wait_ms = max(retries.backoff_ms(failures + 1), unavailable.retry_after_ms or 0)
            _log.warning("step put off", reason=unavailable.reason.code, wait_ms=wait_ms, detail=unavailable.detail)
            return Outcome(wait_ms=wait_ms, failures=failures + 1)
        except Exception as error:  # noqa: BLE001  the engine is the last door: a defect in one request stops no other
            why = error.reason if isinstance(error, RushesError) else reason("internal-error")
            _log.exception("step failed", reason=why.code)
            await _report(request_id, stumble, why)
            return Outcome(wait_ms=retries.backoff_ms(failures + 1), failures=failures + 1)


async def _report(request_id: str, stumble: Stumble, why: Reason) -> None:
    try:
        await stumble(request_id, why)
    except RushesError as error:
        _log.warning("failure not recorded", reason=error.reason.code)
    except Exception:  # noqa: BLE001  the same door
        _log.exception("failure not recorded")
