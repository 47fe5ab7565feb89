"""From Discord's objects to a `Wish` of plain values; after this, nothing knows Discord."""

import discord

from bot.client import RushesClient
from bot.domain.drafts import TrayWish
from bot.domain.errors import Refused
from bot.domain.prompts import Names
from bot.domain.reasons import reason
from bot.domain.references import Offer
from bot.domain.requests import ChannelKind, Parameters, Person, Place, Wish

_NEEDED = {
    "view_channel": "View Channel",
    "attach_files": "Attach Files",
    "embed_links": "Embed Links",
    "read_message_history": "Read Message History",
}
_NEEDED_IN_CHANNEL = {"send_messages": "Send Messages"}
_NEEDED_FOR_THREAD = {
    "create_public_threads": "Create Public Threads",
    "send_messages_in_threads": "Send Messages in Threads",
}
_NEEDED_IN_THREAD = {"send_messages_in_threads": "Send Messages in Threads"}


def wish_from(
    interaction: discord.Interaction[RushesClient],
    *,
    prompt: str = "",
    names: Names | None = None,
    offers: tuple[Offer, ...] = (),
    parameters: Parameters | None = None,
    take_count: int = 1,
    use_tray: bool = False,
) -> Wish:
    """The wish of an interaction in a guild."""
    place = place_of(interaction)
    return Wish(
        interaction_id=interaction.id,
        place=place,
        person=person_of(interaction),
        prompt=prompt,
        offers=offers,
        parameters=parameters or Parameters(),
        take_count=take_count,
        missing_permissions=_missing(interaction, place.channel_kind),
        names=names or Names(),
        use_tray=use_tray,
    )


def tray_wish_from(interaction: discord.Interaction[RushesClient], offers: tuple[Offer, ...]) -> TrayWish:
    """What is to be put into the tray of that person, in that channel."""
    return TrayWish(
        interaction_id=interaction.id, place=place_of(interaction), person=person_of(interaction), offers=offers
    )


def guild_of(interaction: discord.Interaction[RushesClient]) -> int:
    """The id of the server it was asked in. `Refused` (only-in-servers): 0 would stand for every server."""
    if interaction.guild_id is None:
        raise Refused(reason("only-in-servers"))
    return interaction.guild_id


def person_of(interaction: discord.Interaction[RushesClient]) -> Person:
    """Who asks, with the roles they have there; everybody's role, which has the server's id, is one of them.

    As the interaction says them: `Member.roles` leaves out those of a server that is not in the cache (yet).
    """
    user = interaction.user
    own = user._roles if isinstance(user, discord.Member) else ()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  no public name has the ids
    return Person(id=user.id, name=user.display_name, roles=(guild_of(interaction), *own))


def may_moderate(interaction: discord.Interaction[RushesClient]) -> bool:
    """Moderators are those who may delete others' messages here."""
    return interaction.permissions.manage_messages


def may_moderate_server(interaction: discord.Interaction[RushesClient]) -> bool | None:
    """For what is not about this channel alone: those who may delete others' messages in the whole server.

    `None`: that cannot be told yet, because the server's roles are not in the cache.
    """
    guild, user = interaction.guild, interaction.user
    if interaction.permissions.administrator:  # no channel gives or takes that
        return True
    if guild is None or guild.get_role(guild.id) is None:
        return None
    return isinstance(user, discord.Member) and user.guild_permissions.manage_messages


def place_of(interaction: discord.Interaction[RushesClient]) -> Place:
    """Where it was asked."""
    guild = interaction.guild
    limits = [interaction.filesize_limit, *([guild.filesize_limit] if guild is not None else [])]
    return Place(
        guild_id=guild_of(interaction),
        channel_id=interaction.channel_id or 0,
        channel_kind=_channel_kind(interaction),
        upload_limit_bytes=min(limits),
        parent_id=interaction.channel.parent_id if isinstance(interaction.channel, discord.Thread) else None,
    )


def _channel_kind(interaction: discord.Interaction[RushesClient]) -> ChannelKind:
    match interaction.channel:
        case discord.Thread():
            return ChannelKind.THREAD
        case discord.TextChannel():
            return ChannelKind.TEXT
        case _:
            return ChannelKind.OTHER


def _missing(interaction: discord.Interaction[RushesClient], kind: ChannelKind) -> tuple[str, ...]:
    needed = dict(_NEEDED)
    if kind is ChannelKind.THREAD:
        needed |= _NEEDED_IN_THREAD
    else:
        needed |= _NEEDED_IN_CHANNEL
        if kind is ChannelKind.TEXT and interaction.client.services.open_threads:
            needed |= _NEEDED_FOR_THREAD
    granted = interaction.app_permissions
    return tuple(name for flag, name in needed.items() if not getattr(granted, flag))
