"""Buttons on cards. They carry the request's id, so they work after any restart."""

import re
from typing import Self

import discord

from bot import cards
from bot.client import RushesClient
from bot.domain.custom_ids import BUTTON_TEMPLATE, Action, ButtonId
from cogs.errors import answered
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
        async with answered(interaction):
            await interaction.response.defer(ephemeral=True, thinking=True)
            snapshot = await interaction.client.services.cancel(
                self._button.request_id,
                person_id=interaction.user.id,
                moderator=may_moderate(interaction),
            )
            await interaction.edit_original_response(view=cards.cancelled(snapshot))
