"""Forms. Their ids are random (one with a fixed id is shared between people), and they do not outlive the process.

discord.py drops a form that it does not know when it is sent: `Forms` then tells the person.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import discord
from discord.ext import commands

from bot.client import RushesClient
from bot.domain.custom_ids import FORM_PREFIX
from bot.domain.errors import Refused, RushesError
from bot.domain.reasons import reason
from cogs.errors import Kinds, answer_error, answered

_OPEN_SECONDS = 3600


class FormKind(StrEnum):
    """What a form is for: the first part of its id."""

    VIDEO = "video"
    DRAFT = "draft"


_EXPIRED = {FormKind.VIDEO: "form-expired", FormKind.DRAFT: "draft-form-expired"}
_NOTHING_SPENT_IF: Final[Mapping[FormKind, Kinds]] = {FormKind.VIDEO: (RushesError,), FormKind.DRAFT: (Refused,)}
"""A draft may have been confirmed elsewhere while its form was open."""


class Form(discord.ui.Modal):
    """A form that somebody has open. It says what became of it, and is remembered until it was sent."""

    def __init__(self, client: RushesClient, kind: FormKind, *, title: str) -> None:
        """From now on the client knows it."""
        form_id = f"{FORM_PREFIX}{kind.value}.{client.services.form_id()}"
        super().__init__(title=title, custom_id=form_id, timeout=_OPEN_SECONDS)
        self._kind, self._open_forms = kind, client.open_forms
        self._open_forms.add(form_id)

    async def on_submit(self, interaction: discord.Interaction[RushesClient]) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  our client is the only one
        """What is raised goes to `on_error`; the form can then be sent again."""
        await self.sent(interaction)
        self._open_forms.discard(self.custom_id)

    async def sent(self, interaction: discord.Interaction[RushesClient]) -> None:
        """Does what the form is for."""
        raise NotImplementedError

    async def on_timeout(self) -> None:
        """From now on discord.py drops the form when it is sent; `Forms` answers it."""
        self._open_forms.discard(self.custom_id)

    async def on_error(self, interaction: discord.Interaction[RushesClient], error: Exception, /) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  same
        """Whatever `sent` raises, and what happens before it runs."""
        await answer_error(interaction, error, nothing_spent_if=_NOTHING_SPENT_IF[self._kind])


class Forms(commands.Cog):
    """Answers the forms that nobody remembers."""

    def __init__(self, client: RushesClient) -> None:
        self._client = client

    @commands.Cog.listener()
    async def on_interaction(self, interaction: discord.Interaction[RushesClient]) -> None:
        """A form that was open for too long, or while the bot restarted."""
        data = interaction.data or {}
        form_id = str(data.get("custom_id", ""))
        if interaction.type is not discord.InteractionType.modal_submit or not form_id.startswith(FORM_PREFIX):
            return
        if form_id not in self._client.open_forms and not interaction.response.is_done():
            async with answered(interaction):
                raise Refused(reason(_EXPIRED[_kind(form_id)]))


def _kind(form_id: str) -> FormKind:
    word = form_id.removeprefix(FORM_PREFIX).partition(".")[0]
    return FormKind.DRAFT if word == FormKind.DRAFT else FormKind.VIDEO
