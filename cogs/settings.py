"""`/settings …`: what a server's admins decide. Discord shows it to those who manage the server.

Every command shows what holds; what is given with it is changed first, and kept with who changed it and when.
"""

import io
import re
from functools import cache
from importlib.resources import files
from typing import Final

import discord
from discord import app_commands
from discord.ext import commands

from bot import cards
from bot.cards import Area
from bot.client import RushesClient
from bot.domain.drafts import GuildChoices
from bot.domain.errors import Refused
from bot.domain.policies import Block, Span, Unit
from bot.domain.reasons import reason
from bot.domain.words import byte_size
from cogs.errors import tell
from cogs.policy_wishes import (
    ALLOW,
    BLOCK,
    DEFAULT,
    DENY,
    FAIR,
    FIRST_COME,
    FORGET,
    GUILD,
    PERSON,
    UNBLOCK,
    PolicyChange,
    Scope,
    access_changed,
    limits_changed,
    number,
    order_changed,
    quota_changed,
    said,
    usd_micros,
    zone_changed,
)
from cogs.wishes import guild_of

WHEN_NEEDED, ALWAYS = "when needed", "always"
_MOST_USD = 10_000.0
_MICROS = 1_000_000
_DAY_MS = 86_400_000
_MOST_DAYS = 3_650
_CHOICES = 25
"""Discord, autocomplete."""
_MONTH: Final = re.compile(r"[0-9]{4}-[0-9]{2}", re.ASCII)

Written = app_commands.Range[str, 1, 20]
Why = app_commands.Range[str, 1, 200]


def _choices(*words: str) -> list[app_commands.Choice[str]]:
    return [app_commands.Choice(name=word, value=word) for word in words]


class ChannelWithTalk(app_commands.Transformer):
    """A channel's option, for those in which, or in whose threads, commands can be used.

    discord.py's own annotation for forums asks for media channels too, which Discord's OpenAPI file does not know.
    """

    @property
    def type(self) -> discord.AppCommandOptionType:
        """A channel."""
        return discord.AppCommandOptionType.channel

    @property
    def channel_types(self) -> list[discord.ChannelType]:
        """Of these kinds."""
        kinds = discord.ChannelType
        return [kinds.text, kinds.news, kinds.voice, kinds.stage_voice, kinds.forum]

    async def transform(  # pyright: ignore[reportIncompatibleMethodOverride]  narrower types than the base
        self, interaction: discord.Interaction[RushesClient], value: app_commands.AppCommandChannel, /
    ) -> app_commands.AppCommandChannel:
        """As it is."""
        del interaction
        return value


@app_commands.guild_only()
@app_commands.allowed_installs(guilds=True, users=False)
@app_commands.default_permissions(manage_guild=True)
class GuildSettings(commands.GroupCog, name="settings", description="How Rushes works in this server"):
    """Every change is kept with who made it."""

    def __init__(self, client: RushesClient) -> None:
        super().__init__()
        self._client = client

    async def interaction_check(  # pyright: ignore[reportIncompatibleMethodOverride]  narrower types than the base
        self, interaction: discord.Interaction[RushesClient], /
    ) -> bool:
        """Only in servers. Who may use it there is Discord's to say: admins may give commands to others."""
        if interaction.guild_id is None:
            raise app_commands.NoPrivateMessage
        return True

    @app_commands.command(name="drafts", description="When people have to confirm a draft before it is made")
    @app_commands.describe(
        card="When needed: only if something was found, converted or refused, or it costs more than the limit",
        ask_above="Ask above this price of one request, in US dollars",
    )
    @app_commands.choices(card=_choices(WHEN_NEEDED, ALWAYS))
    async def drafts(
        self,
        interaction: discord.Interaction[RushesClient],
        card: str | None = None,
        ask_above: app_commands.Range[float, 0.0, _MOST_USD] | None = None,
    ) -> None:
        """Stores what was said, if anything, and shows what holds."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        guild_id, choices = guild_of(interaction), self._client.services.guild_choices
        wanted = GuildChoices(
            skip_card=None if card is None else card == WHEN_NEEDED,
            ask_above_usd_micros=None if ask_above is None else round(ask_above * _MICROS),
        )
        if wanted == GuildChoices():
            holds = await choices.show(guild_id)
        else:
            holds = await choices.change(guild_id, wanted, by=interaction.user.id)
        await tell(interaction, cards.guild_choices(holds))

    @app_commands.command(name="limits", description="How much may be under way and waiting at once")
    @app_commands.describe(
        server_running="Requests under way at once in this server: a number, or none",
        running="Requests of one person under way at once: a number, or none",
        waiting="Requests and drafts of one person that wait: a number, or none",
        cooldown="Seconds between two requests of one person: a number, or none",
        role="The person's limits are for those with this role; for everybody without it",
    )
    async def limits(
        self,
        interaction: discord.Interaction[RushesClient],
        server_running: Written | None = None,
        running: Written | None = None,
        waiting: Written | None = None,
        cooldown: Written | None = None,
        role: discord.Role | None = None,
    ) -> None:
        """Changes what is given."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        guild = said({"running": server_running}, number)
        person = said({"running": running, "waiting": waiting, "cooldown_seconds": cooldown}, number)
        changes = {GUILD: guild, _person(role): person}
        await self._set(interaction, Area.LIMITS, limits_changed(changes) if guild or person else None)

    @app_commands.command(name="quotas", description="How much may be asked for in a day, a week or a month")
    @app_commands.describe(
        unit="What is counted; seconds are those of all takes together",
        span="Over which time",
        limit="A number, or none",
        scope="For the whole server, or for each person",
        role="For each person with this role",
    )
    @app_commands.choices(unit=_choices(*Unit), span=_choices(*Span), scope=_choices(GUILD, PERSON))
    async def quotas(
        self,
        interaction: discord.Interaction[RushesClient],
        unit: str | None = None,
        span: str | None = None,
        limit: Written | None = None,
        scope: str | None = None,
        role: discord.Role | None = None,
    ) -> None:
        """Changes one quota."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        change = None
        if any(each is not None for each in (unit, span, limit, scope, role)):
            change = _quota(unit, span, limit, scope, role)
        await self._set(interaction, Area.QUOTAS, change)

    @app_commands.command(name="budget", description="How much may be spent")
    @app_commands.describe(
        server_month="US dollars a month for this server: such as 50, or none",
        person_day="US dollars a day for each person: such as 2.50, or none",
        role="The person's budget is for those with this role; for everybody without it",
    )
    async def budget(
        self,
        interaction: discord.Interaction[RushesClient],
        server_month: Written | None = None,
        person_day: Written | None = None,
        role: discord.Role | None = None,
    ) -> None:
        """Changes what is given."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        guild = said({"budget_usd_micros": server_month}, usd_micros)
        person = said({"budget_usd_micros": person_day}, usd_micros)
        changes = {GUILD: guild, _person(role): person}
        await self._set(interaction, Area.BUDGET, limits_changed(changes) if guild or person else None)

    @app_commands.command(name="order", description="Whose turn it is")
    @app_commands.describe(
        mode="Fair: by what each person had already. First come: in the order of asking",
        ageing="What waits rises one priority each time so many minutes are over: a number, 0 for never, or none",
        role="Whose weight or priority it is",
        weight="How many turns those with the role have where others have one",
        priority="Higher goes first, in this server only",
        forget="Take the role's weight and priority away",
    )
    @app_commands.choices(mode=_choices(FAIR, FIRST_COME, DEFAULT))
    async def order(
        self,
        interaction: discord.Interaction[RushesClient],
        mode: str | None = None,
        ageing: Written | None = None,
        role: discord.Role | None = None,
        weight: app_commands.Range[int, 1, 100] | None = None,
        priority: app_commands.Range[int, -2, 2] | None = None,
        forget: bool = False,  # noqa: FBT001, FBT002  a Discord option
    ) -> None:
        """Changes what is given."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        change = None
        if forget or any(each is not None for each in (mode, ageing, role, weight, priority)):
            role_id = role.id if role is not None else None
            change = order_changed(
                mode=mode, ageing=ageing, role_id=role_id, weight=weight, priority=priority, forget=forget
            )
        await self._set(interaction, Area.ORDER, change)

    @app_commands.command(name="access", description="Who may ask for videos, and where")
    @app_commands.describe(
        action="What is to be done; forget neither allows nor denies",
        role="The role that may, or may not, ask",
        channel="The channel in which it may, or may not, be asked",
        person="The person to block or to unblock",
        why="Why the person is blocked; they are told",
        days="For how many days; for good without it",
    )
    @app_commands.choices(action=_choices(ALLOW, DENY, FORGET, BLOCK, UNBLOCK))
    async def access(
        self,
        interaction: discord.Interaction[RushesClient],
        action: str | None = None,
        role: discord.Role | None = None,
        channel: app_commands.Transform[app_commands.AppCommandChannel, ChannelWithTalk] | None = None,
        person: discord.User | None = None,
        why: Why | None = None,
        days: app_commands.Range[int, 1, _MOST_DAYS] | None = None,
    ) -> None:
        """Allows, denies, forgets, blocks or unblocks."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        if action in {BLOCK, UNBLOCK}:
            if person is None or role is not None or channel is not None:
                raise Refused(reason("access-incomplete"))
            await self._block(interaction, person.id, why=why or "", days=days, lift=action == UNBLOCK)
            return
        change = None
        if any(each is not None for each in (action, role, channel, person, why, days)):
            if person is not None or why is not None or days is not None:
                raise Refused(reason("access-incomplete"))
            role_id, channel_id = (each.id if each is not None else None for each in (role, channel))
            change = access_changed(action or "", role_id=role_id, channel_id=channel_id)
        await self._set(interaction, Area.ACCESS, change)

    @app_commands.command(name="time", description="Where days, weeks and months of quotas and budgets begin")
    @app_commands.describe(zone="A time zone, such as Europe/Berlin, or none")
    async def time(
        self, interaction: discord.Interaction[RushesClient], zone: app_commands.Range[str, 1, 60] | None = None
    ) -> None:
        """Changes the time zone."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        await self._set(interaction, Area.TIME, zone_changed(zone) if zone is not None else None)

    @time.autocomplete("zone")
    async def _zones(
        self, interaction: discord.Interaction[RushesClient], current: str
    ) -> list[app_commands.Choice[str]]:
        """The zones whose names have what is written so far in them."""
        del interaction
        return _choices(*_zones_like(current))

    @app_commands.command(name="history", description="What was changed lately, when and by whom")
    async def history(self, interaction: discord.Interaction[RushesClient]) -> None:
        """The last changes."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        changes = await self._client.services.policies.changes(guild_of(interaction))
        await tell(interaction, cards.policy_history(changes))

    @app_commands.command(name="ledger", description="What was held, spent and given back in a month, as a CSV file")
    @app_commands.describe(month="Such as 2026-11; this month without it")
    async def ledger(
        self, interaction: discord.Interaction[RushesClient], month: app_commands.Range[str, 1, 10] | None = None
    ) -> None:
        """For the admin's eyes only."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        content = await self._client.services.ledger_csv(guild_of(interaction), month)
        if len(content) > interaction.filesize_limit:
            size, limit = byte_size(len(content)), byte_size(interaction.filesize_limit)
            raise Refused(reason("ledger-too-large", size=size, limit=limit))
        name = f"ledger-{month}.csv" if month is not None and _MONTH.fullmatch(month) else cards.LEDGER_FILE
        await tell(interaction, cards.ledger(name), attachments=[discord.File(io.BytesIO(content), filename=name)])

    async def _set(
        self, interaction: discord.Interaction[RushesClient], area: Area, change: PolicyChange | None
    ) -> None:
        """Stores the change, if there is one, and shows what holds."""
        guild_id, policies = guild_of(interaction), self._client.services.policies
        before = await policies.show(guild_id)
        blocks = await policies.blocks(guild_id) if area is Area.ACCESS else ()
        if change is None:
            await tell(interaction, cards.policy(area, before, blocks=blocks))
            return
        await policies.change(guild_id, change, by=interaction.user.id)
        await tell(interaction, cards.policy_changed(area, before, await policies.show(guild_id), blocks=blocks))

    async def _block(
        self,
        interaction: discord.Interaction[RushesClient],
        person_id: int,
        *,
        why: str,
        days: int | None,
        lift: bool,
    ) -> None:
        guild_id, by, policies = guild_of(interaction), interaction.user.id, self._client.services.policies
        before = next((each for each in await policies.blocks(guild_id) if each.person_id == person_id), None)
        after: Block | None = None
        if lift:
            await policies.unblock(guild_id, person_id, by=by)
        else:
            asked_ms = round(interaction.created_at.timestamp() * 1000)
            until_ms = None if days is None else asked_ms + days * _DAY_MS
            after = await policies.block(guild_id, person_id, why=why, by=by, expires_at_ms=until_ms)
        await tell(interaction, cards.block_changed(before, after, person_id, await policies.blocks(guild_id)))


def _person(role: discord.Role | None) -> Scope:
    return PERSON if role is None else role.id


def _quota(
    unit: str | None, span: str | None, limit: str | None, scope: str | None, role: discord.Role | None
) -> PolicyChange:
    if unit is None or span is None or limit is None or (scope is None and role is None):
        raise Refused(reason("quota-incomplete"))
    if role is not None and scope == GUILD:
        raise Refused(reason("quota-incomplete"))
    whose: Scope = _person(role) if scope != GUILD else GUILD
    return quota_changed(whose, Unit(unit), Span(span), number(limit))


def _zones_like(written: str) -> list[str]:
    """Those that begin with it come first."""
    wanted = written.strip().lower().replace(" ", "_")
    found = [zone for zone in _zones() if wanted in zone.lower()]
    return sorted(found, key=lambda zone: (not zone.lower().startswith(wanted), zone))[:_CHOICES]


@cache
def _zones() -> tuple[str, ...]:
    """As the bot knows them wherever it runs, not as this machine does."""
    return tuple((files("tzdata") / "zones").read_text(encoding="utf-8").split())
