"""How an error is answered.

In this order:

1. `Refused`: the person can mend it; every reason, and that nothing was spent, where that is certain.
2. `Unavailable` and other errors of ours: their sentence. These and the refusals are logged with their detail.
3. The interaction is too old or its token dead (Discord took longer than it allows): logged, nothing can be said.
4. Anything else is a defect: logged with its traceback, and the person reads that it is our fault, with the id under
   which the log has it, and no word about money.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import aiohttp
import discord
import structlog
from discord import app_commands
from discord.ext import commands

from bot import cards
from bot.client import RushesClient
from bot.domain.errors import Refused, RushesError
from bot.domain.reasons import reason

_log: structlog.stdlib.BoundLogger = structlog.get_logger("rushes.cogs")
_UNKNOWN_INTERACTION, _INVALID_WEBHOOK_TOKEN, _UNKNOWN_WEBHOOK = 10062, 50027, 10015
_DETAIL_QUOTES_ROWS = frozenset({"database-unavailable"})
"""PostgreSQL adds “Failing row contains (…)”, and a row holds the prompt."""
_LEAVES_OPEN = frozenset({"draft-confirmed", "draft-changed", "draft-form-expired"})
"""Refusals that say nothing about money: the draft may have been confirmed, and paid for since."""
Kinds = tuple[type[RushesError], ...]
_UNTOLD = (discord.HTTPException, aiohttp.ClientError, OSError)
"""What discord.py raises when an answer does not get through."""


class Errors(commands.Cog):
    """The tree's one error handler."""

    def __init__(self, client: RushesClient) -> None:
        client.tree.error(self.on_error)

    async def on_error(
        self, interaction: discord.Interaction[RushesClient], error: app_commands.AppCommandError
    ) -> None:
        """Answers what a command or its check raised."""
        if isinstance(error, app_commands.NoPrivateMessage):
            await answer_error(interaction, Refused(reason("only-in-servers")))
            return
        await answer_error(interaction, getattr(error, "original", error))


@asynccontextmanager
async def answered(
    interaction: discord.Interaction[RushesClient], *, nothing_spent_if: Kinds = (RushesError,)
) -> AsyncGenerator[None]:
    """For buttons and listeners, whose errors discord.py would only log: whatever is raised inside is answered.

    `nothing_spent_if`: the errors after which that is certain. None where a request was accepted already: it may have
    cost something, whatever fails now.
    """
    try:
        yield
    except Exception as error:  # noqa: BLE001  the last door before the person; unexpected ones are logged there
        await answer_error(interaction, error, nothing_spent_if=nothing_spent_if)


async def answer_error(
    interaction: discord.Interaction[RushesClient], error: BaseException, *, nothing_spent_if: Kinds = (RushesError,)
) -> None:
    """Tells the person, by the interaction while it lives."""
    if _too_late(error):
        _log_untold("error not told", interaction, error)
        return
    try:
        nothing_spent = isinstance(error, nothing_spent_if) and not _leaves_open(error)
        await _reply(interaction, _sheet(interaction, error, nothing_spent=nothing_spent))
    except _UNTOLD as failure:
        _log_untold("error not told", interaction, failure)


async def tell(
    interaction: discord.Interaction[RushesClient],
    view: cards.Sheet,
    *,
    attachments: Sequence[discord.File] | None = None,
) -> bool:
    """Shows what was done. It is done even when that cannot be shown: then it is logged, not called a failure.

    Answers whether it got through. `attachments` are the message's files from now on; `None` leaves them as they are.
    """
    try:
        if attachments is None:
            await interaction.edit_original_response(view=view)
        else:
            await interaction.edit_original_response(view=view, attachments=attachments)
    except _UNTOLD as failure:
        _log_untold("answer not told", interaction, failure)
        return False
    return True


def _sheet(interaction: discord.Interaction[RushesClient], error: BaseException, *, nothing_spent: bool) -> cards.Sheet:
    if isinstance(error, RushesError):
        _log_trouble(interaction, error)
    if isinstance(error, Refused):
        return cards.refused(error.reasons, nothing_spent=nothing_spent)
    if isinstance(error, RushesError):
        return cards.refused((error.reason,), nothing_spent=nothing_spent)
    _log.error("command failed", interaction=interaction.id, exc_info=error)
    return cards.refused((reason("internal-error"),), nothing_spent=False, log_id=interaction.id)


async def _reply(interaction: discord.Interaction[RushesClient], view: cards.Sheet) -> None:
    if interaction.response.type is discord.InteractionResponseType.deferred_message_update:
        await interaction.followup.send(view=view, ephemeral=True)  # what was clicked stays as it is
    elif interaction.response.is_done():
        await interaction.edit_original_response(view=view)
    else:
        await interaction.response.send_message(view=view, ephemeral=True)


def _log_trouble(interaction: discord.Interaction[RushesClient], error: RushesError) -> None:
    """The detail is a status, a class name or a decoder's or disk's complaint; only PostgreSQL's quotes rows."""
    detail = "" if error.reason.code in _DETAIL_QUOTES_ROWS else error.detail
    _log.info("answered with trouble", interaction=interaction.id, reason=error.reason.code, detail=detail)


def _log_untold(event: str, interaction: discord.Interaction[RushesClient], failure: BaseException) -> None:
    status, code = (failure.status, failure.code) if isinstance(failure, discord.HTTPException) else (None, None)
    event = "interaction too old to answer" if _too_late(failure) else event
    _log.warning(event, interaction=interaction.id, kind=type(failure).__name__, status=status, code=code)


def _leaves_open(error: BaseException) -> bool:
    return isinstance(error, Refused) and any(why.code in _LEAVES_OPEN for why in error.reasons)


def _too_late(error: BaseException) -> bool:
    dead = {_UNKNOWN_INTERACTION, _INVALID_WEBHOOK_TOKEN, _UNKNOWN_WEBHOOK}
    return isinstance(error, discord.HTTPException) and error.code in dead
