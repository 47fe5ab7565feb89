"""Where references come from in Discord: from its objects to offers of plain values.

What is taken from a message is its author's (`owner_id`) and names the message; what a person uploads with a command or
a form is theirs and has neither. No file is fetched here: all are addresses until the pipeline wants them.
"""

import asyncio
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import unquote, urlsplit

import aiohttp
import discord

from bot import cards
from bot.client import RushesClient, Sources
from bot.domain.prompts import Names
from bot.domain.reasons import reason
from bot.domain.references import (
    MAX_AVATAR_BYTES,
    MAX_EMBEDDED_BYTES,
    MAX_EMOJI_BYTES,
    MAX_STICKER_BYTES,
    Offer,
    OfferSource,
    display_name,
    stands_for_emoji,
    stands_for_person,
)

_MOST_MENTIONS: Final = 15
"""People asked about by REST, and emoji, in one prompt: the most references that any model takes."""
_AVATAR_PIXELS: Final = 512
_USER = re.compile(r"(?<!\\)<@!?([0-9]{1,20})>")
_EMOJI = re.compile(r"(?<!\\)<a?:(\w{1,32}):([0-9]{1,20})>")
_ROLE = re.compile(r"<@&([0-9]{1,20})>")
_CHANNEL = re.compile(r"<#([0-9]{1,20})>")
_DISCORD_ASSETS: Final = "https://cdn.discordapp.com"
_OUR_TEXTS: Final = frozenset({cards.PROMPT_FILE, cards.FILES_FILE})
_EMBEDS_WITH_PICTURES = frozenset({"rich", "image", "article", "link"})

Content = discord.Message | discord.MessageSnapshot


# --- a message -------------------------------------------------------------------------------------------------------


async def offers_in(interaction: discord.Interaction[RushesClient], message: discord.Message) -> tuple[Offer, ...]:
    """Everything in a message that may be a reference: its own files first, then those of what it replies to."""
    own = await _with_owner(interaction.client, message)
    replied = message.reference.resolved if message.reference is not None else None
    if not isinstance(replied, discord.Message):
        return own
    theirs = await _with_owner(interaction.client, replied)
    return (
        *own,
        *(one if one.source is OfferSource.CLIP else replace(one, source=OfferSource.REPLY) for one in theirs),
    )


async def _with_owner(client: RushesClient, message: discord.Message) -> tuple[Offer, ...]:
    """A message's offers; the clips of one of our results belong to the person who asked for them."""
    offers = offers_from(message, me=_me(client), sources=client.services.sources)
    if all(offer.source is not OfferSource.CLIP for offer in offers):
        return offers
    owner = await _asked_for(client, message)
    return tuple(replace(offer, owner_id=owner) if owner is not None else _nobodys(offer) for offer in offers)


def _nobodys(offer: Offer) -> Offer:
    """Without an owner nobody's word would be asked for."""
    return replace(offer, refusal=offer.refusal or reason("clip-owner-unknown", name=display_name(offer.name)))


def has_files(client: RushesClient, message: discord.Message) -> bool:
    """True when something in the message itself may be a reference, whatever this deployment takes now."""
    every = Sources(avatars=True, emoji=True, embeds=True)
    return any(offer.refusal is None for offer in offers_from(message, me=_me(client), sources=every))


async def owner_of(client: RushesClient, message: discord.Message) -> int:
    """Whose files a message holds: its author's; those of one of our results, the person's who asked for it."""
    asked = await _asked_for(client, message) if message.author.id == _me(client) else None
    return message.author.id if asked is None else asked


def offers_from(message: discord.Message, *, me: int, sources: Sources) -> tuple[Offer, ...]:
    """What one message holds itself: files, stickers, forwarded files, embedded pictures. `me`: the bot's own id.

    Who owns the clips in the bot's own messages is not written there: `None`.
    """
    ours = message.author.id == me
    original = message.reference.message_id if message.reference is not None else None
    forwarded = (one for snapshot in message.message_snapshots for one in _of(snapshot, OfferSource.FORWARD, sources))
    found = [
        *_of(message, OfferSource.CLIP if ours else OfferSource.TARGET, sources),
        *(replace(offer, forwarded_id=original) for offer in forwarded),
    ]
    owner = None if ours else message.author.id
    return tuple(replace(offer, owner_id=owner, message_id=message.id) for offer in found)


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


def _of(content: Content, source: OfferSource, sources: Sources) -> Iterator[Offer]:
    files = [*offers_of(content.attachments, source), *_laid_out(content, source)]
    ours = source is OfferSource.CLIP
    yield from (offer for offer in files if not (ours and offer.name in _OUR_TEXTS))
    inside = OfferSource.FORWARD if source is OfferSource.FORWARD else None
    yield from (_sticker(sticker, inside or OfferSource.STICKER) for sticker in content.stickers)
    if sources.embeds:
        for embed in content.embeds:
            yield from _embedded(embed, inside or OfferSource.EMBED)


def _sticker(sticker: discord.StickerItem, source: OfferSource) -> Offer:
    if sticker.format is discord.StickerFormatType.lottie:
        why = reason("sticker-not-a-picture", name=sticker.name)
        return Offer(name=sticker.name, url="", byte_count=None, source=source, refusal=why)
    kind = sticker.format.file_extension
    return Offer(
        name=f"{sticker.name}.{kind}",
        url=_sticker_url(sticker),
        byte_count=None,
        source=source,
        max_bytes=MAX_STICKER_BYTES,
    )


def _sticker_url(sticker: discord.StickerItem) -> str:
    """discord.py knows one host for GIF stickers only (sticker.py); with another Discord they are with its assets."""
    if sticker.format is discord.StickerFormatType.gif and discord.Asset.BASE != _DISCORD_ASSETS:
        return f"{discord.Asset.BASE}/stickers/{sticker.id}.gif"
    return sticker.url


def _embedded(embed: discord.Embed, source: OfferSource) -> Iterator[Offer]:
    """An embed's picture, by Discord's own proxy only: the address it was found at is somebody else's server."""
    if embed.type not in _EMBEDS_WITH_PICTURES:
        return
    picture = embed.image if embed.image.proxy_url else embed.thumbnail
    if picture.proxy_url:
        yield Offer(
            name=_file_name(picture.url or picture.proxy_url, "picture"),
            url=picture.proxy_url,
            byte_count=None,
            source=source,
            max_bytes=MAX_EMBEDDED_BYTES,
        )


def _laid_out(content: Content, source: OfferSource) -> Iterator[Offer]:
    """Uploaded files that Discord shows as components and does not list as attachments."""
    listed = {attachment.id for attachment in content.attachments}
    for media in _media(content.components):
        if media.attachment_id is not None and media.attachment_id not in listed:
            name = _file_name(media.url, "file")
            yield Offer(name=name, url=media.url, byte_count=None, content_type=media.content_type, source=source)


def _media(components: Sequence[discord.Component]) -> Iterator[discord.UnfurledMediaItem]:
    for component in components:
        match component:
            case discord.Container():
                yield from _media(component.children)
            case discord.MediaGalleryComponent():
                yield from (item.media for item in component.items)
            case discord.FileComponent():
                yield component.media
            case _:
                pass


def _file_name(url: str, otherwise: str) -> str:
    return PurePosixPath(unquote(urlsplit(url).path)).name or otherwise


# --- our own results -------------------------------------------------------------------------------------------------


def _me(client: RushesClient) -> int:
    return client.user.id if client.user is not None else 0


async def _asked_for(client: RushesClient, message: discord.Message) -> int | None:
    """By the marker's line, which every message of a result carries; buttons only the first has."""
    found = cards.find_marker(_texts(message.components))
    return await client.services.requester(found[0]) if found is not None else None


def _texts(components: Sequence[discord.Component]) -> Iterator[str]:
    for component in components:
        if isinstance(component, discord.Container):
            yield from _texts(component.children)
        elif isinstance(component, discord.TextDisplay):
            yield component.content


# --- a prompt's mentions ---------------------------------------------------------------------------------------------


async def mentioned(interaction: discord.Interaction[RushesClient], text: str) -> tuple[Names, tuple[Offer, ...]]:
    """What Discord's mentions in a text are called here, and the pictures of the people and emoji mentioned.

    At most 15 people are asked about. Whom Discord does not tell us about keeps no name: the prompt says “someone”.
    """
    sources = interaction.client.services.sources
    ids = [int(found) for found in dict.fromkeys(_USER.findall(text))][:_MOST_MENTIONS]
    people = [one for one in await asyncio.gather(*(_person(interaction, one) for one in ids)) if one is not None]
    names = Names(
        people={person.id: person.display_name for person in people},
        roles=_role_names(interaction.guild, text),
        channels=_channel_names(interaction.guild, text),
    )
    avatars = [_avatar(person) for person in people if _has_avatar(person)] if sources.avatars else []
    return names, (*avatars, *(_emoji(text) if sources.emoji else ()))


def _role_names(guild: discord.Guild | None, text: str) -> dict[int, str]:
    roles = (guild.get_role(int(found)) for found in _ROLE.findall(text)) if guild is not None else ()
    return {role.id: role.name for role in roles if role is not None}


def _channel_names(guild: discord.Guild | None, text: str) -> dict[int, str]:
    found = (guild.get_channel_or_thread(int(one)) for one in _CHANNEL.findall(text)) if guild is not None else ()
    return {channel.id: channel.name for channel in found if channel is not None}


async def _person(
    interaction: discord.Interaction[RushesClient], person_id: int
) -> discord.Member | discord.User | None:
    if person_id == interaction.user.id:
        return interaction.user
    try:
        if interaction.guild is not None:
            return await interaction.guild.fetch_member(person_id)
        return await interaction.client.fetch_user(person_id)
    except discord.NotFound:
        return await _user(interaction.client, person_id) if interaction.guild is not None else None
    except (discord.HTTPException, aiohttp.ClientError, OSError):
        return None


async def _user(client: RushesClient, person_id: int) -> discord.User | None:
    """Somebody who is not in the server (any more)."""
    try:
        return await client.fetch_user(person_id)
    except (discord.HTTPException, aiohttp.ClientError, OSError):
        return None


def _has_avatar(person: discord.Member | discord.User) -> bool:
    """Discord's coloured default is nobody's picture."""
    return (person.guild_avatar if isinstance(person, discord.Member) else None) is not None or (
        person.avatar is not None
    )


def _avatar(person: discord.Member | discord.User) -> Offer:
    return Offer(
        name=person.display_name,
        url=person.display_avatar.replace(size=_AVATAR_PIXELS, format="png").url,
        byte_count=None,
        source=OfferSource.AVATAR,
        owner_id=person.id,
        stands_for=stands_for_person(person.id),
        max_bytes=MAX_AVATAR_BYTES,
    )


def _emoji(text: str) -> tuple[Offer, ...]:
    """Discord advises WebP for emoji; without `animated` it is one still picture."""
    found = {identity: name for name, identity in _EMOJI.findall(text)}
    return tuple(
        Offer(
            name=f"{name}.webp",
            url=f"{discord.Asset.BASE}/emojis/{identity}.webp",
            byte_count=None,
            source=OfferSource.EMOJI,
            stands_for=stands_for_emoji(int(identity)),
            max_bytes=MAX_EMOJI_BYTES,
        )
        for identity, name in list(found.items())[:_MOST_MENTIONS]
    )
