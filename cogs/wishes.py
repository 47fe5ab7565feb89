"""From Discord's objects to a `Wish` of plain values; after this, nothing knows Discord."""

from collections.abc import Iterable

import discord

from bot.client import RushesClient
from bot.domain.references import Offer, OfferSource
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


def offers_of(attachments: Iterable[discord.Attachment | None], source: OfferSource) -> tuple[Offer, ...]:
    """What the attachments offer, in order; empty options are passed over."""
    return tuple(
        Offer(
            name=attachment.filename,
            url=attachment.url,
            byte_count=attachment.size,
            content_type=attachment.content_type,
            alt=attachment.description,
            source=source,
        )
        for attachment in attachments
        if attachment is not None
    )


def wish_from(
    interaction: discord.Interaction[RushesClient],
    *,
    prompt: str,
    offers: tuple[Offer, ...],
    parameters: Parameters,
    take_count: int = 1,
) -> Wish:
    """The wish of an interaction in a guild."""
    place = _place(interaction)
    return Wish(
        interaction_id=interaction.id,
        place=place,
        person=Person(id=interaction.user.id, name=interaction.user.display_name),
        prompt=prompt,
        offers=offers,
        parameters=parameters,
        take_count=take_count,
        missing_permissions=_missing(interaction, place.channel_kind),
    )


def may_moderate(interaction: discord.Interaction[RushesClient]) -> bool:
    """Moderators are those who may delete others' messages here."""
    return interaction.permissions.manage_messages


def _place(interaction: discord.Interaction[RushesClient]) -> Place:
    guild = interaction.guild
    limits = [interaction.filesize_limit, *([guild.filesize_limit] if guild is not None else [])]
    return Place(
        guild_id=interaction.guild_id or 0,
        channel_id=interaction.channel_id or 0,
        channel_kind=_channel_kind(interaction),
        upload_limit_bytes=min(limits),
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
