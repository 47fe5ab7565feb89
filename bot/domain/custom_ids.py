"""The formats of custom ids on buttons, menus and forms: they outlive the process."""

import re
from dataclasses import dataclass
from enum import StrEnum


class Action(StrEnum):
    """What a button (or a menu) asks for. Where one has an argument, its form stands beside it."""

    CANCEL = "cancel"
    DELIVER = "deliver"
    AGAIN = "again"
    USE = "use"
    CONFIRM = "confirm"  # <version>: what is confirmed is what was shown
    EDIT = "edit"  # <version>: the form that opens is about what was shown
    DISCARD = "discard"
    FILE = "file"  # <version>; a menu, its one value is a reference's id
    MEND = "mend"  # <version>.<finding's index>.<mend's index>.<proof>: the proof says what is done, see `mend_proof`
    TAKE_OUT = "takeout"  # <version>.<reference id>: the question was asked, and answered with yes
    MOVE = "move"  # <version>.<reference id>.<new number over all>: the same
    SHOW = "show"  # the draft's card as it stands
    PART = "part"  # <version>.<reference id>, a menu <version>: the form that asks which part of a long file is used
    ANIMATIC = "animatic"  # <version>: a free draft, drawn here from what was shown
    CONTINUE = "continue"  # <take's ordinal>: a new draft that begins with that clip's last frame


BUTTON_TEMPLATE = re.compile(
    r"rushes:(?P<action>[a-z]+):(?P<request_id>[0-9a-hjkmnp-tv-z]{13})(?::(?P<argument>[0-9a-z.]{1,40}))?"
)
"""For `discord.ui.DynamicItem`: matches every button and menu of ours."""

MESSAGE_TEMPLATE = re.compile(
    r"rushes-message:(?P<action>[a-z]+):(?P<message_id>[0-9]{1,20}):(?P<owner_id>[0-9]{1,20})"
)
"""The same for buttons that are about somebody's message."""

FORM_PREFIX = "rushes-form:"
"""Custom ids of forms start so; the rest is random, because a form with a fixed id is shared between people."""


@dataclass(frozen=True, slots=True)
class ButtonId:
    """A button's meaning: an action on a request, and the action's argument, parts joined by dots; may be empty."""

    action: Action
    request_id: str
    argument: str = ""

    def __str__(self) -> str:
        """The custom id, at most 100 characters as Discord wants it."""
        plain = f"rushes:{self.action.value}:{self.request_id}"
        return f"{plain}:{self.argument}" if self.argument else plain


class MessageAction(StrEnum):
    """What a button about a message asks for."""

    TAKE_BACK = "takeback"  # the question was asked, and answered with yes


@dataclass(frozen=True, slots=True)
class MessageButtonId:
    """A button's meaning: an action on a message (a Discord id) whose files are that person's."""

    action: MessageAction
    message_id: int
    owner_id: int

    def __str__(self) -> str:
        """The custom id, at most 100 characters."""
        return f"rushes-message:{self.action.value}:{self.message_id}:{self.owner_id}"
