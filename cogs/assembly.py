"""Everything that Discord sees of Rushes, in one list for whoever builds a client."""

from collections.abc import Sequence
from typing import Final

from discord.ext import commands

from bot.client import RushesClient
from cogs.buttons import RequestButton
from cogs.errors import Errors
from cogs.forms import Forms
from cogs.privacy import MessageButton, Privacy
from cogs.queue import Queue
from cogs.quota import Quota
from cogs.settings import GuildSettings
from cogs.tray import Tray
from cogs.video import Video

BUTTONS: Final = (RequestButton, MessageButton)
"""The kinds of button that survive restarts."""


def cogs_of(client: RushesClient) -> Sequence[commands.Cog]:
    """A client's cogs."""
    kinds = (Errors, Forms, Video, Tray, Queue, Quota, Privacy, GuildSettings)
    return tuple(kind(client) for kind in kinds)
