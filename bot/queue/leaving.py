"""What a take's row need not keep any longer. Bodies and URLs with references inside them are a megabyte and more."""

from dataclasses import replace
from typing import Final

from bot.domain.requests import Publication, Take
from bot.domain.states import TakeState

_LOOKED_FOR: Final = frozenset({TakeState.SUBMITTING, TakeState.NEEDS_REVIEW})
"""Its body is what the vendor's echo is compared with."""
_MAY_BE_SENT: Final = _LOOKED_FOR | {TakeState.PLANNED}
"""Its references may be sent, or sent again."""


def slimmed(take: Take) -> Take:
    """The take with what is still needed in its state.

    The body while it is paid or looked for; the publications' URLs until the vendor has the take for certain; from
    then on their handles, to be withdrawn by, and when a final take is withdrawn nothing of them.
    """
    return replace(
        take,
        body=take.body if take.state in _LOOKED_FOR else None,
        publications=take.publications if take.state in _MAY_BE_SENT else _handles(take),
    )


def _handles(take: Take) -> tuple[Publication, ...]:
    if take.state.final and take.withdrawn:
        return ()
    return tuple(replace(each, url="") for each in take.publications)
