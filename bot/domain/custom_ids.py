"""The formats of custom ids on buttons and forms: they outlive the process."""

import re
from dataclasses import dataclass
from enum import StrEnum


class Action(StrEnum):
    """What a button on a card asks for."""

    CANCEL = "cancel"
    DELIVER = "deliver"


BUTTON_TEMPLATE = re.compile(r"rushes:(?P<action>[a-z]+):(?P<request_id>[0-9a-hjkmnp-tv-z]{13})")
"""For `discord.ui.DynamicItem`: matches every button of ours on a card."""

FORM_PREFIX = "rushes-form:"
"""Custom ids of forms start so; the rest is random, because a form with a fixed id is shared between people."""


@dataclass(frozen=True, slots=True)
class ButtonId:
    """A button's meaning: an action on a request."""

    action: Action
    request_id: str

    def __str__(self) -> str:
        """The custom id, at most 100 characters as Discord wants it."""
        return f"rushes:{self.action.value}:{self.request_id}"
