"""What is to be seen of a guild: what was used of its quotas, its line, its money."""

from dataclasses import dataclass
from datetime import UTC, datetime

from bot.domain.errors import Refused
from bot.domain.lanes import Standing
from bot.domain.ledger_csv import csv_of
from bot.domain.policies import Span
from bot.domain.quotas import Quotas, Window
from bot.domain.reasons import reason
from bot.domain.requests import Person, Request
from bot.pipeline.rooms import Rooms

_MONTH = "%Y-%m"
_MIDDLE = 15
"""Of a month: wherever on earth, that day lies in it."""


@dataclass(frozen=True, slots=True)
class Overview:
    """Only looks; changes nothing."""

    rooms: Rooms

    async def quotas(self, guild_id: int, person: Person) -> Quotas:
        """The policy that holds there, and what that person (with their roles) and the guild have used of it."""
        return await self.rooms.store.quotas(guild_id, person, now_ms=self.rooms.clock())

    async def lane(self, guild_id: int) -> tuple[tuple[Request, Standing], ...]:
        """The first 25 queued requests of the guild, in the order of their turns."""
        return await self.rooms.store.line(guild_id)

    async def ledger_csv(self, guild_id: int, month: str | None = None) -> bytes:
        """The guild's lines of a month (`YYYY-MM`, in its time zone; `None`: the present one) as a CSV file.

        `Refused` (not-a-month).
        """
        window = await self._month(guild_id, self._moment(month))
        return csv_of(await self.rooms.store.ledger(guild_id, since_ms=window.starts_ms, until_ms=window.ends_ms))

    def _moment(self, month: str | None) -> int:
        """A moment in that month (Unix ms)."""
        if month is None:
            return self.rooms.clock()
        try:
            first = datetime.strptime(month.strip(), _MONTH).replace(tzinfo=UTC)
            return int(first.replace(day=_MIDDLE).timestamp() * 1000)
        except (ValueError, OverflowError) as error:
            example = f"{datetime.fromtimestamp(self.rooms.clock() / 1000, UTC):{_MONTH}}"
            raise Refused(reason("not-a-month", text=month, example=example)) from error

    async def _month(self, guild_id: int, at_ms: int) -> Window:
        deployment = self.rooms.deployment
        holding = deployment.holding(await self.rooms.policies.policy(guild_id))
        return deployment.windows(holding.time_zone or "UTC", at_ms)[Span.MONTH]
