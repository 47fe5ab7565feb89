"""Mark and sweep: bytes that no request points to any more are forgotten after a while."""

from collections.abc import Collection
from dataclasses import dataclass

from bot.domain.identity import Clock
from bot.references.store import ObjectContentStore

_HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """Forgets what is not in use and was last put more than `keep_hours` ago.

    Younger bytes may be on their way into a request. An hour is enough for that, and what was collected for a request
    that was refused after all is gone soon.
    """

    contents: ObjectContentStore
    clock: Clock
    keep_hours: float = 1.0

    async def __call__(self, in_use: Collection[str]) -> int:
        """Answers how many contents were forgotten. `in_use`: the keys that rows point to. `Unavailable`."""
        moment_ms = self.clock() - int(self.keep_hours * _HOUR_MS)
        unused = [key for key in await self.contents.keys_older_than(moment_ms) if key not in in_use]
        for key in unused:
            await self.contents.discard_older_than(key, moment_ms)
        return len(unused)
