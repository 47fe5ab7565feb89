"""Why something was refused or went wrong: a stable code and its arguments. `words` turns it into a sentence."""

from collections.abc import Mapping
from dataclasses import dataclass, field

Argument = str | int
"""What a sentence may be filled with. Never a token, a prompt or a signed URL: arguments are logged."""


@dataclass(frozen=True, slots=True)
class Reason:
    """A code from the catalogue in `bot.domain.words` and the arguments its sentence needs."""

    code: str
    arguments: Mapping[str, Argument] = field(default_factory=dict[str, Argument])


def reason(code: str, **arguments: Argument) -> Reason:
    """A `Reason`, written the short way."""
    return Reason(code, arguments)
