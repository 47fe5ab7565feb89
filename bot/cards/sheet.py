"""One message's layout: a coloured container of texts, files and buttons. Always a fresh object, for one message only.

discord.py 2.7.1 loses every dynamic button when a view object is used twice (docs: ui/view.py, `add_view`), and keeps
each view with a button in memory. Our buttons are found by their custom id, so discord.py need not know these views.
"""

from collections.abc import Iterable
from typing import Any

import discord


class Sheet(discord.ui.LayoutView):
    """A view that discord.py sends and forgets."""

    def __init__(self, parts: Iterable[str | discord.ui.Item[Any]], *, colour: int) -> None:
        """`parts` from top to bottom; empty texts are left out."""
        super().__init__(timeout=None)
        box: discord.ui.Container[Sheet] = discord.ui.Container(accent_colour=colour)
        for part in parts:
            if isinstance(part, discord.ui.Item):
                box.add_item(part)
            elif part:
                box.add_item(discord.ui.TextDisplay(part))
        self.add_item(box)

    def is_dispatchable(self) -> bool:
        """No: the cog's `DynamicItem` answers the buttons, in any process and after any restart."""
        return False

    @property
    def texts(self) -> tuple[str, ...]:
        """Every text, from top to bottom."""
        return tuple(item.content for item in self.walk_children() if isinstance(item, discord.ui.TextDisplay))
