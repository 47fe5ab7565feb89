"""What a guild's admins set and whom they block: checked, recorded, and in force from the next pick on."""

import difflib
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from bot.domain.errors import Refused, Unavailable
from bot.domain.policies import Block, Change, Limits, Policy, PolicyView
from bot.domain.reasons import Argument, Reason, reason
from bot.domain.words import dollars
from bot.pipeline.dispatch import Dispatch, redraw_line
from bot.pipeline.rooms import Rooms

_SHOWN: Final = 25
_MOST_SET: Final = 25
_MOST: Final = 1_000_000
_MOST_SECONDS: Final = 31 * 86_400
_MOST_MINUTES: Final = 31 * 24 * 60
_MOST_USD_MICROS: Final = 1_000_000 * 1_000_000
_WEIGHTS: Final = (1, 100)
_PRIORITIES: Final = (-2, 2)
_MOST_WHY_CHARACTERS: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class _Setting:
    """A number that is set, how far it may go, and how it is said."""

    name: str
    value: int
    least: int
    most: int
    said: Callable[[int], Argument] = int

    @property
    def reason(self) -> Reason | None:
        """Why it cannot be set, or `None`."""
        if self.least <= self.value <= self.most:
            return None
        least, most, value = (self.said(number) for number in (self.least, self.most, self.value))
        return reason("setting-out-of-range", name=self.name, least=least, most=most, value=value)


@dataclass(frozen=True, slots=True)
class PoliciesOfGuilds:
    """Shows and changes them. Every change is kept with who made it and when."""

    rooms: Rooms
    dispatch: Dispatch

    async def show(self, guild_id: int) -> PolicyView:
        """What the guild set, what holds there, and the operator's ceilings."""
        wanted = await self.rooms.policies.policy(guild_id)
        deployment = self.rooms.deployment
        return PolicyView(wanted=wanted, holding=deployment.holding(wanted), ceilings=deployment.ceilings)

    async def change(self, guild_id: int, change: Callable[[Policy], Policy], *, by: int) -> Policy:
        """Puts what `change` makes of what the guild set in its place and answers it.

        `change` is pure, may raise `Refused`, and is called on another thread. `Refused` with every reason: then
        nothing changes. Whoever may start now does.
        """
        rooms, zones = self.rooms, self.rooms.deployment.zones

        def checked(before: Policy) -> Policy:
            after = change(before)
            if reasons := tuple(_reasons(after, zones)):
                raise Refused(*reasons)
            return after

        changed = await rooms.policies.change_policy(guild_id, checked, by=by, now_ms=rooms.clock())
        await self._go_on(guild_id)
        return changed

    async def changes(self, guild_id: int) -> tuple[Change, ...]:
        """The last changes of the guild's policy and blocks, newest first."""
        return await self.rooms.policies.changes(guild_id, limit=_SHOWN)

    async def block(
        self, guild_id: int, person_id: int, *, why: str, by: int, expires_at_ms: int | None = None
    ) -> Block:
        """Blocks a person until then (Unix ms; `None`: for good). What they have waiting goes on; it can be cancelled.

        `Refused`: block-yourself, block-without-reason, block-reason-too-long, block-is-over.
        """
        now_ms = self.rooms.clock()
        wanted = Block(
            guild_id=guild_id, person_id=person_id, why=why.strip(), by=by, at_ms=now_ms, expires_at_ms=expires_at_ms
        )
        if reasons := tuple(_block_reasons(wanted)):
            raise Refused(*reasons)
        await self.rooms.policies.block(wanted)
        return wanted

    async def unblock(self, guild_id: int, person_id: int, *, by: int) -> None:
        """Lifts the block. `Refused` (not-blocked) when none holds there."""
        if not await self.rooms.policies.unblock(guild_id, person_id, by=by, now_ms=self.rooms.clock()):
            raise Refused(reason("not-blocked"))

    async def blocks(self, guild_id: int) -> tuple[Block, ...]:
        """The last blocks of that guild that hold now, newest first."""
        return await self.rooms.policies.blocks(guild_id, now_ms=self.rooms.clock(), limit=_SHOWN)

    async def _go_on(self, guild_id: int) -> None:
        """The change stands already: that nothing can be started just now is no reason to say otherwise."""
        with suppress(Unavailable):
            await self.dispatch()
            await redraw_line(self.rooms, guild_id)


def _reasons(policy: Policy, zones: Collection[str]) -> Iterator[Reason]:
    if policy.time_zone is not None and policy.time_zone not in zones:
        nearest = difflib.get_close_matches(policy.time_zone, zones, n=1, cutoff=0.0)
        yield reason("time-zone-unknown", name=policy.time_zone, nearest=nearest[0] if nearest else "UTC")
    for setting in _settings(policy):
        if (why := setting.reason) is not None:
            yield why
    for name, count in _counts(policy):
        if count > _MOST_SET:
            yield reason("too-many-set", name=name, limit=_MOST_SET, count=count)


def _settings(policy: Policy) -> Iterator[_Setting]:
    yield from _limits("", policy.guild, least_running=0)
    yield from _limits("", policy.person, least_running=1)
    for role, limits in policy.roles.items():
        yield from _limits(f" with <@&{role}>", limits, least_running=1)
    for role, weight in policy.order.weights.items():
        yield _Setting(name=f"The weight of <@&{role}>", value=weight, least=_WEIGHTS[0], most=_WEIGHTS[1])
    for role, priority in policy.order.priorities.items():
        yield _Setting(name=f"The priority of <@&{role}>", value=priority, least=_PRIORITIES[0], most=_PRIORITIES[1])
    if (ageing := policy.order.ageing_minutes) is not None:
        yield _Setting(name="Minutes of ageing", value=ageing, least=0, most=_MOST_MINUTES)


def _limits(whose: str, limits: Limits, *, least_running: int) -> Iterator[_Setting]:
    """A guild of which nothing may run is paused; a person of whom nothing may run would wait for ever."""
    for quota in limits.quotas:
        yield _Setting(
            name=f"{quota.unit.value.capitalize()} a {quota.span.value}{whose}",
            value=quota.limit,
            least=0,
            most=_MOST,
        )
    numbers = (
        ("Requests under way at once", limits.running, least_running, _MOST),
        ("Requests that wait", limits.waiting, 0, _MOST),
        ("Seconds between two requests", limits.cooldown_seconds, 0, _MOST_SECONDS),
    )
    for name, value, least, most in numbers:
        if value is not None:
            yield _Setting(name=f"{name}{whose}", value=value, least=least, most=most)
    if (budget := limits.budget_usd_micros) is not None:
        yield _Setting(name=f"The budget{whose}", value=budget, least=0, most=_MOST_USD_MICROS, said=dollars)


def _counts(policy: Policy) -> Iterator[tuple[str, int]]:
    access = policy.access
    yield "Limits of roles", len(policy.roles)
    yield "Weights", len(policy.order.weights)
    yield "Priorities", len(policy.order.priorities)
    yield "Access by role", len(access.allowed_roles | access.denied_roles)
    yield "Access by channel", len(access.allowed_channels | access.denied_channels)


def _block_reasons(wanted: Block) -> Iterator[Reason]:
    if wanted.person_id == wanted.by:
        yield reason("block-yourself")
    if not wanted.why:
        yield reason("block-without-reason")
    if len(wanted.why) > _MOST_WHY_CHARACTERS:
        yield reason("block-reason-too-long", count=len(wanted.why), limit=_MOST_WHY_CHARACTERS)
    if not wanted.holds_at(wanted.at_ms):
        yield reason("block-is-over")
