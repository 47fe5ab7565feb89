"""What guilds set and what was counted, in memory: no counters, everything is reckoned from the rows each time."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from bot.domain.money import Asked
from bot.domain.policies import ANYWHERE, Block, Change, Policy, Span, Unit, last_to_end
from bot.domain.quotas import Usage, Window, Windows
from bot.domain.states import RequestState

_PENDING = frozenset({RequestState.DRAFT, RequestState.AWAITING_APPROVAL, RequestState.QUEUED})


class MemoryPolicyStore:
    """The port `PolicyStore` over a list of changes: what holds is what the last of them says."""

    def __init__(self) -> None:
        self._changes: list[Change] = []

    async def policy(self, guild_id: int) -> Policy:
        await asyncio.sleep(0)
        return self._policy(guild_id)

    async def change_policy(self, guild_id: int, change: Callable[[Policy], Policy], *, by: int, now_ms: int) -> Policy:
        await asyncio.sleep(0)
        before = self._policy(guild_id)
        after = change(before)
        if after != before:
            self._changes.append(Change(guild_id=guild_id, by=by, at_ms=now_ms, before=before, after=after))
        return after

    async def changes(self, guild_id: int, *, limit: int) -> tuple[Change, ...]:
        await asyncio.sleep(0)
        return tuple(change for change in reversed(self._changes) if change.guild_id == guild_id)[:limit]

    async def block(self, block: Block) -> None:
        await asyncio.sleep(0)
        before = self._held(block.guild_id, block.person_id, block.at_ms)
        change = Change(guild_id=block.guild_id, by=block.by, at_ms=block.at_ms, before=before, after=block)
        self._changes.append(change)

    async def unblock(self, guild_id: int, person_id: int, *, by: int, now_ms: int) -> bool:
        await asyncio.sleep(0)
        before = self._held(guild_id, person_id, now_ms)
        if before is not None:
            self._changes.append(Change(guild_id=guild_id, by=by, at_ms=now_ms, before=before, after=None))
        return before is not None

    async def blocks(self, guild_id: int, *, now_ms: int, limit: int) -> tuple[Block, ...]:
        await asyncio.sleep(0)
        people = {block.person_id for block in self._ever_blocked() if block.guild_id == guild_id}
        held = [block for person in people if (block := self._held(guild_id, person, now_ms))]
        return tuple(sorted(held, key=lambda block: (-block.at_ms, block.person_id)))[:limit]

    async def block_of(self, guild_id: int, person_id: int, *, now_ms: int) -> Block | None:
        await asyncio.sleep(0)
        held = (self._held(each, person_id, now_ms) for each in (guild_id, ANYWHERE))
        return last_to_end([block for block in held if block is not None])

    def _policy(self, guild_id: int) -> Policy:
        said = [each.after for each in self._changes if each.guild_id == guild_id and isinstance(each.after, Policy)]
        return said[-1] if said else Policy()

    def _held(self, guild_id: int, person_id: int, now_ms: int) -> Block | None:
        whose = (guild_id, person_id)
        said = [
            each.after
            for each in self._changes
            if whose in {(block.guild_id, block.person_id) for block in _blocks_in(each)}
        ]
        last = said[-1] if said else None
        return last if isinstance(last, Block) and last.holds_at(now_ms) else None

    def _ever_blocked(self) -> list[Block]:
        return [block for change in self._changes for block in _blocks_in(change)]


def _blocks_in(change: Change) -> list[Block]:
    return [each for each in (change.before, change.after) if isinstance(each, Block)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A request that was accepted, and what it counts for until it is given back."""

    id: str
    guild_id: int
    person_id: int
    at_ms: int
    asked: Asked
    state: RequestState = RequestState.QUEUED
    counts: bool = True


@dataclass(slots=True)
class MemoryCounts:
    """What `bot.queue.quotas` counts, reckoned anew from all requests. For guilds that keep their time zone.

    What runs is the lanes' to say.
    """

    rows: list[Accepted] = field(default_factory=list[Accepted])

    def give_back(self, index: int) -> bool:
        before = self.rows[index]
        self.rows[index] = replace(before, counts=False, state=RequestState.CANCELLED)
        return before.counts

    def usage(self, guild_id: int, person_id: int, windows: Windows, now_ms: int) -> Usage:
        guild = [row for row in self.rows if row.guild_id == guild_id]
        person = [row for row in guild if row.person_id == person_id]
        return Usage(
            person=_counted(person, windows),
            guild=_counted(guild, windows),
            resets_at_ms={span: window.ends_ms for span, window in windows.items()},
            person_waiting=sum(row.state in _PENDING for row in person),
            last_accepted_ms=max((row.at_ms for row in person), default=None),
            now_ms=now_ms,
        )


def _counted(rows: Sequence[Accepted], windows: Windows) -> dict[tuple[Unit, Span], int]:
    return {(unit, span): _sum(rows, unit, window) for unit in Unit for span, window in windows.items()}


def _sum(rows: Sequence[Accepted], unit: Unit, window: Window) -> int:
    inside = (row for row in rows if row.counts and window.starts_ms <= row.at_ms < window.ends_ms)
    return sum(row.asked.of(unit) for row in inside)
