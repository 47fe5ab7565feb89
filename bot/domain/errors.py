"""The error tree, sorted by consequence, not by origin.

RushesError
├── Refused              the user can mend it; shown to them with the next step
├── Unavailable          nobody's fault; tried again by us, the hold stays
├── Stale                somebody else moved the row first; read it again
├── DeliveryRefused      Discord definitely refused this post here; nothing was posted
└── ProviderError
    ├── NotStarted       certainly not started: try again
    ├── Rejected         do not try again; classified (prompt, image, audio, face, credits …)
    └── OutcomeUnknown   may have run and billed: look before anything else
"""

from bot.domain.reasons import Reason


class RushesError(Exception):
    """Anything Rushes raises on purpose; carries its reason."""

    def __init__(self, reason: Reason, *, detail: str = "") -> None:
        """`detail` is raw foreign text for the operator's log, never for a person."""
        super().__init__(reason.code)
        self.reason = reason
        self.detail = detail


class Refused(RushesError):
    """The person can mend it. `also` lists further reasons found in the same look."""

    def __init__(self, reason: Reason, *also: Reason, detail: str = "") -> None:
        """The first reason is the headline."""
        super().__init__(reason, detail=detail)
        self.reasons: tuple[Reason, ...] = (reason, *also)


class Unavailable(RushesError):
    """A service we need does not answer; tried again by us."""

    def __init__(self, reason: Reason, *, retry_after_ms: int | None = None, detail: str = "") -> None:
        """`retry_after_ms`: what the service itself asked for, if it did."""
        super().__init__(reason, detail=detail)
        self.retry_after_ms = retry_after_ms


class Stale(RushesError):
    """The row's version moved on: what the caller knows is no longer true."""


class DeliveryRefused(RushesError):
    """Discord refused this post for good (permissions, size, channel gone). Nothing was posted."""


class ProviderError(RushesError):
    """The vendor's side of things."""


class NotStarted(ProviderError):
    """The generation certainly was not started; trying again costs nothing twice."""

    def __init__(self, reason: Reason, *, retry_after_ms: int | None = None, detail: str = "") -> None:
        """`retry_after_ms`: what the vendor asked for, if it did."""
        super().__init__(reason, detail=detail)
        self.retry_after_ms = retry_after_ms


class Rejected(ProviderError):
    """The vendor said no, and would say it again."""


class OutcomeUnknown(ProviderError):
    """The answer was lost: it may have run and billed. Look before anything else."""
