"""How an error is answered.

In this order:

1. `Refused`: the person can mend it; every reason, and that nothing was spent.
2. `Unavailable` and other errors of ours: their sentence.
3. The interaction is too old or its token dead (Discord took longer than it allows): logged, nothing can be said.
4. Anything else is a defect: logged with its traceback, and the person reads that it is our fault.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import discord
import structlog
from discord import app_commands
from discord.ext import commands

from bot import cards
from bot.client import RushesClient
from bot.domain.errors import Refused, RushesError
from bot.domain.reasons import Reason, reason

_log: structlog.stdlib.BoundLogger = structlog.get_logger("rushes.cogs")
_UNKNOWN_INTERACTION, _INVALID_WEBHOOK_TOKEN, _UNKNOWN_WEBHOOK = 10062, 50027, 10015


class Errors(commands.Cog):
    """The tree's one error handler."""

    def __init__(self, client: RushesClient) -> None:
        client.tree.error(self.on_error)

    async def on_error(
        self, interaction: discord.Interaction[RushesClient], error: app_commands.AppCommandError
    ) -> None:
        """Answers what a command raised."""
        await answer_error(interaction, getattr(error, "original", error))


@asynccontextmanager
async def answered(interaction: discord.Interaction[RushesClient]) -> AsyncGenerator[None]:
    """For buttons and forms, whose errors discord.py would only log: whatever is raised inside is answered."""
    try:
        yield
    except Exception as error:  # noqa: BLE001  the last door before the person; unexpected ones are logged there
        await answer_error(interaction, error)


async def answer_error(interaction: discord.Interaction[RushesClient], error: BaseException) -> None:
    """Tells the person, by the interaction while it lives."""
    if _too_late(error):
        _log.warning("interaction too old to answer", interaction=interaction.id)
        return
    try:
        await _reply(interaction, _reasons(error))
    except discord.HTTPException as failure:
        _log.warning("error not told", interaction=interaction.id, status=failure.status, code=failure.code)


def _reasons(error: BaseException) -> tuple[Reason, ...]:
    if isinstance(error, Refused):
        return error.reasons
    if isinstance(error, RushesError):
        return (error.reason,)
    _log.error("command failed", exc_info=error)
    return (reason("internal-error"),)


async def _reply(interaction: discord.Interaction[RushesClient], reasons: tuple[Reason, ...]) -> None:
    view = cards.refused(reasons)
    if interaction.response.is_done():
        await interaction.edit_original_response(view=view)
    else:
        await interaction.response.send_message(view=view, ephemeral=True)


def _too_late(error: BaseException) -> bool:
    dead = {_UNKNOWN_INTERACTION, _INVALID_WEBHOOK_TOKEN, _UNKNOWN_WEBHOOK}
    return isinstance(error, discord.HTTPException) and error.code in dead
