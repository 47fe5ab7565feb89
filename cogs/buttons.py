"""Buttons and menus on cards. They carry the request's id, so they work after any restart."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Self

import discord

from bot import cards
from bot.client import RushesClient
from bot.domain.custom_ids import BUTTON_TEMPLATE, Action
from bot.domain.errors import Refused, RushesError
from bot.domain.reasons import reason
from cogs import drafts
from cogs.drafts import Press
from cogs.errors import Kinds, answered
from cogs.wishes import may_moderate

_PRESSED: Final[Mapping[str, Callable[[Press], Awaitable[None]]]] = {
    Action.CANCEL: drafts.asking(
        lambda press: press.services.cancel(
            press.request_id, person_id=press.person_id, moderator=may_moderate(press.interaction)
        ),
        cards.cancelled,
    ),
    Action.DELIVER: drafts.asking(
        lambda press: press.services.deliver_again(
            press.request_id, person_id=press.person_id, moderator=may_moderate(press.interaction)
        ),
        cards.delivering_again,
    ),
    Action.AGAIN: drafts.again,
    Action.USE: drafts.use_as_reference,
    Action.CONTINUE: drafts.continue_take,
    Action.CONFIRM: drafts.confirm,
    Action.EDIT: drafts.edit,
    Action.DISCARD: drafts.discard,
    Action.FILE: drafts.choose_file,
    Action.MEND: drafts.mend,
    Action.PART: drafts.choose_part,
    Action.ANIMATIC: drafts.free_draft,
    Action.TAKE_OUT: drafts.take_out,
    Action.MOVE: drafts.move,
    Action.SHOW: drafts.show_again,
}
_NOTHING_SPENT_IF: Final[Mapping[str, Kinds]] = {
    Action.CANCEL: (),
    Action.DELIVER: (),
    Action.AGAIN: (RushesError,),
    Action.USE: (RushesError,),
    Action.CONTINUE: (RushesError,),
}
"""The first two act on requests that were accepted, the others begin a new one, which waits for its person."""
_OF_A_DRAFT: Final[Kinds] = (Refused,)
"""On a draft's card: it may have been confirmed elsewhere, or by this very click, before something broke."""

_Control = discord.ui.Button[discord.ui.LayoutView] | discord.ui.Select[discord.ui.LayoutView]


class RequestButton(discord.ui.DynamicItem[discord.ui.Item[discord.ui.LayoutView]], template=BUTTON_TEMPLATE.pattern):
    """Any button or menu of ours on a card. One class for all: discord.py keeps one per pattern."""

    def __init__(self, control: _Control, match: re.Match[str]) -> None:
        super().__init__(control)
        self._match = match

    @classmethod
    async def from_custom_id(  # pyright: ignore[reportIncompatibleMethodOverride]  narrower types than the base
        cls,
        interaction: discord.Interaction[RushesClient],
        item: discord.ui.Item[discord.ui.LayoutView],
        match: re.Match[str],
        /,
    ) -> Self:
        """Reads the meaning back from the custom id."""
        del interaction
        menu = isinstance(item, discord.ui.Select)
        return cls(item if menu else discord.ui.Button(custom_id=match.string), match)

    async def callback(self, interaction: discord.Interaction[RushesClient]) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  same
        """Does what the control is for; what is raised is answered."""
        action = self._match["action"]
        async with answered(interaction, nothing_spent_if=_NOTHING_SPENT_IF.get(action, _OF_A_DRAFT)):
            if action not in _PRESSED:
                raise Refused(reason("request-unknown"))
            await _PRESSED[action](
                Press(
                    interaction=interaction,
                    request_id=self._match["request_id"],
                    argument=self._match["argument"] or "",
                    choice=_choice(self.item),
                )
            )


def _choice(control: discord.ui.Item[discord.ui.LayoutView]) -> str:
    """A menu's one value."""
    return control.values[0] if isinstance(control, discord.ui.Select) and control.values else ""
