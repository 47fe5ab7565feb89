"""Buttons on cards. They carry the request's id, so they work after any restart."""

import re
from collections.abc import Callable
from typing import Self

import discord

from bot import cards
from bot.client import Cancel, DeliverAgain, RushesClient, Services
from bot.domain.custom_ids import BUTTON_TEMPLATE, Action, ButtonId
from bot.domain.requests import Snapshot
from cogs.errors import answered, tell
from cogs.wishes import may_moderate


class RequestButton(discord.ui.DynamicItem[discord.ui.Button[discord.ui.LayoutView]], template=BUTTON_TEMPLATE.pattern):
    """Any button of ours on a card."""

    def __init__(self, button: ButtonId) -> None:
        super().__init__(discord.ui.Button(custom_id=str(button)))
        self._button = button

    @classmethod
    async def from_custom_id(  # pyright: ignore[reportIncompatibleMethodOverride]  narrower types than the base
        cls,
        interaction: discord.Interaction[RushesClient],
        item: discord.ui.Item[discord.ui.LayoutView],
        match: re.Match[str],
        /,
    ) -> Self:
        """Reads the meaning back from the custom id."""
        del interaction, item
        return cls(ButtonId(Action(match["action"]), match["request_id"]))

    async def callback(self, interaction: discord.Interaction[RushesClient]) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  same
        """Defers, asks, answers."""
        async with answered(interaction, nothing_spent=False):
            await interaction.response.defer(ephemeral=True, thinking=True)
            ask, answer = _meaning(self._button.action, interaction.client.services)
            snapshot = await ask(
                self._button.request_id,
                person_id=interaction.user.id,
                moderator=may_moderate(interaction),
            )
            await tell(interaction, answer(snapshot))


def _meaning(action: Action, services: Services) -> tuple[Cancel | DeliverAgain, Callable[[Snapshot], cards.Sheet]]:
    """Whom a button asks, and how the person is told."""
    match action:
        case Action.CANCEL:
            return services.cancel, cards.cancelled
        case Action.DELIVER:
            return services.deliver_again, cards.delivering_again
